"""The client's side of TLS on real sockets: whom it trusts, and what it says of others."""

from __future__ import annotations

import contextlib
import re
import socket
import ssl
import threading
import time
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import asynccontextmanager, contextmanager
from pathlib import Path
from typing import Any

import pytest
from pytest_twisted import ensureDeferred
from twisted.internet.defer import CancelledError, Deferred
from twisted.internet.endpoints import HostnameEndpoint, connectProtocol
from twisted.internet.error import ConnectionRefusedError as Refused
from twisted.internet.protocol import Protocol, ServerFactory
from twisted.internet.task import deferLater

from chatproto.client import ChatClient, State
from chatproto.errors import (
    ChatError,
    ConnectionUnavailable,
    LoginFailed,
    NoTls,
    PinMismatch,
    TlsNeeded,
    UntrustedCertificate,
    WrongHost,
)
from chatproto.limits import Limits
from chatproto.tls import connecting
from chatproto.tls.certificates import TlsFiles, load_pair
from chatproto.tls.connecting import client_endpoint
from chatproto.tls.making import make_self_signed
from tests.authority import Authority
from tests.tls_serving import SECONDS, Caller, Served, in_thread, reactor, served


@pytest.fixture
def authority() -> Authority:
    return Authority()


@pytest.fixture
def files(tmp_path: Path, authority: Authority) -> TlsFiles:
    """A certificate of the test's authority, which no system trusts, for this machine."""
    key, certificate = authority.write(tmp_path, "localhost", "127.0.0.1")
    return TlsFiles(key=key, certificate=certificate)


@pytest.fixture
def root(tmp_path: Path, authority: Authority) -> Path:
    return authority.root(tmp_path)


def pin(files: TlsFiles) -> str:
    return str(load_pair(files).fingerprint)


OTHER = "sha256:" + "0" * 64


async def connected(running: Served, options: str = "", host: str = "localhost") -> Caller:
    """Connect by an endpoint string, and hear that the realm is there."""
    endpoint = client_endpoint(reactor, f"tls:{host}:{running.port}{options}")
    caller: Caller = await connectProtocol(endpoint, Caller())
    caller.say(b'{"do":"hello"}\r\n')
    await caller.hears(b'"realm":"alpha"')
    caller.hang_up()
    await caller.ended
    return caller


async def refusal(running: Served, kind: type[ChatError], options: str = "", host: str = "localhost") -> str:
    """Return what a refused connection says, of which the realm heard nothing."""
    with pytest.raises(kind) as caught:
        await connected(running, options, host)
    assert type(caught.value) is kind
    return str(caught.value)


# Whom to trust


@ensureDeferred
@pytest.mark.parametrize("host", ["localhost", "127.0.0.1"])
async def test_a_certificate_of_a_trusted_authority_for_the_host_will_do(
    files: TlsFiles, root: Path, host: str
) -> None:
    async with served(files) as running:
        await connected(running, f":trustRoots={root}", host)


@ensureDeferred
async def test_a_folder_of_authorities_will_do(files: TlsFiles, tmp_path: Path, authority: Authority) -> None:
    folder = tmp_path / "roots"
    folder.mkdir()
    authority.root(folder)
    async with served(files) as running:
        await connected(running, f":trustRoots={folder}")


@ensureDeferred
async def test_the_chain_that_the_server_shows_is_followed(tmp_path: Path) -> None:
    top = Authority()
    between = Authority("Between", top)
    key, certificate = between.write(tmp_path, "localhost")
    chain = between.root(tmp_path).rename(tmp_path / "between.pem")
    async with served(TlsFiles(key=key, certificate=certificate, chain=chain)) as running:
        await connected(running, f":trustRoots={top.root(tmp_path)}")
    async with served(TlsFiles(key=key, certificate=certificate)) as running:
        text = await refusal(running, UntrustedCertificate, f":trustRoots={top.root(tmp_path)}")
    assert "its issuer is not known here" in text


@ensureDeferred
async def test_the_systems_authorities_are_the_default(files: TlsFiles) -> None:
    async with served(files) as running:
        text = await refusal(running, UntrustedCertificate)
    assert text.startswith("the certificate of localhost is not trusted: its issuer is not known here. ")
    assert pin(files) in text
    assert "--pin" in text


