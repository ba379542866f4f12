"""``chatproto chat``: as a script through pipes, and at a real terminal."""

from __future__ import annotations

import os
import re
import shlex
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from pathlib import Path

import click
import pytest
from twisted.internet import reactor
from twisted.internet.endpoints import HostnameEndpoint, TCP4ClientEndpoint

from chatproto.cli.places import Place
from chatproto.cli.printing import Printing, local_time, printable, printable_text
from tests.serving import COMMAND, ROOT, SECONDS, Server, environment

SERVE = ("--realm", "alpha", "--lab", "--listen")


@pytest.fixture(scope="module")
def place() -> Iterator[str]:
    with Server(*SERVE, "client=tcp:0:interface=127.0.0.1", "--store", "memory:") as server:
        yield f"127.0.0.1:{server.ports[0]}"


def chat(
    place: str, user: str, *lines: str, options: tuple[str, ...] = (), password: str = "surabaya"
) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [*COMMAND, "chat", place, "--user", user, *options],
        input="\n".join(lines),
        env=environment(CHATPROTO_PASSWORD=password),
        capture_output=True,
        text=True,
        timeout=SECONDS,
        check=False,
    )


# Through a pipe


def test_a_script_runs_its_lines_in_order(place: str) -> None:
    ran = chat(
        place,
        "messi",
        "/create tim",
        "/to tim",
        "halo tim",
        "  ",
        "/msg lineker halo  lineker",
        "/members tim",
        "/history tim",
        "/history lineker",
        "/conversations",
        "/who",
        "/leave tim",
        "/help",
    )
    assert (ran.stderr, ran.returncode) == ("", 0)
    shown = re.sub(r"\d\d:\d\d ", "TIME ", re.sub(r"as \d+", "as N", ran.stdout)).splitlines()
    assert shown[:9] == [
        "-- made tim@alpha",
        "-- sent to tim as N",
        "-- sent to lineker as N",
        "messi",
        "TIME messi -> tim: halo tim",
        "TIME messi -> lineker: halo  lineker",
        "tim  0 unread",
        "lineker  0 unread",
        "messi",
    ]
    assert shown[9] == "-- left tim@alpha"
    assert len([line for line in shown if line.startswith("/")]) == 13


def test_a_script_fails_if_one_line_fails_but_runs_the_others(place: str) -> None:
    ran = chat(
        place, "messi", "hi", "/nope", "/msg nobody x", "/to", "/wait x", "/expect 1 0", "/who", "/quit", "/z"
    )
    assert ran.returncode == 1
    assert ran.stdout == "messi\n"
    assert re.sub("(no-such-user: ).*", r"\1...", ran.stderr).splitlines() == [
        "error: whom to? begin with /to NAME",
        "error: there is no /nope; /help lists what there is",
        "error: no-such-user: ...",
        "error: it is /to NAME",
        "error: x is not a number that makes sense here",
        "error: only 0 of 1 messages came",
    ]


def test_two_scripts_talk_and_no_message_controls_the_terminal(place: str) -> None:
    listener = subprocess.Popen(
        [*COMMAND, "chat", place, "--user", "henderson"],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        env=environment(CHATPROTO_PASSWORD="surabaya"),
        text=True,
    )
    assert listener.stdin is not None
    assert listener.stdout is not None
    listener.stdin.write("/create regu\n")
    listener.stdin.flush()
    assert listener.stdout.readline() == "-- made regu@alpha\n"  # so it listens
    sender = chat(
        place, "lineker", "/join regu", "/msg henderson \x1b[2J\u202eevil", "/msg regu to all", "/wait 0.1"
    )
    assert (sender.stderr, sender.returncode) == ("", 0)
    out, _ = listener.communicate("/expect 2\n", timeout=SECONDS)
    assert listener.returncode == 0
    assert [line.partition(" ")[2] for line in out.splitlines()] == [
        r"lineker: \x1b[2J\u202eevil",
        "[regu] lineker: to all",
    ]


def test_a_wrong_password_is_one_line(place: str) -> None:
    ran = chat(place, "messi", "/who", password="wrong")
    assert ran.returncode == 1
    assert ran.stderr == "chatproto: cannot log in: the user or the password is wrong\n"


def test_an_account_can_be_made(place: str) -> None:
    for _ in range(2):  # the second time it is there
        assert chat(place, "newcomer", "/who", options=("--register",)).returncode == 0


