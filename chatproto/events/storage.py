"""Replies to an operator about the files that a realm keeps."""

from __future__ import annotations

from msgspec import Struct, field

from chatproto.events.base import Reply


class StoredFile(Struct, frozen=True, kw_only=True, omit_defaults=True):
    """One file as an administrator sees it; ``realm`` is where it is fetched, if it was not sent here.

    ``state`` is ``stored``, ``wanted`` (it is being fetched), ``offered`` (it is fetched when somebody asks
    for it), ``refused`` (it did not come as was said) or ``gone`` (it was removed, or is lost).
    """

    seq: int
    file: str
    from_: str = field(name="from")
    to: str
    name: str
    size: int
    sha256: str
    type: str = ""
    at: str
    state: str
    realm: str = ""


class StoredFilePage(Reply, frozen=True, kw_only=True):
    """Files by seq; ``complete``: there are no more."""

    files: list[StoredFile]
    complete: bool


class FileExported(Reply, frozen=True, kw_only=True):
    """A copy of a file was made, and it has the hash that was said."""

    size: int


class FilesCollected(Reply, frozen=True, kw_only=True, omit_defaults=True):
    """What was removed; ``next`` is where the next portion begins, ``""`` if there is none.

    ``gone``: files whose content is not kept any more. ``uploads``: uploads that were not finished in time;
    ``parts``: bytes of something that does not come any more. ``contents`` and ``bytes``: what that freed.
    """

    gone: int = 0
    uploads: int = 0
    parts: int = 0
    contents: int = 0
    bytes: int = 0
    next: str = ""
