"""Every example runs as it says, as a process of its own, against a real server."""

from __future__ import annotations

import queue
import socket
import subprocess
import sys
import threading
from collections.abc import Iterator
from pathlib import Path
from types import TracebackType
from typing import Self

import pytest

from tests.serving import ROOT, SECONDS, Connection, environment

EXAMPLES = ROOT / "examples"
#: Enough for the bot to be killed five times on the way.
_PRAISES = 35


class Example:
    """A running example, talked to through its standard input and output."""

    def __init__(self, name: str, *arguments: str) -> None:
        self.process = subprocess.Popen(
            [sys.executable, str(EXAMPLES / name), *arguments],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            env=environment(PASSWORD="secret", CHATPROTO_PASSWORD="secret"),
            text=True,
        )
        self._lines: queue.Queue[str] = queue.Queue()
        self._thread = threading.Thread(target=self._read, daemon=True)
        self._thread.start()

    def _read(self) -> None:
        assert self.process.stdout is not None
        for line in self.process.stdout:
            self._lines.put(line.rstrip("\n"))

    def write(self, line: str) -> None:
        assert self.process.stdin is not None
        self.process.stdin.write(line + "\n")
        self.process.stdin.flush()

    def read(self, start: str) -> str:
        """Return what follows ``start`` in the first line that begins with it."""
        seen = []
        while True:
            try:
                seen.append(self._lines.get(timeout=SECONDS))
            except queue.Empty:
                raise AssertionError(f"no line begins with {start!r}: {seen}") from None
            if seen[-1].startswith(start):
                return seen[-1][len(start) :].strip()

    def end(self) -> int:
        """End its input and return its exit code."""
        assert self.process.stdin is not None
        self.process.stdin.close()
        return self.process.wait(SECONDS)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self.process.poll() is None:
            self.process.terminate()
            self.process.wait(SECONDS)
        self._thread.join(SECONDS)
        for pipe in (self.process.stdin, self.process.stdout):
            assert pipe is not None
            pipe.close()


@pytest.fixture(scope="module")
def port() -> Iterator[str]:
    with Example("one_realm.py", "0") as realm:
        yield realm.read("listening")


def test_the_raw_client_sends_to_the_raw_client(port: str) -> None:
    with Example("raw_socket_client.py", port, "raw1", "2") as listener:
        listener.read("listening since")
        for text in ("one", "two"):
            with Example("raw_socket_client.py", port, "raw2", "raw1", text) as sender:
                sender.read("OK alpha/")
                assert sender.end() == 0
            assert listener.read("raw2@alpha says") == text
        assert listener.end() == 0
    with Example("raw_socket_client.py", port, "raw2", "nobody", "text") as sender:
        sender.read("ERROR")


def test_the_echo_bot_answers_the_console_client(port: str) -> None:
    with (
        Example("echo_bot.py", f"127.0.0.1:{port}", "echo") as bot,
        Example("console_client.py", f"127.0.0.1:{port}", "amsal") as console,
    ):
        bot.read("echo@alpha is online")
        console.read("you are amsal@alpha")
        console.write("echo halo apa kabar")
        assert console.read("echo@alpha:") == "'halo apa kabar'"
        console.write("nobody halo")
        console.read("not sent: ")
        assert console.end() == 0


def test_the_custom_store_has_every_message_after_a_crash(tmp_path: Path) -> None:
    journal = str(tmp_path / "alpha.journal")
    with Example("custom_store.py", "0", journal) as realm:
        port = realm.read("listening")
        for text in ("one", "two"):
            with Example("raw_socket_client.py", port, "messi", "messi", text) as sender:
                sender.read("OK")
        realm.process.kill()
        realm.process.wait(SECONDS)
    with (tmp_path / "alpha.journal").open("ab") as file:
        file.write(b"[3,9,9,[{")  # what a crash in the middle of a write leaves
    with Example("custom_store.py", "0", journal) as realm:
        assert history(realm.read("listening"), "messi", "messi") == ["one", "two"]


def history(port: str, user: str, other: str) -> list[str]:
    with logged_in(port, user) as connection:
        page = connection.ask(do="history", limit=200, **{"with": other})
        return [message["text"] for message in page["messages"]]


def logged_in(port: str, user: str) -> Connection:
    connection = Connection(socket.create_connection(("127.0.0.1", int(port)), SECONDS))
    assert connection.ask(do="login", user=user, password="secret")["status"] == "OK"
    return connection


def next_text(connection: Connection) -> str:
    """Return the text of the next message, past the replies before it."""
    while True:
        line = connection.read()
        assert line is not None
        if line.get("event") == "message":
            return str(line["text"])


def test_the_tally_bot_counts_each_message_once_however_often_it_is_killed(port: str, tmp_path: Path) -> None:
    arguments = ("tally_bot.py", f"127.0.0.1:{port}", "tally", str(tmp_path / "tally.json"))
    with Example("raw_socket_client.py", port, "fan", "fan", "now there is an account") as sender:
        sender.read("OK")
    with Example(*arguments) as bot:
        bot.read("tally@alpha is online")
    heard: list[str] = []
    with logged_in(port, "fan") as fan:
        fan.ask(do="listen")
        for _ in range(_PRAISES):
            fan.write(do="send", to="tally", text="+1 messi")
        while len(heard) < _PRAISES:
            with Example(*arguments) as bot:
                heard += [next_text(fan) for _ in range(min(7, _PRAISES - len(heard)))]
                bot.process.kill()
        with Example(*arguments):
            fan.write(do="send", to="tally", text="score messi")
            heard.append(next_text(fan))
            fan.write(do="send", to="tally", text="last")
            assert next_text(fan) == f"messi has {_PRAISES} / score messi / messi has {_PRAISES}"
    assert heard == [f"messi has {number}" for number in [*range(1, _PRAISES + 1), _PRAISES]]


def test_every_example_says_how_to_run_it() -> None:
    for path in EXAMPLES.glob("*.py"):
        assert f"python examples/{path.name}" in path.read_text().split('"""')[1]
