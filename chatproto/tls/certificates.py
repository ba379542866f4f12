"""A listener's key and certificate: where they are, whether they are usable, what is to be said of them."""

from __future__ import annotations

import enum
import stat
from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any, Self

from cryptography import x509
from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.hazmat.primitives.asymmetric import ec, ed448, ed25519, rsa
from cryptography.hazmat.primitives.serialization import load_pem_private_key
from msgspec import Struct
from OpenSSL import SSL
from twisted.internet.ssl import AcceptableCiphers, CertificateOptions

from chatproto.tls.fingerprints import Fingerprint, der

#: The kinds of keys that TLS servers have.
ServerKey = rsa.RSAPrivateKey | ec.EllipticCurvePrivateKey | ed25519.Ed25519PrivateKey | ed448.Ed448PrivateKey
#: Those of TLS 1.2 with forward secrecy and authenticated encryption, which every client of ten years has;
#: TLS 1.3 has no others.
_CIPHERS = AcceptableCiphers.fromOpenSSLCipherString("ECDHE+AESGCM:ECDHE+CHACHA20:!aNULL")
#: From here on an operator is told that a certificate ends: authorities' tools renew a month before.
SOON = timedelta(days=14)
#: What a folder with a self-signed certificate holds.
KEY, CERTIFICATE = "key.pem", "cert.pem"


class BadCertificate(Exception):
    """A key or a certificate cannot be used; the message is one line for the operator."""


class Weight(enum.Enum):
    """How much a finding matters."""

    ERROR = "error"  #: nobody can be served so
    WARNING = "warning"  #: somebody should look at it
    NOTE = "note"  #: nothing is wrong


class Finding(Struct, frozen=True):
    """Something to be said about a listener's certificate."""

    weight: Weight
    text: str


class TlsFiles(Struct, frozen=True, kw_only=True):
    """Where the key and the certificate of a listener are, with absolute paths.

    The file of the certificate may also hold those of the authorities between it and the root; ``chain``
    is one more file of such. ``names`` are there if a missing self-signed certificate is to be made for them.
    """

    key: Path
    certificate: Path
    chain: Path | None = None
    names: tuple[str, ...] | None = None

    @classmethod
    def self_signed(cls, folder: Path, names: tuple[str, ...]) -> Self:
        """Return those in a folder in which they are made if they are missing."""
        return cls(key=folder / KEY, certificate=folder / CERTIFICATE, names=names)

    @property
    def paths(self) -> tuple[Path, ...]:
        """The files, each once."""
        paths = (self.key, self.certificate, self.chain)
        return tuple(dict.fromkeys(path for path in paths if path is not None))

    @property
    def to_be_made(self) -> bool:
        """Whether a self-signed certificate was asked for and is not there."""
        return self.names is not None and not self.certificate.exists()


class Pair(Struct, frozen=True):
    """A private key, its certificate, and those of the authorities between it and the root."""

    key: ServerKey
    certificate: x509.Certificate
    chain: tuple[x509.Certificate, ...]

    def __repr__(self) -> str:
        return f"Pair({self.fingerprint})"

    @property
    def fingerprint(self) -> Fingerprint:
        """What clients may pin."""
        return Fingerprint.of(self.certificate.public_key())

    def options(self) -> CertificateOptions:
        """Return how Twisted serves with them: TLS 1.2 and later.

        :raises BadCertificate: OpenSSL takes the key for too weak, or for none of its kinds.
        """
        # Twisted's signature names pyOpenSSL's own types, which pyOpenSSL gives up for these.
        taken: Any = {
            "privateKey": self.key,
            "certificate": self.certificate,
            "extraCertChain": list(self.chain),
            "acceptableCiphers": _CIPHERS,
        }
        try:
            options = CertificateOptions(**taken)
            # A client may name protocols, as proxies do; Twisted's own answer, with none, ends the handshake.
            options.getContext().set_alpn_select_callback(lambda *_: SSL.NO_OVERLAPPING_PROTOCOLS)
        except (SSL.Error, ValueError, TypeError) as error:
            raise BadCertificate(f"OpenSSL refuses the certificate: {_openssl_reason(error)}") from error
        return options


def load_pair(files: TlsFiles) -> Pair:
    """Read a key and its certificate.

    :raises BadCertificate: a file cannot be read or has something else in it, or they do not belong together.
    """
    key = load_key(files.key)
    certificate, *chain = read_certificates(files.certificate)
    if files.chain is not None:
        chain += read_certificates(files.chain)
    try:
        belongs = der(certificate.public_key()) == der(key.public_key())
    except (ValueError, UnsupportedAlgorithm) as error:
        raise BadCertificate(f"{files.certificate}: is for a key of an unknown kind") from error
    if not belongs:
        raise BadCertificate(f"the key {files.key} does not belong to the certificate {files.certificate}")
    return Pair(key, certificate, tuple(chain))


