"""Realms and original servers of system B, each in the role of the other: real sockets, real threads."""

from __future__ import annotations

import json
import socket
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from typing import Any

from pytest_twisted import ensureDeferred
from twisted.internet import reactor as installed
from twisted.internet.task import deferLater
from twisted.internet.threads import deferToThread

from tests.original_server import OriginalB
from tests.test_linked_services import House, served

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


async def add(house: House, alias: str, port: int) -> None:
    """Do what `addrealm` does when it has found an original server."""
    assert house.service.realm is not None
    older = house.service.realm.older
    await older.aliases.add(alias, await older.originals.add(alias, "127.0.0.1", port))


OK = {"status": "OK"}
SENT = {"status": "OK", "message": "Message Sent to Realm"}


def error(message: str) -> dict[str, str]:
    return {"status": "ERROR", "message": message}


@ensureDeferred
async def test_a_user_here_adds_an_original_server_and_both_sides_talk() -> None:
    ours = House("alpha", {})
    with OriginalB() as theirs:
        async with served(ours), clients(ours.ports["client"], theirs.port) as (messi, henderson):
            await messi("auth messi surabaya ")
            await henderson("auth henderson surabaya ")
            await add(ours, "r2", theirs.port)
            assert theirs.heard[-1] == f"recvrealm r2 127.0.0.1 {ours.ports['client']}\r\n"
            assert await messi("sendprivaterealm T r2 henderson  halo  kawan") == SENT
            assert theirs.heard[-1] == "recvrealmprivatemsg messi r2 henderson halo  kawan\r\n"
            taken = await henderson("getrealminbox T r2 ")
            assert taken["messages"] == [
                {"msg_from": "Lionel Messi", "msg_to": "Jordan Henderson", "msg": " halo  kawan\r\n"}
            ]
            assert await henderson("sendprivaterealm T r2 messi  ya") == SENT
            taken = await messi("getrealminbox T r2 ")
            assert taken["messages"] == [{"msg_from": "henderson", "msg_to": "Lionel Messi", "msg": "ya"}]
            assert (await messi("getrealminbox T r2 "))["messages"] == []
            assert (await henderson("getrealminbox T r2 "))["messages"] == []


@ensureDeferred
async def test_an_original_server_adds_ours_and_both_sides_talk() -> None:
    ours = House("alpha", {})
    with OriginalB() as theirs:
        async with served(ours), clients(ours.ports["client"], theirs.port) as (messi, henderson):
            await messi("auth messi surabaya ")
            await henderson("auth henderson surabaya ")
            assert await henderson(f"addrealm r2 127.0.0.1 {ours.ports['client']}") == OK
            assert await henderson("sendprivaterealm T r2 messi  halo") == SENT
            taken = await messi("getrealminbox T r2 ")
            assert taken["messages"] == [{"msg_from": "henderson", "msg_to": "Lionel Messi", "msg": "halo"}]
            assert await messi("sendprivaterealm T r2 henderson  ya  ya ") == SENT
            taken = await henderson("getrealminbox T r2 ")
            assert taken["messages"] == [{"msg_from": "Lionel Messi", "msg_to": "henderson", "msg": "ya  ya"}]
            assert (await henderson("getrealminbox T r2 "))["messages"] == []
