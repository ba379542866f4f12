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
from chatproto.records import AccountRow, LoginRow

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


@ensureDeferred
async def test_clients_that_go_and_answers_that_are_late_or_never_come_leave_nothing_behind() -> None:
    disk, checker = MemoryDisk(), Waiting()
    limits = Limits(check_seconds=1.0)
    realm = await Realm.open(
        "alpha",
        MemoryStore(disk),
        reactor,
        policy=Policy(limits=limits),
        authenticator=CredAuthenticator(checker),
    )
    factory = ChatServerFactory(realm, reactor, limits=limits)
    port = await TCP4ServerEndpoint(reactor, 0, interface="127.0.0.1").listen(factory)
    there = TCP4ClientEndpoint(reactor, "127.0.0.1", port.getHost().port)

    async def login() -> Client:
        before = len(checker.asked)
        client: Client = await connectProtocol(there, Client())
        client.transport.write(LOGIN)
        await until(lambda: len(checker.asked) > before)
        return client

    gone, told, closed = await login(), await login(), await login()
    gone.transport.abortConnection()
    await until(lambda: len(factory.connections()) == 2)
    checker.asked[0].callback(b"messi")  # late: nobody is there any more
    checker.asked[1].callback(b"messi")
    await until(lambda: told.data.endswith(b"\r\n"))
    assert told.reply()["address"] == "messi@alpha"
    await until(lambda: closed.data.endswith(b"\r\n"))  # never: after its second
    assert closed.reply()["code"] == "unavailable"
    assert len(list(disk.tables.every(LoginRow))) == len(list(disk.tables.every(AccountRow))) == 1
    last = await login()
    await port.stopListening()
    drained = factory.drain()
    await realm.close()  # which waits for no checker
    await drained
    await until(lambda: last.lost and told.lost and closed.lost)
    assert last.reply()["code"] == "unavailable"
