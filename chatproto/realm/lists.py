"""How the messages of one list are known again: an original server gets them in one request.

Two commands may say the same to the same user within one millisecond, so nothing in a message but its mid
tells to which of them it belongs.
"""

from __future__ import annotations

from collections.abc import Sequence


def mids_of_list(first: str, count: int) -> Sequence[str]:
    """Return the mids of the messages of a list, made of one that nothing else has."""
    return [f"{first}.{number}" for number in range(1, count + 1)]


def list_of(mid: str) -> str:
    """Return what the mids of a list have in common; ``""`` if the message is in none."""
    realm, _, rest = mid.partition("/")  # the name of a realm may have a dot
    common, dot, _ = rest.rpartition(".")
    return f"{realm}/{common}" if dot else ""
