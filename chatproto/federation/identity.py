"""Who this realm is to others: its name, its key, and what it takes.

A key is known by its *fingerprint*, ``ed25519:`` and the 64 hexadecimal digits of the public key itself: an
Ed25519 key is as short as a hash of it would be, and whoever has the pin can check what the realm has signed
without ever having met it.
"""

from __future__ import annotations

import re
import secrets
from collections.abc import Callable, Sequence

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey

from chatproto.frames import PeerLimits
from chatproto.names import RealmName
from chatproto.version import VERSION

#: Versions of the protocol between realms that this one speaks.
VERSIONS = (1,)
_SEED_BYTES = 32
_FORM = re.compile(r"(?:ed25519:)?([0-9a-f]{64})", re.IGNORECASE)


def make_seed(random_bytes: Callable[[int], bytes] = secrets.token_bytes) -> bytes:
    """Return a new private key, as it is stored."""
    return random_bytes(_SEED_BYTES)


def fingerprint(key: str) -> str:
    """Return the fingerprint of a public key in hexadecimal digits."""
    return f"ed25519:{key}"


def parse_fingerprint(text: str) -> str:
    """Return the public key, in hexadecimal digits, that a fingerprint was written for.

    :raises ValueError: it is none; the message says what was expected.
    """
    match = _FORM.fullmatch(text)
    if match is None:
        raise ValueError(f"expected ed25519: and 64 hexadecimal digits, not {text!r}")
    return match[1].lower()


def is_signed(key: str, signature: str, data: bytes) -> bool:
    """Tell whether data was signed with a key; both are in hexadecimal digits."""
    try:
        Ed25519PublicKey.from_public_bytes(bytes.fromhex(key)).verify(bytes.fromhex(signature), data)
    except (ValueError, InvalidSignature):
        return False
    return True


def with_lengths(*parts: bytes) -> bytes:
    """Join the parts of what is signed, each with its length before it: no two lists of them look alike."""
    return b"".join(b"%d:%b" % (len(part), part) for part in parts)


class Key:
    """The key of one side. ``seed`` is private: 32 bytes that nobody else may know."""

    def __init__(self, seed: bytes) -> None:
        self._private = Ed25519PrivateKey.from_private_bytes(seed)
        #: The public key in hexadecimal digits.
        self.key = self._private.public_key().public_bytes_raw().hex()

    @property
    def fingerprint(self) -> str:
        """What operators of others pin."""
        return fingerprint(self.key)

    def sign(self, data: bytes) -> str:
        """Return the signature of data in hexadecimal digits."""
        return self._private.sign(data).hex()


class Identity(Key):
    """This realm as others see it. ``seed`` is its private key."""

    def __init__(
        self,
        realm: RealmName,
        seed: bytes,
        *,
        limits: PeerLimits | None = None,
        capabilities: Sequence[str] = (),
        versions: Sequence[int] = VERSIONS,
        agent: str = f"chatproto {VERSION}",
    ) -> None:
        super().__init__(seed)
        self.realm = realm
        self.limits = limits or PeerLimits()
        self.capabilities = tuple(capabilities)
        self.versions = tuple(versions)
        self.agent = agent