def test_a_realm_that_is_away_is_told_and_given_up_after_a_while() -> None:
    ran = chat("127.0.0.1:1", "messi", options=("--patience", "1"))
    assert ran.returncode == 1
    first, last = ran.stderr.splitlines()
    assert "refused" in first
    assert last == "chatproto: 127.0.0.1:1 did not answer in 1 s"


def test_what_a_script_needs_is_named(place: str) -> None:
    without_user = subprocess.run(
        [*COMMAND, "chat", place], input="", env=environment(), capture_output=True, text=True, check=False
    )
    assert without_user.returncode == 2
    assert "--user" in without_user.stderr
    without_password = chat(place, "messi", password="")
    assert without_password.returncode == 2
    assert "CHATPROTO_PASSWORD" in without_password.stderr


def test_a_script_ends_when_nobody_reads_it(place: str) -> None:
    line = f"yes /who | {shlex.join(COMMAND)} chat {place} --user messi | head -n 1"
    ran = subprocess.run(
        line,
        shell=True,
        env=environment(CHATPROTO_PASSWORD="surabaya"),
        capture_output=True,
        text=True,
        timeout=SECONDS,
        check=False,
    )
    assert ran.stdout == "messi\n"
    assert ran.stderr == "chatproto: nobody reads what is printed\n"


# At a terminal


class Screen:
    """A program in a tmux of its own."""

    def __init__(self, tmux: str, directory: Path, *command: str, **variables: str) -> None:
        self._tmux = [tmux, "-S", str(directory / "tmux"), "-f", "/dev/null"]
        settings = [f"{name}={value}" for name, value in variables.items()]
        line = shlex.join(["env", *settings, *command])
        self._run("new-session", "-d", "-x", "100", "-y", "24", f"{line}; echo code $?; sleep 100")

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

    def type(self, text: str, *keys: str) -> None:
        self._run("send-keys", "-l", text)
        if keys:
            self._run("send-keys", *keys)

    def press(self, key: str) -> None:
        self._run("send-keys", key)

    def shows(self, *texts: str, colours: bool = False) -> str:
        """Wait until the screen shows all texts, and return it."""
        end = time.monotonic() + SECONDS
        while True:
            shown = self._run("capture-pane", "-p", *(["-e"] if colours else []))
            if all(text in shown for text in texts):
                return shown
            assert time.monotonic() < end, f"{texts} not shown:\n{shown}"
            time.sleep(0.05)

    def close(self) -> None:
        subprocess.run([*self._tmux, "kill-server"], capture_output=True, check=False)


@pytest.fixture
def screen(require: Callable[[str], str], tmp_path: Path) -> Iterator[Callable[..., Screen]]:
    screens: list[Screen] = []

    def open_screen(place: str, *options: str, **variables: str) -> Screen:
        new = Screen(
            require("tmux"), tmp_path, *COMMAND, "chat", place, "--user", "messi", *options, **variables
        )
        screens.append(new)
        return new

    yield open_screen
    for each in screens:
        each.close()


def test_a_half_typed_line_survives_incoming_messages(place: str, screen: Callable[..., Screen]) -> None:
    terminal = screen(place)
    terminal.shows("password:")
    terminal.type("surabaya", "Enter")
    assert "surabaya" not in terminal.shows("messi@alpha | online")
    terminal.type("/to lineker", "Enter")
    terminal.shows("lineker>")
    terminal.type("half a li")
    terminal.shows("lineker> half a li")
    assert chat(place, "lineker", "/msg messi one\x1b[31m", "/msg messi two").returncode == 0
    shown = terminal.shows(r"lineker: one\x1b[31m", "lineker: two").splitlines()
    assert shown.index("lineker> half a li") > max(
        number for number, line in enumerate(shown) if line.endswith("lineker: two")
    )
    terminal.type("ne", "Enter")
    terminal.type("/history", "Enter")
    terminal.shows("messi -> lineker: half a line")
    terminal.type("/msg nobody hi", "Enter")
    terminal.shows("error: not sent to nobody: ")
    terminal.press("C-d")
    terminal.shows("code 0")


def test_no_color_is_respected(place: str, screen: Callable[..., Screen]) -> None:
    terminal = screen(place, CHATPROTO_PASSWORD="surabaya", NO_COLOR="1")
    terminal.shows("messi@alpha | online")
    terminal.type("/msg messi halo", "Enter")
    terminal.type("/history messi", "Enter")
    shown = terminal.shows("messi -> messi: halo", colours=True)
    assert re.findall(r"\x1b\[(?:[0-9;]*;)?[34]\d", shown) == []
    terminal.type("/quit", "Enter")
    terminal.shows("code 0")


