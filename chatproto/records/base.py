"""What all rows have in common."""

from __future__ import annotations

from msgspec import Struct


class Record(Struct, frozen=True):
    """The base of all rows."""
