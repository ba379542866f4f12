"""Serving with a certificate that may be replaced while the server runs."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, cast

from OpenSSL.SSL import Connection
from twisted.internet.interfaces import (
    IAddress,
    IOpenSSLServerConnectionCreator,
    IProtocolFactory,
    IReactorTime,
)
from twisted.internet.ssl import CertificateOptions
from twisted.logger import Logger
from twisted.protocols.tls import TLSMemoryBIOFactory, TLSMemoryBIOProtocol
from zope.interface import implementer

from chatproto.tls.certificates import (
    BadCertificate,
    Finding,
    Pair,
    TlsFiles,
    Weight,
    findings,
    load_pair,
    validity,
)
from chatproto.tls.making import make_self_signed

#: How often it is looked whether the files have changed: a look costs microseconds, and a renewal can wait.
_LOOK_SECONDS = 1.0
#: How often an operator is told of a certificate that ends or has ended.
_REMIND_SECONDS = 86400.0

#: How a client begins that speaks TLS.
_HANDSHAKE = b"\x16"

#: What tells whether a file is another one than before.
_Mark = tuple[int, int, int] | None


@implementer(IOpenSSLServerConnectionCreator)
class Certificates:
    """The certificate of one listener, which is read again when its files change.

    ``name`` is the listener's, for the log. Files are looked at when a client connects, so that a renewal is
    taken up without a signal. A pair that cannot be used is logged, and the one before stays; connections
    that are open are not touched.
    """

    _log = Logger()

    def __init__(
        self,
        name: str,
        files: TlsFiles,
        clock: IReactorTime,
        now: Callable[[], datetime] = lambda: datetime.now(UTC),
    ) -> None:
        self._name = name
        self._files = files
        self._clock = clock
        self._now = now
        #: What is served with; None before load().
        self._pair: Pair | None = None
        self._options: CertificateOptions | None = None
        self._marks: list[_Mark] = []
        self._looked_at = self._reminded_at = 0.0

    def load(self) -> None:
        """Read the files for the first time, and make them if that was asked for.

        :raises BadCertificate: they cannot be used.
        """
        if self._files.to_be_made:
            make_self_signed(self._files.key.parent, self._files.names or ())
            self._log.info("made {path}, self-signed", path=str(self._files.certificate))
        self._load()

    def reload(self) -> None:
        """Read the files again, whether they have changed or not."""
        try:
            self._load()
        except BadCertificate as error:
            self._log.error(
                "listen.{name}: the certificate is not replaced: {reason}", name=self._name, reason=str(error)
            )

    def serverConnectionForTLS(self, protocol: TLSMemoryBIOProtocol) -> Connection:
        """Return a new connection's TLS, with the certificate that is in the files now."""
        now = self._clock.seconds()
        if now - self._looked_at >= _LOOK_SECONDS:
            self._looked_at = now
            if self._marks != self._look():
                self.reload()
        if now - self._reminded_at >= _REMIND_SECONDS and self._pair is not None:
            self._reminded_at = now
            self._tell(validity(self._pair.certificate, self._files.certificate, self._now()))
        assert self._options is not None, "load() comes first"
        return self._options.serverConnectionForTLS(protocol)

    def _load(self) -> None:
        # Looked at before they are read: a file that is replaced meanwhile differs at the next look.
        self._marks = self._look()
        pair = load_pair(self._files)
        self._options = pair.options()
        self._pair = pair
        self._looked_at = self._reminded_at = self._clock.seconds()
        self._tell(findings(self._files, self._now()))

    def _look(self) -> list[_Mark]:
        return [_mark(path) for path in self._files.paths]

    def _tell(self, found: Iterable[Finding]) -> None:
        for finding in found:
            say = self._log.info if finding.weight is Weight.NOTE else self._log.warn
            say("listen.{name}: TLS: {text}", name=self._name, text=finding.text)


def _mark(path: Path) -> _Mark:
    try:
        status = path.stat()
    except OSError:
        return None
    return status.st_mtime_ns, status.st_size, status.st_ino


class _ServerTls(TLSMemoryBIOProtocol):
    """One connection's TLS, which has a word for those who speak none."""

    _begun = False

    def dataReceived(self, bytes: bytes) -> None:
        """Take a read; the first one has to begin a handshake."""
        if not self._begun:
            self._begun = True
            if not bytes.startswith(_HANDSHAKE):
                below, factory = cast("Any", self.transport), cast("TlsFactory", self.factory)
                below.write(factory.plain_refusal)
                below.loseConnection()
                return
        super().dataReceived(bytes)


class TlsFactory(TLSMemoryBIOFactory):
    """Puts TLS before the protocols of another factory.

    ``plain_refusal`` is said to who speaks no TLS. The joining of small writes, which Twisted adds to TLS, is
    left out: the protocols of chatproto join what they write.
    """

    protocol = _ServerTls

    def __init__(
        self,
        certificates: Certificates,
        factory: IProtocolFactory,
        clock: IReactorTime,
        plain_refusal: bytes = b"",
    ) -> None:
        super().__init__(certificates, False, factory, clock)
        self.plain_refusal = plain_refusal

    def buildProtocol(  # type: ignore[override] # a port takes None of every factory
        self, addr: IAddress | None
    ) -> TLSMemoryBIOProtocol | None:
        """Return a connection's TLS; None, which closes it before a handshake, if the factory wants none."""
        wrapped = self.wrappedFactory.buildProtocol(addr)
        return None if wrapped is None else self.protocol(self, wrapped)
