"""Replies and events about files."""

from __future__ import annotations

from msgspec import Struct, field

from chatproto.events.base import Reply


class FileInfo(Struct, frozen=True, kw_only=True, omit_defaults=True):
    """A file, as its message tells it; ``id`` is what ``download`` asks for, ``sha256`` in hexadecimal.

    ``type`` is a media type as the sender says, or ``""``: nobody has looked whether that is so.
    """

    id: str
    name: str
    size: int
    sha256: str
    type: str = ""


class Uploading(Reply, frozen=True, kw_only=True):
    """An upload is open: the next chunk begins at ``offset``.

    At most ``window`` bytes may be under way without an answer to their chunk.
    """

    file: str
    offset: int
    window: int


class Written(Reply, frozen=True, kw_only=True):
    """A chunk is written: everything before ``offset`` is there, also after a restart."""

    file: str
    offset: int


class UploadState(Struct, frozen=True, kw_only=True, omit_defaults=True):
    """An upload of this account that is not finished, since ``at``; ``cid`` opens it again."""

    file: str
    to: str
    name: str
    size: int
    offset: int
    at: str
    sha256: str = ""
    cid: str = ""


class UploadList(Reply, frozen=True, kw_only=True):
    """The account's uploads that are not finished, oldest first."""

    uploads: list[UploadState]


class AboutFile(Reply, frozen=True, kw_only=True):
    """A file and its message; ``at`` is when it came to this realm.

    ``state`` is ``stored`` if its bytes are here, ``wanted`` or ``offered`` if they are in another realm and
    are being fetched, or would be, ``refused`` if they never come, and ``gone`` if they were removed.
    """

    file: FileInfo
    from_: str = field(name="from")
    to: str
    at: str
    state: str
    seq: int | None = None


class FileChange(Struct, frozen=True, kw_only=True, tag_field="event", tag="file"):
    """The bytes of a file that was announced are here now (``stored``), or will not come (``refused``)."""

    file: str
    state: str


class Piece(Reply, frozen=True, kw_only=True):
    """Bytes of a file: exactly ``size`` of them follow this line, as they are.

    ``data`` is what follows, and no member of the line.
    """

    file: str
    offset: int
    size: int
    data: bytes = b""

    def __repr__(self) -> str:
        return f"Piece(file={self.file!r}, offset={self.offset}, size={self.size})"
