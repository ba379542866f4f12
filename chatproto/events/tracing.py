"""Replies to an operator who looks for a message between realms."""

from __future__ import annotations

from msgspec import Struct, field

from chatproto.events.base import Reply


class TraceStep(Struct, frozen=True, kw_only=True, omit_defaults=True):
    """What one realm did with a message, and when by its own clock.

    ``event`` is ``sent`` (numbered there, for ``with``), ``settled`` (the verdict of ``with`` is known),
    ``bounced``, ``answered`` or ``unbounced`` (it came to nothing), ``applied`` (it came from ``with`` and
    had its effect), ``refused``, ``held`` or ``passed`` (by a gateway), ``entry`` (of a group's log) or
    ``silent`` (that realm was asked and does not tell). ``code`` says why.
    """

    realm: str
    event: str
    at: str = ""
    with_: str = field(default="", name="with")
    to: str = ""
    number: int = 0
    code: str = ""


class Traced(Reply, frozen=True, kw_only=True):
    """Where a message went: by realm, that of its origin first, and in the order of each realm's log."""

    mid: str
    steps: list[TraceStep]


class AuditPruned(Reply, frozen=True, kw_only=True):
    """So many rows were removed; ``complete``: there are no more of that age."""

    removed: int
    complete: bool
