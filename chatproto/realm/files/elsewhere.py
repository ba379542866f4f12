"""Files whose bytes are in another realm: what becomes of them here, and who of other realms may have ours.

Whoever fetches them is told what is wanted; it tells when something is here, or never will be.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

from msgspec.structs import replace
from twisted.logger import Logger

from chatproto.errors import FileGone, FileNotHere, NoSuchFile
from chatproto.events import FileChange
from chatproto.interfaces import IStore
from chatproto.names import RealmName, fold
from chatproto.realm.copies import Copies
from chatproto.realm.offers import Offers
from chatproto.realm.router import Audience, Router
from chatproto.realm.turns import Turns
from chatproto.realm.writer import Writer
from chatproto.records import FileRow, FileState, Record, UploadRow


class Elsewhere:
    """The rows of files that are fetched. ``changed`` is called when one is another."""

    _log = Logger()

    def __init__(
        self,
        realm: RealmName,
        store: IStore,
        writer: Writer,
        router: Router,
        copies: Copies,
        offers: Offers,
        changed: Callable[[], None],
        now: Callable[[], int],
    ) -> None:
        #: Hears of each file that is to be fetched from now on; replaced once, by whoever fetches.
        self.on_wanted: Callable[[FileRow], None] = lambda row: None
        self._realm = realm
        self._store = store
        self._writer = writer
        self._router = router
        self._copies = copies
        self._offers = offers
        self._changed = changed
        self._now = now
        self._turns = Turns()

    async def need(self, row: FileRow) -> None:
        """Have a file fetched that was only offered; not before its realm's quota has room for it.

        :raises Unavailable: not now.
        """
        async with self._turns.alone(row.realm):  # else several would have the room of one
            if not await self._offers.has_room(row):
                return
            wanted = await self._become(row, FileState.WANTED, {FileState.OFFERED})
        if wanted is not None:
            self.on_wanted(wanted)

    async def arrived(self, file: FileRow) -> None:
        """Hear that a file's content is kept, and tell those who wait for it.

        :raises Unavailable: not now; it can be called again.
        """
        row = await self._become(file, FileState.STORED, {FileState.WANTED, FileState.OFFERED})
        if row is not None:
            self._tell(row)

    async def refused(self, file: FileRow, code: str) -> None:
        """Hear that a file's bytes will not come, and tell those who wait for it.

        :raises Unavailable: not now; it can be called again.
        """
        row = await self._become(file, FileState.REFUSED, {FileState.WANTED, FileState.OFFERED})
        if row is not None:
            self._log.warn(
                "the file {mid} of {realm} does not come: {code}", mid=row.mid, realm=row.realm, code=code
            )
            self._tell(row)

    async def _become(self, file: FileRow, state: FileState, before: set[FileState]) -> FileRow | None:
        """Put a file into a state, if it is in one that comes before, and return its row then.

        Another file may have taken the place of one that a realm had no right to name so.
        """
        async with self._turns.alone(file.mid):
            row = await self._store.file(file.mid)
            if row is None or row.state not in before:
                return None
            if (row.realm, row.sha256) != (file.realm, file.sha256):
                return None
            at = self._now() if state is FileState.WANTED else row.at
            row = replace(row, state=str(state), at=at)
            await self._writer.save(puts=(row,))
        self._changed()
        return row

    async def brought(self, file: FileRow, upload: UploadRow, inserts: Sequence[Record]) -> None:
        """Hear that an upload has the bytes of a file of somebody here that its group's home told of.

        :raises Unavailable: not now; it can be called again.
        """
        async with self._turns.alone(file.mid):
            row = replace(file, realm="", state=str(FileState.STORED))
            await self._writer.save(inserts=inserts, puts=(row,), removes=(upload,))
        self._changed()
        self._tell(row)

    def _tell(self, row: FileRow) -> None:
        event = FileChange(file=row.mid, state=row.state)
        for audience in self._audiences(row):
            if fold(row.sender) not in audience.blocked:
                audience.hint(event)

    def _audiences(self, row: FileRow) -> list[Audience]:
        name, _, realm = fold(row.recipient).partition("@")
        group = self._router.group(row.conversation).accounts
        own = {name: self._router.account(name)} if realm == self._realm else {}
        return list({**own, **group}.values())

    # -- for other realms

    async def source(self, mid: str, realm: RealmName) -> FileRow | str:
        """Return a file whose bytes another realm may have, and that is here; or a code why not."""
        row = await self._store.file(mid)
        if row is None or not await self._may_have(realm, row):
            return NoSuchFile.code
        if row.state in (FileState.REFUSED, FileState.GONE):
            return FileGone.code
        return row if row.state == FileState.STORED else FileNotHere.code

    async def _may_have(self, realm: RealmName, row: FileRow) -> bool:
        """Tell whether a realm has the recipient, or a copy of the group's log with this entry in it."""
        if fold(row.recipient).endswith(f"@{realm}"):
            return True
        subscription = self._copies.find(realm, row.conversation)
        if subscription is None:
            return False
        found = await self._store.messages(row.conversation, row.seq - 1, row.seq + 1, 1, False, ())
        number = found[0].gseq if found else 0
        return subscription.first <= number and (not subscription.until or number <= subscription.until)
