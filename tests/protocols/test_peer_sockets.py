"""Connections between realms on real sockets, with TLS and somebody in between."""

from __future__ import annotations

import ssl
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import pytest
from pytest_twisted import ensureDeferred
from twisted.internet import reactor as installed
from twisted.internet.endpoints import HostnameEndpoint
from twisted.internet.interfaces import IAddress, IProtocolFactory, IStreamClientEndpoint
from twisted.internet.protocol import Factory, Protocol, connectionDone
from twisted.internet.task import deferLater
from twisted.python.failure import Failure

from chatproto.frames import CHUNK_BYTES, Chunk, Goodbye, Ping
from chatproto.limits import Limits
from chatproto.protocols.peer import RealmPeerProtocol
from chatproto.protocols.peer_connection import PeerConnection
from chatproto.tls.binding import binding_of
from chatproto.tls.certificates import TlsFiles, load_pair
from chatproto.tls.connecting import tls_endpoint
from chatproto.tls.making import make_self_signed
from chatproto.tls.serving import Certificates, TlsFactory
from chatproto.tls.trust import Trust
from chatproto.wire.peer import encode_frame
from tests.protocols.peering import BETA, SECRET, item, two_realms
from tests.tls_serving import until

reactor: Any = installed


@pytest.fixture
def files(tmp_path: Path) -> TlsFiles:
    return made(tmp_path / "beta")


def made(folder: Path) -> TlsFiles:
    folder.mkdir()
    make_self_signed(folder, ["localhost"])
    return TlsFiles.self_signed(folder, ("localhost",))


def over_tls(factory: IProtocolFactory, files: TlsFiles) -> IProtocolFactory:
    """Return a factory behind TLS."""
    certificates = Certificates("peer", files, reactor)
    certificates.load()
    return TlsFactory(certificates, factory, reactor)


def endpoint(port: int, files: TlsFiles | None = None) -> IStreamClientEndpoint:
    """Return the way to a port, over TLS if its files are given."""
    if files is None:
        plain: IStreamClientEndpoint = HostnameEndpoint(reactor, "127.0.0.1", port)
        return plain
    return tls_endpoint(reactor, "127.0.0.1", port, Trust(pin=load_pair(files).fingerprint))


class World:
    """Alpha and beta, and the ports that were opened."""

    def __init__(self, **options: Any) -> None:
        self.alpha, self.beta = two_realms(reactor, **options)
        self._ports: list[Any] = []

    def listen(self, factory: IProtocolFactory) -> int:
        """Open a port, and return its number."""
        self._ports.append(reactor.listenTCP(0, factory, interface="127.0.0.1"))
        number: int = self._ports[-1].getHost().port
        return number

    async def dial(self, port: int, files: TlsFiles | None = None) -> RealmPeerProtocol:
        """Let alpha dial beta."""
        factory = self.alpha.factory.dialling(BETA, self.alpha.failures.append)
        protocol = await endpoint(port, files).connect(factory)
        assert isinstance(protocol, RealmPeerProtocol)
        return protocol

    async def meet(self, port: int, files: TlsFiles | None = None) -> None:
        """Let alpha dial beta, and wait until both have a link."""
        await self.dial(port, files)
        await until(lambda: bool(self.alpha.ends and self.beta.ends))

    async def fails(self, port: int, files: TlsFiles | None = None) -> str:
        """Let alpha dial beta in vain; return what beta was told, or else alpha."""
        await self.dial(port, files)
        await until(lambda: bool(self.alpha.failures))
        assert not self.alpha.ends
        assert not self.beta.ends
        await until(lambda: any(told[0] == "refused" for told in self.beta.told))
        return self.beta.told[-1][2]

    async def close(self) -> None:
        for port in self._ports:
            await port.stopListening()
        for realm in (self.alpha, self.beta):
            realm.factory.abort()
        await self.alpha.factory.drain()
        await self.beta.factory.drain()


