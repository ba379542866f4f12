"""The end of a connection on real sockets: what was said last arrives, also at a client that still writes."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

from pytest_twisted import ensureDeferred
from twisted.internet.endpoints import HostnameEndpoint, connectProtocol
from twisted.internet.error import ConnectionDone

from chatproto.executors import InlineExecutor
from chatproto.limits import Limits, without_rates
from chatproto.protocols.factory import ChatServerFactory
from chatproto.realm import PasswordHasher, Policy, Realm, Registration
from chatproto.store.memory import MemoryDisk, MemoryStore
from tests.tls_serving import Caller


@asynccontextmanager
async def served(limits: Limits) -> AsyncIterator[tuple[ChatServerFactory, Caller]]:
    """A realm on a port of this machine, and a connection to it."""
    from twisted.internet import reactor as installed

    reactor: Any = installed
    realm = await Realm.open(
        "alpha",
        MemoryStore(MemoryDisk()),
        reactor,
        policy=Policy(limits=without_rates(limits), registration=Registration.OPEN),
        hasher=PasswordHasher(InlineExecutor(), cheap=True),
    )
    factory = ChatServerFactory(realm, reactor)
    port = reactor.listenTCP(0, factory, interface="127.0.0.1")
    caller = Caller()
    await connectProtocol(HostnameEndpoint(reactor, "127.0.0.1", port.getHost().port), caller)
    try:
        yield factory, caller
    finally:
        await port.stopListening()
        await factory.drain()
        await realm.close()


@ensureDeferred
async def test_a_client_that_ends_its_writing_gets_all_its_replies() -> None:
    async with served(Limits()) as (_, caller):
        caller.say(b"register messi surabaya\r\n" + b"send messi halo\r\n" * 300)
        transport: Any = caller.transport
        transport.loseWriteConnection()
        assert await caller.ended is ConnectionDone
    assert caller.heard.count(b'"Message Sent"') == 300


@ensureDeferred
async def test_the_last_reply_arrives_at_a_client_that_still_writes() -> None:
    """The kernel would answer unread input with a reset, which takes the reply away."""
    async with served(Limits(bad_lines_before_login=1)) as (_, caller):
        caller.say(b"foo\r\n" * 100_000)
        assert await caller.ended is ConnectionDone
    assert caller.heard.count(b"**Protocol Tidak Benar") == 2


@ensureDeferred
async def test_a_client_that_says_and_reads_nothing_more_is_closed() -> None:
    async with served(Limits(login_seconds=0.05)) as (_, caller):
        assert await caller.ended is ConnectionDone
    assert b'"login-timeout"' in caller.heard


@ensureDeferred
async def test_a_drain_ends_with_the_last_reply() -> None:
    async with served(Limits()) as (factory, caller):
        caller.say(b'{"do":"register","user":"messi","password":"x"}\r\n{"do":"listen"}\r\n')
        while b'"epoch"' not in caller.heard:
            await _turn()
        await factory.drain()
        await caller.ended
    assert caller.heard.rpartition(b'{"event":"goodbye"')[1]


async def _turn() -> None:
    from twisted.internet import reactor as installed
    from twisted.internet.task import deferLater

    reactor: Any = installed
    await deferLater(reactor, 0.01)
