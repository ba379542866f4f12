"""The folder of the files that people send: whether it can be used, and has what the store says it has."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path

from sqlalchemy import Connection, select
from sqlalchemy.exc import SQLAlchemyError
from twisted.internet.task import Clock

from chatproto.checking.disk import file_system, is_network, room_of
from chatproto.checking.facts import NotAStore, sqlite_file
from chatproto.checking.findings import Finding, Setup, fail, ok, warn
from chatproto.checking.processes import lock_holder, name_of
from chatproto.errors import ConfigError
from chatproto.files.layout import Layout
from chatproto.files.opening import MEMORY
from chatproto.names import is_sha256
from chatproto.records import FileState
from chatproto.store import open_database
from chatproto.store.file_schema import files

#: Files whose contents are looked for: the newest, which an older copy of the folder does not have.
_NEWEST = 1000


def check_files(setup: Setup) -> Iterator[Finding]:
    """Look at where files are kept."""
    where = setup.config.files
    if where is None or where == MEMORY:
        return
    folder, what = Path(where), f"files {where}"
    if not os.path.lexists(folder):
        yield from _missing(what, folder)
    elif not folder.is_dir():
        yield fail(what, "is no folder; name another one")
    elif not os.access(folder, os.R_OK | os.W_OK | os.X_OK):
        yield fail(what, "may not be read and written to; run this as the user that the realm runs as")
    else:
        yield from _folder(setup, what, Layout(folder))
    yield from _disk(setup, what, folder)


def _missing(what: str, folder: Path) -> Iterator[Finding]:
    there = folder.parent
    while not there.exists():
        there = there.parent
    if os.access(there, os.W_OK):
        yield ok(what, "is not there yet; the first start makes it")
    else:
        yield fail(what, f"is not there, and {there} may not be written to; make it for the realm's user")


def _folder(setup: Setup, what: str, layout: Layout) -> Iterator[Finding]:
    if layout.folder.stat().st_mode & 0o077:
        yield fail(what, f"others than its owner may look into it; `chmod go= {layout.folder}`")
    if layout.realm.is_file():
        realm = layout.realm.read_text(errors="replace").strip()
        if realm != setup.config.realm:
            yield fail(what, f"is that of the realm {realm[:64]}; name another folder")
            return
    holder = lock_holder(layout.lock) if layout.lock.exists() else None
    if holder is not None and setup.running is None:
        process = f"process {holder} ({name_of(holder)})" if holder else "a process that is not seen here"
        yield fail(what, f"is held by {process}, which does not answer; end it")
    within = [path for path in (layout.contents, layout.parts, layout.new) if path.is_dir()]
    if len({path.stat().st_dev for path in within}) > 1:
        yield fail(what, "is on several file systems, and a file cannot be moved between them; use one")
    yield from _contents(setup, what, layout)


def _contents(setup: Setup, what: str, layout: Layout) -> Iterator[Finding]:
    newest = _newest(setup)
    missing = sum(not (is_sha256(each) and layout.content(each).is_file()) for each in newest)
    if missing:
        yield fail(
            what,
            f"lacks {missing} of the newest {len(newest)} contents that the store knows; put the newest "
            "backup of the folder beside what is there",
        )
    else:
        yield ok(what, f"has the newest {len(newest)} contents that the store knows")


def _newest(setup: Setup) -> list[str]:
    """Return the hashes of the newest files; none if the store cannot be read, which others tell."""
    try:
        if setup.database is not None:
            with sqlite_file(setup.database) as connection:
                return _hashes(connection)
        database = open_database(setup.config.store, Clock())
        try:
            with database.read() as connection:
                return _hashes(connection)
        finally:
            database.close()
    except (SQLAlchemyError, NotAStore, ConfigError, OSError):
        return []


def _hashes(connection: Connection) -> list[str]:
    stored = select(files.c.sha256).where(files.c.state == FileState.STORED.value)
    found = connection.execute(stored.order_by(files.c.seq.desc()).limit(_NEWEST))
    return sorted({str(sha256) for (sha256,) in found})


def _disk(setup: Setup, what: str, folder: Path) -> Iterator[Finding]:
    while not folder.is_dir():
        folder = folder.parent
    kind = file_system(folder)
    if is_network(kind):
        yield warn(what, f"{kind} is a network file system, which may not keep what it confirms")
    if setup.folder is None or not setup.folder.is_dir() or _device(setup.folder) != _device(folder):
        yield from room_of(what, folder, "files")


def _device(folder: Path) -> int:
    return folder.stat().st_dev
