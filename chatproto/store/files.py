"""What a SQL store is asked about files. Their bytes are elsewhere."""

from __future__ import annotations

from collections.abc import Sequence

from sqlalchemy import BigInteger, BindParameter, Connection, bindparam, cast, func, select

from chatproto.records import FileRow, FileState, UploadRow
from chatproto.store.file_schema import IS_OURS, IS_THEIRS, IS_WANTED, files, uploads
from chatproto.store.selecting import find_row, list_rows, where


def file(connection: Connection, mid: str) -> FileRow | None:
    """Find a file."""
    return find_row(connection, FileRow, mid)


_AFTER = files.c.seq > bindparam("after")
_PAGE = select(files).where(_AFTER).order_by(files.c.seq, files.c.mid).limit(bindparam("limit"))


def files_after(connection: Connection, after: int, limit: int) -> list[FileRow]:
    """List files."""
    return list_rows(connection, FileRow, _PAGE, after=after, limit=limit)


_WANTED = where(files, "realm").where(IS_WANTED, _AFTER).order_by(files.c.seq, files.c.mid)
_WANTED_PAGE = _WANTED.limit(bindparam("limit"))


def wanted(connection: Connection, realm: str, after: int, limit: int) -> list[FileRow]:
    """List what is to be fetched from a realm."""
    return list_rows(connection, FileRow, _WANTED_PAGE, realm=realm, after=after, limit=limit)


_OF_HASHES: BindParameter[list[str]] = bindparam("sha256s", expanding=True)
_REFERENCES = (
    select(files.c.sha256, func.count())
    .where(files.c.sha256.in_(_OF_HASHES), files.c.state == FileState.STORED.value)
    .group_by(files.c.sha256)
)


def references(connection: Connection, sha256s: Sequence[str]) -> dict[str, int]:
    """Count the files of contents."""
    found = connection.execute(_REFERENCES, {"sha256s": list(sha256s)})
    return {str(sha256): int(count) for sha256, count in found}


_SUM = select(cast(func.coalesce(func.sum(files.c.size), 0), BigInteger))
_SINCE = files.c.at >= bindparam("since")
_SENT = _SUM.where(IS_OURS, files.c.sender == bindparam("sender"), _SINCE)
_TAKES = files.c.state.in_([FileState.WANTED.value, FileState.STORED.value])
_CAME = _SUM.where(IS_THEIRS, files.c.realm == bindparam("realm"), _SINCE, _TAKES)


def sent_bytes(connection: Connection, sender: str, since: int) -> int:
    """Sum up what somebody sent."""
    return int(connection.execute(_SENT, {"sender": sender, "since": since}).scalar_one())


def came_bytes(connection: Connection, realm: str, since: int) -> int:
    """Sum up what is fetched from a realm."""
    return int(connection.execute(_CAME, {"realm": realm, "since": since}).scalar_one())


def upload(connection: Connection, mid: str) -> UploadRow | None:
    """Find an upload."""
    return find_row(connection, UploadRow, mid)


_UPLOADS = select(uploads).order_by(uploads.c.began, uploads.c.mid)
_UPLOADS_OF = where(uploads, "account").order_by(uploads.c.began, uploads.c.mid)


def uploads_of(connection: Connection, account: str) -> list[UploadRow]:
    """List uploads."""
    if not account:
        return list_rows(connection, UploadRow, _UPLOADS)
    return list_rows(connection, UploadRow, _UPLOADS_OF, account=account)
