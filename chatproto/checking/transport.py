"""The keys and certificates of TLS listeners."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime

from chatproto.checking.findings import Finding, Level, Setup, fail
from chatproto.tls.certificates import BadCertificate, TlsFiles, Weight, findings, read_certificates

_LEVELS = {Weight.ERROR: Level.FAIL, Weight.WARNING: Level.WARN, Weight.NOTE: Level.OK}


def check_tls(setup: Setup) -> Iterator[Finding]:
    """Say what is to be said of each certificate."""
    for listener in setup.config.listeners:
        if listener.tls is None:
            continue
        what = f"tls listen.{listener.name}"
        ended = _ended(listener.tls)
        if ended is not None:
            # A server serves it all the same, for clients that pin its key; all others are locked out.
            yield fail(what, f"{listener.tls.certificate}: expired on {ended:%Y-%m-%d}; renew it")
        for found in findings(listener.tls):
            if ended is None or ": expired on" not in found.text:
                yield Finding(_LEVELS[found.weight], what, found.text)


def _ended(files: TlsFiles) -> datetime | None:
    try:
        end = read_certificates(files.certificate)[0].not_valid_after_utc
    except BadCertificate:
        return None
    return end if end < datetime.now(UTC) else None
