"""Original servers of older systems, as the rules see them: who is one, what it brings, what it is given.

They prove nothing. What tells one is the address from which it comes, as long as there is a link to it.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Protocol

from chatproto.commands import Command, RecvRealm
from chatproto.errors import NoSuchRealm, UnknownCommand
from chatproto.events import InboxEntry
from chatproto.names import RealmName
from chatproto.realm.logins import Login


class Originals(Protocol):
    """Whoever keeps the links to original servers."""

    def realm_at(self, address: str) -> RealmName | None:
        """Return the original server that comes from an address; the first, if there are several."""
        ...

    def is_open(self) -> bool:
        """Tell whether anybody may say to be an original server."""
        ...

    def neighbours(self) -> Sequence[tuple[RealmName, str]]:
        """Return those in which bare names are searched for, each with its endpoint, in that order."""
        ...

    async def add(self, alias: str, host: str, port: int) -> RealmName:
        """Make this realm known to an original server by a name, and return what the server is called here.

        :raises Unavailable: nobody answers there.
        :raises RealmRefused: it refuses, in its own words.
        :raises ChatError: it refuses otherwise.
        """
        ...

    async def introduced(self, address: str, alias: str, host: str, port: int) -> None:
        """Hear that an original server calls the way between it and us by a name.

        :raises RealmExists: that is the name of something else.
        """
        ...

    async def receive(
        self, address: str, alias: str, sender: str, to: Sequence[str], text: str
    ) -> InboxEntry:
        """Store a text for users here, and return the entry that it makes for the first of them.

        ``alias`` is by which name the server calls the way; ``""``: it did not say.

        :raises UnknownCommand: no server at that address has the name.
        :raises NoSuchUser: there is nobody of these names.
        :raises ChatError: it is refused otherwise.
        """
        ...

    async def receive_file(
        self, address: str, alias: str, sender: str, to: Sequence[str], path: str, content: str
    ) -> None:
        """Store a file for users here; refused as :meth:`receive` is, or as the content is."""
        ...

    async def hand_out(
        self, address: str, alias: str, user: str, gone: Callable[[], bool]
    ) -> list[InboxEntry]:
        """Take out what waits for a user of an original server, and could not be brought there.

        It stays if who asks is ``gone`` when it would be taken.

        :raises UnknownCommand: no server at that address has the name.
        """
        ...

    async def send(self, realm: RealmName, login: Login, user: str, text: str) -> str | None:
        """Give a text to an original server at once; return the address, None if the user is not there.

        :raises RealmRefused: it did not answer, and may have it or not.
        """
        ...


class NoOriginals:
    """A realm without links."""

    def realm_at(self, address: str) -> RealmName | None:
        """See :meth:`Originals.realm_at`."""
        return None

    def is_open(self) -> bool:
        """See :meth:`Originals.is_open`."""
        return False

    def neighbours(self) -> Sequence[tuple[RealmName, str]]:
        """See :meth:`Originals.neighbours`."""
        return ()

    async def add(self, alias: str, host: str, port: int) -> RealmName:
        """See :meth:`Originals.add`."""
        raise NoSuchRealm

    async def introduced(self, address: str, alias: str, host: str, port: int) -> None:
        """See :meth:`Originals.introduced`."""
        raise NoSuchRealm

    async def receive(
        self, address: str, alias: str, sender: str, to: Sequence[str], text: str
    ) -> InboxEntry:
        """See :meth:`Originals.receive`."""
        raise UnknownCommand

    async def receive_file(
        self, address: str, alias: str, sender: str, to: Sequence[str], path: str, content: str
    ) -> None:
        """See :meth:`Originals.receive_file`."""
        raise UnknownCommand

    async def hand_out(
        self, address: str, alias: str, user: str, gone: Callable[[], bool]
    ) -> list[InboxEntry]:
        """See :meth:`Originals.hand_out`."""
        raise UnknownCommand

    async def send(self, realm: RealmName, login: Login, user: str, text: str) -> str | None:
        """See :meth:`Originals.send`."""
        return None


def check_peer(originals: Originals, command: Command, *, known: bool, direct: bool) -> None:
    """Return if an original server may ask: one that is ``known``, or is seen here to introduce itself.

    :raises UnknownCommand: nobody else is told that there is such a command.
    """
    if not known and not (direct and type(command) is RecvRealm and originals.is_open()):
        raise UnknownCommand
