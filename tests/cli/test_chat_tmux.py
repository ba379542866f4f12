"""``chatproto chat`` as a process in a real terminal, with servers that are killed."""

from __future__ import annotations

import os
import shlex
import signal
import subprocess
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from tests.serving import COMMAND, ROOT, SECONDS, Server, environment

SERVE = ("--realm", "alpha", "--lab", "--listen")


class Screen:
    """A program in a tmux of its own."""

    def __init__(
        self, tmux: str, socket: Path, size: tuple[int, int], *command: str, **variables: str
    ) -> None:
        self._tmux = [tmux, "-S", str(socket), "-f", os.devnull]
        settings = [f"{name}={value}" for name, value in variables.items()]
        line = shlex.join(["env", *settings, *command])
        columns, rows = size
        self._run(
            *("new-session", "-d", "-x", str(columns), "-y", str(rows)), f"{line}; echo code $?; sleep 100"
        )

    def _run(self, *arguments: str) -> str:
        ran = subprocess.run(
            [*self._tmux, *arguments],
            cwd=ROOT,
            env={**environment(TERM="xterm-256color"), "LC_ALL": "C.UTF-8"},
            capture_output=True,
            text=True,
            check=True,
        )
        return ran.stdout

    def type(self, *lines: str) -> None:
        """Type lines, each with Enter."""
        for line in lines:
            self.write(line)
            self.press("Enter")

    def write(self, text: str) -> None:
        """Type a part of a line."""
        self._run("send-keys", "-l", text)

    def press(self, *keys: str) -> None:
        """Press keys, as tmux calls them."""
        self._run("send-keys", *keys)

    def shows(self, *texts: str) -> str:
        """Wait until the screen, or what left it, shows all texts, and return it."""
        end = time.monotonic() + SECONDS
        while True:
            shown = self._run("capture-pane", "-p", "-S", "-")
            if all(text in shown for text in texts):
                return shown
            assert time.monotonic() < end, f"{texts} not shown:\n{shown}"
            time.sleep(0.05)

    def signal(self, number: signal.Signals) -> None:
        """Send the program a signal."""
        shell = int(self._run("list-panes", "-F", "#{pane_pid}"))
        [child] = Path(f"/proc/{shell}/task/{shell}/children").read_text().split()
        os.kill(int(child), number)

    def close(self) -> None:
        """End the program."""
        subprocess.run([*self._tmux, "kill-server"], capture_output=True, check=False)


@pytest.fixture
def screen(require: Callable[[str], str], tmp_path: Path) -> Iterator[Callable[..., Screen]]:
    screens: list[Screen] = []

    def open_screen(port: int, user: str, size: tuple[int, int] = (80, 24), **variables: str) -> Screen:
        socket = tmp_path / f"tmux{len(screens)}"
        command = (*COMMAND, "chat", f"127.0.0.1:{port}", "--user", user)
        password = {"CHATPROTO_PASSWORD": "surabaya"}
        screens.append(Screen(require("tmux"), socket, size, *command, **(password | variables)))
        return screens[-1]

    yield open_screen
    for each in screens:
        each.close()


@pytest.fixture(scope="module")
def port() -> Iterator[int]:
    with Server(*SERVE, "client=tcp:0:interface=127.0.0.1", "--store", "memory:") as server:
        yield server.ports[0]


def test_people_switch_between_each_other_and_a_group(port: int, screen: Callable[..., Screen]) -> None:
    messi, lineker = screen(port, "messi"), screen(port, "lineker", (50, 15))
    messi.shows("messi@alpha | online")
    lineker.shows("lineker@alpha | online")
    messi.type("/create tim football", "halo tim", "/to lineker", "halo lineker")
    lineker.shows("[messi] halo lineker", "| messi 1 |")
    lineker.type("/join tim", "hello all", "/to messi")
    lineker.shows("messi: halo lineker")
    messi.shows("| tim 1 |", "| read |")  # that lineker joined is not unread
    messi.type("/to tim")
    messi.shows("topic: football", "-- lineker joined", "lineker: hello all")
    messi.write("a line for tim, half")
    lineker.write("a line for messi, half")
    lineker.shows("a line for messi, half")
    lineker.press("Enter")
    shown = messi.shows("[lineker] a line for messi, half", "tim> a line for tim, half", "| lineker 1 |")
    assert shown.index("[lineker] a line") < shown.index("tim> a line")
    for each in (messi, lineker):
        each.press("C-c", "C-c", "C-c")
        each.shows("code 0")


