"""Looking for a file in what was said."""

from __future__ import annotations

from chatproto.client import ChatClient, FileInfo
from chatproto.commands import About
from chatproto.errors import NoSuchFile
from chatproto.events import AboutFile
from chatproto.limits import PAGE_ITEMS
from chatproto.names import fold

#: Pages of a conversation that are looked through: who wants an older file has its id.
PAGES = 50


async def newest_file(client: ChatClient, with_: str, but: str = "", *, word: str = "") -> FileInfo | None:
    """Return the newest file of a conversation: not one that ``but`` sent, and of the name or id ``word``.

    :raises ChatError: there is no such conversation.
    """
    before: int | None = None
    for _ in range(PAGES):
        page = await client.history(with_, before=before, limit=PAGE_ITEMS)
        for item in reversed(page.messages):
            if item.file is None or fold(item.from_) == fold(but):
                continue
            if word in ("", item.file.id, item.file.name):
                return item.file
        if page.complete or not page.messages:
            return None
        before = page.messages[0].seq
    return None


async def file_of_id(client: ChatClient, file: str) -> FileInfo | None:
    """Return a file of any conversation by its id."""
    try:
        return (await client.request(About(file=file), AboutFile)).file
    except NoSuchFile:
        return None
