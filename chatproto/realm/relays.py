"""Live mode in a group of an original server of an older system: text goes there and comes back as it is.

Nothing of it is stored here. To the original server each user is a connection of its own.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Protocol

from msgspec import Struct
from twisted.internet.defer import Deferred

from chatproto.realm.conversations import Group
from chatproto.realm.logins import Login
from chatproto.realm.writer import Writer
from chatproto.records import LoginRow

#: Later than any clock says: nothing about the row of a guest ever has to be stored.
_NEVER = 2**52


class Relay(Protocol):
    """One user in a group of an original server."""

    def begin(self, hear: Callable[[str], bool], lost: Callable[[], object]) -> None:
        """Begin to tell what comes: texts as they are shown, and once that nothing more will.

        If ``hear`` returns False, no more is told before :meth:`resume`.
        """
        ...

    def say(self, text: str) -> None:
        """Say something.

        :raises QueueFull: too much was said to be written yet.
        :raises Unavailable: the connection is lost.
        """
        ...

    def leave(self) -> Deferred[None]:
        """Leave the group, and fire when everything was told that comes before that."""
        ...

    def resume(self) -> None:
        """Go on to tell what comes."""
        ...

    def close(self) -> None:
        """Leave the group; nothing more is told."""
        ...


class Relays(Protocol):
    """Whoever connects to original servers."""

    async def open(self, endpoint: str, user: str, group: str) -> Relay | None:
        """Return a user in a group of the server at an endpoint; None if it has none, or does not answer."""
        ...


def guest_of(writer: Writer, group: Group, address: str) -> Login:
    """Return who speaks in a group as somebody of an original server: no account, and in no store."""
    number = writer.next_serial()
    row = LoginRow(
        token_hash=b"",
        login=number,
        account=f"~{number}",
        device=number,
        device_name=None,
        created=0,
        used=_NEVER,
        expires=_NEVER,
        ended=0,
    )
    guest = Login(row, address)
    guest.room = group.row
    return guest


class Relayed(Struct, frozen=True):
    """Who is in a group of an original server by one connection."""

    login: Login
    relay: Relay


class NoRelays:
    """A realm that connects to nobody."""

    async def open(self, endpoint: str, user: str, group: str) -> Relay | None:
        """See :meth:`Relays.open`."""
        return None
