"""Certificates that are replaced while the server runs."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from pytest_twisted import ensureDeferred
from twisted.internet.protocol import Factory, Protocol
from twisted.internet.ssl import Certificate
from twisted.internet.task import Clock
from twisted.logger import ILogObserver, LogEvent, LogLevel, formatEvent, globalLogPublisher
from zope.interface import implementer

from chatproto.tls.certificates import BadCertificate, TlsFiles, load_pair
from chatproto.tls.serving import Certificates, TlsFactory
from tests.authority import Authority, new_key, write_key
from tests.tls_serving import Served, call, in_thread, served, shaking_hands


@implementer(ILogObserver)
class Log:
    """What the certificates logged."""

    def __init__(self) -> None:
        self.events: list[LogEvent] = []

    def __call__(self, event: LogEvent) -> None:
        if event.get("log_namespace", "").startswith("chatproto.tls"):
            self.events.append(event)

    def take(self, level: LogLevel) -> list[str]:
        """Return, and forget, what was said on one level, and forget the rest."""
        taken = [formatEvent(event) for event in self.events if event["log_level"] is level]
        self.events.clear()
        return taken


@pytest.fixture
def log() -> Iterator[Log]:
    log = Log()
    globalLogPublisher.addObserver(log)
    yield log
    globalLogPublisher.removeObserver(log)


@pytest.fixture
def authority() -> Authority:
    return Authority()


@pytest.fixture
def files(tmp_path: Path, authority: Authority) -> TlsFiles:
    key, certificate = authority.write(tmp_path, "localhost")
    return TlsFiles(key=key, certificate=certificate)


def serial(files: TlsFiles) -> int:
    """Return the number by which a certificate in a file is known."""
    return load_pair(files).certificate.serial_number


async def shown(running: Served) -> int:
    """Return the number of the certificate that a new connection is shown."""

    def look(port: int) -> int:
        with shaking_hands(port) as client:
            der: Any = client.getpeercert(binary_form=True)
        return int(Certificate.load(der).serialNumber())

    return await in_thread(look, running.port)


@ensureDeferred
async def test_a_renewed_certificate_is_taken_up_by_the_next_connection(
    files: TlsFiles, authority: Authority, tmp_path: Path, log: Log
) -> None:
    async with served(files) as running:
        before = serial(files)
        assert await shown(running) == before
        old = await call(running, files)
        authority.write(tmp_path, "localhost")
        running.clock.advance(1)
        assert await shown(running) == serial(files) != before
        assert len(log.take(LogLevel.info)) == 2  # at the start, and now
        old.say(b'{"do":"hello"}\r\n')
        await old.hears(b'"realm":"alpha"')
        old.hang_up()
        await old.ended


@ensureDeferred
async def test_a_link_that_is_moved_is_a_renewal_as_well(
    authority: Authority, tmp_path: Path, log: Log
) -> None:
    """Authorities' tools keep every certificate, and move links from one to the next."""
    live = tmp_path / "live"
    live.mkdir()
    for number in ("1", "2"):
        authority.write(tmp_path / number, "localhost")
    key, certificate = live / "privkey.pem", live / "fullchain.pem"
    for link in (key, certificate):
        link.symlink_to(tmp_path / "1" / link.name)
    files = TlsFiles(key=key, certificate=certificate)
    async with served(files) as running:
        before = await shown(running)
        for link in (key, certificate):
            new = link.with_suffix(".new")
            new.symlink_to(tmp_path / "2" / link.name)
            new.replace(link)
            # In between the two do not belong together; the old pair is shown.
            running.clock.advance(1)
            assert await shown(running) == (before if link is key else serial(files))
        assert serial(files) != before
    [error] = log.take(LogLevel.error)
    assert "the certificate is not replaced: the key" in error


@ensureDeferred
async def test_a_broken_renewal_leaves_the_old_certificate_and_is_told_once(
    files: TlsFiles, authority: Authority, tmp_path: Path, log: Log
) -> None:
    async with served(files) as running:
        before = serial(files)
        for spoil in (
            lambda: files.certificate.write_text("x"),
            lambda: write_key(files.key, new_key()),
            files.certificate.unlink,
        ):
            log.events.clear()
            spoil()
            for _ in range(3):
                running.clock.advance(1)
                assert await shown(running) == before
            [error] = log.take(LogLevel.error)
            assert error.startswith("listen.client: the certificate is not replaced: ")
        authority.write(tmp_path, "localhost")
        running.clock.advance(1)
        assert await shown(running) == serial(files) != before


@ensureDeferred
async def test_files_are_looked_at_once_a_second_unless_told(
    files: TlsFiles, authority: Authority, tmp_path: Path
) -> None:
    async with served(files) as running:
        before = serial(files)
        authority.write(tmp_path, "localhost")
        running.clock.advance(0.9)
        assert await shown(running) == before
        running.certificates.reload()
        assert await shown(running) == serial(files)


def test_a_reload_reads_files_that_look_the_same(files: TlsFiles, authority: Authority, log: Log) -> None:
    """A copied file may have the old one's time and size."""
    certificates = Certificates("client", files, Clock())
    certificates.load()
    log.events.clear()
    certificates.reload()
    [note] = log.take(LogLevel.info)
    assert str(load_pair(files).fingerprint) in note


def test_a_first_pair_that_cannot_be_used_is_an_error(files: TlsFiles) -> None:
    files.key.unlink()
    with pytest.raises(BadCertificate):
        Certificates("client", files, Clock()).load()


def test_a_self_signed_certificate_is_made_once(tmp_path: Path, log: Log) -> None:
    files = TlsFiles.self_signed(tmp_path / "tls", ("localhost",))
    Certificates("client", files, Clock()).load()
    assert len(log.take(LogLevel.info)) == 2
    made = {path: path.read_bytes() for path in files.paths}
    Certificates("client", files, Clock()).load()
    [note] = log.take(LogLevel.info)
    assert {path: path.read_bytes() for path in files.paths} == made
    assert str(load_pair(files).fingerprint) in note


def test_a_certificate_that_ends_is_told_of_every_day(authority: Authority, tmp_path: Path, log: Log) -> None:
    key, certificate = authority.write(tmp_path, "localhost", days=20.5)
    clock = Clock()
    certificates = Certificates(
        "client",
        TlsFiles(key=key, certificate=certificate),
        clock,
        now=lambda: datetime.now(UTC) + timedelta(seconds=clock.seconds()),
    )
    certificates.load()

    def week() -> list[str]:
        """Let an hour pass, and a client come, for a week."""
        log.events.clear()
        for _ in range(7 * 24):
            clock.advance(3600)
            factory = TlsFactory(certificates, Factory.forProtocol(Protocol), clock)
            certificates.serverConnectionForTLS(factory.protocol(factory, Protocol()))
        return log.take(LogLevel.warn)

    assert len(week()) == 1
    assert len(week()) == 7
    certificate.write_text("a renewal that failed")
    assert "expired on" in week()[-1]
