"""What nobody needs any more of files: removed a portion at a time, while the realm serves.

That is: uploads that were not finished in time, parts that belong to nothing, contents that no file refers
to; and, where the operator says so, the contents of old files, whose messages stay.
"""

from __future__ import annotations

import enum
from collections.abc import Sequence

from msgspec.structs import replace
from twisted.logger import Logger

from chatproto.errors import NotSupported, Unavailable
from chatproto.events import FilesCollected
from chatproto.interfaces import IFilePart, IFileStore, IStore
from chatproto.limits import Limits
from chatproto.realm.files.files import Files
from chatproto.realm.times import Clock
from chatproto.realm.writer import Writer
from chatproto.records import FileState

#: Rows, parts and contents that are looked at in one portion.
_PORTION = 500
#: If more of a portion than this, and more than half of it, is referred to by nothing, then rather the store
#: is the wrong one, or an older copy; nobody removes that without being told.
_FEW = 8
#: It is waited for so long until no content is being kept. No other one is begun meanwhile.
_PATIENCE_SECONDS = 10.0
#: The states of a file of which a part may be here.
_COMING = frozenset({FileState.WANTED, FileState.OFFERED})


class _Stage(enum.StrEnum):
    """What is looked at; a cursor is its name, a colon, and how far it is."""

    OLD = "old"
    UPLOADS = "uploads"
    PARTS = "parts"
    CONTENTS = "contents"


_AFTER = {_Stage.OLD: _Stage.UPLOADS, _Stage.UPLOADS: _Stage.PARTS, _Stage.PARTS: _Stage.CONTENTS}


class Garbage:
    """Removes what nobody needs."""

    _log = Logger()

    def __init__(self, files: Files, store: IStore, writer: Writer, clock: Clock, limits: Limits) -> None:
        self._files = files
        self._store = store
        self._writer = writer
        self._clock = clock
        self._upload_seconds = limits.upload_seconds
        self._cursor = ""

    async def portion(self) -> bool:
        """Go on with the usual round; tell whether it goes on."""
        if self._files.store is None:
            return False
        done = await self.collect(self._cursor, careful=True)
        self._cursor = done.next
        return bool(done.next)

    async def collect(self, cursor: str = "", *, older: int = 0, careful: bool = False) -> FilesCollected:
        """Remove a portion, and return what it was and where the next one begins.

        ``older``: contents of files go, too, that were stored so many seconds ago. ``careful``: what looks
        as if the store were the wrong one is only told.

        :raises NotSupported: the realm keeps no files.
        :raises Unavailable: not now; it can be called again.
        """
        files = self._files.store
        if files is None:
            raise NotSupported("the realm keeps no files")
        name, _, after = cursor.partition(":")
        stage = _Stage(name) if name in set(_Stage) else _Stage.OLD
        match stage:
            case _Stage.OLD:
                done, last = await self._old(after, older)
            case _Stage.UPLOADS:
                done, last = await self._uploads(), ""
            case _Stage.PARTS:
                done, last = await self._parts(files, after)
            case _Stage.CONTENTS:
                done, last = await self._contents(files, after, careful=careful)
        if last:
            return replace(done, next=f"{stage}:{last}")
        return replace(done, next=f"{_AFTER[stage]}:" if stage in _AFTER else "")

    async def _old(self, after: str, older: int) -> tuple[FilesCollected, str]:
        """Say of old files that they are gone; then nothing refers to their contents."""
        if not older:
            return FilesCollected(), ""
        before = self._before(older)
        seen = await self._store.files(int(after) if after.isdecimal() else 0, _PORTION)
        old = [row for row in seen if row.at < before and row.state == FileState.STORED]
        if old:
            await self._writer.save(puts=[replace(row, state=str(FileState.GONE)) for row in old])
            self._files.rows_changed()
        return FilesCollected(gone=len(old)), str(seen[-1].seq) if len(seen) == _PORTION else ""

    def _before(self, seconds: float) -> int:
        return int((self._clock.seconds() - seconds) * 1000)

    async def _uploads(self) -> FilesCollected:
        before = self._before(self._upload_seconds)
        old = [
            row.mid
            for row in await self._store.uploads("")
            # Guests do not come back. The part of one who is there is open.
            if row.began < before or (row.account.startswith("~") and row.mid not in self._files.busy)
        ]
        for mid in old:
            await self._files.end_upload(mid)
        return FilesCollected(uploads=len(old))

    async def _parts(self, files: IFileStore, after: str) -> tuple[FilesCollected, str]:
        names = [name for name in await files.parts() if name > after][:_PORTION]
        dropped = 0
        for name in names:
            if name not in self._files.busy and not await self._is_coming(name):
                dropped += await self._drop(files, name)
        return FilesCollected(parts=dropped), names[-1] if len(names) == _PORTION else ""

    async def _is_coming(self, mid: str) -> bool:
        if await self._store.upload(mid) is not None:
            return True
        row = await self._store.file(mid)
        return row is not None and row.state in _COMING

    async def _drop(self, files: IFileStore, name: str) -> bool:
        if name in self._files.busy:
            return False
        self._files.busy.add(name)
        try:
            part: IFilePart = await files.part(name)
            await part.drop()
        except Unavailable:  # somebody has it open after all, or the disk fails; there is a next time
            return False
        finally:
            self._files.busy.discard(name)
        return True

    async def _contents(self, files: IFileStore, after: str, *, careful: bool) -> tuple[FilesCollected, str]:
        async with self._files.pins.alone(_PATIENCE_SECONDS):
            found: Sequence[tuple[str, int]] = await files.contents(after, _PORTION)
            needed = await self._store.references([sha256 for sha256, _ in found])
            loose = [(sha256, size) for sha256, size in found if sha256 not in needed]
            last = found[-1][0] if len(found) == _PORTION else ""
            if careful and len(loose) > max(_FEW, len(found) // 2):
                self._log.warn(
                    "no file refers to {loose} of {found} contents; is the store an older copy, or another "
                    "one? If it is not, `chatproto files gc` removes them",
                    loose=len(loose),
                    found=len(found),
                )
                return FilesCollected(), last
            removed = 0
            size = 0
            for sha256, each in loose:
                await files.remove(sha256)
                if not await files.has(sha256):
                    removed, size = removed + 1, size + each
        return FilesCollected(contents=removed, bytes=size), last
