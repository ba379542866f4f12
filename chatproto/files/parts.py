"""A part of a folder: what is to be done with it waits in a queue, and a thread does one thing at a time."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Sequence
from typing import Any

from msgspec import Struct
from twisted.internet.defer import Deferred, fail, succeed
from twisted.python.failure import Failure
from zope.interface import implementer

from chatproto.errors import NoSuchFile, WrongContent
from chatproto.files.writing import PartFile
from chatproto.interfaces import IFilePart

#: Calls something in a thread; its failures are those that a caller may be told.
Run = Callable[..., Deferred[Any]]

#: Bytes that are written at a time, if so many wait: going to a thread costs as much as a chunk.
_BATCH_BYTES = 1024 * 1024
#: Bytes after which what was written goes to the disk, while more is written.
_SYNC_BYTES = 8 * 1024 * 1024
#: Bytes that may be behind: beyond them a disk that is slow is waited for, so that the end is not far away.
_BEHIND_BYTES = 64 * 1024 * 1024


class _Job(Struct):
    """What is to be done: bytes to be written, or something else."""

    done: Deferred[Any]
    data: bytes | None
    work: Callable[[], Any] | None = None


@implementer(IFilePart)
class DiskPart:
    """An :class:`~chatproto.interfaces.IFilePart` over a file.

    ``kept`` hears the hash of what it became, and returns it; ``closed`` is called when it is let go.
    """

    def __init__(
        self, file: PartFile, run: Run, *, kept: Callable[[str], str], closed: Callable[[], None]
    ) -> None:
        self._file = file
        self._run = run
        self._kept = kept
        self._closed = closed
        self.size = file.size
        self._jobs: deque[_Job] = deque()
        self._busy = False
        self._ended = False
        self._synced = file.size
        #: What the disk will have when the sync that is under way has ended; None: there is none.
        self._syncing: int | None = None

    def write(self, data: bytes) -> Deferred[int]:
        """See :meth:`IFilePart.write`."""
        return self._add(_Job(Deferred(), data))

    def keep(self, size: int, sha256: str) -> Deferred[str]:
        """See :meth:`IFilePart.keep`."""
        kept: Deferred[str] = self._add(_Job(Deferred(), None, lambda: self._file.keep(size, sha256)))
        return kept.addCallbacks(self._kept, self._not_kept)

    def _not_kept(self, failure: Failure) -> Any:
        if failure.check(WrongContent):
            return self.drop().addCallback(lambda _: failure)
        return failure

    def drop(self) -> Deferred[None]:
        """See :meth:`IFilePart.drop`."""
        return self._end(self._file.drop)

    def close(self) -> Deferred[None]:
        """See :meth:`IFilePart.close`."""
        return self._end(self._file.close)

    def _end(self, work: Callable[[], None]) -> Deferred[None]:
        if self._ended:  # perhaps another one has it open under the same name by now
            return succeed(None)
        ended: Deferred[None] = self._add(_Job(Deferred(), None, work))
        self._ended = True
        return ended.addBoth(self._let_go)

    def _let_go(self, result: Any) -> Any:
        self._closed()
        return result

    def _add(self, job: _Job) -> Deferred[Any]:
        if self._ended:
            return fail(NoSuchFile())
        self._jobs.append(job)
        self._next()
        return job.done

    def _next(self) -> None:
        if self._busy or not self._jobs or self._must_wait():
            return
        self._busy = True
        if self._jobs[0].data is None:
            job = self._jobs.popleft()
            assert job.work is not None
            self._run(job.work).addBoth(self._worked, job)
            return
        jobs = self._batch()
        chunks = [job.data for job in jobs if job.data is not None]
        self._run(self._file.append, chunks).addBoth(self._written, jobs)

    def _must_wait(self) -> bool:
        """Tell whether a sync has to end first: nothing else but writing may go on beside it."""
        if self._syncing is None:
            return False
        return self._jobs[0].data is None or self.size - self._synced >= _BEHIND_BYTES

    def _batch(self) -> list[_Job]:
        jobs, size = [], 0
        while self._jobs and size < _BATCH_BYTES:
            data = self._jobs[0].data
            if data is None:
                break
            size += len(data)
            jobs.append(self._jobs.popleft())
        return jobs

    def _worked(self, result: Any, job: _Job) -> None:
        self._busy = False
        job.done.callback(result)  # a Failure becomes an errback by itself
        self._next()

    def _written(self, result: int | Failure, jobs: Sequence[_Job]) -> None:
        self._busy = False
        if isinstance(result, Failure):
            # What follows would stand in the wrong place.
            behind = [job for job in self._jobs if job.data is not None]
            self._jobs = deque(job for job in self._jobs if job.data is None)
            for job in (*jobs, *behind):
                job.done.errback(result)
        else:
            size = self.size
            self.size = result
            self._sync()  # before anybody who hears of it asks for more, which may have to wait for that
            for job in jobs:
                size += len(job.data or b"")
                job.done.callback(size)
        self._next()

    def _sync(self) -> None:
        if self._syncing is None and self.size - self._synced >= _SYNC_BYTES and not self._ended:
            self._syncing = self.size
            self._run(self._file.sync).addBoth(self._has_synced)

    def _has_synced(self, _: object) -> None:
        """Go on; whether it went well is seen at the end, when all of it is synced."""
        assert self._syncing is not None
        self._synced, self._syncing = self._syncing, None
        self._next()
