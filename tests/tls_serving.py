"""A realm behind TLS on a port of this machine, and clients for it."""

from __future__ import annotations

import socket
import ssl
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any, TypeVar

from twisted.internet import reactor as installed
from twisted.internet.defer import Deferred
from twisted.internet.endpoints import HostnameEndpoint, connectProtocol
from twisted.internet.protocol import Protocol, connectionDone
from twisted.internet.task import Clock, deferLater
from twisted.internet.threads import deferToThread
from twisted.python.failure import Failure

from chatproto.errors import TlsNeeded
from chatproto.executors import InlineExecutor
from chatproto.limits import Limits, without_rates
from chatproto.protocols.factory import ChatServerFactory
from chatproto.realm import PasswordHasher, Policy, Realm, Registration
from chatproto.store.memory import MemoryDisk, MemoryStore
from chatproto.tls.certificates import TlsFiles, load_pair
from chatproto.tls.connecting import tls_endpoint
from chatproto.tls.serving import Certificates, TlsFactory
from chatproto.tls.trust import Trust

T = TypeVar("T")
reactor: Any = installed
#: Nothing waits so long where all is well.
SECONDS = 20.0


class Served:
    """What runs: the realm's factory, the port, the certificates, and the clock of the looks at them."""

    def __init__(self, factory: ChatServerFactory, certificates: Certificates, clock: Clock) -> None:
        self.factory = factory
        self.certificates = certificates
        self.clock = clock
        self.port = 0


@asynccontextmanager
async def served(files: TlsFiles, limits: Limits | None = None) -> AsyncIterator[Served]:
    limits = without_rates(limits or Limits())
    realm = await Realm.open(
        "alpha",
        MemoryStore(MemoryDisk()),
        reactor,
        policy=Policy(limits=limits, registration=Registration.OPEN),
        hasher=PasswordHasher(InlineExecutor(), cheap=True),
    )
    factory = ChatServerFactory(realm, reactor, tls=True)
    clock = Clock()
    certificates = Certificates("client", files, clock)
    certificates.load()
    refusal = factory.dialect.encode_refusal(TlsNeeded(), None)
    wrapped = TlsFactory(certificates, factory, reactor, refusal)
    port = reactor.listenTCP(0, wrapped, interface="127.0.0.1")
    running = Served(factory, certificates, clock)
    running.port = port.getHost().port
    try:
        yield running
    finally:
        await port.stopListening()
        await factory.drain()
        await realm.close()


class Caller(Protocol):
    """A client that notes what it hears, and how it ends."""

    def __init__(self) -> None:
        self.heard = b""
        self.ended: Deferred[type[BaseException] | None] = Deferred()

    def dataReceived(self, data: bytes) -> None:
        self.heard += data

    def connectionLost(self, reason: Failure = connectionDone) -> None:
        self.ended.callback(reason.type)

    def say(self, data: bytes) -> None:
        assert self.transport is not None
        self.transport.write(data)

    def hang_up(self) -> None:
        assert self.transport is not None
        self.transport.loseConnection()

    async def hears(self, data: bytes) -> None:
        """Return when it has heard something."""
        await until(lambda: data in self.heard)


async def call(running: Served, files: TlsFiles) -> Caller:
    """Connect to a realm that has the key in some files."""
    trust = Trust(pin=load_pair(files).fingerprint)
    endpoint = tls_endpoint(reactor, "127.0.0.1", running.port, trust)
    caller: Caller = await connectProtocol(endpoint, Caller())
    return caller


async def call_plainly(running: Served) -> Caller:
    """Connect without TLS."""
    caller: Caller = await connectProtocol(HostnameEndpoint(reactor, "127.0.0.1", running.port), Caller())
    return caller


async def until(true: Callable[[], bool], seconds: float = SECONDS) -> None:
    """Wait until something has become true."""
    end = reactor.seconds() + seconds
    while not true():
        assert reactor.seconds() < end, "it did not become true"
        await deferLater(reactor, 0.01)


def shaking_hands(
    port: int,
    root: Path | None = None,
    *,
    ciphers: str = "DEFAULT",
    protocols: Sequence[str] = (),
    **versions: ssl.TLSVersion,
) -> ssl.SSLSocket:
    """Return a socket of the standard library with TLS, which trusts everybody unless a root is given."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    if root is None:
        context.check_hostname = False
        context.verify_mode = ssl.CERT_NONE
    else:
        context.load_verify_locations(root)
    context.set_ciphers(f"{ciphers}:@SECLEVEL=0")
    if protocols:
        context.set_alpn_protocols(list(protocols))
    for name, version in versions.items():
        setattr(context, name, version)
    plain = socket.create_connection(("127.0.0.1", port), SECONDS)
    try:
        return context.wrap_socket(plain, server_hostname="localhost")
    except BaseException:
        plain.close()
        raise


async def in_thread(do: Callable[..., T], *arguments: Any, **named: Any) -> T:
    """Do what blocks while the reactor serves."""
    result: T = await deferToThread(do, *arguments, **named)
    return result
