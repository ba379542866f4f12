"""Self-signed certificates: for those who have no authority, and clients that pin the key's fingerprint."""

from __future__ import annotations

import contextlib
import ipaddress
import os
import stat
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from pathlib import Path

from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec, ed448, ed25519
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

from chatproto.tls.certificates import BadCertificate, Pair, ServerKey, TlsFiles, load_key

#: Who pins the key does not look at the date; who trusts the file should not have to renew it often.
DAYS = 3650
#: A clock of a client may be behind; the certificate should be valid for it too.
_EARLIER = timedelta(days=1)
#: A common name is no longer (RFC 5280); who verifies looks at the other names anyway.
_COMMON_NAME = 64


def make_self_signed(folder: Path, names: Sequence[str], days: int = DAYS, *, renew: bool = False) -> Pair:
    """Make a self-signed certificate in a folder, for a key that is made too unless it is there.

    Nothing is overwritten but the certificate, with ``renew``: for the same key, and so the same fingerprint.

    :raises BadCertificate: there is a certificate, or with ``renew`` none or no key; a name is none; or the
        folder cannot be written.
    """
    files = TlsFiles.self_signed(folder, tuple(names))
    subject = [_subject(name) for name in names]
    try:
        if renew:
            return _renewed(files, subject, days)
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        if files.certificate.exists():
            raise BadCertificate(f"{files.certificate}: is there already; nothing was changed")
        if files.key.exists():
            key: ServerKey = load_key(files.key)
        else:
            key = ec.generate_private_key(ec.SECP256R1())
            pem = key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())
            _write(files.key, pem, 0o600)
        certificate = _sign(key, subject, days)
        _write(files.certificate, certificate.public_bytes(Encoding.PEM), 0o644)
    except OSError as error:
        raise BadCertificate(f"{error.filename or folder}: cannot be written: {error.strerror}") from error
    return Pair(key, certificate, ())


def _renewed(files: TlsFiles, names: Sequence[x509.GeneralName], days: int) -> Pair:
    for file in (files.key, files.certificate):
        if not file.exists():
            raise BadCertificate(f"{file}: is not there, and so nothing to renew")
    key = load_key(files.key)
    certificate = _sign(key, names, days)
    new = files.certificate.with_name(files.certificate.name + ".new")
    new.unlink(missing_ok=True)
    # Who may read the old one may read the new one, whoever renews it.
    old = files.certificate.stat()
    _write(new, certificate.public_bytes(Encoding.PEM), 0o600)
    with contextlib.suppress(PermissionError):
        os.chown(new, old.st_uid, old.st_gid)
    new.chmod(stat.S_IMODE(old.st_mode))
    new.replace(files.certificate)
    return Pair(key, certificate, ())


def _sign(key: ServerKey, names: Sequence[x509.GeneralName], days: int) -> x509.Certificate:
    now = datetime.now(UTC).replace(microsecond=0)
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, str(names[0].value)[:_COMMON_NAME])])
    usage = [ExtendedKeyUsageOID.SERVER_AUTH]
    builder = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - _EARLIER)
        .not_valid_after(now + timedelta(days=days))
        .add_extension(x509.SubjectAlternativeName(names), critical=False)
        .add_extension(x509.BasicConstraints(ca=False, path_length=None), critical=True)
        .add_extension(x509.ExtendedKeyUsage(usage), critical=False)
        .add_extension(x509.SubjectKeyIdentifier.from_public_key(key.public_key()), critical=False)
    )
    # Keys of these kinds hash in their own way.
    hashed = None if isinstance(key, (ed25519.Ed25519PrivateKey, ed448.Ed448PrivateKey)) else hashes.SHA256()
    return builder.sign(key, hashed)


def _subject(name: str) -> x509.GeneralName:
    try:
        return x509.IPAddress(ipaddress.ip_address(name))
    except ValueError:
        pass
    try:
        host = name.encode("idna").decode()
    except UnicodeError:
        host = ""
    if not host.strip("."):
        raise BadCertificate(f"{name!r} is neither a host name nor an address")
    return x509.DNSName(host)


def _write(path: Path, data: bytes, mode: int) -> None:
    """Write a new file that nobody else may write, and whose mode is never wider than said."""
    descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, mode)
    with os.fdopen(descriptor, "wb") as file:
        file.write(data)
        file.flush()
        os.fsync(descriptor)