def test_the_password_is_asked_for_and_a_wrong_one_is_one_line(
    port: int, screen: Callable[..., Screen]
) -> None:
    terminal = screen(port, "messi", CHATPROTO_PASSWORD="")
    terminal.shows("password:")
    terminal.type("wrong")
    shown = terminal.shows("code 1")
    assert shown.split("\n\n")[0].splitlines() == [
        "password:",
        "chatproto: cannot log in: the user or the password is wrong",
        "code 1",
    ]


def test_who_is_told_to_end_logs_out(port: int, screen: Callable[..., Screen]) -> None:
    terminal = screen(port, "henderson")
    terminal.shows("henderson@alpha | online")
    terminal.signal(signal.SIGTERM)
    terminal.shows("code 0")
    closed = screen(port, "henderson")
    closed.shows("henderson@alpha | online")
    closed.close()  # the window, with the program in it
    end = time.monotonic() + SECONDS
    while len(sessions(port, "henderson")) > 1:  # the one that asks
        assert time.monotonic() < end


def sessions(port: int, user: str) -> list[str]:
    ran = subprocess.run(
        [*COMMAND, "chat", f"127.0.0.1:{port}", "--user", user],
        input="/sessions",
        env=environment(CHATPROTO_PASSWORD="surabaya"),
        capture_output=True,
        text=True,
        check=True,
    )
    return ran.stdout.splitlines()


def test_a_dumb_terminal_gets_lines(port: int, screen: Callable[..., Screen]) -> None:
    terminal = screen(port, "messi", TERM="dumb")
    terminal.type("/who")
    terminal.shows("messi\n")
    terminal.type("/quit")
    assert "\x1b" not in terminal.shows("code 0")


def test_a_server_killed_while_people_type_costs_nothing(
    tmp_path: Path, screen: Callable[..., Screen]
) -> None:
    def serve(port: int) -> Server:
        store = f"sqlite:///{tmp_path}/alpha.db"
        return Server(*SERVE, f"client=tcp:{port}:interface=127.0.0.1", "--store", store)

    with serve(0) as server:
        [port] = server.ports
        messi, lineker = screen(port, "messi"), screen(port, "lineker", (50, 15))
        messi.shows("online")
        lineker.shows("online")
        messi.type("/create tim", "zero")
        messi.shows("messi: zero")
        lineker.type("/join tim")
        lineker.shows("-- lineker joined")
        messi.write("on")
        server.stop(signal.SIGKILL)
    messi.shows("no connection", "tim> on")
    messi.write("e")
    messi.press("Enter")
    messi.type("two", "three")
    lineker.shows("no connection")
    lineker.type("four")
    messi.shows("… tim: three", "3 not sent yet")
    messi.write("fi")
    with serve(port) as server:
        messi.shows("messi: three", "lineker: four", "online", "tim> fi")
        lineker.shows("messi: three", "lineker: four", "online")
        server.stop(signal.SIGKILL)
    messi.write("ve")
    messi.press("Enter")
    with serve(port):
        for each in (messi, lineker):
            shown = each.shows("messi: five", "online")
            said = [line.partition(": ")[2] for line in shown.splitlines() if line[2:3] == ":"]
            texts = [text for text in said if text not in ("", "zero", "four")]
            assert texts == ["one", "two", "three", "five"]
            assert said.count("four") == 1
            each.type("/quit")
            each.shows("code 0")
