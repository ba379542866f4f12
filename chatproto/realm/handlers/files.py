"""What each command about files does."""

from __future__ import annotations

from typing import TYPE_CHECKING

from chatproto import commands, events
from chatproto.events import Reply
from chatproto.realm.files.upload import Upload
from chatproto.realm.logins import Login
from chatproto.realm.sending import Answer
from chatproto.realm.times import Timestamps
from chatproto.records import NOWHERE

if TYPE_CHECKING:
    from chatproto.realm.session import ClientSession, Waiting


async def upload(session: ClientSession, login: Login, command: commands.Upload) -> Reply:
    """Begin an upload, or go on with it."""
    if login.room is not None:
        session.realm.older.rooms.check_file(login, command, session.limits, session.address)
    return await session.realm.files.uploads.begin(login, command, session.limits)


def chunk(session: ClientSession, login: Login, command: commands.Chunk, answer: Answer) -> Waiting | None:
    """Let bytes be written; read no more while too many wait for that."""
    found = session.realm.files.uploads.at_hand(login, command.file)
    return _find_and_take(session, login, command, answer) if found is None else _take(found, command, answer)


def _take(upload: Upload, command: commands.Chunk, answer: Answer) -> Waiting | None:
    upload.take(command.offset, command.data, answer)
    return upload.room() if upload.full else None


async def _find_and_take(
    session: ClientSession, login: Login, command: commands.Chunk, answer: Answer
) -> None:
    waiting = _take(await session.realm.files.uploads.find(login, command.file), command, answer)
    if waiting is not None:
        await waiting


def finish(session: ClientSession, login: Login, command: commands.Finish, answer: Answer) -> None:
    """Send a file all of whose bytes were sent."""
    session.realm.files.finish(login, command, answer, session.gate)


async def cancel(session: ClientSession, login: Login, command: commands.Cancel) -> Reply:
    """End an upload."""
    await session.realm.files.uploads.cancel(login, command.file)
    return events.Done()


async def uploads(session: ClientSession, login: Login, command: commands.Uploads) -> Reply:
    """List the account's uploads."""
    return await session.realm.files.uploads.list_(login)


async def about(session: ClientSession, login: Login, command: commands.About) -> Reply:
    """Tell about a file that the account may read the message of."""
    downloads = session.realm.files.downloads
    row = await downloads.find(login, command.file)
    return events.AboutFile(
        file=events.FileInfo(id=row.mid, name=row.name, size=row.size, sha256=row.sha256, type=row.type),
        from_=row.sender,
        to=row.recipient,
        at=Timestamps().text(row.at),
        state=await downloads.state(row),
        seq=None if row.conversation == NOWHERE else row.seq,
    )


def download(
    session: ClientSession, login: Login, command: commands.Download, answer: Answer
) -> Waiting | None:
    """Give a piece of a file."""
    downloads = session.realm.files.downloads
    row = downloads.at_hand(login, command.file)
    if row is None:
        return downloads.find_and_read(login, command, answer)
    downloads.read(row, command, answer)
    return None
