"""Fingerprints: the short name of a key, by which a client knows a server without any authority.

A fingerprint is that of the public key, not of the certificate: it stays the same when a certificate is
renewed for the same key, which has to happen while a new key need not.
"""

from __future__ import annotations

import hashlib
import re
from typing import Self

from cryptography.hazmat.primitives.asymmetric.types import CertificatePublicKeyTypes, PublicKeyTypes
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat
from msgspec import Struct

_FORM = re.compile(r"(?:sha256:)?([0-9a-f]{64})", re.IGNORECASE)


class Fingerprint(Struct, frozen=True):
    """SHA-256 of a public key in DER (its ``SubjectPublicKeyInfo``), in hexadecimal digits."""

    digits: str

    @classmethod
    def of(cls, key: PublicKeyTypes | CertificatePublicKeyTypes) -> Self:
        """Return the fingerprint of a public key."""
        return cls(hashlib.sha256(der(key)).hexdigest())

    @classmethod
    def parse(cls, text: str) -> Self:
        """Return the fingerprint that was written as ``sha256:`` and 64 digits.

        :raises ValueError: it was not; the message says what was expected.
        """
        match = _FORM.fullmatch(text)
        if match is None:
            raise ValueError(f"expected sha256: and 64 hexadecimal digits, not {text!r}")
        return cls(match[1].lower())

    def __str__(self) -> str:
        return f"sha256:{self.digits}"


def der(key: PublicKeyTypes | CertificatePublicKeyTypes) -> bytes:
    """Return a public key as certificates hold it."""
    return key.public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo)
