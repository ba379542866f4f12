"""Keys and certificates: read, judged, made."""

from __future__ import annotations

import stat
import subprocess
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from cryptography import x509
from cryptography.hazmat.primitives.asymmetric import ec, ed25519, rsa
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat
from cryptography.x509.oid import ExtendedKeyUsageOID

from chatproto.tls.certificates import BadCertificate, TlsFiles, Weight, findings, load_pair, names_of
from chatproto.tls.fingerprints import Fingerprint
from chatproto.tls.making import make_self_signed
from tests.authority import Authority, new_key, write_certificates, write_key


@pytest.fixture
def authority() -> Authority:
    return Authority()


def errors(files: TlsFiles) -> list[str]:
    return [finding.text for finding in findings(files) if finding.weight is Weight.ERROR]


def warnings(files: TlsFiles, now: datetime | None = None) -> list[str]:
    found = findings(files, now)
    assert not [finding for finding in found if finding.weight is Weight.ERROR]
    return [finding.text for finding in found if finding.weight is Weight.WARNING]


# Reading


def test_a_pair_is_a_key_its_certificate_and_the_authorities_between(tmp_path: Path) -> None:
    root = Authority()
    between = Authority("Between", root)
    key, leaf = between.issue("localhost")
    write_key(tmp_path / "key", key)
    write_certificates(tmp_path / "full", [leaf, between.certificate])
    write_certificates(tmp_path / "root", [root.certificate])
    pair = load_pair(TlsFiles(key=tmp_path / "key", certificate=tmp_path / "full", chain=tmp_path / "root"))
    assert pair.certificate == leaf
    assert pair.chain == (between.certificate, root.certificate)
    assert repr(pair) == f"Pair({pair.fingerprint})"


def test_keys_of_other_kinds_serve_too(tmp_path: Path, authority: Authority) -> None:
    for key in (rsa.generate_private_key(65537, 2048), ec.generate_private_key(ec.SECP384R1())):
        paths = authority.write(tmp_path, "localhost", key=key)
        assert not errors(TlsFiles(key=paths[0], certificate=paths[1]))


@pytest.mark.parametrize(
    ("spoil", "message"),
    [
        (lambda key, _: key.unlink(), "privkey.pem: cannot be read: No such file or directory"),
        (lambda _, cert: cert.unlink(), "fullchain.pem: cannot be read: No such file or directory"),
        (lambda key, _: key.write_text("x"), "privkey.pem: has no private key in PEM"),
        (lambda key, _: key.write_bytes(b"\xff\0"), "privkey.pem: has no private key in PEM"),
        (lambda _, cert: cert.write_text("x"), "fullchain.pem: has no certificate in PEM"),
        (lambda key, cert: cert.write_bytes(key.read_bytes()), "fullchain.pem: has no certificate in PEM"),
        (lambda key, cert: key.write_bytes(cert.read_bytes()), "privkey.pem: has no private key in PEM"),
        (lambda key, _: write_key(key, new_key()), "does not belong to the certificate"),
        (lambda key, _: write_key(key, new_key(), b"secret"), "has a passphrase"),
        (
            lambda key, cert: Authority().write(cert.parent, key=rsa.generate_private_key(65537, 1024)),
            "OpenSSL refuses the certificate: its key is too short",
        ),
    ],
)
def test_what_cannot_be_used_is_one_line(
    tmp_path: Path, authority: Authority, spoil: Callable[[Path, Path], object], message: str
) -> None:
    key, certificate = authority.write(tmp_path, "localhost")
    spoil(key, certificate)
    [error] = errors(TlsFiles(key=key, certificate=certificate))
    assert message in error
    assert "\n" not in error


def test_a_key_of_an_unknown_kind_is_one_line(tmp_path: Path, authority: Authority) -> None:
    key, leaf = authority.issue("localhost")
    write_key(tmp_path / "key", key)
    # The object identifier of elliptic curves, turned into one that nobody has assigned.
    known, unknown = (bytes.fromhex(f"2a8648ce3d02{last}") for last in ("01", "7f"))
    der = leaf.public_bytes(Encoding.DER).replace(known, unknown)
    write_certificates(tmp_path / "cert", [x509.load_der_x509_certificate(der)])
    [error] = errors(TlsFiles(key=tmp_path / "key", certificate=tmp_path / "cert"))
    assert error == f"{tmp_path}/cert: is for a key of an unknown kind"


# Judging


def test_a_good_certificate_is_described(tmp_path: Path, authority: Authority) -> None:
    key, certificate = authority.write(tmp_path, "localhost", "127.0.0.1", days=30)
    [note] = findings(TlsFiles(key=key, certificate=certificate))
    pair = load_pair(TlsFiles(key=key, certificate=certificate))
    assert note.weight is Weight.NOTE
    assert note.text == f"{certificate}: {pair.fingerprint} for localhost, 127.0.0.1, valid for 29 days"


@pytest.mark.parametrize(
    ("days", "message"),
    [
        (-1, "expired on "),
        (13, "expires in 12 days, on "),
        (500, "is valid only from "),
    ],
)
def test_the_times_of_a_certificate_are_warnings(
    tmp_path: Path, authority: Authority, days: float, message: str
) -> None:
    key, certificate = authority.write(tmp_path, "localhost", days=days)
    [warning] = warnings(TlsFiles(key=key, certificate=certificate))
    assert warning.startswith(f"{certificate}: {message}")


