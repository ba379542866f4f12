"""A checker that does not answer, and clients that do not wait for it, on real sockets."""

from __future__ import annotations

import json
from typing import Any

from pytest_twisted import ensureDeferred
from twisted.cred.checkers import ICredentialsChecker
from twisted.cred.credentials import IUsernamePassword
from twisted.internet import reactor as installed
from twisted.internet.defer import Deferred
from twisted.internet.endpoints import TCP4ClientEndpoint, TCP4ServerEndpoint, connectProtocol
from twisted.internet.protocol import Protocol, connectionDone
from twisted.internet.task import deferLater
from twisted.python.failure import Failure
from zope.interface import implementer

from chatproto import ChatServerFactory, CredAuthenticator, Limits, MemoryDisk, MemoryStore, Policy, Realm
from chatproto.records import LoginRow

reactor: Any = installed
LOGIN = b'{"do":"login","id":1,"user":"messi","password":"surabaya"}\r\n'


@implementer(ICredentialsChecker)
class Waiting:
    """A checker that answers when a test says so."""

    credentialInterfaces = (IUsernamePassword,)

    def __init__(self) -> None:
        self.asked: list[Deferred[bytes | tuple[()]]] = []

    def requestAvatarId(self, credentials: object) -> Deferred[bytes | tuple[()]]:
        self.asked.append(Deferred())
        return self.asked[-1]


class Client(Protocol):
    """Takes what comes."""

    transport: Any

    def __init__(self) -> None:
        self.data = b""
        self.lost = False

    def dataReceived(self, data: bytes) -> None:
        self.data += data

    def connectionLost(self, reason: Failure = connectionDone) -> None:
        self.lost = True

    def reply(self) -> dict[str, Any]:
        return dict(json.loads(self.data))


async def until(condition: Any) -> None:
    for _ in range(600):
        if condition():
            return
        await deferLater(reactor, 0.02)
    raise AssertionError("it did not happen")


class Guarded:
    """A realm whose checker waits for the test, and those who log in there."""

    def __init__(self, limits: Limits) -> None:
        self.disk, self.checker = MemoryDisk(), Waiting()
        self._limits = limits

    async def open(self) -> None:
        self._realm = await Realm.open(
            "alpha",
            MemoryStore(self.disk),
            reactor,
            policy=Policy(limits=self._limits),
            authenticator=CredAuthenticator(self.checker),
        )
        self.factory = ChatServerFactory(self._realm, reactor, limits=self._limits)
        self._port = await TCP4ServerEndpoint(reactor, 0, interface="127.0.0.1").listen(self.factory)

    async def login(self) -> Client:
        """Ask to log in, and return when the checker was asked."""
        there = TCP4ClientEndpoint(reactor, "127.0.0.1", self._port.getHost().port)
        before = len(self.checker.asked)
        client: Client = await connectProtocol(there, Client())
        client.transport.write(LOGIN)
        await until(lambda: len(self.checker.asked) > before)
        return client

    async def close(self) -> None:
        await self._port.stopListening()
        drained = self.factory.drain()
        await self._realm.close()  # which waits for no checker
        await drained


@ensureDeferred
async def test_answers_that_are_late_or_never_come_leave_nothing_behind() -> None:
    guarded = Guarded(Limits(check_seconds=0.1))
    await guarded.open()
    gone, late, never = await guarded.login(), await guarded.login(), await guarded.login()
    gone.transport.abortConnection()
    await until(lambda: len(guarded.factory.connections()) == 2)
    for client in (late, never):
        await until(lambda client=client: client.data.endswith(b"\r\n"))
        assert client.reply()["code"] == "unavailable"
    guarded.checker.asked[0].callback(b"messi")
    guarded.checker.asked[1].callback(b"messi")
    await guarded.close()
    await until(lambda: late.lost and never.lost)
    assert not list(guarded.disk.tables.every(LoginRow))


@ensureDeferred
async def test_a_check_that_is_under_way_does_not_hold_up_the_end() -> None:
    guarded = Guarded(Limits(check_seconds=60.0))
    await guarded.open()
    told = await guarded.login()
    guarded.checker.asked[0].callback(b"messi")
    await until(lambda: told.data.endswith(b"\r\n"))
    assert told.reply()["address"] == "messi@alpha"
    waiting = await guarded.login()
    await guarded.close()
    await until(lambda: told.lost and waiting.lost)
    assert waiting.reply()["code"] == "unavailable"
    assert len(list(guarded.disk.tables.every(LoginRow))) == 1
