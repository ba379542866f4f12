"""What an operator asks about the files that a realm keeps."""

from __future__ import annotations

from typing import Annotated

from msgspec import Meta

from chatproto import events
from chatproto.commands.base import Command, Guard, ListLimit, Seq, Word


class FilesList(Command, frozen=True, kw_only=True, tag="files-list"):
    """List what is known of files, in the order in which they came, those after ``after`` only."""

    after: Seq = 0
    limit: ListLimit = None

    replies = (events.StoredFilePage,)
    guard = Guard.ADMINISTRATOR


class FilesExport(Command, frozen=True, kw_only=True, tag="files-export"):
    """Copy the bytes of a file into a new file of the realm's machine, whose absolute path is given.

    What is there already is never overwritten.
    """

    file: Word
    path: Annotated[str, Meta(min_length=1, max_length=4096)]

    replies = (events.FileExported,)
    guard = Guard.ADMINISTRATOR


class FilesGc(Command, frozen=True, kw_only=True, tag="files-gc"):
    """Remove a portion of what nobody needs of files; ``after`` is ``next`` of the portion before.

    With ``older`` the contents of files that were stored so many seconds ago go as well; their messages stay.
    """

    older: Annotated[int, Meta(ge=1, lt=2**40)] | None = None
    after: Word | None = None

    replies = (events.FilesCollected,)
    guard = Guard.ADMINISTRATOR
