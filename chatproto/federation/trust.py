"""How another realm is known: by its key, by a secret that both share, or as it was first met."""

from __future__ import annotations

import enum
import hmac
from typing import Self

from msgspec import Struct

from chatproto.federation.identity import is_signed


class Kind(enum.Enum):
    """By what another realm is trusted."""

    PIN = "pin"  # the key that the operator named
    SECRET = "secret"  # noqa: S105 - a kind, and no secret
    TOFU = "tofu"  # the key that it had when it was first met; for a lab


class Trust(Struct, frozen=True):
    """What one other realm has to prove.

    ``key`` is the public key that it has to have, in hexadecimal digits; ``""`` is any, which a pin cannot
    be. The key in a hello always has to sign. With a secret, the proof made with it is asked for as well.
    """

    kind: Kind
    key: str = ""
    secret: str = ""

    def __post_init__(self) -> None:
        if self.kind is Kind.PIN and not self.key:
            raise ValueError("a pin names a key")
        if (self.kind is Kind.SECRET) is not bool(self.secret):
            raise ValueError("a secret is given for trust by a secret, and for no other")

    def __repr__(self) -> str:
        return f"Trust({self.kind}, key={self.key!r})"

    @classmethod
    def pin(cls, key: str) -> Self:
        """Return the trust in one key."""
        return cls(Kind.PIN, key=key)

    def proof(self, transcript: bytes) -> str:
        """Return the proof that we know the secret; ``""`` if there is none."""
        return hmac.digest(self.secret.encode(), transcript, "sha256").hex() if self.secret else ""

    def takes(self, key: str) -> bool:
        """Tell whether the realm may have a key."""
        return not self.key or hmac.compare_digest(key, self.key)

    def holds(self, key: str, signature: str, mac: str, transcript: bytes) -> bool:
        """Tell whether the owner of a key, who knows the secret if there is one, proves a transcript."""
        if self.secret and not hmac.compare_digest(mac, self.proof(transcript)):
            return False
        return is_signed(key, signature, transcript)
