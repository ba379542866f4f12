"""Files that get their name only when they are complete, and what killed processes leave of them."""

from __future__ import annotations

import errno
import fcntl
import os
import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

#: Of folders with files that are not complete. What nobody works at any more is known by its lock.
PREFIX = ".chatproto-unfinished-"
_LOCK = "lock"


@contextmanager
def unfinished(path: Path) -> Iterator[Path]:
    """Lend a place for a new file, which becomes ``path`` at the end, or vanishes if anything is raised.

    By then it is on the disk. What killed processes left beside it is removed before.

    :raises FileExistsError: there is something at ``path``; it is left as it is.
    :raises OSError: the file cannot be made there.
    """
    _check_free(path)
    _sweep(path.parent)
    folder, lock = _locked_folder(path.parent)
    try:
        made = folder / "copy.db"
        yield made
        _sync(made)
        _name(made, path)
        _sync(path.parent)
    finally:
        shutil.rmtree(folder, ignore_errors=True)
        os.close(lock)


def _check_free(path: Path) -> None:
    if os.path.lexists(path):
        raise FileExistsError(errno.EEXIST, os.strerror(errno.EEXIST), str(path))


def _name(made: Path, path: Path) -> None:
    try:
        os.link(made, path)  # which replaces nothing
    except FileExistsError:
        raise
    except OSError:  # a file system without links
        _check_free(path)
        made.rename(path)


def _locked_folder(parent: Path) -> tuple[Path, int]:
    while True:
        folder = Path(tempfile.mkdtemp(prefix=PREFIX, dir=parent))
        try:
            lock = _open_lock(folder)
        except FileNotFoundError:
            continue  # somebody has swept it
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            os.close(lock)  # somebody is about to
            continue
        except OSError:
            pass  # a file system without locks, where nobody sweeps
        if folder.exists():
            return folder, lock
        os.close(lock)


def _sweep(parent: Path) -> None:
    """Remove folders that nobody has locked."""
    for folder in parent.glob(f"{PREFIX}*"):
        try:
            lock = _open_lock(folder)
        except OSError:
            continue  # gone, or not ours
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError:
            continue
        else:
            shutil.rmtree(folder, ignore_errors=True)
        finally:
            os.close(lock)


def _open_lock(folder: Path) -> int:
    return os.open(folder / _LOCK, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)


def _sync(path: Path) -> None:
    opened = os.open(path, os.O_RDONLY)
    try:
        os.fsync(opened)
    finally:
        os.close(opened)
