"""Giving clients the bytes of files: pieces, each asked for by itself, so that nothing of it is kept here."""

from __future__ import annotations

from collections.abc import Awaitable, Callable

from twisted.logger import Logger
from twisted.python.failure import Failure

from chatproto import commands
from chatproto.errors import BadOffset, FileGone, FileNotHere, NoSuchFile
from chatproto.events import Piece
from chatproto.interfaces import IFileStore, IStore
from chatproto.names import fold
from chatproto.realm.blocks import Blocks
from chatproto.realm.failing import answer_failure
from chatproto.realm.logins import Login
from chatproto.realm.meters import Meters
from chatproto.realm.reading import is_shut_out
from chatproto.realm.routes import Routes
from chatproto.realm.sending import Answer
from chatproto.realm.writer import Writer
from chatproto.records import FileRow, FileState

#: Who may read which file, as found out last: those who fetch something at the same time.
_KNOWN = 1024
#: When to ask again for a file that is on its way: a client that listens is told earlier.
_RETRY_SECONDS = 2.0


class Downloads:
    """Gives pieces of files to those who may read their messages.

    ``need`` hears of a file whose bytes are in another realm, and that somebody asked for.
    """

    _log = Logger()

    def __init__(
        self,
        files: IFileStore,
        store: IStore,
        writer: Writer,
        routes: Routes,
        blocks: Blocks,
        need: Callable[[FileRow], Awaitable[None]],
    ) -> None:
        self._files = files
        self._store = store
        self._writer = writer
        self._routes = routes
        self._blocks = blocks
        self._need = need
        self._meters: Meters = writer.meters
        #: Files that are here, by account and mid, with the generation of the rules they were found by.
        self._known: dict[tuple[str, str], tuple[int, FileRow]] = {}
        self._missed = False

    def forget(self) -> None:
        """Hear that rows of files have changed."""
        self._known.clear()

    def at_hand(self, login: Login, mid: str) -> FileRow | None:
        """Return a file that is here, if it is known that the account may read it."""
        known = self._known.get((login.account, mid))
        return known[1] if known is not None and known[0] == self._routes.generation else None

    def read(self, row: FileRow, command: commands.Download, answer: Answer) -> None:
        """Answer with a piece of a file that is here.

        :raises BadOffset: the piece would begin beyond the file's end.
        """
        if command.offset > row.size:
            raise BadOffset(f"the file has {row.size} bytes")
        length = min(command.size, row.size - command.offset)
        if not length:
            answer(Piece(file=row.mid, offset=command.offset, size=0))
            return
        reading = self._files.read(row.sha256, command.offset, length)
        reading.addCallback(self._came, row, command.offset, length, answer)
        reading.addErrback(self._failed, row, answer)

    def _came(self, data: bytes, row: FileRow, offset: int, length: int, answer: Answer) -> None:
        if len(data) < length:
            self._log.error("the content of {mid} has fewer bytes than were stored", mid=row.mid)
            raise FileGone
        self._meters.file_bytes_out += length
        answer(Piece(file=row.mid, offset=offset, size=length, data=data))

    def _failed(self, failure: Failure, row: FileRow, answer: Answer) -> None:
        if failure.check(NoSuchFile):
            self.forget()
            self._miss(row)
            answer(FileGone())
        else:
            answer_failure(failure, answer, self._writer)

    def _miss(self, row: FileRow) -> None:
        """Tell the log that the folder lacks what the store has: once, as it is so for many files."""
        if not self._missed:
            self._missed = True
            self._log.error(
                "the content of {mid} is not there, and perhaps not that of other files; is the folder "
                "an older copy? `chatproto check` tells more",
                mid=row.mid,
            )

    async def state(self, row: FileRow) -> str:
        """Return the state of a file by what is there: an older copy of the folder has less."""
        if row.state == FileState.STORED and not await self._files.has(row.sha256):
            return str(FileState.GONE)
        return row.state

    async def find_and_read(self, login: Login, command: commands.Download, answer: Answer) -> None:
        """Find out whether an account may read a file, and answer with a piece of it.

        :raises NoSuchFile: there is none that it may read.
        :raises FileNotHere: its bytes are on their way, from now on at the latest.
        :raises FileGone: its bytes are not kept, or never came.
        """
        generation = self._routes.generation
        row = await self.find(login, command.file)
        if row.state in (FileState.REFUSED, FileState.GONE):
            raise FileGone
        if row.state != FileState.STORED:
            if row.state == FileState.OFFERED:
                await self._need(row)
            raise FileNotHere(retry_after=_RETRY_SECONDS)
        if len(self._known) >= _KNOWN:
            self._known.clear()
        self._known[login.account, row.mid] = (generation, row)
        self.read(row, command, answer)

    async def find(self, login: Login, mid: str) -> FileRow:
        """Return a file that an account may read the message of.

        :raises NoSuchFile: there is none.
        """
        row = await self._store.file(mid)
        if row is None or not await self._may_read(login, row):
            raise NoSuchFile
        return row

    async def _may_read(self, login: Login, row: FileRow) -> bool:
        if login.room is not None:
            return row.conversation == login.room.conversation
        own, sender = fold(login.address), fold(row.sender)
        if own == sender:
            return True
        member = await self._store.member(row.conversation, own)
        if member is None or is_shut_out(member):
            return False
        if row.seq <= member.since or 0 < member.until < row.seq:
            return False
        is_group = fold(row.recipient) != own
        return not (is_group and await self._blocks.has(login.account, sender))
