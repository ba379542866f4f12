"""Items that are too late: those that were never sent end here, of the others their senders are told.

What was ever offered only the other side decides about, however late it is.
"""

from __future__ import annotations

from collections.abc import Sequence
from itertools import takewhile

from msgspec.structs import replace
from twisted.logger import Logger

from chatproto.errors import Conflict
from chatproto.federation.bounds import PORTION_BYTES, PORTION_ITEMS
from chatproto.federation.errand import Step, tell
from chatproto.federation.outgoing import OutgoingStream
from chatproto.federation.rules import Bounces, Effect
from chatproto.federation.settling import Ended, Settlement
from chatproto.interfaces import IStore
from chatproto.realm.times import Clock
from chatproto.realm.writer import Writer
from chatproto.records import Outgoing, Record, StreamRow


class _Notices(Step):
    """Notices that items are overdue."""

    __slots__ = ("_effects",)

    def __init__(self, effects: Sequence[Effect], row: StreamRow) -> None:
        inserts: list[Record] = [row for effect in effects for row in effect.inserts]
        super().__init__(inserts, [row])
        self._effects = effects

    def committed(self) -> None:
        """See :class:`Step`."""
        for effect in self._effects:
            tell(effect.told)
        super().committed()


class Overdue:
    """Looks for the overdue items of one stream."""

    _log = Logger()

    def __init__(
        self,
        stream: OutgoingStream,
        store: IStore,
        writer: Writer,
        clock: Clock,
        bounces: Bounces,
        ended: Ended,
    ) -> None:
        self._stream = stream
        self._store = store
        self._writer = writer
        self._clock = clock
        self._bounces = bounces
        self._ended = ended
        #: Up to here nothing more is to be done because of its time.
        self._passed = 0

    async def look(self) -> None:
        """Do what there is to do; what cannot be stored now is found again at the next look."""
        stream = self._stream
        if not stream.loaded:
            await stream.load()
        while stream.waiting_items and not self._writer.full and await self._tell_some():
            pass
        self._passed = max(self._passed, stream.row.offered)
        while stream.waiting_items and not self._writer.full and await self._withdraw_some():
            pass

    async def _overdue(self, after: int, before: int) -> tuple[list[Outgoing], bool]:
        """Return overdue items of a portion, and whether there may be more behind it."""
        now = int(self._clock.seconds() * 1000)
        page = await self._store.outgoing(self._stream.realm, after, PORTION_ITEMS, PORTION_BYTES)
        page = [item for item in page if item.row.number < before]
        # Times rise with the numbers. Where a clock was set back, one that is late waits for those before it.
        late = list(takewhile(lambda item: item.row.expires <= now, page))
        return late, bool(late) and late[-1] is page[-1]

    async def _tell_some(self) -> bool:
        stream = self._stream
        generation = stream.generation
        after = max(stream.row.late, stream.row.settled)
        late, more = await self._overdue(after, stream.row.offered + 1)
        await self._bounces.prepare(late)
        if not late or not stream.loaded or generation != stream.generation or stream.at_risk:
            return False
        settled = stream.row.settled
        fresh = [each for each in late if each.message is not None and each.row.number > settled]
        row = replace(stream.row, late=late[-1].row.number)
        step = stream.put(_Notices([self._bounces.delayed(item) for item in fresh], row), row)
        self._writer.append(step)
        return await step.done is None and more

    async def _withdraw_some(self) -> bool:
        stream = self._stream
        generation = stream.generation
        late, more = await self._overdue(self._passed, stream.newest + 1)
        await self._bounces.prepare(late)
        if not stream.loaded or generation != stream.generation:
            return False
        # Between here and the append nothing waits: what was offered meanwhile may be on its way.
        mine = [each for each in late if each.row.number > stream.row.offered]
        if mine:
            codes = dict.fromkeys((each.row.number for each in mine), "expired")
            step = Settlement(stream, self._bounces, self._ended, mine, codes)
            self._writer.append(step)
            error = await step.done
            if isinstance(error, Conflict):
                self._log.error("items for {realm} could not be withdrawn", realm=stream.realm)
            if error is not None:
                return False
        if late:
            self._passed = late[-1].row.number
        return more
