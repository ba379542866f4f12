"""The session in the protocol document, said again to a real server: it answers what stands there."""

from __future__ import annotations

import json
import re
import socket
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from tests.serving import ROOT, SECONDS, Server

#: What is another one each time.
_FRESH = ("token", "epoch", "mid", "at", "retry_after")
_RESTART = "(the server is killed and started again; both connections are lost)"


def documented() -> list[str]:
    """Return the lines of the session in the document."""
    chapter = (ROOT / "docs" / "protocol.rst").read_text().partition("A complete session\n===")[2]
    block = chapter.partition("\n::\n\n")[2].partition("\n\nWhat to see")[0]
    return [line.removeprefix("    ") for line in block.splitlines()]


class Replay:
    """Says what clients say in a written session, and gives what they hear, with fresh values as written."""

    def __init__(self, store: Path) -> None:
        self._arguments = ("--realm", "alpha", "--lab", "--store", f"sqlite:///{store}", "--listen")
        #: The fresh values of now, by those that are written.
        self._now: dict[str, str] = {}
        self._files: dict[str, socket.SocketIO] = {}

    def lines(self, written: list[str]) -> Iterator[str]:
        """Return the session as it goes now."""
        before, restart, after = "\n".join(written).partition(_RESTART)
        for part in (before, after):
            with Server(*self._arguments, "client=tcp:0:interface=127.0.0.1") as server:
                self._files = {client: _connect(server.ports[0]) for client in "MH"}
                for line in part.strip().splitlines():
                    yield self._line(line)
                for file in self._files.values():
                    file.close()
                server.process.kill()
            if part is before:
                yield restart

    def _line(self, line: str) -> str:
        client, sign, said = line[0], line[1], line[3:]
        if sign == ">":
            for written, now in self._now.items():
                said = said.replace(written, now)
            self._files[client].write(said.encode() + b"\r\n")
            return line
        heard = self._files[client].readline().decode().rstrip("\r\n")
        if not heard:
            return f"{client} end of file"
        self._learn(json.loads(said) if said.startswith("{") else None, json.loads(heard))
        for written, now in self._now.items():
            heard = heard.replace(now, written)
        return f"{client}< {heard}"

    def _learn(self, written: Any, now: Any) -> None:
        """Find what is fresh in two replies; a value that is written twice is the same twice now."""
        if isinstance(written, dict) and isinstance(now, dict):
            for name in written.keys() & now.keys():
                if name in _FRESH:
                    self._now.setdefault(json.dumps(written[name]), json.dumps(now[name]))
                else:
                    self._learn(written[name], now[name])
        elif isinstance(written, list) and isinstance(now, list):
            for one, other in zip(written, now, strict=False):
                self._learn(one, other)


def _connect(port: int) -> socket.SocketIO:
    with socket.create_connection(("127.0.0.1", port), SECONDS) as connection:
        return connection.makefile("rwb", buffering=0)


def test_the_session_in_the_document_is_what_the_server_says(tmp_path: Path) -> None:
    written = documented()
    assert len([line for line in written if re.match("[MH]> ", line)]) > 20
    assert list(Replay(tmp_path / "alpha.db").lines(written)) == written
