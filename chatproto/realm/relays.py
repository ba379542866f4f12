"""Live mode in a group of an original server of an older system: text goes there and comes back as it is.

Nothing of it is stored here. To the original server each user is a connection of its own.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Protocol

from msgspec import Struct
from twisted.internet.defer import Deferred

from chatproto.realm.logins import Login


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


class Relayed(Struct, frozen=True):
    """Who is in a group of an original server by one connection."""

    login: Login
    relay: Relay


class NoRelays:
    """A realm that connects to nobody."""

    async def open(self, endpoint: str, user: str, group: str) -> Relay | None:
        """See :meth:`Relays.open`."""
        return None
