"""Whom a client trusts, and a clear word on whom it does not.

The handshake is finished with whoever answers, and judged before a byte of ours is sent. So a refusal can
show the key that was found, for an operator to compare.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.x509 import Certificate
from msgspec import Struct
from OpenSSL import SSL
from OpenSSL.crypto import X509
from service_identity import CertificateError, VerificationError
from service_identity.cryptography import verify_certificate_hostname, verify_certificate_ip_address
from twisted.internet.abstract import isIPAddress, isIPv6Address
from twisted.internet.interfaces import IOpenSSLClientConnectionCreator
from twisted.internet.ssl import Certificate as TwistedCertificate
from twisted.internet.ssl import platformTrust, trustRootFromCertificates
from twisted.protocols.tls import TLSMemoryBIOProtocol
from zope.interface import implementer

from chatproto.errors import Distrust, PinMismatch, UntrustedCertificate, WrongHost
from chatproto.tls.certificates import BadCertificate, names_of, read_certificates
from chatproto.tls.fingerprints import Fingerprint

#: Why a chain of certificates leads to no trusted root, by OpenSSL's numbers.
_REASONS: Mapping[int, str] = {
    9: "it is not valid yet; is this machine's clock right?",
    10: "it has expired",
    18: "it is self-signed",
    19: "its chain ends at a root that is not trusted",
    20: "its issuer is not known here",
    21: "its issuer is not known here",
}


class Trust(Struct, frozen=True):
    """Whom a client trusts.

    With a ``pin`` exactly the server with that key, whatever its certificate says. Otherwise a server with a
    certificate for the host name, from an authority in the file or folder ``roots``, or from one that the
    system trusts.
    """

    pin: Fingerprint | None = None
    roots: Path | None = None

    def openssl_roots(self) -> Any:
        """Return the roots as Twisted takes them: none where a pin decides.

        :raises BadCertificate: they cannot be read.
        """
        if self.pin is not None:
            return trustRootFromCertificates([])
        if self.roots is None:
            return platformTrust()
        files = sorted(self.roots.glob("*.pem")) if self.roots.is_dir() else [self.roots]
        found = [each for file in files for each in read_certificates(file)]
        if not found:
            raise BadCertificate(f"{self.roots}: has no certificate in PEM")
        return trustRootFromCertificates([TwistedCertificate(X509.from_cryptography(each)) for each in found])


def _is_for(certificate: Certificate, host: str) -> bool:
    try:
        if isIPAddress(host) or isIPv6Address(host):
            verify_certificate_ip_address(certificate, host)
        else:
            verify_certificate_hostname(certificate, host)
    except (VerificationError, CertificateError, ValueError):
        return False
    return True


@implementer(IOpenSSLClientConnectionCreator)
class Handshake:
    """One connection's handshake with ``host``, and what is to be thought of the server."""

    def __init__(self, options: IOpenSSLClientConnectionCreator, host: str, trust: Trust) -> None:
        self._options = options
        self.host = host
        self._pin = trust.pin
        self._connection: SSL.Connection | None = None
        self._seen = False
        self._error: int | None = None

    def clientConnectionForTLS(self, protocol: TLSMemoryBIOProtocol) -> SSL.Connection:
        """Return the connection's TLS."""
        self._connection = connection = self._options.clientConnectionForTLS(protocol)
        connection.set_verify(SSL.VERIFY_PEER | SSL.VERIFY_FAIL_IF_NO_PEER_CERT, self._found)
        return connection

    def _found(self, _: SSL.Connection, certificate: X509, error: int, depth: int, fine: int) -> bool:
        """Note what OpenSSL finds wrong with the chain of certificates, and let it go on to the server's."""
        self._seen = True
        if not fine and self._error is None:
            self._error = error
        return True

    def verdict(self) -> Distrust | None:
        """Return what is wrong with the server, if anything is, after the handshake."""
        connection, self._connection = self._connection, None
        found = connection and connection.get_peer_certificate(as_cryptography=True)
        if not found:
            return UntrustedCertificate(f"{self.host} showed no certificate")
        try:
            key = Fingerprint.of(found.public_key())
        except (ValueError, UnsupportedAlgorithm):
            return UntrustedCertificate(f"the key of {self.host} is of an unknown kind")
        if self._pin is not None:
            return None if key == self._pin else _mismatch(self.host, key, self._pin)
        if self._error is not None or not self._seen:
            return _untrusted(self.host, key, self._error)
        if not _is_for(found, self.host):
            names = ", ".join(names_of(found)) or "no host at all"
            return WrongHost(
                f"the certificate is for {names}, not for {self.host}; the fingerprint of its key is {key}"
            )
        return None


def _untrusted(host: str, key: Fingerprint, error: int | None) -> UntrustedCertificate:
    reason = _REASONS.get(error or 0, f"OpenSSL's error {error}")
    return UntrustedCertificate(
        f"the certificate of {host} is not trusted: {reason}. Its key has the fingerprint {key}; if the "
        "operator confirms that, in another way than this one, pin it: --pin, or pin= in an endpoint"
    )


def _mismatch(host: str, key: Fingerprint, pin: Fingerprint) -> PinMismatch:
    return PinMismatch(
        f"WARNING: THIS MAY NOT BE YOUR SERVER. The key of {host} is {key}, and {pin} was pinned. Either "
        "somebody listens in between, or the server has a new key. Nothing was sent. Ask the operator, in "
        "another way than this one, before you pin another key"
    )
