"""Contents of files on a disk that is slow, full or broken, as that of the store is; see :mod:`.disks`."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from random import Random
from typing import Any

from twisted.internet.defer import Deferred, DeferredLock
from twisted.internet.interfaces import IReactorTime
from twisted.internet.task import deferLater
from zope.interface import directlyProvides

from chatproto.errors import StoreFull, Unavailable
from chatproto.interfaces import IFilePart, IFileStore
from chatproto.testing.disks import Troubles

#: What is refused says so for this long.
RETRY_SECONDS = 1.0


class UnsteadyFiles:
    """Any store of contents, as slow and as bad as its disk."""

    def __init__(self, files: IFileStore, clock: IReactorTime, random: Random, troubles: Troubles) -> None:
        self._files = files
        self._clock = clock
        self._random = random
        self._troubles = troubles
        directlyProvides(self, IFileStore)

    def __getattr__(self, name: str) -> Any:
        """Return what the store behind does, which takes a while."""
        method = getattr(self._files, name)
        return lambda *arguments: Deferred.fromCoroutine(self._ask(method, arguments))

    async def _ask(self, method: Callable[..., Deferred[Any]], arguments: tuple[Any, ...]) -> Any:
        await self.wait(self._troubles.read_seconds)
        return await method(*arguments)

    def open(self) -> Deferred[None]:
        """Open the store behind."""
        return self._files.open()

    def close(self) -> Deferred[None]:
        """Close the store behind."""
        return self._files.close()

    def part(self, name: str) -> Deferred[IFilePart]:
        """Open a part, which is as bad."""
        return Deferred.fromCoroutine(self._part(name))

    async def _part(self, name: str) -> Any:
        await self.wait(self._troubles.read_seconds)
        return UnsteadyPart(await self._files.part(name), self)

    def put(self, data: bytes) -> Deferred[str]:
        """Put a small file, as well as the disk can."""
        return Deferred.fromCoroutine(self.change(lambda: self._files.put(data)))

    async def change(self, work: Callable[[], Awaitable[Any]]) -> Any:
        """Do what needs room and a disk that works."""
        await self.wait(self._troubles.commit_seconds)
        if self._troubles.full:
            await deferLater(self._clock, 0)  # never in the turn of who asks again at once
            raise StoreFull(retry_after=RETRY_SECONDS)
        if self._troubles.failing_writes:
            self._troubles.failing_writes -= 1
            raise Unavailable("a failure on purpose", retry_after=RETRY_SECONDS)
        return await work()

    async def end_kept(self) -> None:
        """End the process now, if that is wanted."""
        end, self._troubles.end_kept = self._troubles.end_kept, None
        if end is not None:
            end()
            await Deferred()  # nothing more happens to this process

    async def wait(self, seconds: tuple[float, float]) -> None:
        """Take a while."""
        if seconds[1]:
            await deferLater(self._clock, self._random.uniform(*seconds))


class UnsteadyPart:
    """A part on such a disk: it does one thing after another."""

    def __init__(self, part: IFilePart, files: UnsteadyFiles) -> None:
        self._part = part
        self._files = files
        self._lock = DeferredLock()
        #: How often a write failed: whatever waited behind it fails as well.
        self._failures = 0
        directlyProvides(self, IFilePart)

    @property
    def size(self) -> int:
        """See :class:`IFilePart`."""
        size: int = self._part.size
        return size

    def write(self, data: bytes) -> Deferred[int]:
        """Write after what is under way."""
        return self._in_turn(self._write, data, self._failures)

    async def _write(self, data: bytes, failures: int) -> int:
        if failures != self._failures:
            raise StoreFull(retry_after=RETRY_SECONDS)
        try:
            size: int = await self._files.change(lambda: self._part.write(data))
        except Exception:
            self._failures += 1
            raise
        return size

    def keep(self, size: int, sha256: str) -> Deferred[str]:
        """Keep after what is under way."""
        return self._in_turn(self._keep, size, sha256)

    async def _keep(self, size: int, sha256: str) -> str:
        kept: str = await self._files.change(lambda: self._part.keep(size, sha256))
        await self._files.end_kept()
        return kept

    def drop(self) -> Deferred[None]:
        """Drop after what is under way."""
        return self._lock.run(self._part.drop)

    def close(self) -> Deferred[None]:
        """Close after what is under way."""
        return self._lock.run(self._part.close)

    def _in_turn(self, work: Callable[..., Any], *arguments: Any) -> Deferred[Any]:
        return self._lock.run(lambda: Deferred.fromCoroutine(work(*arguments)))
