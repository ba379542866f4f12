"""Older clients on any line port, in threads, beside services that run in this process."""

from __future__ import annotations

import json
import socket
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from typing import Any

from twisted.internet import reactor as installed
from twisted.internet.task import deferLater
from twisted.internet.threads import deferToThread

reactor: Any = installed


class Older:
    """A client of any line port, in a thread; use it in a ``with`` statement."""

    def __init__(self, port: int) -> None:
        self._port = port
        self._socket: socket.socket | None = None
        self.token = ""

    def _ask(self, line: str) -> dict[str, Any]:
        if self._socket is None:
            self._socket = socket.create_connection(("127.0.0.1", self._port), 20)
        self._socket.sendall(f"{line}\r\n".encode())
        heard = ""
        while not heard.endswith("\r\n\r\n"):
            piece = self._socket.recv(1024)
            assert piece, heard
            heard += piece.decode()
        return dict(json.loads(heard))

    async def __call__(self, line: str) -> dict[str, Any]:
        """Return the reply to a line, in which ``T`` stands for the token."""
        words = [self.token if word == "T" else word for word in line.split(" ")]
        reply: dict[str, Any] = await deferToThread(self._ask, " ".join(words))
        self.token = reply.get("tokenid", self.token)
        return {key: value for key, value in reply.items() if key not in ("code", "retry_after")}

    async def until(self, line: str, done: Callable[[dict[str, Any]], object]) -> dict[str, Any]:
        """Ask again and again, for a while, and return the first reply that is as wanted."""
        until = reactor.seconds() + 10
        while not done(reply := await self(line)):
            assert reactor.seconds() < until, reply
            await deferLater(reactor, 0.02)
        return reply

    def close(self) -> None:
        """End the connection."""
        if self._socket is not None:
            self._socket.close()


@asynccontextmanager
async def clients(*ports: int) -> AsyncIterator[list[Older]]:
    """Return a client for each port."""
    found = [Older(port) for port in ports]
    try:
        yield found
    finally:
        for each in found:
            each.close()
