"""What guests of rooms are told."""

from __future__ import annotations

from chatproto.events.base import Reply


class EnteredRoom(Reply, frozen=True, kw_only=True):
    """The connection is in a room, which is a group; ``made``: it is new.

    ``group`` and ``guest`` are full addresses.
    """

    group: str
    guest: str
    made: bool
