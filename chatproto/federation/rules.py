"""What links need of the realm's rules: what becomes of an item that arrives, and of one that ends elsewhere.

The realm implements these; its rules know nothing of links. Rows that they return are appended in the turn in
which they were made, as they hold numbers.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Sequence
from contextlib import AbstractAsyncContextManager
from typing import Protocol

from chatproto.frames import Ask, Digest, Entry, Item, Receipt, Start
from chatproto.interfaces import IFileStore
from chatproto.names import RealmName
from chatproto.records import (
    FileRow,
    MemberList,
    MessageRow,
    Outgoing,
    Position,
    Record,
    ReplicaRow,
    SubscriptionRow,
)


class Effect(Protocol):
    """Rows to be stored with a link's own, and who has to be told."""

    @property
    def inserts(self) -> Sequence[Record]:
        """New rows."""
        ...

    def told(self) -> None:
        """Tell whom it concerns: the rows are on disk."""
        ...


class Arrival(Effect, Protocol):
    """An item that is taken."""

    @property
    def puts(self) -> Sequence[Record]:
        """Rows that replace others."""
        ...

    @property
    def otherwise(self) -> Sequence[Record]:
        """Rows to be stored if the others break a constraint."""
        ...

    def lost(self) -> None:
        """Hear that the rows are not on disk and never will be."""
        ...


class Arrivals(Protocol):
    """Who decides about items of other realms."""

    def judge(self, peer: RealmName, item: Item) -> Arrival | str | None:
        """Return the effect of an item, or the code of its refusal; None if :meth:`prepare` has to read."""
        ...

    async def prepare(self, peer: RealmName, item: Item) -> None:
        """Read what is needed to judge an item; it can be judged in the turn in which this returns."""
        ...


class Bounces(Protocol):
    """Who tells senders here what became of what they sent."""

    async def prepare(self, outgoings: Sequence[Outgoing]) -> None:
        """Read what is needed for the next two, in the turn in which this returns."""
        ...

    def bounce(self, outgoing: Outgoing, code: str) -> Effect:
        """Return the bounce of an item, and its dead letter."""
        ...

    def delayed(self, outgoing: Outgoing) -> Effect:
        """Return the notice that an item is overdue."""
        ...

    def stored(self, outgoings: Sequence[Outgoing]) -> None:
        """Hear that the other realm has stored items."""
        ...

    def receipt(self, peer: RealmName, receipt: Receipt) -> None:
        """Hear how far somebody in another realm has got."""
        ...


class Copies(Protocol):
    """Groups whose home is here, and which other realms have a copy of them."""

    #: Called with a realm and a conversation when it has a new entry on disk, or a new subscription.
    on_entry: Callable[[RealmName, int], None]

    def of(self, realm: RealmName) -> Sequence[SubscriptionRow]:
        """Return the subscriptions of a realm that are not delivered to their end."""
        ...

    def find(self, realm: RealmName, conversation: int) -> SubscriptionRow | None:
        """Return a subscription that is not delivered to its end, as of the last append."""
        ...

    def address(self, conversation: int) -> str:
        """Return the address, as shown, of a group that has a subscription."""
        ...

    def epoch_of(self, seq: int) -> str:
        """Return the life of this store in which an entry was written."""
        ...

    async def entries(self, conversation: int, after: int, limit: int, size: int) -> Sequence[MessageRow]:
        """Return entries with a seq above ``after``, in order, void ones too.

        At most ``limit``, and none that stands behind ``size`` bytes of text or more.
        """
        ...

    async def resume(self, subscription: SubscriptionRow, lives: Sequence[tuple[str, int]]) -> Position:
        """Return the newest position that a replica and this store both have.

        ``lives`` are epochs of this store, the newest first, each with the last number that the replica has
        of it.
        """
        ...

    async def history(self, subscription: SubscriptionRow, place: Position) -> str:
        """Return what newcomers to a group might read at a position.

        :raises Unavailable: not now.
        """
        ...

    def settled(self, realm: RealmName, conversation: int, epoch: str, number: int, seq: int) -> None:
        """Hear that a realm has everything up to a position."""
        ...

    async def digest(self, conversation: int) -> Digest:
        """Return what a group is now."""
        ...

    async def members(self, realm: RealmName, group: str, after: str, limit: int) -> MemberList:
        """Return members of a group by name, to a realm that has a copy of it.

        :raises NoSuchGroup: it has none.
        """
        ...


