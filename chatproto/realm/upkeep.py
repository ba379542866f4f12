"""What nobody can use any more is removed, a little at a time, while the realm serves."""

from __future__ import annotations

from collections.abc import Sequence

from twisted.internet.defer import Deferred
from twisted.internet.interfaces import IDelayedCall
from twisted.logger import Logger

from chatproto.errors import ChatError, StoreError
from chatproto.faults import Discreet
from chatproto.interfaces import IStore
from chatproto.limits import Limits
from chatproto.realm.files.garbage import Garbage
from chatproto.realm.times import Clock
from chatproto.realm.writer import Writer
from chatproto.records import CursorRow, LoginRow, Record

#: How often it is looked for such rows.
_PERIOD_SECONDS = 3600.0
#: Rows are read and removed in so small portions that nobody waits for them.
_ROWS = 200
#: The time between two portions.
_PAUSE_SECONDS = 1.0
#: A session is over for so long before it is removed: what is on its way to the disk, and says otherwise, has
#: arrived by then.
_GRACE = 86400 * 1000


class Upkeep:
    """Removes sessions that are over, cursors of devices that had no name, and what is left of files."""

    _log = Logger()

    def __init__(self, store: IStore, writer: Writer, clock: Clock, limits: Limits, garbage: Garbage) -> None:
        self._store = store
        self._writer = writer
        self._clock = clock
        self._idle = int(limits.session_idle_seconds * 1000)
        self._garbage = garbage
        self._call: IDelayedCall | None = None
        self._stopped = False

    def start(self) -> None:
        """Look for such rows from now on."""
        self._again(_PERIOD_SECONDS)

    def stop(self) -> None:
        """Look for none any more."""
        self._stopped = True
        if self._call is not None:
            self._call.cancel()
            self._call = None

    def _again(self, seconds: float) -> None:
        if not self._stopped:
            self._call = self._clock.callLater(seconds, self._run)

    def _run(self) -> None:
        self._call = None
        done = Deferred.fromCoroutine(self._remove())
        # Whoever uses the store otherwise hears of what is wrong with it, and says so.
        done.addErrback(lambda failure: failure.trap(ChatError, StoreError) and False)
        done.addErrback(
            lambda failure: self._log.failure("old rows could not be removed", failure=Discreet(failure))
        )
        done.addCallback(lambda more: self._again(_PAUSE_SECONDS if more else _PERIOD_SECONDS))

    async def _remove(self) -> bool:
        """Remove a portion; tell whether there may be more."""
        if self._writer.full:
            return True
        before = int(self._clock.seconds() * 1000) - _GRACE
        rows = await self._store.old_logins(before, before - self._idle, _ROWS)
        if rows and not self._stopped:
            await self._writer.save(removes=_with_cursors(rows))
        more = not self._stopped and await self._garbage.portion()
        return more or len(rows) == _ROWS


def _with_cursors(rows: Sequence[LoginRow]) -> list[Record]:
    cursors = [CursorRow(row.account, "device", row.device, 0) for row in rows if row.device_name is None]
    return [*rows, *cursors]
