"""Who may read and change the realm's files."""

from __future__ import annotations

import os
import pwd
import stat
from collections.abc import Iterator
from pathlib import Path

from chatproto.checking.findings import Finding, Setup, fail, ok
from chatproto.store.urls import shown

#: What belongs to a store, behind its own name.
_BESIDE = ("", "-wal", "-shm", ".lock", ".control")


def check_permissions(setup: Setup) -> Iterator[Finding]:
    """Look at every file that only the realm's user should have."""
    found = [*_files(setup), *_folder(setup), *_configuration(setup)]
    yield from found or [ok("permissions", "files are the realm's alone")]


def _files(setup: Setup) -> Iterator[Finding]:
    database, control, newest = setup.database, setup.config.control, setup.config.newest
    paths = [] if database is None else [database.with_name(database.name + end) for end in _BESIDE]
    paths += [path for path in (control, newest) if path is not None and path not in paths]
    for path in paths:
        if path.exists():
            yield from _file(path, setup.folder)


def _file(path: Path, folder: Path | None) -> Iterator[Finding]:
    status = path.lstat()
    what = f"permissions {path}"
    if status.st_mode & 0o077:
        who = "administer the realm" if stat.S_ISSOCK(status.st_mode) else "read or change it"
        yield fail(what, f"others than its owner may {who}; `chmod go= {path}`")
    if folder is not None and status.st_uid != folder.stat().st_uid:
        right = _user(folder.stat().st_uid)
        yield fail(
            what, f"belongs to {_user(status.st_uid)}, and its folder to {right}; `chown {right} {path}`"
        )
    elif not os.access(path, os.W_OK):
        yield fail(what, f"may not be written to; run as {_user(status.st_uid)}")


def _folder(setup: Setup) -> Iterator[Finding]:
    folder = setup.folder
    if folder is None or not folder.is_dir():
        return
    status = folder.stat()
    what = f"permissions {folder}"
    if status.st_mode & 0o022 and not status.st_mode & stat.S_ISVTX:
        yield fail(what, f"others may put files of their own in place of the realm's; `chmod go-w {folder}`")
    if not os.access(folder, os.W_OK | os.X_OK):
        yield fail(what, f"may not be written to; run as {_user(status.st_uid)}, or `chown` it")


def _configuration(setup: Setup) -> Iterator[Finding]:
    file = setup.file
    if file is None:
        return
    mode = file.stat().st_mode
    if mode & 0o002:
        yield fail(f"permissions {file}", f"everybody may change it; `chmod o-w {file}`")
    # A group may be meant: the file of a system's service belongs to root, and the service's group reads it.
    if mode & 0o004 and shown(setup.config.store) != setup.config.store:
        yield fail(f"permissions {file}", f"everybody may read the store's password in it; `chmod o= {file}`")
    if mode & 0o004 and any(peer.trust is not None and peer.trust.secret for peer in setup.config.peers):
        yield fail(f"permissions {file}", f"everybody may read a link's secret in it; `chmod o= {file}`")


def _user(number: int) -> str:
    try:
        return pwd.getpwuid(number).pw_name
    except KeyError:
        return str(number)