@asynccontextmanager
async def world(**options: Any) -> AsyncIterator[World]:
    there = World(**options)
    try:
        yield there
    finally:
        await there.close()


class Between(Protocol):
    """One half of somebody who passes everything on, and reads it."""

    def __init__(self) -> None:
        self.other: Between | None = None
        self._waiting: list[bytes] = []
        self.heard = b""

    def dataReceived(self, data: bytes) -> None:
        self.heard += data
        self._pass_on(data)

    def _pass_on(self, data: bytes) -> None:
        if self.other is None or self.other.transport is None:
            self._waiting.append(data)
        else:
            self.other.transport.write(data)

    def join(self, other: Between) -> None:
        self.other, other.other = other, self
        for one in (self, other):
            waiting, one._waiting = one._waiting, []
            for data in waiting:
                one._pass_on(data)

    def connectionLost(self, reason: Failure = connectionDone) -> None:
        if self.other is not None and self.other.transport is not None:
            self.other.transport.loseConnection()


class InTheMiddle(Factory):
    """Takes connections, and opens one more for each."""

    noisy = False

    def __init__(self, way: IStreamClientEndpoint) -> None:
        self._way = way
        self.halves: list[Between] = []

    def buildProtocol(self, addr: IAddress | None) -> Protocol:
        here, there = Between(), Between()
        self.halves += [here, there]
        build: Callable[[], Protocol] = lambda: there  # noqa: E731
        self._way.connect(Factory.forProtocol(build)).addCallback(lambda _: here.join(there))
        return here


@ensureDeferred
@pytest.mark.parametrize("secret", ["", SECRET])
@pytest.mark.parametrize("tls", [False, True])
async def test_two_realms_link_and_speak(files: TlsFiles, tls: bool, secret: str) -> None:
    async with world(secret=secret) as there:
        alpha, beta = there.alpha, there.beta
        if tls:
            await there.meet(there.listen(over_tls(beta.factory, files)), files)
        else:
            await there.meet(there.listen(beta.factory))
        frames = [item(number, "halo" * 1000) for number in range(1, 200)]
        assert alpha.end.connection.send(*frames[:10])
        for frame in frames[10:]:
            alpha.end.connection.send(frame)
        beta.end.connection.send(Ping(number=7))
        await until(lambda: len(beta.end.frames) == len(frames))
        assert beta.end.frames == frames
        await until(lambda: alpha.end.frames == [Ping(number=7)])
        beta.end.connection.goodbye("shutdown", 2.0)
        await until(lambda: bool(alpha.end.reasons and beta.end.reasons))
        assert alpha.end.frames[1:] == [Goodbye(reason="shutdown", retry_after=2.0)]
        assert (alpha.end.reasons, beta.end.reasons) == (["goodbye"], ["closed"])


@ensureDeferred
async def test_a_goodbye_arrives_at_who_sends_all_the_time() -> None:
    """The kernel would answer unread input with a reset, which takes the goodbye away."""
    async with world() as there:
        await there.meet(there.listen(there.beta.factory))
        alpha, beta = there.alpha.end, there.beta.end
        beta.hook = lambda _: beta.connection.goodbye("enough")
        number = 0
        while not alpha.reasons:
            while alpha.connection.send(item(number := number + 1, "x" * 8000)):
                pass
            drains = alpha.drains
            await until(lambda: alpha.drains > drains or bool(alpha.reasons))  # noqa: B023
        assert alpha.frames == [Goodbye(reason="enough")]
        assert alpha.reasons == ["goodbye"]


@ensureDeferred
async def test_who_does_not_read_stops_the_other_and_gets_it_all_later() -> None:
    async with world() as there:
        await there.meet(there.listen(there.beta.factory))
        alpha, beta = there.alpha.end, there.beta.end
        beta.connection.pause(True)
        number = 0
        while alpha.connection.send(item(number := number + 1, "x" * 16_000)):
            await until(lambda: True)
            assert number < 10_000
        beta.connection.pause(False)
        await until(lambda: len(beta.frames) == number)
        await until(lambda: alpha.drains == 1)
        assert beta.frames == [item(each, "x" * 16_000) for each in range(1, number + 1)]