def test_a_wrong_password_ends_the_prompt_with_one_line(place: str, screen: Callable[..., Screen]) -> None:
    terminal = screen(place, CHATPROTO_PASSWORD="wrong")
    shown = terminal.shows("cannot log in: the user or the password is wrong", "code 1")
    assert "Traceback" not in shown


def test_a_realm_that_goes_away_is_told_once_and_comes_back(
    tmp_path: Path, screen: Callable[..., Screen]
) -> None:
    store = ("--store", f"sqlite:///{tmp_path}/alpha.db")
    with Server(*SERVE, "client=tcp:0:interface=127.0.0.1", *store) as server:
        port = server.ports[0]
        terminal = screen(f"127.0.0.1:{port}", CHATPROTO_PASSWORD="surabaya")
        terminal.shows("messi@alpha | online")
        server.stop(signal.SIGKILL)
    terminal.shows("trying again", "messi@alpha | waiting")
    terminal.type("/msg lineker while away", "Enter")
    terminal.shows("1 not sent yet")
    with Server(*SERVE, f"client=tcp:{port}:interface=127.0.0.1", *store):
        terminal.shows("-- connected", "messi@alpha | online")
        terminal.type("/history lineker", "Enter")
        shown = terminal.shows("messi -> lineker: while away")
        assert shown.count("trying again") == 1
        terminal.type("/quit", "Enter")
        terminal.shows("code 0")


# Parts


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("halo, apa kabar?", "halo, apa kabar?"),
        ("\x1b]0;title\x07", r"\x1b]0;title\x07"),
        ("\x9b31m\x7f\r", r"\x9b31m\x7f\r"),
        ("\u202eevil\u2066\u200f", r"\u202eevil\u2066\u200f"),
        ("سلام 你好\u3000👩\u200d🚀", "سلام 你好\u3000👩\u200d🚀"),
        ("\ud800\u2028", r"\ud800\u2028"),
    ],
)
def test_what_moves_the_cursor_or_the_writing_is_escaped(text: str, shown: str) -> None:
    assert printable(text) == shown


def test_further_lines_of_a_text_do_not_look_like_messages() -> None:
    assert printable_text("one\n12:00 messi: two\tx") == "one\n      12:00 messi: two    x"


def test_times_are_local_and_have_a_day_if_it_is_another() -> None:
    now = datetime.now(UTC)
    assert local_time(now.isoformat()) == now.astimezone().strftime("%H:%M")
    assert re.fullmatch(r"20(19|20)-\d\d-\d\d \d\d:\d\d", local_time("2020-01-01T00:00:00.123Z"))
    assert local_time("nonsense") == "--:--"


def test_colours_are_used_only_where_they_may_be(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("NO_COLOR", "")
    assert "\x1b[" in Printing(colours=True).note("x")
    assert Printing(colours=False).note("x") == "-- x"
    monkeypatch.setenv("NO_COLOR", "1")
    assert Printing(colours=True).error("x\x1b") == r"error: x\x1b"


def test_addresses_of_other_realms_are_shown_whole() -> None:
    printing = Printing(colours=False)
    printing.own = "messi@alpha"
    assert printing.name("lineker@alpha") == "lineker"
    assert printing.name("amsal@beta") == "amsal@beta"


def test_places_are_hosts_with_ports_or_endpoints() -> None:
    assert Place.parse("localhost:8889") == Place("localhost:8889", "localhost", 8889)
    assert Place.parse("[::1]:8889") == Place("[::1]:8889", "::1", 8889)
    assert Place.parse("tcp:localhost:8889") == Place("tcp:localhost:8889")
    assert isinstance(Place.parse("localhost:8889").endpoint(reactor), HostnameEndpoint)
    assert isinstance(Place.parse("tcp:localhost:8889").endpoint(reactor), TCP4ClientEndpoint)
    for wrong in ("localhost", "localhost:", "localhost:http", "localhost:70000", "[::1]"):
        with pytest.raises(click.UsageError):
            Place.parse(wrong)
    with pytest.raises(click.UsageError):
        Place.parse("nonsense:x:y").endpoint(reactor)


def test_the_script_needs_no_prompt_toolkit() -> None:
    code = "import chatproto.cli.chat, chatproto.cli.script, sys; sys.exit('prompt_toolkit' in sys.modules)"
    assert (
        subprocess.run([sys.executable, "-c", code], env=dict(os.environ), cwd=ROOT, check=False).returncode
        == 0
    )