def test_a_certificate_for_nobody_is_a_warning(tmp_path: Path, authority: Authority) -> None:
    key, certificate = authority.write(tmp_path)
    [warning] = warnings(TlsFiles(key=key, certificate=certificate))
    assert "names no host in subjectAltName" in warning


@pytest.mark.parametrize(("mode", "exposed"), [(0o600, False), (0o640, False), (0o644, True), (0o602, True)])
def test_a_key_that_everybody_reads_is_a_warning(
    tmp_path: Path, authority: Authority, mode: int, exposed: bool
) -> None:
    key, certificate = authority.write(tmp_path, "localhost")
    key.chmod(mode)
    found = warnings(TlsFiles(key=key, certificate=certificate))
    assert [text.startswith(f"{key}: every user of this machine") for text in found] == [True] * exposed
    certificate.unlink()  # it is told beside an error, too
    assert len(findings(TlsFiles(key=key, certificate=certificate))) == 1 + exposed


# Making


def test_a_self_signed_certificate_is_good_for_its_names(tmp_path: Path) -> None:
    folder = tmp_path / "new" / "tls"
    pair = make_self_signed(folder, ["chat.example.org", "bücher.example", "192.0.2.1", "::1"])
    files = TlsFiles.self_signed(folder, ("x",))
    assert load_pair(files).certificate == pair.certificate
    assert names_of(pair.certificate) == [
        "chat.example.org",
        "xn--bcher-kva.example",
        "192.0.2.1",
        "::1",
    ]
    assert not warnings(files)
    assert isinstance(pair.key, ec.EllipticCurvePrivateKey)
    assert pair.key.curve.name == "secp256r1"
    now = datetime.now(UTC)
    assert pair.certificate.not_valid_before_utc < now - timedelta(hours=23)
    assert now + timedelta(days=3649) < pair.certificate.not_valid_after_utc < now + timedelta(days=3651)
    usage = pair.certificate.extensions.get_extension_for_class(x509.ExtendedKeyUsage).value
    assert list(usage) == [ExtendedKeyUsageOID.SERVER_AUTH]
    assert stat.S_IMODE(files.key.stat().st_mode) == 0o600
    assert stat.S_IMODE(folder.stat().st_mode) == 0o700


def test_nothing_is_overwritten_and_a_key_that_is_there_is_kept(tmp_path: Path) -> None:
    first = make_self_signed(tmp_path, ["localhost"])
    before = {path: path.read_bytes() for path in tmp_path.iterdir()}
    with pytest.raises(BadCertificate, match=r"cert\.pem: is there already; nothing was changed$"):
        make_self_signed(tmp_path, ["localhost"])
    assert {path: path.read_bytes() for path in tmp_path.iterdir()} == before
    (tmp_path / "cert.pem").unlink()
    second = make_self_signed(tmp_path, ["localhost"])
    assert second.certificate != first.certificate
    assert second.fingerprint == first.fingerprint


def test_a_certificate_is_made_for_any_key_that_serves(tmp_path: Path) -> None:
    key = ed25519.Ed25519PrivateKey.generate()
    pem = key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())
    (tmp_path / "key.pem").write_bytes(pem)
    make_self_signed(tmp_path, ["localhost"])
    assert not errors(TlsFiles.self_signed(tmp_path, ()))


@pytest.mark.parametrize("name", ["", ".", "a..b", "x" * 64])
def test_what_is_no_name_makes_nothing(tmp_path: Path, name: str) -> None:
    with pytest.raises(BadCertificate, match="is neither a host name nor an address"):
        make_self_signed(tmp_path, [name])
    assert list(tmp_path.iterdir()) == []


def test_a_folder_that_cannot_be_made_is_one_line(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(BadCertificate, match=r"file.*: cannot be written: "):
        make_self_signed(tmp_path / "file" / "tls", ["localhost"])


def test_a_missing_self_signed_certificate_is_no_error(tmp_path: Path) -> None:
    files = TlsFiles.self_signed(tmp_path, ("localhost",))
    assert files.to_be_made
    [note] = findings(files)
    assert note.weight is Weight.NOTE


# Fingerprints


def test_a_fingerprint_is_that_which_openssl_computes(tmp_path: Path, require: Callable[[str], str]) -> None:
    pair = make_self_signed(tmp_path, ["localhost"])
    openssl = require("openssl")
    key = subprocess.run(
        [openssl, "x509", "-in", tmp_path / "cert.pem", "-noout", "-pubkey"], capture_output=True, check=True
    ).stdout
    der = subprocess.run(
        [openssl, "pkey", "-pubin", "-outform", "DER"], input=key, capture_output=True, check=True
    ).stdout
    shown = subprocess.run([require("sha256sum")], input=der, capture_output=True, check=True).stdout
    assert str(pair.fingerprint) == f"sha256:{shown.split()[0].decode()}"


def test_a_fingerprint_is_read_in_any_case_and_with_or_without_its_kind() -> None:
    digits = "0123456789abcdef" * 4
    for text in (f"sha256:{digits}", digits, f"SHA256:{digits.upper()}"):
        assert str(Fingerprint.parse(text)) == f"sha256:{digits}"


@pytest.mark.parametrize(
    "text", ["", "sha256:", "sha256:" + "0" * 63, "sha1:" + "0" * 64, "0" * 65, "g" * 64]
)
def test_what_is_no_fingerprint_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match="expected sha256: and 64 hexadecimal digits"):
        Fingerprint.parse(text)
