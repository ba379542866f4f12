"""Files: sent and saved over any number of connections, a few at a time."""

from __future__ import annotations

import secrets
from collections.abc import Callable, Coroutine
from pathlib import Path
from typing import Any, TypeVar, cast

from twisted.internet.defer import Deferred, DeferredSemaphore, fail
from twisted.internet.interfaces import IReactorFromThreads, IReactorTime

from chatproto.client.disk import Disk, Source, Target
from chatproto.client.fetching import Fetching
from chatproto.client.lasting import Lasting, Reporter, Stage
from chatproto.client.link import Link
from chatproto.client.requests import Request
from chatproto.client.sending import Cids, Sending
from chatproto.commands import Cancel, Uploads
from chatproto.errors import BadRequest, Busy
from chatproto.events import Done, FileChange, FileInfo, HistoryItem, Sent, UploadList
from chatproto.executors import ThreadExecutor
from chatproto.interfaces import IExecutor
from chatproto.names import is_sha256

T = TypeVar("T")

#: Transfers that run at a time; each has about two MiB under way and in memory.
AT_ONCE = 4
#: Transfers that wait for these.
WAITING = 1000
#: A disk does few things at a time anyway.
THREADS = 2


class Files:
    """Sends files and saves them, and asks about uploads."""

    def __init__(
        self, clock: IReactorTime, link: Link, request: Request, executor: IExecutor | None = None
    ) -> None:
        self._clock = clock
        self._request = request
        # Its threads are there while there is a transfer.
        self._executor = executor or ThreadExecutor(cast("IReactorFromThreads", clock), "files", THREADS)
        self._lasting = Lasting(clock, link)
        # Random, so that no two clients of an account share it.
        self._cids = Cids(f"file-{secrets.token_hex(8)}")
        self._slots = DeferredSemaphore(AT_ONCE)
        self._running = 0

    def send(
        self, to: str, path: Path, name: str | None, type: str | None, cid: str | None, reporter: Reporter
    ) -> Deferred[Sent]:
        """See :meth:`~chatproto.ChatClient.send_file`, which has what may be left out."""
        source = Source(self._executor, path)
        sending = Sending(self._clock, self._lasting, self._cids, source, reporter)
        return self._run(lambda: sending.run(to, path, name, type, cid), source, reporter)

    def save(
        self, file: HistoryItem | FileInfo, folder: Path, reporter: Reporter, *, overwrite: bool
    ) -> Deferred[Path]:
        """See :meth:`~chatproto.ChatClient.save`, which has what may be left out."""
        info = file.file if isinstance(file, HistoryItem) else file
        if info is None:
            return fail(ValueError("the message is not a file"))
        if not is_sha256(info.sha256):  # it would be in the name of the part
            return fail(BadRequest("the realm tells a hash of the file that is none"))
        target = Target(self._executor, folder, info, overwrite=overwrite)
        fetching = Fetching(self._clock, self._lasting, target, info, reporter)
        return self._run(fetching.run, target, reporter)

    def uploads(self) -> Deferred[UploadList]:
        """List what clients of the account began to send, and neither finished nor cancelled."""
        return self._request(Uploads(), UploadList)

    def cancel(self, file: str) -> Deferred[Done]:
        """End an upload, by its ``file`` in :meth:`uploads`; nothing of it stays in the realm.

        :raises NoSuchFile: there is no such upload any more.
        """
        return self._request(Cancel(file=file), Done)

    def heard(self, change: FileChange) -> None:
        """Hear that a file has come, or will not come: who waits for it asks again."""
        self._lasting.wake(change.file)

    def wake(self) -> None:
        """Hear that the connection came, or went: what waited for a later time looks again."""
        self._lasting.wake()

    def _run(self, work: Callable[[], Coroutine[Any, Any, T]], disk: Disk, reporter: Reporter) -> Deferred[T]:
        if self._running >= AT_ONCE + WAITING:
            return fail(Busy("too many files wait to be sent or saved"))
        self._running += 1
        return Deferred.fromCoroutine(self._take_turn(work, disk, reporter)).addBoth(self._over)

    async def _take_turn(
        self, work: Callable[[], Coroutine[Any, Any, T]], disk: Disk, reporter: Reporter
    ) -> T:
        if not self._slots.tokens:
            reporter.report(Stage.QUEUED, 0, 0)
        await self._slots.acquire()
        try:
            result = await work()
            reporter.report(Stage.DONE, reporter.now.size, reporter.now.size)
            return result
        finally:
            disk.close()
            self._slots.release()

    def _over(self, result: Any) -> Any:
        self._running -= 1
        if not self._running:
            self._executor.stop()
        return result