@ensureDeferred
async def test_a_self_signed_certificate_is_trusted_as_a_file_or_by_its_pin_only(tmp_path: Path) -> None:
    make_self_signed(tmp_path, ["localhost"])
    files = TlsFiles.self_signed(tmp_path, ())
    async with served(files) as running:
        assert "it is self-signed" in await refusal(running, UntrustedCertificate)
        await connected(running, f":trustRoots={files.certificate}")
        await connected(running, f":pin={pin(files)}")


@ensureDeferred
async def test_an_expired_certificate_is_told_as_such(
    tmp_path: Path, authority: Authority, root: Path
) -> None:
    key, certificate = authority.write(tmp_path, "localhost", days=-1)
    async with served(TlsFiles(key=key, certificate=certificate)) as running:
        text = await refusal(running, UntrustedCertificate, f":trustRoots={root}")
    assert "it has expired" in text


@ensureDeferred
@pytest.mark.parametrize(
    ("hosts", "shown"), [(("chat.example.org",), "chat.example.org"), ((), "no host at all")]
)
async def test_a_certificate_for_another_host_is_told_as_such(
    tmp_path: Path, authority: Authority, root: Path, hosts: tuple[str, ...], shown: str
) -> None:
    key, certificate = authority.write(tmp_path, *hosts)
    async with served(TlsFiles(key=key, certificate=certificate)) as running:
        for host in ("localhost", "127.0.0.1"):
            text = await refusal(running, WrongHost, f":trustRoots={root}", host)
            assert text.startswith(f"the certificate is for {shown}, not for {host}; ")


# Pins


@ensureDeferred
async def test_a_pin_needs_no_authority_no_name_and_no_date(tmp_path: Path, authority: Authority) -> None:
    key, certificate = authority.write(tmp_path, "chat.example.org", days=-1)
    files = TlsFiles(key=key, certificate=certificate)
    async with served(files) as running:
        await connected(running, f":pin={pin(files)}")


@ensureDeferred
async def test_a_pin_outlives_a_renewal_for_the_same_key(
    files: TlsFiles, tmp_path: Path, authority: Authority
) -> None:
    before, pinned = load_pair(files), pin(files)
    authority.write(tmp_path, "localhost", key=before.key)  # type: ignore[arg-type]
    assert load_pair(files).certificate != before.certificate
    async with served(files) as running:
        await connected(running, f":pin={pinned}")


@ensureDeferred
async def test_another_key_than_the_pinned_one_is_an_alarm_whoever_signed_it(
    files: TlsFiles, root: Path
) -> None:
    async with served(files) as running:
        for options in (f":pin={OTHER}", f":pin={OTHER}:trustRoots={root}"):
            text = await refusal(running, PinMismatch, options)
            assert text.startswith("WARNING: THIS MAY NOT BE YOUR SERVER.")
            assert pin(files) in text
            assert OTHER in text


@ensureDeferred
async def test_nothing_is_said_to_a_server_that_is_not_trusted(files: TlsFiles) -> None:
    async with served(files, Limits()) as running:
        for pinned, register, error in ((OTHER, True, PinMismatch), (pin(files), False, LoginFailed)):
            client = ChatClient(
                reactor,
                f"tls:localhost:{running.port}:pin={pinned}",
                user="messi",
                password="surabaya",
                register=register,
            )
            with pytest.raises(error):
                await client.connect()
            await client.close()


# Who speaks something else, or nothing


def listen_only(connection: socket.socket) -> None:
    """Read until the other side is gone, however it goes."""
    with contextlib.suppress(OSError):
        while connection.recv(4096):
            pass


@asynccontextmanager
async def answering(answer: Callable[[socket.socket], object]) -> AsyncIterator[int]:
    """Run a server on a thread that does one thing with each connection; yield its port."""
    server = socket.create_server(("127.0.0.1", 0))

    def serve() -> None:
        while True:
            try:
                connection, _ = server.accept()
            except OSError:
                return
            with connection:
                answer(connection)

    thread = threading.Thread(target=serve, daemon=True)
    thread.start()
    try:
        yield server.getsockname()[1]
    finally:
        server.shutdown(socket.SHUT_RDWR)
        server.close()
        await in_thread(thread.join, SECONDS)


