"""Every example runs as it says, as a process of its own, against a real server."""

from __future__ import annotations

import json
import queue
import subprocess
import sys
import threading
from collections.abc import Iterator
from pathlib import Path
from types import TracebackType
from typing import Self

import pytest

from tests.serving import ROOT, SECONDS, environment

EXAMPLES = ROOT / "examples"


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


def test_the_custom_store_has_every_message_in_its_file(tmp_path: Path) -> None:
    journal = tmp_path / "journal.jsonl"
    with Example("custom_store.py", "0", str(journal)) as realm:
        port = realm.read("listening")
        for text in ("one", "two"):
            with Example("raw_socket_client.py", port, "messi", "messi", text) as sender:
                sender.read("OK")
            assert json.loads(journal.read_text().splitlines()[-1])["text"] == text


def test_every_example_says_how_to_run_it() -> None:
    for path in EXAMPLES.glob("*.py"):
        assert f"python examples/{path.name}" in path.read_text().split('"""')[1]
