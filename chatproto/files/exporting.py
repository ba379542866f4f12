"""Copies of contents for the operator: to new files only, and only of what is undamaged."""

from __future__ import annotations

import contextlib
import errno
import fcntl
import hashlib
import os
from collections.abc import Iterable, Iterator
from pathlib import Path

from chatproto.errors import BadField, NoSuchFile, WrongContent
from chatproto.files.layout import sync_folder

_PIECE = 1024 * 1024
#: Characters of a name in that of its part: with the hash it is no longer than file systems take.
_PART_CHARACTERS = 40
#: A file system says so where it has no links.
_NO_LINKS = frozenset({errno.EPERM, errno.EOPNOTSUPP, errno.ENOSYS})


def export_bytes(pieces: Iterable[bytes], sha256: str, path: str) -> int:
    """Write what has a hash to a new file, in a thread; return its size.

    It gets its name when it is whole, verified and synced: whoever is killed before leaves a part beside it,
    which the next attempt replaces.

    :raises WrongContent: it has another hash; there is no file then.
    :raises BadField: there is something at the path, or it cannot be written to.
    """
    target = Path(path)
    part = target.with_name(f".{target.name[:_PART_CHARACTERS]}.{sha256[:12]}.part")
    try:
        if os.path.lexists(target):  # told before all of it is copied
            raise FileExistsError
        file = _create(part)
        try:
            size = _write(file, pieces, sha256)
            os.fsync(file)
            _give_name(part, target)
        finally:
            part.unlink(missing_ok=True)
            os.close(file)
        sync_folder(target.parent)
    except FileExistsError:
        raise BadField("path: there is a file already, and it is not overwritten") from None
    except BlockingIOError:
        raise BadField("path: it is being written already") from None
    except OSError as error:
        raise BadField(f"path: {error.strerror}") from error
    return size


def _create(part: Path) -> int:
    """Make a file that nobody else writes; what a killed process left of it is removed."""
    with contextlib.suppress(FileNotFoundError):
        left = _open_alone(part, os.O_NONBLOCK)
        try:
            part.unlink()
        finally:
            os.close(left)
    return _open_alone(part, os.O_CREAT | os.O_EXCL)


def _open_alone(path: Path, flags: int) -> int:
    file = os.open(path, os.O_RDWR | os.O_NOFOLLOW | os.O_CLOEXEC | flags, 0o600)
    try:
        fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        # Whoever had it locked before may have removed it, or given it its name.
        if not os.path.samestat(os.fstat(file), path.stat(follow_symlinks=False)):
            raise BlockingIOError
    except BaseException:
        os.close(file)
        raise
    return file


def _write(file: int, pieces: Iterable[bytes], sha256: str) -> int:
    found, size = hashlib.sha256(), 0
    for piece in pieces:
        left = memoryview(piece)
        while left:
            left = left[os.write(file, left) :]
        found.update(piece)
        size += len(piece)
    if found.hexdigest() != sha256:
        raise WrongContent
    return size


def _give_name(part: Path, target: Path) -> None:
    try:
        os.link(part, target, follow_symlinks=False)
    except OSError as error:
        if error.errno not in _NO_LINKS:
            raise
        # Without hard links the name is taken first, by nothing, which is then replaced.
        os.close(os.open(target, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600))
        part.rename(target)


def pieces_of(content: Path) -> Iterator[bytes]:
    """Yield a file in pieces.

    :raises NoSuchFile: it is not there.
    """
    try:
        file = content.open("rb", buffering=0)
    except FileNotFoundError:
        raise NoSuchFile from None
    with file:
        while piece := file.read(_PIECE):
            yield piece