@ensureDeferred
async def test_a_cut_connection_is_noticed_by_both() -> None:
    async with world() as there:
        await there.meet(there.listen(there.beta.factory))
        there.alpha.end.connection.abort()
        await until(lambda: bool(there.alpha.end.reasons and there.beta.end.reasons))
        assert (there.alpha.end.reasons, there.beta.end.reasons) == (["aborted"], ["closed"])


@ensureDeferred
async def test_who_only_passes_bytes_on_is_not_noticed(files: TlsFiles) -> None:
    """TLS then ends at the realms: he reads nothing and changes nothing."""
    async with world() as there:
        middle = InTheMiddle(endpoint(there.listen(over_tls(there.beta.factory, files))))
        await there.meet(there.listen(middle), files)
        assert b"alpha" not in b"".join(half.heard for half in middle.halves)


@ensureDeferred
@pytest.mark.parametrize("secret", ["", SECRET])
async def test_somebody_between_two_tls_connections_is_noticed(
    files: TlsFiles, tmp_path: Path, secret: str
) -> None:
    """He has a certificate that alpha takes for beta's, and passes every byte on unchanged."""
    async with world(secret=secret) as there:
        his = made(tmp_path / "his")
        middle = InTheMiddle(endpoint(there.listen(over_tls(there.beta.factory, files)), files))
        assert await there.fails(there.listen(over_tls(middle, his)), his) == "bad-proof"
        assert b'"frame":"auth"' in middle.halves[0].heard
        assert b'"frame":"auth"' not in middle.halves[1].heard
        assert not there.alpha.failures[0].final  # only he said so


@ensureDeferred
@pytest.mark.parametrize("inside", ["alpha", "beta"])
async def test_nor_can_he_take_tls_away(files: TlsFiles, inside: str) -> None:
    async with world() as there:
        if inside == "alpha":
            middle = InTheMiddle(endpoint(there.listen(there.beta.factory)))
            why = await there.fails(there.listen(over_tls(middle, files)), files)
        else:
            middle = InTheMiddle(endpoint(there.listen(over_tls(there.beta.factory, files)), files))
            why = await there.fails(there.listen(middle))
        assert why == "bad-proof"


@ensureDeferred
async def test_a_recorded_connection_is_worth_nothing() -> None:
    async with world() as there:
        port = there.listen(there.beta.factory)
        middle = InTheMiddle(endpoint(port))
        await there.meet(there.listen(middle))
        there.alpha.end.connection.send(item(1))
        await until(lambda: bool(there.beta.end.frames))
        replaying = Between()
        await endpoint(port).connect(Factory.forProtocol(lambda: replaying))
        assert replaying.transport is not None
        replaying.transport.write(middle.halves[0].heard)
        await until(lambda: b"goodbye" in replaying.heard)
        assert b'"reason":"bad-proof"' in replaying.heard
        assert there.beta.end.frames == [item(1)]


@ensureDeferred
@pytest.mark.parametrize("said", [b"GET / HTTP/1.1\r\n\r\n", b"\x16\x03\x01\n", b"\xff" * 9000, b"{}\n"])
async def test_strangers_get_nothing_done(said: bytes) -> None:
    async with world() as there:
        port = there.listen(there.beta.factory)
        stranger = Between()
        await endpoint(port).connect(Factory.forProtocol(lambda: stranger))
        assert stranger.transport is not None
        stranger.transport.write(said)
        await until(lambda: b"goodbye" in stranger.heard)
        await until(lambda: there.beta.factory.strangers == 0)
        assert there.beta.told == []


