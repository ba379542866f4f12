"""What guests of rooms ask, who have no account; the port for rooms alone carries it."""

from __future__ import annotations

from chatproto import events
from chatproto.commands.base import Command, Guard


class EnterRoom(Command, frozen=True, kw_only=True, tag="enter-room"):
    """Be in a room under a name, without an account, as long as the connection lasts.

    The room is a group, which is made if there is none.
    """

    name: str
    room: str

    replies = (events.EnteredRoom,)
    guard = Guard.ANYONE
    json = False
