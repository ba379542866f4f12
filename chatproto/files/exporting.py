"""Copies of contents for the operator: to new files only, and only of what is undamaged."""

from __future__ import annotations

import hashlib
import os
from collections.abc import Iterable, Iterator
from pathlib import Path

from chatproto.errors import BadField, NoSuchFile, WrongContent

_PIECE = 1024 * 1024


def export_bytes(pieces: Iterable[bytes], sha256: str, path: str) -> int:
    """Write what has a hash to a new file, in a thread; return its size.

    :raises WrongContent: it has another hash; there is no file then.
    :raises BadField: there is something at the path, or it cannot be written to.
    """
    try:
        file = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW | os.O_CLOEXEC, 0o600)
    except OSError as error:
        raise BadField(f"path: {error.strerror}") from error
    try:
        size = _write(file, pieces, sha256)
    except BaseException as error:
        Path(path).unlink(missing_ok=True)
        if isinstance(error, OSError):
            raise BadField(f"path: {error.strerror}") from error
        raise
    finally:
        os.close(file)
    return size


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
