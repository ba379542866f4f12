"""What links need of the realm's rules: what becomes of an item that arrives, and of one that ends elsewhere.

The realm implements these; its rules know nothing of links. Rows that they return are appended in the turn in
which they were made, as they hold numbers.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Protocol

from chatproto.frames import Ask, Item, Receipt
from chatproto.names import RealmName
from chatproto.records import Outgoing, Record


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
        """Rows that replace others: at most the one of the sender."""
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

    async def answer(self, ask: Ask) -> dict[str, object]:
        """Return what another realm asked for.

        :raises ChatError: why not.
        """
        ...

    async def display_name(self, address: str) -> str:
        """Return what a sender here is called, ``""`` if nothing."""
        ...
