"""What is counted of a link."""

from __future__ import annotations

from collections import Counter

from msgspec import Struct, field

from chatproto.federation.bounds import CODES


class Counts(Struct):
    """What a link did since the realm was started."""

    applied: int = 0
    refused: int = 0
    connections: int = 0
    #: Our items that were refused, by code. The codes are the other side's, so there is a bound.
    codes: Counter[str] = field(default_factory=Counter)

    def refuse(self, code: str) -> None:
        """Count a refusal."""
        self.refused += 1
        known = code in self.codes or len(self.codes) < CODES
        self.codes[code if known else "other"] += 1


class FileCounts(Struct):
    """What went of files over a link since the realm was started."""

    sent_bytes: int = 0
    came_bytes: int = 0
    #: Files that came whole, that were given up; that the other side got, and gave up.
    fetched: int = 0
    refused: int = 0
    served: int = 0
    given_up: int = 0
    #: Chunks that nobody waited for.
    stray: int = 0
