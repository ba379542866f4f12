"""Disks that outlive the processes that use them: slow, full, broken, and put back from older copies."""

from __future__ import annotations

import shutil
from collections.abc import Callable, Sequence
from pathlib import Path
from random import Random
from typing import Any, Protocol

from twisted.internet.defer import Deferred
from twisted.internet.interfaces import IReactorTime
from twisted.internet.task import deferLater
from zope.interface import directlyProvides

from chatproto.errors import DiskFull, StoreFailed
from chatproto.executors import InlineExecutor
from chatproto.interfaces import IStore
from chatproto.records import Batch, Record
from chatproto.store.memory import MemoryDisk, MemoryStore
from chatproto.store.sql import SqlStore
from chatproto.store.sqlite import SqliteDatabase


class Disk(Protocol):
    """Where a realm's store is. Copies are taken at any time, and put back while no process runs."""

    def open(self, clock: IReactorTime) -> IStore:
        """Return a store over what is there."""
        ...

    def crash(self) -> None:
        """Hear that the process that used it is gone."""

    def copy(self) -> Any:
        """Return a copy of what is committed now."""
        ...

    def put_back(self, copy: Any, *, unnoticed: bool) -> None:
        """Replace everything by an older copy; ``unnoticed``: also what would tell that it is one."""


class InMemory:
    """A disk in memory."""

    def __init__(self) -> None:
        self._disk = MemoryDisk()

    def open(self, clock: IReactorTime) -> IStore:
        """See :class:`Disk`."""
        return MemoryStore(self._disk)

    def crash(self) -> None:
        """See :class:`Disk`."""
        self._disk.crash()

    def copy(self) -> Any:
        """See :class:`Disk`."""
        return self._disk.backup()

    def put_back(self, copy: Any, *, unnoticed: bool) -> None:
        """See :class:`Disk`."""
        self._disk.restore(copy)
        if unnoticed:
            self._disk.newest_batch = copy.batch


class OnSqlite:
    """A SQLite file in a folder. A crash leaves the files as they are; the next life gets a copy of them."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._life = 0
        self._store: SqlStore | None = None
        self._path.parent.mkdir(parents=True)

    @property
    def _path(self) -> Path:
        return self._folder / str(self._life) / "store.db"

    def open(self, clock: IReactorTime) -> IStore:
        """See :class:`Disk`."""
        executor = InlineExecutor()
        self._store = SqlStore(SqliteDatabase(self._path, 1, clock), executor, executor)
        return self._store

    def crash(self) -> None:
        """See :class:`Disk`."""
        left, store = self._path.parent, self._store
        self._life += 1
        shutil.copytree(left, self._path.parent, ignore=shutil.ignore_patterns("*-shm"))
        if store is not None:
            # It closes the files, whose contents nobody will look at any more.
            store.close().addErrback(lambda _: None)
        shutil.rmtree(left)
        self._store = None

    def copy(self) -> Any:
        """See :class:`Disk`."""
        files = [path for path in self._path.parent.iterdir() if not path.name.endswith("-shm")]
        return {path.name: path.read_bytes() for path in files}

    def put_back(self, copy: Any, *, unnoticed: bool) -> None:
        """See :class:`Disk`."""
        for path in self._path.parent.iterdir():
            if unnoticed or path.suffix != ".lock":
                path.unlink()
        for name, data in copy.items():
            if unnoticed or not name.endswith(".lock"):
                (self._path.parent / name).write_bytes(data)


class Troubles:
    """What is wrong with a disk now. It stays so until it is changed, also over restarts."""

    def __init__(self) -> None:
        #: Seconds that a commit and a question take, at least and at most.
        self.commit_seconds = (0.0, 0.0)
        self.read_seconds = (0.0, 0.0)
        #: Whether there is no room: every commit is refused, and every byte of a file.
        self.full = False
        #: So many of the next writes of files fail; they can be tried again.
        self.failing_writes = 0
        #: The next commit fails for good; stored, or not.
        self.break_next: bool | None = None
        #: Called in the middle of the next commit, before or after it is stored, to end the process.
        self.end_before: Callable[[], None] | None = None
        self.end_after: Callable[[], None] | None = None
        #: The same when the bytes of a file were kept, and nothing says so yet.
        self.end_kept: Callable[[], None] | None = None

    def hurry(self) -> None:
        """Be as fast as can be."""
        self.commit_seconds = self.read_seconds = (0.0, 0.0)


class UnsteadyStore:
    """Any store, as slow and as bad as its disk. Every question and every commit may take a while.

    ``committed`` hears of each batch that is on disk, and of the entries left out, before the realm does.
    """

    def __init__(
        self,
        store: IStore,
        clock: IReactorTime,
        random: Random,
        troubles: Troubles,
        committed: Callable[[Batch, Sequence[int]], None],
    ) -> None:
        self._store = store
        self._clock = clock
        self._random = random
        self._troubles = troubles
        self._told = committed
        directlyProvides(self, IStore)

    def __getattr__(self, name: str) -> Any:
        """Return a question of the store behind, which takes a while."""
        question = getattr(self._store, name)

        def ask(*arguments: Any) -> Deferred[Any]:
            longest = self._troubles.read_seconds[1]
            if not longest:
                answer: Deferred[Any] = question(*arguments)
                return answer
            return Deferred.fromCoroutine(self._ask(question, arguments))

        return ask

    async def _ask(self, question: Callable[..., Deferred[Any]], arguments: tuple[Any, ...]) -> Any:
        answer = await question(*arguments)
        await self._wait(self._troubles.read_seconds)
        return answer

    def open(self, realm: Any) -> Deferred[Any]:
        """Open the store behind."""
        return self._store.open(realm)

    def close(self) -> Deferred[None]:
        """Close the store behind."""
        return self._store.close()

    def commit(self, batch: Batch) -> Deferred[Sequence[int]]:
        """Commit, as well as the disk can."""
        return Deferred.fromCoroutine(self._commit(batch))

    async def _commit(self, batch: Batch) -> Sequence[int]:
        troubles = self._troubles
        batch = Batch(batch.number, batch.seq, batch.serial, list(batch.entries))
        await self._wait(troubles.commit_seconds)
        if troubles.full:
            await deferLater(self._clock, 0)  # never in the turn of who asks again at once
            raise DiskFull("no room, on purpose")
        stored, troubles.break_next = troubles.break_next, None
        if stored is False:
            raise StoreFailed("a failure on purpose, before")
        await self._end_at("end_before")
        failed: Sequence[int] = await self._store.commit(batch)
        self._told(batch, failed)
        await self._end_at("end_after")
        if stored is True:
            raise StoreFailed("a failure on purpose, after")
        await self._wait(troubles.commit_seconds)
        return failed

    async def _end_at(self, point: str) -> None:
        end: Callable[[], None] | None = getattr(self._troubles, point)
        if end is not None:
            setattr(self._troubles, point, None)
            end()
            await Deferred()  # nothing more happens to this process

    async def _wait(self, seconds: tuple[float, float]) -> None:
        if seconds[1]:
            await deferLater(self._clock, self._random.uniform(*seconds))


def rows_of(batch: Batch, failed: Sequence[int]) -> list[Record]:
    """Return the rows that a batch stored."""
    left_out = set(failed)
    rows: list[Record] = []
    for index, entry in enumerate(batch.entries):
        rows += entry.otherwise if index in left_out else [*entry.inserts, *entry.puts]
    return rows
