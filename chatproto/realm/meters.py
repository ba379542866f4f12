"""What a realm counts of its own work: plain numbers, for whoever wants to look.

Counting is always on, so that it must cost next to nothing: an addition for a message, a little more for a
batch or a question to the store. Who shows the numbers, and in which format, is not known here.
"""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Sequence
from functools import partial
from typing import Any, TypeVar, cast

from twisted.internet.defer import Deferred

from chatproto.interfaces import IStore
from chatproto.realm.times import Clock

T = TypeVar("T")

#: From a commit into the page cache of a fast disk to one on a disk that is about to fail.
_SECONDS = (0.001, 0.002, 0.005, 0.01, 0.02, 0.05, 0.1, 0.2, 0.5, 1.0, 2.0, 5.0)
#: From a lone command to the default bound of open rows.
_ENTRIES = (1, 2, 4, 8, 16, 32, 64, 128, 256, 512, 1024, 2048, 4096, 8192)

#: Methods of a store that are no questions.
_NOT_ASKED = frozenset({"open", "close", "commit"})


class Histogram:
    """How often values up to each bound, and beyond the last one, were seen; and their sum."""

    __slots__ = ("bounds", "counts", "sum")

    def __init__(self, bounds: Sequence[float]) -> None:
        self.bounds = tuple(bounds)
        self.counts = [0] * (len(self.bounds) + 1)
        self.sum = 0.0

    def observe(self, value: float) -> None:
        """Count a value; a clock that was set back makes a time of 0."""
        value = max(value, 0.0)
        self.counts[bisect_left(self.bounds, value)] += 1
        self.sum += value


class Asked:
    """How often a question was put to the store, how many are not answered yet, and how long they took."""

    __slots__ = ("count", "seconds", "waiting")

    def __init__(self) -> None:
        self.count = 0
        self.waiting = 0
        self.seconds = 0.0


class Meters:
    """What a realm has done since it was opened."""

    __slots__ = (
        "asked",
        "batch_seconds",
        "broken",
        "commit_seconds",
        "entries",
        "file_bytes_in",
        "file_bytes_out",
        "files",
        "logins",
        "messages",
        "refused",
    )

    def __init__(self) -> None:
        #: Messages that are on disk.
        self.messages = 0
        #: Sessions that were begun.
        self.logins = 0
        #: Files that clients brought, and bytes of files that they brought and fetched.
        self.files = 0
        self.file_bytes_in = 0
        self.file_bytes_out = 0
        #: Commands in each batch that is on disk.
        self.entries = Histogram(_ENTRIES)
        #: What each commit took, mostly the disk's sync.
        self.commit_seconds = Histogram(_SECONDS)
        #: From a batch's first command to its answer: what a client waits for.
        self.batch_seconds = Histogram(_SECONDS)
        #: Batches that the store refused, whole.
        self.refused = 0
        #: Entries that broke a constraint.
        self.broken = 0
        #: Questions to the store, by the name of the method.
        self.asked: dict[str, Asked] = {}


class Traffic:
    """What went through one listener since it was opened."""

    __slots__ = ("opened", "refusals", "replies", "turned_away")

    def __init__(self) -> None:
        #: Connections that were accepted, and those for which there was no room.
        self.opened = 0
        self.turned_away = 0
        #: Replies that are no refusals.
        self.replies = 0
        #: Refusals by code. The codes are those of our own error classes, so there are not many.
        self.refusals: dict[str, int] = {}

    def refuse(self, code: str) -> None:
        """Count a refusal."""
        self.refusals[code] = self.refusals.get(code, 0) + 1


class CountedStore:
    """A store that counts and times what it is asked; ``commit`` is the writer's to count.

    It has the methods of :class:`IStore` by its names, so it needs no change when that gets another.
    """

    def __init__(self, store: IStore, meters: Meters, clock: Clock) -> None:
        self._store = store
        self._asked = meters.asked
        self._clock = clock
        for name in IStore.names():
            if name not in _NOT_ASKED:
                setattr(self, name, partial(self._ask, name))

    def __getattr__(self, name: str) -> Any:
        return getattr(self._store, name)

    def _ask(self, name: str, *arguments: Any, **named: Any) -> Deferred[Any]:
        asked = self._asked.get(name)
        if asked is None:
            asked = self._asked[name] = Asked()
        start = self._clock.seconds()
        answer: Deferred[Any] = getattr(self._store, name)(*arguments, **named)

        def answered(result: T) -> T:
            asked.waiting -= 1
            asked.seconds += max(self._clock.seconds() - start, 0.0)
            return result

        asked.count += 1
        asked.waiting += 1
        return answer.addBoth(answered)


def counted(store: IStore, meters: Meters, clock: Clock) -> IStore:
    """Return the same store, counted."""
    return cast("IStore", CountedStore(store, meters, clock))