@ensureDeferred
async def test_tls_before_1_3_is_not_taken(files: TlsFiles) -> None:
    """Its exporter may give two connections the same, if somebody has made both."""
    async with world() as there:
        port = there.listen(over_tls(there.beta.factory, files))
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
        context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
        context.maximum_version = ssl.TLSVersion.TLSv1_2
        inside, outside = ssl.MemoryBIO(), ssl.MemoryBIO()
        tls = context.wrap_bio(inside, outside)
        below = Between()
        await endpoint(port).connect(Factory.forProtocol(lambda: below))
        assert below.transport is not None

        async def until_done(step: Callable[[], Any]) -> Any:
            taken = 0
            while True:
                inside.write(below.heard[taken:])
                taken = len(below.heard)
                try:
                    result = step()
                except ssl.SSLWantReadError:
                    below.transport.write(outside.read())  # type: ignore[union-attr]
                    await until(lambda: len(below.heard) > taken)  # noqa: B023
                    continue
                below.transport.write(outside.read())  # type: ignore[union-attr]
                return result

        await until_done(tls.do_handshake)
        tls.write(encode_frame(item(1)))
        heard = below.heard
        below.heard = b""
        below.transport.write(outside.read())
        await until(lambda: bool(below.heard))
        inside.write(below.heard)
        assert b'"reason":"old-tls"' in tls.read(4096)
        assert heard
        assert there.beta.told == []


@ensureDeferred
async def test_both_ends_of_a_tls_connection_know_the_same_and_each_time_another(files: TlsFiles) -> None:
    async with world() as there:
        port = there.listen(over_tls(there.beta.factory, files))
        seen: list[bytes] = []
        for _ in range(2):
            dialled = await there.dial(port, files)
            await until(lambda: len(there.beta.ends) == len(seen) + 1)
            theirs: Any = there.beta.ends[-1].connection
            assert binding_of(dialled.transport) == binding_of(theirs._protocol.transport)
            seen.append(binding_of(dialled.transport))
        assert len(set(seen)) == 2
        assert {len(each) for each in seen} == {32}
    assert binding_of(object()) == b""


@ensureDeferred
async def test_a_drained_realm_says_goodbye() -> None:
    async with world(limits=Limits()) as there:
        await there.meet(there.listen(there.beta.factory))
        await there.beta.factory.drain("shutdown")
        await until(lambda: bool(there.alpha.end.reasons))
        assert there.alpha.end.frames == [Goodbye(reason="shutdown")]


@pytest.mark.parametrize("tls", [False, True])
@ensureDeferred
async def test_what_is_said_stands_behind_little_of_a_file(files: TlsFiles, tls: bool) -> None:
    """Bytes go only while nothing waits: so what waits here is one chunk, and the kernel holds little."""
    async with world() as there:
        factory = there.beta.factory
        port = there.listen(over_tls(factory, files) if tls else factory)
        await there.meet(port, files if tls else None)
        sender, reader = there.alpha.end.connection, there.beta.end.connection
        reader.pause(True)
        data, sent = bytes(CHUNK_BYTES), 0

        def send() -> None:
            nonlocal sent
            while sender.idle and sent < 200:
                sender.send_raw(Chunk(mid="alpha/1", offset=sent * CHUNK_BYTES, size=CHUNK_BYTES), data)
                sent += 1

        there.alpha.end.on_drained = send
        for _ in range(50):
            send()
            await pause()
        assert sender.full
        if not tls:
            assert isinstance(sender, PeerConnection)
            outbox = sender._protocol._outbox
            assert outbox is not None
            assert 0 < outbox.unsent <= CHUNK_BYTES + 200
            transport: Any = sender._protocol.transport
            assert not transport.dataBuffer
            assert not transport._tempDataLen
        sender.send(Ping(number=1))
        reader.pause(False)
        await until(lambda: len(there.beta.end.raw) == 200)
        frames = there.beta.end.frames
        assert [frame.offset // CHUNK_BYTES for frame in frames if isinstance(frame, Chunk)] == [*range(200)]
        assert Ping(number=1) in frames
        assert all(each == data for each in there.beta.end.raw)


async def pause() -> None:
    """Let the reactor turn."""
    await deferLater(reactor, 0.002)
