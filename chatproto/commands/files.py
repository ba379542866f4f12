"""Files: sent in chunks of raw bytes, fetched from any offset, resumed on any connection."""

from __future__ import annotations

from typing import Annotated

from msgspec import Meta

from chatproto import events
from chatproto.commands.base import Command, Seq, Word
from chatproto.limits import CHUNK_BYTES

#: Bytes in one chunk, and in one answer to ``download``.
ChunkSize = Annotated[int, Meta(ge=1, le=CHUNK_BYTES)]
_Hash = Annotated[str, Meta(pattern=r"^[0-9a-f]{64}\Z")]


class Upload(Command, frozen=True, kw_only=True):
    """Begin to send a file to a user or a group, or go on where it stopped.

    ``sha256``, here or at the end, is checked. The same ``cid`` with the same fields opens the same upload
    again, on any connection of the account; if that is finished, the answer is that to ``finish``.
    """

    to: Word
    name: Annotated[str, Meta(min_length=1, max_length=1024)]
    size: Seq
    sha256: _Hash | None = None
    type: Annotated[str, Meta(max_length=128)] | None = None
    cid: Annotated[str, Meta(min_length=1, max_length=64)] | None = None

    replies = (events.Uploading, events.Sent)


class Chunk(Command, frozen=True, kw_only=True, omit_defaults=True):
    """Send bytes of a file: exactly ``size`` of them follow this line, as they are.

    Chunks come in order; several may be under way. ``data`` is what follows, and no member of the line.
    """

    file: Word
    offset: Seq
    size: ChunkSize
    data: bytes = b""

    replies = (events.Written,)
    pipelined = True


class Finish(Command, frozen=True, kw_only=True):
    """Send the message that the file is, all of whose bytes were sent.

    The answer comes when they are verified and on disk.
    """

    file: Word
    sha256: _Hash | None = None

    replies = (events.Sent,)
    pipelined = True


class Cancel(Command, frozen=True, kw_only=True):
    """End an upload that is not finished; nothing of it stays."""

    file: Word


class Uploads(Command, frozen=True, kw_only=True):
    """List the account's uploads that are not finished, with how far they are."""

    replies = (events.UploadList,)


class About(Command, frozen=True, kw_only=True):
    """Tell about a file, and whether its bytes are here."""

    file: Word

    replies = (events.AboutFile,)


class Download(Command, frozen=True, kw_only=True):
    """Give bytes of a file, from any offset: they follow the answer, fewer than ``size`` only at the end."""

    file: Word
    offset: Seq
    size: ChunkSize

    replies = (events.Piece,)
    pipelined = True