class Replicas(Protocol):
    """Copies here of groups whose home is another realm. A group is named by its address in any case."""

    def of(self, realm: RealmName) -> Sequence[ReplicaRow]:
        """Return the copies of a realm's groups that go on."""
        ...

    async def lives(self, group: str) -> Sequence[tuple[str, int]]:
        """Return the newest few lives of the home's store, the newest first, with the last number of each."""
        ...

    async def begin(self, realm: RealmName, start: Start) -> str:
        """Go on where the home says, ``start.next`` being the next number; make the copy if there is none.

        It is on disk when this returns. Return ``""``, or the code why this cannot be. What is held beyond
        is taken out of the order and reported.

        :raises Unavailable: not now.
        """
        ...

    def judge(self, realm: RealmName, entry: Entry) -> Arrival | str | None:
        """Return the effect of the next entry, or a code why it cannot be one; None if to :meth:`prepare`.

        Effects of several entries may be stored together; of rows with one key the newest holds. What makes
        no sense in itself has the effect of a placeholder.
        """
        ...

    async def prepare(self, realm: RealmName, entry: Entry) -> None:
        """Read what is needed to judge an entry; it can be judged in the turn in which this returns."""
        ...

    def suspect(self, group: str) -> None:
        """Hear that an effect broke a constraint: for a while each mid is looked up first."""
        ...

    def number(self, group: str) -> int:
        """Return the newest number that has its effect, also in the open batch; 0 if there is no copy."""
        ...

    async def digest(self, group: str) -> str:
        """Return the digest of the members, as of :meth:`number` in the turn in which this returns."""
        ...

    def settings(self, realm: RealmName, digest: Digest) -> None:
        """Take over what the home says of a group at this very number, beside its members."""
        ...

    async def correct(
        self, realm: RealmName, group: str, members: Sequence[tuple[str, str]], number: int
    ) -> bool:
        """Take over the members as of a number; False if that does not fit: to be asked again later.

        :raises Unavailable: not now.
        """
        ...

    async def end(self, realm: RealmName, group: str) -> None:
        """Hear that the home knows of no subscription: nothing more comes.

        :raises Unavailable: not now.
        """
        ...


class Pins(Protocol):
    """Who holds a pin keeps contents without a row from being removed."""

    def held(self) -> AbstractAsyncContextManager[None]:
        """Hold one."""
        ...


class Files(Protocol):
    """Files of this realm, as links see them."""

    #: The mids of parts that are open.
    busy: set[str]

    @property
    def store(self) -> IFileStore | None:
        """Where their bytes are; None if this realm keeps no files."""
        ...

    @property
    def pins(self) -> Pins:
        """What keeps contents whose rows are on their way from being removed."""
        ...

    @property
    def source(self) -> Callable[[str, RealmName], Awaitable[FileRow | str]]:
        """Returns a file whose bytes are here and that a realm may have, or the code why not."""
        ...

    @property
    def arrived(self) -> Callable[[FileRow], Awaitable[None]]:
        """Hears that the bytes of a file are kept; they are known to be here when it returns.

        It raises ``Unavailable`` if that cannot be stored now.
        """
        ...

    @property
    def refused(self) -> Callable[[FileRow, str], Awaitable[None]]:
        """Hears that the bytes of a file will never come, and why; see :attr:`arrived`."""
        ...


class Live(Protocol):
    """Who is live in groups."""

    def heard(self, peer: RealmName, group: str, users: Sequence[str]) -> None:
        """Hear who is live in a group, as a realm tells; everything that was said before has its effect."""
        ...

    def link_changed(self, peer: RealmName, *, is_up: bool) -> None:
        """Hear that the link to a realm is up, or is not."""
        ...


class Rules(Protocol):
    """A realm, as links see it."""

    @property
    def arrivals(self) -> Arrivals:
        """Who decides about items of other realms."""
        ...

    @property
    def bounces(self) -> Bounces:
        """Who tells senders here what became of what they sent."""
        ...

    @property
    def copies(self) -> Copies:
        """Groups whose home is here."""
        ...

    @property
    def replicas(self) -> Replicas:
        """Copies here of groups whose home is elsewhere."""
        ...

    @property
    def live(self) -> Live:
        """Who is live in groups, here and elsewhere."""
        ...

    @property
    def files(self) -> Files:
        """The files of this realm."""
        ...

    async def answer(self, peer: RealmName, ask: Ask) -> dict[str, object]:
        """Return what another realm asked for.

        :raises ChatError: why not.
        """
        ...

    async def display_name(self, address: str) -> str:
        """Return what a sender here is called, ``""`` if nothing."""
        ...
