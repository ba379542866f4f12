"""The contents of files as older clients write them: base64 in a line, perhaps as Python shows bytes.

Large ones are taken apart, and put together, in pieces between which others have their turns.
"""

from __future__ import annotations

import binascii

from twisted.internet.defer import Deferred

from chatproto.errors import BadField, FileTooLarge, NoSuchFile
from chatproto.interfaces import IFileStore
from chatproto.realm.times import Clock

#: Characters of base64 in one piece: half a millisecond's work.
_PIECE = 256 * 1024
_NEITHER = "the content of a file has to be base64, as it is or as b'...'"
#: Bytes read of a file at a time: with a multiple of 3, pieces of base64 can be joined.
_READ = 48 * 1024


def encoded_size(size: int) -> int:
    """Return what a file of so many bytes takes in base64."""
    return (size + 2) // 3 * 4


async def decode_content(content: str, most: int, clock: Clock) -> tuple[bytes, bool]:
    """Return the bytes of a content, and whether it is plain base64 and not ``b'...'``.

    Only what comes out again as it was written is base64 here.

    :raises BadField: it is neither.
    :raises FileTooLarge: it has more bytes than ``most``.
    """
    plain = not (len(content) >= 3 and content.startswith("b'") and content.endswith("'"))
    begin, end = (0, len(content)) if plain else (2, len(content) - 1)
    if (end - begin) // 4 * 3 - content.count("=", max(end - 2, begin), end) > most:
        raise FileTooLarge(f"a file in a line has at most {most} bytes")
    pieces: list[bytes] = []
    for start in range(begin, end, _PIECE):
        if pieces:
            await _turn(clock)
        pieces.append(_decode(content[start : min(start + _PIECE, end)], last=start + _PIECE >= end))
    return b"".join(pieces), plain


def _decode(piece: str, *, last: bool) -> bytes:
    try:
        data = binascii.a2b_base64(piece, strict_mode=True)
    except ValueError:
        raise BadField(_NEITHER) from None
    padded = len(data) % 3 > 0
    if (padded and not last) or binascii.b2a_base64(data, newline=False).decode() != piece:
        raise BadField(_NEITHER)
    return data


def _turn(clock: Clock) -> Deferred[None]:
    done: Deferred[None] = Deferred()
    clock.callLater(0, done.callback, None)
    return done


async def encode_content(store: IFileStore, sha256: str, size: int) -> bytes:
    """Return a stored file in base64.

    :raises NoSuchFile: it is not here.
    """
    pieces = []
    for offset in range(0, size, _READ):
        length = min(_READ, size - offset)
        data = await store.read(sha256, offset, length)
        if len(data) != length:
            raise NoSuchFile
        pieces.append(binascii.b2a_base64(data, newline=False))
    return b"".join(pieces)
