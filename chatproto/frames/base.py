"""What all frames have in common."""

from __future__ import annotations

from msgspec import Struct


class Base(Struct, frozen=True, kw_only=True, omit_defaults=True, tag_field="frame"):
    """The base of all frames. On the wire ``frame`` names it."""