async def failure(port: int, kind: type[Exception], host: str = "127.0.0.1") -> str:
    with pytest.raises(kind) as caught:
        await connectProtocol(client_endpoint(reactor, f"tls:{host}:{port}:pin={OTHER}"), Protocol())
    return str(caught.value)


@ensureDeferred
@pytest.mark.parametrize(
    "said", [b"220 mail.example.org ESMTP\r\n", b'{"status": "ERROR"}\r\n', b"HTTP/1.0 400 Bad\r\n"]
)
async def test_another_protocol_is_told_as_no_tls(said: bytes) -> None:
    def answer(connection: socket.socket) -> None:
        connection.sendall(said)
        listen_only(connection)

    async with answering(answer) as port:
        assert await failure(port, NoTls) == "127.0.0.1 answers on this port, but without TLS"


@ensureDeferred
async def test_a_server_that_hangs_up_is_no_refusal_that_stays() -> None:
    async with answering(lambda connection: connection.recv(4096)) as port:
        text = await failure(port, ConnectionUnavailable)
    assert text == "127.0.0.1 closed the connection in the TLS handshake"


@ensureDeferred
async def test_a_server_that_says_nothing_is_given_up(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(connecting, "HANDSHAKE_SECONDS", 0.2)

    async with answering(listen_only) as port:
        text = await failure(port, ConnectionUnavailable)
    assert text == "127.0.0.1 did not answer a TLS handshake in 0.2 s; is TLS spoken there?"


@ensureDeferred
@pytest.mark.filterwarnings("ignore:ssl.TLSVersion:DeprecationWarning")
async def test_a_server_of_an_older_tls_is_refused(files: TlsFiles) -> None:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(files.certificate, files.key)
    context.minimum_version = ssl.TLSVersion.TLSv1
    context.maximum_version = ssl.TLSVersion.TLSv1_1
    context.set_ciphers("DEFAULT@SECLEVEL=0")

    def answer(connection: socket.socket) -> None:
        with pytest.raises(ssl.SSLError):
            context.wrap_socket(connection, server_side=True)

    async with answering(answer) as port:
        assert "the TLS handshake with 127.0.0.1 failed: " in await failure(port, ConnectionUnavailable)


@ensureDeferred
async def test_a_closed_port_is_refused_as_without_tls() -> None:
    with socket.create_server(("127.0.0.1", 0)) as server:
        port = server.getsockname()[1]
    assert "refused" in await failure(port, Refused)


@ensureDeferred
async def test_an_attempt_can_be_cancelled_at_any_time() -> None:
    gone = threading.Semaphore(0)

    def answer(connection: socket.socket) -> None:
        listen_only(connection)
        gone.release()

    async with answering(answer) as port:
        endpoint = client_endpoint(reactor, f"tls:127.0.0.1:{port}:pin={OTHER}")
        for seconds in (0.0, 0.1):
            attempt: Deferred[Any] = endpoint.connect(ServerFactory.forProtocol(Protocol))
            await deferLater(reactor, seconds)
            attempt.cancel()
            with pytest.raises(CancelledError):
                await attempt
        assert await in_thread(gone.acquire, timeout=SECONDS)  # the one that had a connection


# ChatClient


@ensureDeferred
async def test_a_chat_client_talks_over_tls(files: TlsFiles, root: Path) -> None:
    async with served(files) as running:
        where = f"tls:localhost:{running.port}:trustRoots={root}"
        messi = ChatClient(reactor, where, user="messi", password="surabaya", register=True)
        lineker = ChatClient(reactor, where, user="lineker", password="surabaya", register=True)
        await messi.connect()
        await lineker.connect()
        await messi.send("lineker", "halo")
        message = await anext(aiter(lineker.messages()))
        assert message.text == "halo"
        await messi.close()
        await lineker.close()


@ensureDeferred
@pytest.mark.parametrize(
    ("endpoint", "kind"),
    [
        ("tls:localhost:{port}:pin=" + OTHER, PinMismatch),
        ("tls:localhost:{port}", UntrustedCertificate),
        ("tls:127.0.0.1:{port}:trustRoots={root}", WrongHost),
        ("tcp:localhost:{port}", TlsNeeded),
    ],
)
async def test_a_server_that_is_not_trusted_closes_a_client_for_good(
    tmp_path: Path, authority: Authority, root: Path, endpoint: str, kind: type[ChatError]
) -> None:
    key, certificate = authority.write(tmp_path, "localhost")
    states: list[State] = []
    async with served(TlsFiles(key=key, certificate=certificate)) as running:
        client = ChatClient(
            reactor,
            endpoint.format(port=running.port, root=root),
            user="messi",
            password="surabaya",
            on_state=lambda state, _: states.append(state),
        )
        with pytest.raises(kind):
            await client.connect()
        await client.close()
    assert states == [State.CONNECTING, State.CLOSED]


@ensureDeferred
async def test_a_client_can_be_closed_while_it_shakes_hands_or_connects() -> None:
    async with answering(listen_only) as port:
        client = ChatClient(reactor, f"tls:127.0.0.1:{port}:pin={OTHER}", user="messi", password="x")
        connecting_ = client.connect()
        await deferLater(reactor, 0.05)
        await client.close()
        with pytest.raises(ConnectionUnavailable):
            await connecting_
    with full() as port:
        for endpoint in (
            HostnameEndpoint(reactor, "127.0.0.1", port),
            client_endpoint(reactor, f"tls:127.0.0.1:{port}:pin={OTHER}"),
        ):
            client = ChatClient(reactor, endpoint, user="messi", password="x")
            connecting_ = client.connect()
            await deferLater(reactor, 0.05)
            await client.close()
            with pytest.raises(ConnectionUnavailable):
                await connecting_


@contextmanager
def full() -> Iterator[int]:
    """Yield a port where a connection neither succeeds nor fails: its queue is full."""
    with socket.socket() as server:
        server.bind(("127.0.0.1", 0))
        server.listen(0)
        waiting = []
        for _ in range(3):
            one = socket.socket()
            one.setblocking(False)
            one.connect_ex(server.getsockname())
            waiting.append(one)
        time.sleep(0.01)
        yield server.getsockname()[1]
        for one in waiting:
            one.close()


# Endpoint strings


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("tls:localhost", "expected tls:HOST:PORT"),
        ("tls:localhost:x", "expected tls:HOST:PORT"),
        ("tls:localhost:1:verify=no", "expected tls:HOST:PORT"),
        ("tls:localhost:1:pin=sha256:12", "expected sha256: and 64 hexadecimal digits, not 'sha256:12'"),
        ("tls:localhost:1:trustRoots=/nonexistent", "/nonexistent: cannot be read: No such file"),
        ("ssl:localhost:1", "write tls:HOST:PORT, which verifies the server"),
        ("nonsense:1", "nonsense"),
    ],
)
def test_a_string_that_is_none_says_what_is_expected(text: str, message: str) -> None:
    with pytest.raises(ValueError, match=re.escape(message)):
        client_endpoint(reactor, text)


def test_roots_have_to_be_certificates(tmp_path: Path) -> None:
    (tmp_path / "root.pem").write_text("x")
    for path in (tmp_path / "root.pem", tmp_path):
        with pytest.raises(ValueError, match="has no certificate in PEM"):
            client_endpoint(reactor, f"tls:localhost:1:trustRoots={path}")
    (tmp_path / "empty").mkdir()
    with pytest.raises(ValueError, match="has no certificate in PEM"):
        client_endpoint(reactor, f"tls:localhost:1:trustRoots={tmp_path}/empty")


@ensureDeferred
async def test_other_endpoints_are_twisteds_and_the_port_without_tls_says_so(files: TlsFiles) -> None:
    async with served(files) as running:
        caller = Caller()
        await connectProtocol(client_endpoint(reactor, f"tcp:host=127.0.0.1:port={running.port}"), caller)
        caller.say(b"halo\r\n")
        await caller.ended
    assert b'"tls-needed"' in caller.heard
