"""Certificates for tests: an authority of one's own, and whom it signs for."""

from __future__ import annotations

import ipaddress
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from pathlib import Path

from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from cryptography.hazmat.primitives.serialization import (
    BestAvailableEncryption,
    Encoding,
    NoEncryption,
    PrivateFormat,
)
from cryptography.x509.oid import NameOID

Key = ec.EllipticCurvePrivateKey | rsa.RSAPrivateKey


class Authority:
    """Signs certificates; ``above`` is the authority that signed its own."""

    def __init__(self, name: str = "Test Root", above: Authority | None = None) -> None:
        self.key = new_key()
        self.name = _name(name)
        issuer = above or self
        self.certificate = (
            _build(self.name, issuer.name, self.key, 365)
            .add_extension(x509.BasicConstraints(ca=True, path_length=None), critical=True)
            .sign(issuer.key, hashes.SHA256())
        )

    def issue(self, *hosts: str, key: Key | None = None, days: float = 30) -> tuple[Key, x509.Certificate]:
        """Return a key and a certificate for hosts; with negative days it has expired."""
        key = key or new_key()
        builder = _build(_name("Test Server"), self.name, key, days)
        if hosts:
            builder = builder.add_extension(
                x509.SubjectAlternativeName([_host(host) for host in hosts]), False
            )
        return key, builder.sign(self.key, hashes.SHA256())

    def write(self, folder: Path, *hosts: str, key: Key | None = None, days: float = 30) -> tuple[Path, Path]:
        """Issue, and write ``privkey.pem`` and ``fullchain.pem`` as an authority's tools do."""
        folder.mkdir(exist_ok=True)
        key, certificate = self.issue(*hosts, key=key, days=days)
        write_key(folder / "privkey.pem", key)
        write_certificates(folder / "fullchain.pem", [certificate])
        return folder / "privkey.pem", folder / "fullchain.pem"

    def root(self, folder: Path) -> Path:
        """Write the authority's own certificate, and return where."""
        write_certificates(folder / "root.pem", [self.certificate])
        return folder / "root.pem"


def new_key() -> ec.EllipticCurvePrivateKey:
    return ec.generate_private_key(ec.SECP256R1())


def write_key(path: Path, key: Key, passphrase: bytes | None = None) -> None:
    encryption = BestAvailableEncryption(passphrase) if passphrase else NoEncryption()
    path.write_bytes(key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, encryption))
    path.chmod(0o600)


def write_certificates(path: Path, certificates: Sequence[x509.Certificate]) -> None:
    path.write_bytes(b"".join(each.public_bytes(Encoding.PEM) for each in certificates))


def _name(name: str) -> x509.Name:
    return x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, name)])


def _host(host: str) -> x509.GeneralName:
    try:
        return x509.IPAddress(ipaddress.ip_address(host))
    except ValueError:
        return x509.DNSName(host)


def _build(subject: x509.Name, issuer: x509.Name, key: Key, days: float) -> x509.CertificateBuilder:
    end = datetime.now(UTC) + timedelta(days=days)
    return (
        x509.CertificateBuilder()
        .subject_name(subject)
        .issuer_name(issuer)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(end - timedelta(days=400))
        .not_valid_after(end)
    )
