"""What each command of an operator about files does."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from chatproto import commands, events
from chatproto.errors import BadField, FileGone, FileNotHere, NoSuchFile, NotSupported
from chatproto.events import Reply
from chatproto.realm.logins import Login
from chatproto.realm.times import Timestamps
from chatproto.records import FileRow, FileState

if TYPE_CHECKING:
    from chatproto.realm.session import ClientSession

#: Files in one page: with the longest names and addresses below SERVER_LINE_BYTES.
_FILES = 50


async def files_list(session: ClientSession, _: Login | None, command: commands.FilesList) -> Reply:
    """List files."""
    limit = min(command.limit or _FILES, _FILES)
    rows = await session.realm.files.page(command.after, limit + 1)
    text = Timestamps().text
    state = session.realm.files.downloads.state
    found = [_stored(row, text(row.at), await state(row)) for row in rows[:limit]]
    return events.StoredFilePage(files=found, complete=len(rows) <= limit)


def _stored(row: FileRow, at: str, state: str) -> events.StoredFile:
    return events.StoredFile(
        seq=row.seq,
        file=row.mid,
        from_=row.sender,
        to=row.recipient,
        name=row.name,
        size=row.size,
        sha256=row.sha256,
        type=row.type,
        at=at,
        state=state,
        realm=row.realm,
    )


async def files_export(session: ClientSession, _: Login | None, command: commands.FilesExport) -> Reply:
    """Copy a file out of the store."""
    if not Path(command.path).is_absolute() or "\0" in command.path:
        raise BadField("path: expected an absolute path")
    files = session.realm.files
    if files.store is None:
        raise NotSupported("the realm keeps no files")
    row = await files.row(command.file)
    if row is None:
        raise NoSuchFile
    state = await files.downloads.state(row)
    if state != FileState.STORED:
        raise FileNotHere if state in (FileState.WANTED, FileState.OFFERED) else FileGone
    return events.FileExported(size=await files.store.export(row.sha256, command.path))


async def files_gc(session: ClientSession, _: Login | None, command: commands.FilesGc) -> Reply:
    """Remove a portion of what nobody needs."""
    return await session.realm.garbage.collect(command.after or "", older=command.older or 0)
