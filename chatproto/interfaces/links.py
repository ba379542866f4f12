"""What whoever carries messages to other realms promises to the rules of one, and to its administrators."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from twisted.internet.defer import Deferred
from zope.interface import Interface

from chatproto.events import DeadLetterPage, LinkAdded, LinkState, QueuePage
from chatproto.names import RealmName
from chatproto.records import MessageRow, OutboxRow, Outcome, StreamRow


class IRemotes(Interface):
    """Whoever carries messages to other realms, as the rules of one realm see it.

    What waits for another realm is stored in the sender's own transaction, so this gives out rows; they are
    sent from the store, after :meth:`wake`.
    """

    def prepare(realm: RealmName) -> Deferred[None]:
        """Fire when items for a realm can be numbered.

        :raises NoSuchRealm: there is no link to it.
        :raises PeerBlocked: nothing goes there, by the operator's decision.
        :raises Unavailable: not now.
        """

    def ready(realm: RealmName) -> bool:
        """Tell whether a realm is prepared: :meth:`number` may be called before anything else happens."""

    def check(realm: RealmName, size: int) -> None:
        """Return if a text of so many bytes may be sent to a realm now.

        :raises QueueFull: too much waits for it.
        :raises TextTooLong: it takes no texts of that size.
        """

    def check_file(realm: RealmName, size: int) -> None:
        """Return if a file of so many bytes may be sent to a realm, as far as is known here.

        :raises NotSupported: it takes no files.
        :raises FileTooLarge: it takes none of that size.
        """

    def number(realm: RealmName, message: MessageRow, size: int) -> tuple[OutboxRow, StreamRow | None]:
        """Return the row of the next item, to be inserted with the message, and one to be put, if any.

        If that entry breaks a constraint, the first row with ``seq`` 0 has to be stored instead.
        """

    def wake(realm: RealmName) -> None:
        """Hear that rows of a realm's items are durable."""

    def refused(address: str) -> str | None:
        """Return the code with which an item for a folded address was refused not long ago."""

    def verdict(realm: RealmName, number: int) -> Deferred[Outcome]:
        """Fire with what becomes of an item; perhaps never."""

    def receipt(by: str, to: str, delivered: str = "", read: str = "") -> None:
        """Tell ``to``, in another realm, that ``by`` got or read everything up to a mid; perhaps not."""

    def live(realm: RealmName, group: str, users: Sequence[str], number: int) -> None:
        """Tell a realm who is live in a group, of which the newest entry is ``number``; perhaps not.

        To the group's home those of this realm are told, and the number is not looked at.
        """

    def active(realm: RealmName) -> Deferred[tuple[list[tuple[str, str]], int]]:
        """Fire with name and display name of who is there in a realm, and as of when, in milliseconds.

        :raises NoSuchRealm: there is no link to it.
        :raises Unavailable: it does not answer.
        """

    def ask(realm: RealmName, about: str, name: str = "", after: str = "") -> Deferred[dict[str, Any]]:
        """Fire with what a realm answers to a question that it may not know.

        :raises NoSuchRealm: there is no way to it.
        :raises Unavailable: it does not answer, or not this.
        """

    def knows(realm: RealmName) -> bool:
        """Tell whether there is a link to a realm, up or down."""

    def realms() -> Sequence[RealmName]:
        """Return the linked realms in which a bare name is searched for, in that order."""


class IAdding(Interface):
    """Who links realms that users add by where they are."""

    def open() -> bool:
        """Tell whether users may, and whether linked realms may give a link another name."""

    def add(alias: str, host: str, port: str) -> Deferred[None]:
        """Fire when the realm at a host and a port is linked, and called ``alias`` at both ends.

        :raises NotAllowed: users add none, or not there.
        :raises RealmExists: another one is called so, here or there.
        :raises RealmRefused: an original server there refuses, in its own words.
        :raises RealmUnreachable: no realm answers there.
        """


class ILinks(Interface):
    """The links of a realm to others, as its administrators see them and decide about them.

    What is asked about a realm that there is no link to is refused with ``NoSuchRealm``.
    """

    def fingerprint() -> str:
        """Return that of this realm's key."""

    def states(clocks: bool = False) -> Deferred[list[LinkState]]:
        """Return every link, by realm; with ``clocks`` those that answer are asked what time it is."""

    def add(realm: RealmName, connect: str, pin: str) -> Deferred[LinkAdded]:
        """Add a realm with its endpoint, and its fingerprint or ``""``; what it shows is in the answer.

        One that dials, or is reached by a route, needs no endpoint (``""``), but the fingerprint.

        :raises BadField: the endpoint or the fingerprint is none.
        """

    def approve(realm: RealmName, fingerprint: str) -> Deferred[None]:
        """Take a key as a realm's own; with ``""`` end a block.

        :raises BadField: the fingerprint is none.
        :raises NotAllowed: the configuration pins another key.
        """

    def retry(realm: RealmName) -> Deferred[None]:
        """Dial a realm now, parked or not."""

    def park(realm: RealmName) -> Deferred[None]:
        """Dial a realm no more."""

    def block(realm: RealmName) -> Deferred[None]:
        """Send nothing to a realm and take nothing from it."""

    def drop(realm: RealmName) -> Deferred[int]:
        """End a link, and fire with how many messages came back to their senders."""

    def queue(realm: RealmName, after: int, limit: int) -> Deferred[QueuePage]:
        """Return what waits for a realm above a number, the oldest first."""

    def dead_letters(realm: str, after: int, limit: int) -> Deferred[DeadLetterPage]:
        """Return what came back from a realm, or with ``""`` from all, above a seq, the oldest first."""
