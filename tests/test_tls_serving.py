"""The server's side of TLS on real sockets: handshakes, ends, bounds."""

from __future__ import annotations

import json
import socket
import ssl
import subprocess
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from cryptography.hazmat.primitives.asymmetric import rsa
from pytest_twisted import ensureDeferred
from twisted.internet.error import ConnectionDone

from chatproto.limits import Limits
from chatproto.protocols.outbox import Outbox
from chatproto.tls.certificates import TlsFiles
from chatproto.tls.making import make_self_signed
from tests.authority import Authority
from tests.tls_serving import SECONDS, call, call_plainly, in_thread, served, shaking_hands, until

REGISTER = b'{"do":"register","user":"messi","password":"x"}\r\n'


@pytest.fixture
def files(tmp_path: Path) -> TlsFiles:
    make_self_signed(tmp_path, ["localhost"])
    return TlsFiles.self_signed(tmp_path, ("localhost",))


# Handshakes


@ensureDeferred
async def test_a_certificate_of_an_authority_is_served_with_its_chain(tmp_path: Path) -> None:
    root = Authority()
    between = Authority("Between", root)
    key, certificate = between.write(tmp_path, "localhost")
    chain = between.root(tmp_path)

    def greeted(port: int) -> bytes:
        trusted = tmp_path / "trusted"
        trusted.mkdir()
        with shaking_hands(port, root.root(trusted)) as client:
            client.sendall(b'{"do":"hello"}\r\n')
            return client.recv(4096)

    async with served(TlsFiles(key=key, certificate=certificate, chain=chain)) as running:
        assert b'"realm":"alpha"' in await in_thread(greeted, running.port)


@ensureDeferred
@pytest.mark.parametrize("version", [ssl.TLSVersion.TLSv1_2, ssl.TLSVersion.TLSv1_3])
async def test_tls_from_1_2_on_is_spoken_with_forward_secrecy(
    files: TlsFiles, version: ssl.TLSVersion
) -> None:
    def spoken(port: int) -> tuple[str | None, str]:
        with shaking_hands(port, minimum_version=version, maximum_version=version) as client:
            cipher = client.cipher()
            assert cipher is not None
            return client.version(), cipher[0]

    async with served(files) as running:
        name, cipher = await in_thread(spoken, running.port)
    assert name == version.name.replace("_", ".")
    assert cipher.startswith(("ECDHE-", "TLS_AES_", "TLS_CHACHA20_"))


@ensureDeferred
async def test_a_client_may_name_protocols(files: TlsFiles) -> None:
    def negotiated(port: int) -> str | None:
        with shaking_hands(port, protocols=("h2", "http/1.1")) as client:
            return client.selected_alpn_protocol()

    async with served(files) as running:
        assert await in_thread(negotiated, running.port) is None


@ensureDeferred
@pytest.mark.parametrize("ciphers", ["AES128-GCM-SHA256", "ECDHE-RSA-AES128-SHA256", "ADH-AES128-GCM-SHA256"])
async def test_ciphers_without_forward_secrecy_or_authentication_are_refused(
    tmp_path: Path, ciphers: str
) -> None:
    key, certificate = Authority().write(tmp_path, key=rsa.generate_private_key(65537, 2048))
    version = ssl.TLSVersion.TLSv1_2

    def refused(port: int) -> None:
        with pytest.raises(ssl.SSLError):
            shaking_hands(port, ciphers=ciphers, maximum_version=version).close()

    async with served(TlsFiles(key=key, certificate=certificate)) as running:
        await in_thread(refused, running.port)


@ensureDeferred
@pytest.mark.filterwarnings("ignore:ssl.TLSVersion:DeprecationWarning")
async def test_older_versions_are_refused(files: TlsFiles) -> None:
    old = ssl.TLSVersion.TLSv1_1

    def refused(port: int) -> None:
        with pytest.raises(ssl.SSLError):
            shaking_hands(port, minimum_version=ssl.TLSVersion.TLSv1, maximum_version=old).close()

    async with served(files) as running:
        await in_thread(refused, running.port)


@ensureDeferred
@pytest.mark.parametrize("said", [b'{"do":"hello"}\r\n', b"login messi surabaya\r\n", b"\r\n"])
async def test_who_speaks_no_tls_is_told_so(files: TlsFiles, said: bytes) -> None:
    async with served(files) as running:
        caller = await call_plainly(running)
        caller.say(said)
        assert await caller.ended is ConnectionDone
    assert json.loads(caller.heard)["code"] == "tls-needed"


