"""Labs in this process, and older clients that talk to them over sockets, from threads."""

from __future__ import annotations

import contextlib
import json
import re
import socket
import threading
import time
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from types import TracebackType
from typing import Any, Self, TypeVar

from twisted.internet import reactor as installed
from twisted.internet.defer import Deferred
from twisted.internet.threads import deferToThread

from chatproto.configuration import Settings, configure
from chatproto.service import RealmService, realm_service

reactor: Any = installed
T = TypeVar("T")
LOCAL = "tcp:0:interface=127.0.0.1"
END = b"\r\n\r\n"
PASSWORD = "surabaya"


class Lab:
    """One realm's service, as ``serve --lab`` runs it but for its ports."""

    def __init__(self, name: str, *, lab: bool = True, **more: Any) -> None:
        settings: dict[str, Any] = {"store": "memory:", "lab": lab, **more}
        self.settings = Settings(realm=name, listen={"client": LOCAL, "peer": LOCAL}, **settings)
        self.service: RealmService
        self.ports: dict[str, int] = {}

    async def start(self) -> None:
        """Open it, as it was if its store is on a disk."""
        self.service = realm_service(reactor, configure(self.settings))
        self.service.startService()
        self.ports = {where.name: int(where.port) for where in await self.service.when_started()}

    async def stop(self) -> None:
        """Close it."""
        await self.service.stopService()
        await self.service.when_finished()

    @property
    def port(self) -> int:
        """Where clients connect."""
        return self.ports["client"]


@asynccontextmanager
async def labs(*names: str | Lab) -> AsyncIterator[list[Lab]]:
    """Serve labs that have to end well."""
    served = [Lab(name) if isinstance(name, str) else name for name in names]
    for lab in served:
        await lab.start()
    try:
        yield served
    finally:
        for lab in served:
            await lab.stop()


class Older:
    """A client of system B on a connection of its own, logged in."""

    def __init__(self, port: int, user: str = "") -> None:
        self.socket = socket.create_connection(("127.0.0.1", port), 15)
        self.token = str(self.ask(f"auth {user} {PASSWORD} ")["tokenid"]) if user else ""

    def say(self, line: str) -> dict[str, Any]:
        """Send a command with the token put in for ``T``, and return its reply."""
        return self.ask(re.sub(r" T(?= |$)", f" {self.token}", line, count=1))

    def ask(self, line: str) -> dict[str, Any]:
        """Send a line and return its reply, which is all there is."""
        self.socket.sendall(line.encode() + b"\r\n")
        heard = b""
        while not heard.endswith(END):
            piece = self.socket.recv(1024)
            assert piece, "the connection ended: an older client would spin for ever"
            heard += piece
        assert heard.count(END) == 1
        reply: dict[str, Any] = json.loads(heard.decode("ascii"))
        return reply

    def error(self, line: str) -> str:
        """Return the message with which a command is refused."""
        reply = self.say(line)
        assert reply["status"] == "ERROR"
        return str(reply["message"])

    def message(self, line: str) -> str:
        """Return the message with which a command is answered."""
        reply = self.say(line)
        assert reply["status"] == "OK", reply
        return str(reply["message"])

    def box(self, name: str, count: int) -> list[dict[str, str]]:
        """Return so many entries of a realm box, as soon as they are there."""
        until = time.monotonic() + 15
        entries: list[dict[str, str]] = []
        while len(entries) < count:
            assert time.monotonic() < until, entries
            entries += self.say(f"getrealminbox T {name} ")["messages"]
        return entries

    def close(self) -> None:
        """Go."""
        self.socket.close()


def talk(play: Callable[[], T]) -> Deferred[T]:
    """Let older clients talk in a thread, as they block."""
    done: Deferred[T] = deferToThread(play)
    return done


class Rude:
    """A server of something else: it says so, and ends the connection. Use it in a ``with`` statement."""

    def __enter__(self) -> Self:
        self._listening = socket.create_server(("127.0.0.1", 0))
        self.port = int(self._listening.getsockname()[1])
        self._thread = threading.Thread(target=self._serve, daemon=True)
        self._thread.start()
        return self

    def _serve(self) -> None:
        with contextlib.suppress(OSError):
            while True:
                client, _ = self._listening.accept()
                client.recv(4096)
                client.sendall(b"HTTP/1.1 400 Bad Request\r\n\r\n")
                client.close()

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._listening.shutdown(socket.SHUT_RDWR)
        self._listening.close()
        self._thread.join(10)
