"""What is fetched from one other realm: a few files at a time, the rest is known to the store.

A file that does not come makes room for others, and is tried again later, ever less often. In memory there
is what is under way, and what was tried not long ago.
"""

from __future__ import annotations

import re
from collections import OrderedDict, deque

from twisted.internet.defer import Deferred
from twisted.internet.interfaces import IDelayedCall
from twisted.logger import Logger
from twisted.python.failure import Failure

from chatproto.errors import ChatError, FileNotHere, StoreError, StoreFull, WrongContent
from chatproto.faults import Discreet
from chatproto.federation.bounds import (
    FETCH_PAGE,
    FETCH_PAUSE,
    FETCH_PAUSE_MOST,
    FETCHES_LATER,
    FULL_PAUSE,
)
from chatproto.federation.counting import FileCounts
from chatproto.federation.errand import Errand
from chatproto.federation.files_fetch import Fetch, Outcome, Way
from chatproto.federation.rules import Files
from chatproto.frames import Got, Lacking
from chatproto.interfaces import IStore
from chatproto.names import RealmName
from chatproto.realm.times import Clock
from chatproto.realm.writer import Writer
from chatproto.records import FileRow, FileState

#: What is logged of a file that has come whole and is another one.
CAME_WRONG = "{mid} came with other bytes than were said"
#: A code that may be logged.
_CODE = re.compile(r"[a-z0-9-]{1,64}")


class _Tried:
    """What is remembered of a file that did not come."""

    __slots__ = ("code", "due", "pause", "wrong")

    def __init__(self) -> None:
        #: When it is tried again, and after how long.
        self.due = 0.0
        self.pause = FETCH_PAUSE
        #: How often it came and was something else.
        self.wrong = 0
        #: Why it never will come, if that is not stored yet.
        self.code = ""