@ensureDeferred
@pytest.mark.parametrize("said", [b"", b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03"])
async def test_the_time_to_log_in_includes_the_handshake(files: TlsFiles, said: bytes) -> None:
    async with served(files, Limits(login_seconds=0.2)) as running:
        begun = time.monotonic()
        caller = await call_plainly(running)
        caller.say(said)
        await caller.ended
        assert 0.15 < time.monotonic() - begun < 3
        await until(lambda: not running.factory.connections())
    assert caller.heard == b""


@ensureDeferred
async def test_after_the_handshake_the_end_of_the_time_is_told(files: TlsFiles) -> None:
    async with served(files, Limits(login_seconds=0.2)) as running:
        caller = await call(running, files)
        await caller.ended
    assert b'"login-timeout"' in caller.heard


@ensureDeferred
@pytest.mark.parametrize("limits", [Limits(connections=2), Limits(connections_per_address=2)])
async def test_connections_count_from_their_first_moment(files: TlsFiles, limits: Limits) -> None:
    async with served(files, limits) as running:
        silent = await call_plainly(running)
        second = await call(running, files)
        third = await call_plainly(running)
        await third.ended  # closed at once, without a word: there was no handshake in which to say it
        assert third.heard == b""
        assert len(running.factory.connections()) == 2
        silent.hang_up()
        await silent.ended
        await until(lambda: len(running.factory.connections()) == 1)
        fourth = await call(running, files)
        fourth.say(b'{"do":"hello"}\r\n')
        await fourth.hears(b'"realm":"alpha"')
        for caller in (second, fourth):
            caller.hang_up()
            await caller.ended


# Ends


@ensureDeferred
async def test_the_last_reply_arrives_at_a_client_that_still_writes(files: TlsFiles) -> None:
    async with served(files, Limits(bad_lines_before_login=1)) as running:
        caller = await call(running, files)
        caller.say(b"foo\r\n" * 100_000)
        assert await caller.ended is ConnectionDone
    assert caller.heard.count(b"**Protocol Tidak Benar") == 2


@ensureDeferred
async def test_a_client_that_does_not_answer_the_end_is_closed(files: TlsFiles) -> None:
    """It reads neither the reply nor TLS's end of it, and keeps its socket."""

    def silent(port: int) -> float:
        with shaking_hands(port) as client:
            client.sendall(b"foo\r\n" * 3)
            begun = time.monotonic()
            raw = socket.socket(fileno=client.detach())
            raw.settimeout(SECONDS)
            try:
                while raw.recv(65536):
                    pass
            finally:
                raw.close()
            return time.monotonic() - begun

    async with served(files, Limits(bad_lines_before_login=1)) as running:
        assert await in_thread(silent, running.port) < 3


@ensureDeferred
async def test_a_drain_says_goodbye_and_waits_for_no_handshake(files: TlsFiles) -> None:
    async with served(files) as running:
        caller = await call(running, files)
        caller.say(REGISTER + b'{"do":"listen"}\r\n')
        await caller.hears(b'"epoch"')
        silent = await call_plainly(running)
        await until(lambda: len(running.factory.connections()) == 2)
        begun = time.monotonic()
        await running.factory.drain()
        assert time.monotonic() - begun < 3
        assert await caller.ended is ConnectionDone
        await silent.ended
    assert b'{"event":"goodbye"' in caller.heard


@ensureDeferred
async def test_a_client_that_ends_tls_is_gone(files: TlsFiles) -> None:
    async with served(files) as running:
        caller = await call(running, files)
        caller.hang_up()
        assert await caller.ended is ConnectionDone
        await until(lambda: not running.factory.connections())


# Bounds


def outbox_of(protocol: Any) -> Outbox:
    outbox = protocol._outbox
    assert isinstance(outbox, Outbox)
    return outbox


@ensureDeferred
async def test_a_client_that_never_reads_holds_little_and_is_closed(files: TlsFiles) -> None:
    limits = Limits(progress_seconds=0.5)
    most = 0
    async with served(files, limits) as running:
        caller = await call(running, files)
        caller.say(REGISTER)
        await caller.hears(b'"token"')
        transport: Any = caller.transport
        transport.pauseProducing()
        caller.say(b'{"do":"hello"}\r\n' * 50_000)
        [connection] = running.factory.connections()

        def gone() -> bool:
            nonlocal most
            tls: Any = connection.transport
            below = getattr(tls, "transport", None)
            held = len(below.dataBuffer) + below._tempDataLen if below is not None else 0
            most = max(most, outbox_of(connection).unsent + held)
            return not running.factory.connections()

        await until(gone)
        transport.resumeProducing()
        await caller.ended
    # A few pieces of 64 KiB, where all the replies together are about 100 MB.
    assert 64 * 1024 < most < 1024 * 1024


@ensureDeferred
async def test_a_client_that_reads_late_gets_every_reply_in_order(files: TlsFiles) -> None:
    count = 3000

    def late(port: int) -> list[int]:
        with shaking_hands(port) as client, client.makefile("rb") as lines:
            client.sendall(REGISTER)
            lines.readline()
            commands = (f'{{"do":"hello","id":{number}}}\r\n' for number in range(count))
            client.settimeout(1)
            rest = "".join(commands).encode()
            sent = 0
            while sent < len(rest):  # until the server has stopped to read
                try:
                    sent += client.send(rest[sent : sent + 16384])
                except TimeoutError:
                    break
            client.settimeout(SECONDS)
            whole = rest[:sent].count(b"\n")
            return [json.loads(lines.readline())["re"] for _ in range(whole)]

    async with served(files) as running:
        answered = await in_thread(late, running.port)
    assert answered == list(range(len(answered)))
    assert len(answered) > 500


# Old clients


@ensureDeferred
async def test_a_text_client_goes_through_openssl(
    files: TlsFiles, require: Callable[[str], str], tmp_path: Path
) -> None:
    openssl = require("openssl")

    def talk(port: int) -> str:
        command = (openssl, "s_client", "-quiet", "-crlf", "-verify_return_error")
        where = ("-connect", f"127.0.0.1:{port}", "-CAfile", str(tmp_path / "cert.pem"))
        client = subprocess.Popen(
            [*command, *where],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )
        assert client.stdin is not None
        assert client.stdout is not None
        client.stdin.write("register messi surabaya\nsend messi halo\ninbox\n")
        client.stdin.flush()
        said = ""
        while "halo" not in said:
            line = client.stdout.readline()
            assert line, said
            said += line
        client.kill()
        client.communicate(timeout=SECONDS)
        return said

    async with served(files) as running:
        said = await in_thread(talk, running.port)
        await until(lambda: not running.factory.connections())
    assert "Message Sent" in said
