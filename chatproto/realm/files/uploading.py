"""Uploads: begun, gone on with on any connection of their account, and ended without a message.

What an upload is to be stands in its row; how far it is, the file store knows. Here is what is open, of which
there are not many: one that nobody uses for a while is closed, and opened again when it is asked for.
"""

from __future__ import annotations

import hashlib
from collections.abc import Sequence

import msgspec
from twisted.internet.defer import Deferred
from twisted.internet.interfaces import IDelayedCall
from twisted.logger import Logger

from chatproto import commands
from chatproto.errors import Busy, ChatError, CidReused, FileTooLarge, NoSuchFile, QuotaReached, StoreFull
from chatproto.events import Reply, Uploading, UploadList, UploadState
from chatproto.faults import Discreet
from chatproto.interfaces import IFilePart, IFileStore, IStore
from chatproto.limits import Limits
from chatproto.names import clean_file_name
from chatproto.realm.cids import Cids
from chatproto.realm.failing import refusal_of
from chatproto.realm.files.quotas import check_quota
from chatproto.realm.files.upload import WINDOW_BYTES, Room, Upload
from chatproto.realm.log import Log
from chatproto.realm.logins import Login
from chatproto.realm.offers import media_type
from chatproto.realm.posting import reply_of
from chatproto.realm.sending import Sending
from chatproto.realm.times import Timestamps
from chatproto.realm.turns import Turns
from chatproto.realm.writer import Writer
from chatproto.records import CidRow, FileRow, UploadRow

#: Uploads that are open at a time: each has a file descriptor.
_OPEN = 256
#: One that is not used for so long is closed.
_IDLE_SECONDS = 60.0
#: That a file was refused as there is no room for it is told to the log so often.
_TELL_SECONDS = 60.0

_encode = msgspec.json.Encoder().encode


def upload_digest(row: UploadRow) -> bytes:
    """Return what tells an upload from other commands with the same cid."""
    said = _encode((row.to, row.name, row.size, row.sha256, row.type))
    return hashlib.blake2b(said, digest_size=8, person=b"upload").digest()