def load_key(path: Path) -> ServerKey:
    """Return the private key in a file.

    :raises BadCertificate: it cannot be read, has none, or one of a kind that signs nothing.
    """
    pem = _read(path)
    try:
        key = load_pem_private_key(pem, password=None)
    except TypeError as error:  # what cryptography raises for one with a passphrase
        raise BadCertificate(f"{path}: has a passphrase; a server needs a key without one") from error
    except Exception as error:  # its parsers raise what they like
        raise BadCertificate(f"{path}: has no private key in PEM") from error
    if not isinstance(key, ServerKey):
        raise BadCertificate(f"{path}: is a key of a kind that servers do not have")
    return key


def read_certificates(path: Path) -> list[x509.Certificate]:
    """Return the certificates in a file, at least one.

    :raises BadCertificate: it cannot be read or has none.
    """
    try:
        return x509.load_pem_x509_certificates(_read(path))
    except ValueError as error:
        raise BadCertificate(f"{path}: has no certificate in PEM") from error


def _read(path: Path) -> bytes:
    try:
        return path.read_bytes()
    except OSError as error:
        raise BadCertificate(f"{path}: cannot be read: {error.strerror}") from error


def names_of(certificate: x509.Certificate) -> list[str]:
    """Return the host names and addresses that a certificate is for."""
    try:
        names = certificate.extensions.get_extension_for_class(x509.SubjectAlternativeName).value
    except (x509.ExtensionNotFound, ValueError):
        return []
    found: list[str] = names.get_values_for_type(x509.DNSName)
    return found + [str(address) for address in names.get_values_for_type(x509.IPAddress)]


def findings(files: TlsFiles, now: datetime | None = None) -> list[Finding]:
    """Return what is to be said of a listener's key and certificate, the gravest first.

    Only if none of it is an ``ERROR`` the listener can be opened.
    """
    now = now or datetime.now(UTC)
    if files.to_be_made:
        return [Finding(Weight.NOTE, f"{files.certificate}: a self-signed certificate is made at the start")]
    try:
        pair = load_pair(files)
        pair.options()
    except BadCertificate as error:
        return [Finding(Weight.ERROR, str(error)), *_exposed(files.key)]
    where, certificate = files.certificate, pair.certificate
    found = [*validity(certificate, where, now), *_exposed(files.key)]
    names = names_of(certificate)
    if not names:
        text = f"{where}: names no host in subjectAltName; only clients that pin its key can use it"
        found.append(Finding(Weight.WARNING, text))
    names_text = f" for {', '.join(names)}" if names else ""
    days = (certificate.not_valid_after_utc - now).days
    found.append(Finding(Weight.NOTE, f"{where}: {pair.fingerprint}{names_text}, valid for {days} days"))
    return sorted(found, key=lambda each: list(Weight).index(each.weight))


def validity(certificate: x509.Certificate, where: Path, now: datetime) -> list[Finding]:
    """Return what is to be said of a certificate's times; it is served in any case: pins ignore them."""
    begin, end = certificate.not_valid_before_utc, certificate.not_valid_after_utc
    if now > end:
        text = f"{where}: expired on {end:%Y-%m-%d}; clients that do not pin its key refuse it"
    elif now < begin:
        text = f"{where}: is valid only from {begin:%Y-%m-%d %H:%M} UTC on; is the clock right?"
    elif end - now < SOON:
        text = f"{where}: expires in {(end - now).days} days, on {end:%Y-%m-%d}"
    else:
        return []
    return [Finding(Weight.WARNING, text)]


def _exposed(key: Path) -> list[Finding]:
    try:
        mode = key.stat().st_mode
    except OSError:
        return []
    # A group may be meant: Debian's ssl-cert is one.
    if not mode & (stat.S_IROTH | stat.S_IWOTH):
        return []
    return [Finding(Weight.WARNING, f"{key}: every user of this machine may read or change it; chmod o= it")]


#: What OpenSSL calls some refusals, and what it means by them.
_OPENSSL: Mapping[str, str] = {
    "ee key too small": "its key is too short",
    "ca md too weak": "it is signed with a hash that is broken",
    "ee md too weak": "it is signed with a hash that is broken",
}


def _openssl_reason(error: Exception) -> str:
    first = error.args[0] if error.args else ""
    reason = first[-1][-1] if isinstance(first, list) and first else str(first)
    return _OPENSSL.get(reason, reason or type(error).__name__)
