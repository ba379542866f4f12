"""What links need no more is removed: settled items, and refusals that nobody can ask for again."""

from __future__ import annotations

from collections.abc import Callable, Coroutine, Iterable, Mapping
from typing import TYPE_CHECKING, Any

from msgspec.structs import replace
from twisted.internet.defer import Deferred

from chatproto.federation.bounds import (
    OVERDUE_PERIOD,
    PORTION_ITEMS,
    REFUSAL_KEPT,
    SETTLED_BYTES,
    SETTLED_KEPT,
    UPKEEP_PERIOD,
)
from chatproto.federation.errand import Errand
from chatproto.federation.outgoing import OutgoingStream
from chatproto.federation.overdue import Overdue
from chatproto.federation.standing import Standing
from chatproto.interfaces import IStore
from chatproto.names import RealmName
from chatproto.realm.times import Clock
from chatproto.realm.writer import Writer
from chatproto.records import NOWHERE, AppliedRow, MessageRow, OutboxRow, Record, RefusalRow

if TYPE_CHECKING:
    from chatproto.federation.link import PeerLink


async def remove_settled(stream: OutgoingStream, store: IStore, writer: Writer, clock: Clock) -> None:
    """Remove old settled items of a stream; the last of them stays, as both sides compare its mid."""
    await stream.load()
    everything = await store.waiting(stream.realm, 0)
    unsettled = await store.waiting(stream.realm, stream.row.settled)
    kept = everything.bytes - unsettled.bytes
    before = int(clock.seconds() * 1000) - SETTLED_KEPT
    more = True
    while more and not writer.full:
        # A new epoch begins with the oldest row; so the two must not meet.
        kept, more = await stream.alone.run(_remove_some, stream, store, writer, kept, before)


def _remove_some(
    stream: OutgoingStream, store: IStore, writer: Writer, kept: int, before: int
) -> Deferred[tuple[int, bool]]:
    return Deferred.fromCoroutine(_removed(stream, store, writer, kept, before))


async def _removed(
    stream: OutgoingStream, store: IStore, writer: Writer, kept: int, before: int
) -> tuple[int, bool]:
    """Remove a portion; return the bytes that are kept, and whether there may be more."""
    await stream.load()
    rows = await store.outbox(stream.realm, 0, stream.row.settled, PORTION_ITEMS, False)
    gone: list[OutboxRow] = []
    for row in rows:
        if row.at >= before and kept <= SETTLED_BYTES:
            break
        gone.append(row)
        kept -= row.size if row.seq else 0
    if not gone:
        return kept, False
    await writer.save(removes=[*gone, *(_post(row.seq) for row in gone if row.to and row.seq)])
    stream.oldest = gone[-1].number + 1
    return kept, len(gone) == PORTION_ITEMS


def _post(seq: int) -> MessageRow:
    """Return a message that lived in the outbox only, as its key tells it."""
    return MessageRow(seq, NOWHERE, "", "", 0, 0, "", 0, "")


async def remove_refusals(store: IStore, writer: Writer, clock: Clock, links: Iterable[PeerLink]) -> None:
    """Remove refusals whose time is over; one that its sender has not settled stays longer."""
    now = int(clock.seconds() * 1000)
    applied = {str(link.realm): link.incoming.row for link in links}
    while not writer.full:
        rows = await store.old_refusals(now, PORTION_ITEMS)
        puts: list[Record] = []
        removes: list[Record] = []
        for row in rows:
            if _is_settled(row, applied.get(row.realm)):
                removes.append(row)
            else:
                puts.append(replace(row, until=now + REFUSAL_KEPT))
        if rows:
            await writer.save(puts=puts, removes=removes)
        if len(rows) < PORTION_ITEMS:
            return


def _is_settled(row: RefusalRow, applied: AppliedRow | None) -> bool:
    return applied is None or applied.epoch != row.epoch or row.number <= applied.settled


class Chores:
    """What is done for all links now and then: overdue items are looked for, and what is over is removed.

    ``end_all`` ends what there is with a realm that was dropped.
    """

    def __init__(
        self,
        links: Mapping[RealmName, PeerLink],
        store: IStore,
        writer: Writer,
        clock: Clock,
        end_all: Callable[[PeerLink], Coroutine[Any, Any, None]],
    ) -> None:
        self._links = links
        self._store = store
        self._writer = writer
        self._clock = clock
        self._end_all = end_all
        self.overdue: dict[RealmName, Overdue] = {}
        self._looking = Errand(writer, clock, "looking for overdue items", self._look)
        self._tidying = Errand(writer, clock, "removing what links need no more", self.tidy)

    def made(self, link: PeerLink) -> None:
        """Hear of a new link."""
        bounces = link.rules.bounces
        self.overdue[link.realm] = Overdue(
            link.outgoing, self._store, self._writer, self._clock, bounces, link.ended
        )

    def start(self) -> None:
        """Begin."""
        self._looking.wake()
        self._tidying.later(UPKEEP_PERIOD)

    def stop(self) -> None:
        """Begin nothing more."""
        self._looking.stop()
        self._tidying.stop()

    async def _look(self) -> None:
        self._looking.later(OVERDUE_PERIOD)
        for name, link in list(self._links.items()):
            await link.outgoing.load()
            if link.standing is not Standing.DROPPED:
                await self.overdue[name].look()
            elif link.outgoing.waiting_items:
                await self._end_all(link)  # it was not finished

    async def tidy(self) -> None:
        """Remove what is over."""
        self._tidying.later(UPKEEP_PERIOD)
        for link in list(self._links.values()):
            await remove_settled(link.outgoing, self._store, self._writer, self._clock)
        await remove_refusals(self._store, self._writer, self._clock, list(self._links.values()))