class Uploads:
    """All uploads. ``busy`` has the mids of parts that are open."""

    _logger = Logger()

    def __init__(
        self,
        files: IFileStore,
        store: IStore,
        writer: Writer,
        log: Log,
        cids: Cids,
        sending: Sending,
        busy: set[str],
    ) -> None:
        self._files = files
        self._store = store
        self._writer = writer
        self._log = log
        self._clock = log.clock
        self._cids = cids
        self._sending = sending
        self._busy = busy
        self._room = Room(writer.meters)
        self._open: dict[str, Upload] = {}
        #: One decision at a time for each account: what is open, what is finished, what is cancelled.
        self.turns = Turns()
        self._sweep: IDelayedCall | None = None
        self._told_full_at = float("-inf")
        self._closed = False

    def __len__(self) -> int:
        return len(self._open)

    @property
    def waiting(self) -> int:
        """Bytes that came and are not written yet."""
        return self._room.taken

    # -- beginning

    async def begin(self, login: Login, command: commands.Upload, limits: Limits) -> Reply:
        """Begin an upload, or go on with one; if it is finished, return what it came to.

        :raises ChatError: it is refused.
        """
        await self._make_room()
        async with self.turns.alone(login.account):
            rows = await self._store.uploads(login.account)
            row = self._wanted(login, command)
            found: Upload | None = None
            if row.cid:
                earlier = next((each for each in rows if each.cid == row.cid), None)
                if earlier is not None:
                    found = await self._again(row, earlier)
                elif (done := await self._finished(row)) is not None:
                    return done
            if found is None:
                found = await self._new(login, row, limits, rows)
            if not found.finishing:
                await found.written()
                return Uploading(file=found.row.mid, offset=found.next, window=WINDOW_BYTES)
        return await _outcome(found)

    def _wanted(self, login: Login, command: commands.Upload) -> UploadRow:
        return UploadRow(
            mid="",
            account=login.account,
            cid=command.cid or "",
            to=command.to,
            name=clean_file_name(command.name),
            size=command.size,
            sha256=command.sha256 or "",
            type=media_type(command.type or ""),
            began=self._log.now(),
        )

    async def _again(self, row: UploadRow, earlier: UploadRow) -> Upload:
        if upload_digest(row) != upload_digest(earlier):
            raise CidReused
        return self._open.get(earlier.mid) or await self._open_part(earlier)

    async def _finished(self, row: UploadRow) -> Reply | None:
        """Return what a command with the same cid came to, if there was one."""
        done = await self._cids.find(row.account, row.cid)
        if done is None:
            return None
        if done.digest != upload_digest(row):
            raise CidReused
        return reply_of(row.to, done.outcome)

    async def claims(self, row: UploadRow, file: FileRow) -> list[CidRow]:
        """Return what makes known what the cid of an upload came to, unless something else took it."""
        if not row.cid or await self._cids.find(row.account, row.cid) is not None:
            return []
        ordered = self._cids.certainly_new(row.account, row.cid)
        return [self._cids.claim((row.account, row.cid), ordered, upload_digest(row), [(file.mid, file.seq)])]

    async def _new(self, login: Login, row: UploadRow, limits: Limits, rows: Sequence[UploadRow]) -> Upload:
        if len(rows) >= limits.uploads:
            raise QuotaReached(f"one may have {limits.uploads} uploads that are not finished")
        await check_quota(self._store, login, limits, row.size, row.began, rows)
        await self._sending.file_way(login, row.to, row.size)
        room = await self._files.room()
        if row.size > room:
            most = await self._files.capacity()
            if row.size > most:
                raise FileTooLarge(f"there is never room for more than {most} bytes here")
            self._tell_full(row.size, room)
            raise StoreFull
        row = msgspec.structs.replace(row, mid=self._log.next_mid())
        await self._writer.save(inserts=(row,))
        return await self._open_part(row)

    def _tell_full(self, size: int, room: int) -> None:
        now = self._clock.seconds()
        if now - self._told_full_at >= _TELL_SECONDS:
            self._told_full_at = now
            self._logger.error("no room for a file of {size} bytes, but for {room}", size=size, room=room)

    async def _open_part(self, row: UploadRow) -> Upload:
        self._busy.add(row.mid)
        try:
            part: IFilePart = await self._files.part(row.mid)
        except BaseException:
            self._busy.discard(row.mid)
            raise
        upload = self._open[row.mid] = Upload(row, part, self._room, refusal_of)
        self._touch(upload)
        self._sweep_later()
        return upload

    # -- finding

    def at_hand(self, login: Login, mid: str) -> Upload | None:
        """Return an upload of an account that is open."""
        upload = self._open.get(mid)
        if upload is None or upload.row.account != login.account:
            return None
        self._touch(upload)
        return upload

    async def find(self, login: Login, mid: str) -> Upload:
        """Return an upload of an account, opened if it is not.

        :raises NoSuchFile: there is none.
        """
        await self._make_room()
        async with self.turns.alone(login.account):
            upload = self.at_hand(login, mid)
            if upload is not None:
                return upload
            return await self._open_part(await self._row(login, mid))

    async def _row(self, login: Login, mid: str) -> UploadRow:
        row = await self._store.upload(mid)
        if row is None or row.account != login.account:
            raise NoSuchFile
        return row

    async def list_(self, login: Login) -> UploadList:
        """Return the uploads of an account."""
        await self._make_room()
        times = Timestamps()
        async with self.turns.alone(login.account):
            states = []
            for row in await self._store.uploads(login.account):
                upload = self._open.get(row.mid) or await self._open_part(row)
                state = UploadState(
                    file=row.mid,
                    to=row.to,
                    name=row.name,
                    size=row.size,
                    offset=upload.part.size,
                    at=times.text(row.began),
                    sha256=row.sha256,
                    cid=row.cid,
                )
                states.append(state)
            return UploadList(uploads=states)

    # -- ending

    async def cancel(self, login: Login, mid: str) -> None:
        """End an upload of an account.

        :raises NoSuchFile: there is none.
        :raises Busy: it is being finished.
        """
        async with self.turns.alone(login.account):
            upload = self._open.get(mid)
            if upload is not None and upload.finishing:
                raise Busy("the file is being sent")
            await self._end(await self._row(login, mid))

    async def end(self, mid: str) -> None:
        """End an upload, whosever it is, unless it is being finished."""
        row = await self._store.upload(mid)
        if row is None:
            return
        async with self.turns.alone(row.account):
            upload = self._open.get(mid)
            if upload is None or not upload.finishing:
                await self._end(row)

    async def forget(self, account: str) -> None:
        """End the uploads of an account that is deleted."""
        async with self.turns.alone(account):
            for row in await self._store.uploads(account):
                await self._end(row)

    async def _end(self, row: UploadRow) -> None:
        """Remove an upload: first its row, as what has none is removed anyway."""
        await self._writer.save(removes=(row,))
        upload = self._open.get(row.mid) or await self._open_part(row)
        await self.over(upload, NoSuchFile())

    async def over(self, upload: Upload, outcome: Reply | ChatError) -> None:
        """Forget an upload whose row is gone, and what was written of it."""
        upload.end(outcome)
        await upload.written()
        self._open.pop(upload.row.mid, None)
        try:
            await upload.part.drop()
        finally:
            self._busy.discard(upload.row.mid)

    # -- those that are open

    def _touch(self, upload: Upload) -> None:
        upload.used = self._clock.seconds()

    async def _make_room(self) -> None:
        """Close the one that was not used for longest, if there are too many."""
        while len(self._open) >= _OPEN:
            idle = [each for each in self._open.values() if each.idle]
            if not idle:
                raise Busy("too many files come in at once")
            await self._close(min(idle, key=lambda each: each.used))

    async def _close(self, upload: Upload) -> None:
        """Close an upload, unless somebody uses it."""
        mid = upload.row.mid
        async with self.turns.alone(upload.row.account):
            if upload.idle and self._open.get(mid) is upload:
                del self._open[mid]  # whoever asks for it from now on waits, and opens it again
                await upload.part.close()
                self._busy.discard(mid)

    def _sweep_later(self) -> None:
        if self._sweep is None and not self._closed:
            self._sweep = self._clock.callLater(_IDLE_SECONDS, self._close_idle)

    def _close_idle(self) -> None:
        self._sweep = None
        before = self._clock.seconds() - _IDLE_SECONDS
        for upload in [each for each in self._open.values() if each.idle and each.used <= before]:
            Deferred.fromCoroutine(self._close(upload)).addErrback(
                lambda failure: self._logger.failure("a part could not be closed", failure=Discreet(failure))
            )
        if self._open:
            self._sweep_later()

    async def close(self) -> None:
        """Let go of all parts: they are there after the next start."""
        self._closed = True
        if self._sweep is not None:
            self._sweep.cancel()
            self._sweep = None
        for upload in list(self._open.values()):
            await upload.written()
            await upload.part.close()
        self._open.clear()


async def _outcome(upload: Upload) -> Reply:
    """Return what an upload that is being finished comes to."""
    outcome: Deferred[Reply | ChatError] = Deferred()
    upload.join(outcome.callback)
    reply = await outcome
    if isinstance(reply, ChatError):
        raise reply
    return reply
