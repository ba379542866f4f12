"""What an operator asks about other realms, over the control socket of a running one."""

from __future__ import annotations

from typing import Annotated

from msgspec import Meta

from chatproto import events
from chatproto.commands.base import Command, Guard, ListLimit, Seq, Word

#: A fingerprint, as :mod:`chatproto.federation.identity` reads it.
Fingerprint = Annotated[str, Meta(max_length=128)]


class RealmKey(Command, frozen=True, kw_only=True, tag="realm-key"):
    """Tell the fingerprint of this realm's key, by which others know it."""

    replies = (events.RealmKey,)
    guard = Guard.ADMINISTRATOR


class RealmList(Command, frozen=True, kw_only=True, tag="realm-list"):
    """List the links to other realms by name, those after ``after`` only; ``clocks`` compares clocks, too."""

    after: Word | None = None
    limit: ListLimit = None
    clocks: bool | None = None

    replies = (events.LinkPage,)
    guard = Guard.ADMINISTRATOR


class RealmAdd(Command, frozen=True, kw_only=True, tag="realm-add"):
    """Add a realm, which is dialled at ``connect``, a client endpoint.

    With ``pin`` it is linked with at once, if it has that key. Without it, it is asked for its key, which
    then waits for approval.
    """

    realm: Word
    connect: Annotated[str, Meta(max_length=1024)]
    pin: Fingerprint | None = None

    replies = (events.LinkAdded,)
    guard = Guard.ADMINISTRATOR


class RealmApprove(Command, frozen=True, kw_only=True, tag="realm-approve"):
    """Take a key as a realm's own: that of ``fingerprint``. Without one, end a block.

    What waits for the realm stays.
    """

    realm: Word
    fingerprint: Fingerprint | None = None

    guard = Guard.ADMINISTRATOR


class RealmRetry(Command, frozen=True, kw_only=True, tag="realm-retry"):
    """Dial a realm now, and end its being parked."""

    realm: Word

    guard = Guard.ADMINISTRATOR


class RealmPark(Command, frozen=True, kw_only=True, tag="realm-park"):
    """Dial a realm no more until ``realm-retry``; what is for it waits."""

    realm: Word

    guard = Guard.ADMINISTRATOR


class RealmBlock(Command, frozen=True, kw_only=True, tag="realm-block"):
    """Let nobody send to a realm, and take nothing from it, until ``realm-approve``; what waits is sent."""

    realm: Word

    guard = Guard.ADMINISTRATOR


class RealmDrop(Command, frozen=True, kw_only=True, tag="realm-drop"):
    """End the link to a realm; what waits for it comes back to its senders as ``outcome-unknown``."""

    realm: Word

    replies = (events.LinkDropped,)
    guard = Guard.ADMINISTRATOR


class RealmQueue(Command, frozen=True, kw_only=True, tag="realm-queue"):
    """List what waits for a realm, the oldest first, with numbers above ``after`` only."""

    realm: Word
    after: Seq | None = None
    limit: ListLimit = None

    replies = (events.QueuePage,)
    guard = Guard.ADMINISTRATOR


class RealmDeadLetters(Command, frozen=True, kw_only=True, tag="realm-dead-letters"):
    """List what came back from a realm, or from all, the oldest first, above the seq ``after`` only."""

    realm: Word | None = None
    after: Seq | None = None
    limit: ListLimit = None

    replies = (events.DeadLetterPage,)
    guard = Guard.ADMINISTRATOR
