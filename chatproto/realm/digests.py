"""What two realms compare to know that they have the same members of a group."""

from __future__ import annotations

from collections.abc import Iterable
from hashlib import sha256

from chatproto.records import MemberRow

_MODULUS = 2**128


def digest_of(members: Iterable[MemberRow]) -> str:
    """Return the sum of hashes of members with their roles: it does not matter in which order they are."""
    total = 0
    for row in members:
        total += int.from_bytes(sha256(f"{row.member} {row.role}".encode()).digest()[:16], "big")
    return f"{total % _MODULUS:032x}"