class Fetching:
    """Fetches files from one realm, by whatever way there is."""

    _log = Logger()

    def __init__(
        self,
        realm: RealmName,
        files: Files,
        store: IStore,
        writer: Writer,
        clock: Clock,
        most: int,
        counts: FileCounts,
    ) -> None:
        """Fetch at most so many files at a time."""
        self._realm = realm
        self._files = files
        self._store = store
        self._clock = clock
        self._most = most
        self._counts = counts
        #: By which way files are fetched now.
        self.way: Way | None = None
        self._under_way: dict[str, Fetch] = {}
        self._tried: OrderedDict[str, _Tried] = OrderedDict()
        #: New ones, which need not be looked for; what was read last, and how far.
        self._new: deque[FileRow] = deque()
        self._page: deque[FileRow] = deque()
        self._after = 0
        #: Whether the store is being read, and when it is read again.
        self._reading = False
        self._call: IDelayedCall | None = None
        self._errand = Errand(writer, clock, "fetching files", self._begin_some)
        #: Hears that there may be more to do.
        self.wake = self._errand.soon

    @property
    def under_way(self) -> int:
        """How many files are being fetched."""
        return len(self._under_way)

    def attach(self, way: Way) -> None:
        """Fetch by a way from now on: with a new one things may be otherwise, so all is tried soon."""
        if self.way is not None and self.way is not way:
            self.detach(self.way)
        self.way = way
        for tried in self._tried.values():
            tried.due, tried.pause = 0.0, FETCH_PAUSE
        self._read_again()

    def detach(self, way: Way) -> None:
        """Fetch no more by a way."""
        if self.way is way:
            self.way = None
            for fetch in list(self._under_way.values()):
                fetch.stop()

    def stop(self) -> None:
        """Begin nothing any more."""
        self._errand.stop()
        if self._call is not None:
            self._call.cancel()
            self._call = None
        if self.way is not None:
            self.detach(self.way)

    def wanted(self, row: FileRow) -> None:
        """Hear of a file that is to be fetched."""
        self._tried.pop(row.mid, None)
        if self.way is None:
            return  # it is found when there is one
        if len(self._new) < FETCH_PAGE:
            self._new.append(row)
            self.wake()
        else:
            self._read_at(self._clock.seconds() + FETCH_PAUSE)

    def elsewhere(self, mid: str) -> None:
        """Hear that a file is to be fetched from another realm now."""
        fetch = self._under_way.get(mid)
        if fetch is not None:
            fetch.give_up()

    def _read_again(self) -> None:
        """Read in the store what is to be fetched, from the beginning."""
        self._call = None
        self._page.clear()
        self._after = 0
        self._reading = True
        self.wake()

    def _read_at(self, due: float) -> None:
        """Read the store again at a time, or before."""
        if self.way is None:
            return
        if self._call is not None:
            if self._call.getTime() <= due:
                return
            self._call.cancel()
        self._call = self._clock.callLater(max(0.0, due - self._clock.seconds()), self._read_again)

    async def end_all(self, code: str) -> None:
        """Let nobody wait any more for what is to be fetched.

        :raises Unavailable: not now; it can be called again.
        """
        while rows := await self._store.wanted(str(self._realm), 0, FETCH_PAGE):
            for row in rows:
                await self._files.refused(row, code)

    # -- one after the other

    async def _begin_some(self) -> None:
        while self.way is not None and len(self._under_way) < self._most:
            row = await self._next()
            if row is None:
                return
            if row.mid in self._under_way:
                continue
            now = await self._store.file(row.mid)  # it may be here since
            if self.way is not None and now is not None and self._is_wanted(now):
                self._begin(now, self.way)

    async def _next(self) -> FileRow | None:
        """Return a file whose time has come; None if there is none now."""
        while True:
            if self._new:
                return self._new.popleft()
            while self._page:
                row = self._page.popleft()
                tried = self._tried.get(row.mid)
                if tried is None or tried.due <= self._clock.seconds():
                    return row
                self._read_at(tried.due)  # what it was to be read for before is now
            if not self._reading:
                return None
            page = await self._store.wanted(str(self._realm), self._after, FETCH_PAGE)
            self._page.extend(page)
            if page:
                self._after = page[-1].seq
            else:
                self._reading = False

    def _is_wanted(self, row: FileRow) -> bool:
        return row.state == FileState.WANTED and row.realm == self._realm

    def _begin(self, row: FileRow, way: Way) -> None:
        fetch = self._under_way[row.mid] = Fetch(row, self._files, way, self._clock, self._count)
        Deferred.fromCoroutine(self._fetch(fetch, way)).addErrback(self._broken)

    def _count(self, size: int) -> None:
        self._counts.came_bytes += size

    async def _fetch(self, fetch: Fetch, way: Way) -> None:
        mid = fetch.row.mid
        try:
            tried = self._tried.get(mid)
            if tried is None or not tried.code:
                await self._try(fetch, way)
            tried = self._tried.get(mid)
            if tried is not None and tried.code:
                await self._refuse(fetch.row, tried.code)
        except StoreFull:
            self._postpone(mid, FULL_PAUSE)
        except (ChatError, StoreError):
            self._postpone(mid)
        except Exception:
            self._postpone(mid, FETCH_PAUSE_MOST)
            self._log.failure("a file could not be fetched", failure=Discreet(Failure()))
        finally:
            del self._under_way[mid]
            self.wake()

    async def _try(self, fetch: Fetch, way: Way) -> None:
        mid = fetch.row.mid
        outcome = await fetch.run()
        if outcome is Outcome.STORED:
            self._counts.fetched += 1
            self._tried.pop(mid, None)
        elif outcome is Outcome.WRONG:
            self._log.warn(CAME_WRONG, mid=mid)
            tried = self._postpone(mid)
            tried.wrong += 1
            if tried.wrong >= way.wrong:
                tried.code = WrongContent.code
            elif tried.wrong == 1:
                tried.due = 0.0
                self._read_at(0.0)
        elif self.way is not way:
            self._read_at(0.0)  # there may be another one already
        elif not self._is_postponed(mid):
            self._postpone(mid)

    def _is_postponed(self, mid: str) -> bool:
        tried = self._tried.get(mid)
        return tried is not None and (tried.code != "" or tried.due > self._clock.seconds())

    async def _refuse(self, row: FileRow, code: str) -> None:
        """Want a file no more."""
        await self._files.refused(row, code)
        self._counts.refused += 1
        self._tried.pop(row.mid, None)
        if self.way is not None:
            self.way.say(Got(mid=row.mid, code=code))

    def _postpone(self, mid: str, least: float = 0.0) -> _Tried:
        """Try a file again later."""
        tried = self._tried.pop(mid, None) or _Tried()
        self._tried[mid] = tried
        if len(self._tried) > FETCHES_LATER:
            self._tried.popitem(last=False)
        tried.due = self._clock.seconds() + max(tried.pause, least)
        tried.pause = min(2 * tried.pause, FETCH_PAUSE_MOST)
        self._read_at(tried.due)
        return tried

    def _broken(self, failure: Failure) -> None:
        self._log.failure("a file could not be fetched", failure=Discreet(failure))

    # -- what comes

    def chunk(self, mid: str, offset: int, data: bytes) -> bool:
        """Take bytes of a file; tell whether they were of any use."""
        fetch = self._under_way.get(mid)
        if fetch is not None and fetch.chunk(offset, data):
            return True
        self._counts.stray += 1
        return False

    def lacking(self, frame: Lacking) -> None:
        """Hear that the other realm does not give a file."""
        fetch = self._under_way.get(frame.mid)
        if fetch is None:
            return
        if frame.code == FileNotHere.code:
            self._postpone(frame.mid, min(frame.retry_after, FETCH_PAUSE_MOST))
        else:
            self._postpone(frame.mid).code = frame.code if _CODE.fullmatch(frame.code) else "unknown"
        fetch.stop()
