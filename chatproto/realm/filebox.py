"""The files in the boxes of older clients: whole within the reply, or a word about why they are not.

Such a client cannot ask for a part of a file, nor be told later that one is here. So a file that is on its
way from another realm keeps its place in the box, and everything behind it, for a while; after that a line of
text stands for it.
"""

from __future__ import annotations

from collections import OrderedDict
from typing import Any, Protocol

from twisted.internet.task import deferLater

from chatproto.errors import NoSuchFile, Unavailable
from chatproto.events import InboxFile
from chatproto.interfaces import IFileStore
from chatproto.realm.boxroom import BoxRoom, Share
from chatproto.realm.contents import encode_content, encoded_size
from chatproto.realm.meters import Meters
from chatproto.realm.times import Clock
from chatproto.records import FileRow, FileState, MessageRow, read_offer

#: How long a file that is not here yet keeps its place, from when its reader first asked for it.
_WAIT_SECONDS = 60.0
#: How long who reads a box waits for a file whose sender was told that it is sent, and how often it looks:
#: the bytes follow the offer at once, a few MiB within a round trip or two.
_SOON_SECONDS = 2.0
_LOOK_SECONDS = 0.05
#: Files that keep their places; of more, the one asked for longest ago begins again.
_WAITED_FOR = 1000
_GONE = "not kept any more"


class Files(Protocol):
    """What is asked of the realm's files."""

    store: IFileStore | None

    async def row(self, mid: str) -> FileRow | None:
        """Return what is known of a file."""
        ...

    async def need(self, row: FileRow) -> None:
        """See that a file that was only offered is fetched."""
        ...


class FileBox:
    """Gives the files of messages to older clients. ``most`` bytes go into one reply at most."""

    def __init__(self, files: Files, meters: Meters, clock: Clock, most: int) -> None:
        self._files = files
        self._meters = meters
        self._clock = clock
        self._most = most
        self.room = BoxRoom(clock)
        #: Since when an account asks for a file that is not here, by account and mid.
        self._asked: OrderedDict[tuple[str, str], float] = OrderedDict()

    def size(self, row: MessageRow) -> int:
        """Return what a message's file takes in a reply, 0 if it will not be in one."""
        offer = read_offer(row.text)
        return 0 if offer is None or offer.size > self._most else encoded_size(offer.size)

    async def open(self, account: str, row: MessageRow, share: Share) -> InboxFile | str | None:
        """Return a message's file, a notice that stands for it, or None while it is worth to wait for it.

        ``share`` is of the connection that asks: what it has for the file, it has until the file was sent.
        """
        offer = read_offer(row.text)
        # What is said of it in the log of a group may be the word of another realm; its own row is ours.
        found = await self._files.row(row.mid)
        if found is None or offer is None:
            return "(file)"
        if found.size > self._most:
            return _notice(found, "too large for this client")
        if found.state in (FileState.REFUSED, FileState.GONE):
            return _notice(found, _GONE)
        if found.state == FileState.OFFERED:
            await self._files.need(found)
        if found.state != FileState.STORED:
            return self._wait(account, found, "still on its way from another realm")
        if not await share.take(encoded_size(found.size)):
            return None
        return await self._read(account, found, offer.plain)

    async def soon(self, account: str, row: MessageRow, share: Share) -> InboxFile | str | None:
        """Return the same as :meth:`open`, but wait a little for what is on its way: it was just sent."""
        clock: Any = self._clock
        until = clock.seconds() + _SOON_SECONDS
        while (found := await self.open(account, row, share)) is None and clock.seconds() < until:
            await deferLater(clock, _LOOK_SECONDS)
        return found

    async def _read(self, account: str, row: FileRow, plain: bool) -> InboxFile | str | None:
        store = self._files.store
        if store is None:
            return _notice(row, _GONE)
        try:
            content = await encode_content(store, row.sha256, row.size)
        except NoSuchFile:
            return _notice(row, _GONE)
        except Unavailable:
            return self._wait(account, row, "it cannot be read now")
        self._asked.pop((account, row.mid), None)
        self._meters.file_bytes_out += row.size
        return InboxFile(name=row.name, content=content, plain=plain)

    def _wait(self, account: str, row: FileRow, why: str) -> str | None:
        """Return None as long as it may be waited for a file, and then the notice."""
        key, now = (account, row.mid), self._clock.seconds()
        since = self._asked.setdefault(key, now)
        if now < since + _WAIT_SECONDS:
            if len(self._asked) > _WAITED_FOR:
                self._asked.popitem(last=False)
            return None
        return _notice(row, why)


def _notice(row: FileRow, why: str) -> str:
    return f"(file {row.name}, {row.size} bytes: {why})"
