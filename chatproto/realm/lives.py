"""The lives of a store: each start begins one, and what a client heard may belong to one that is over."""

from __future__ import annotations

from collections.abc import Callable

from twisted.logger import Logger

from chatproto.realm.audit import Audit
from chatproto.realm.times import Clock
from chatproto.realm.writer import Writer
from chatproto.records import EpochRow, Record, StoreState
from chatproto.records.audit import OLDER


class Lives:
    """Begins a life, and finds positions in those before it; ``rows`` are all of them, the oldest first."""

    _log = Logger()

    def __init__(self, rows: list[EpochRow], writer: Writer, audit: Audit, clock: Clock) -> None:
        self.rows = rows
        self._writer = writer
        self._audit = audit
        self._clock = clock

    @property
    def epoch(self) -> str:
        """The name of this life."""
        return self.rows[-1].epoch

    async def begin(self, state: StoreState, entropy: Callable[[int], bytes]) -> None:
        """Return when a new life is on disk."""
        rows: list[Record] = []
        if state.older:
            rows.append(self._audit.row(OLDER, number=state.older))
            self._log.error(
                "the store is an older copy: it has batch {found} where {lost} was once committed; "
                "what came between is lost",
                found=state.batch,
                lost=state.older,
            )
        number = 1 if state.epoch is None else state.epoch.number + 1
        epoch = EpochRow(number, entropy(8).hex(), state.seq + 1, int(self._clock.seconds() * 1000))
        await self._writer.save(inserts=(epoch, *rows))
        self.rows.append(epoch)

    def position(self, after: int | None, epoch: str | None, newest: int, device: int) -> tuple[int, bool]:
        """Return where to go on for a client that heard everything up to ``after`` in an epoch.

        Also whether that position belongs to another life of the store. Then telling begins where the epoch
        that the client names ended here; if it is unknown here, at the device's cursor, or now if that was
        never moved.
        """
        if after is None:
            return newest, False
        if epoch is not None:
            index = next((i for i, row in enumerate(self.rows) if row.epoch == epoch), None)
            if index is None:
                return device or newest, True
            if index + 1 < len(self.rows) and after >= self.rows[index + 1].first:
                return self.rows[index + 1].first - 1, True
        return min(after, newest), False
