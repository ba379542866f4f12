"""All about files in a realm, over one file store, or none."""

from __future__ import annotations

from chatproto.interfaces import IFileStore, IStore
from chatproto.names import RealmName
from chatproto.realm.accounts import Accounts
from chatproto.realm.blocks import Blocks
from chatproto.realm.cids import Cids
from chatproto.realm.copies import Copies
from chatproto.realm.files.downloading import Downloads
from chatproto.realm.files.elsewhere import Elsewhere
from chatproto.realm.files.finishing import Finishing
from chatproto.realm.files.nowhere import NoFileStore
from chatproto.realm.files.pins import Pins
from chatproto.realm.files.uploading import Uploads
from chatproto.realm.log import Log
from chatproto.realm.offers import Offers
from chatproto.realm.sending import Sending
from chatproto.realm.writer import Writer
from chatproto.records import FileRow


class Files:
    """The parts that have to do with files, and what others do with them.

    ``store`` is None if the realm keeps no files. ``busy`` has the mids of parts that somebody has open:
    whoever opens one puts it there. ``pins`` is held by who keeps a content, until its row is durable.
    """

    def __init__(
        self,
        realm: RealmName,
        files: IFileStore | None,
        store: IStore,
        writer: Writer,
        accounts: Accounts,
        blocks: Blocks,
        copies: Copies,
        log: Log,
        cids: Cids,
        sending: Sending,
        offers: Offers,
    ) -> None:
        self.store = files
        self.busy: set[str] = set()
        self.pins = Pins(log.clock)
        self._rows = store
        self._writer = writer
        at = files or NoFileStore()
        self._at = at
        self.elsewhere = Elsewhere(
            realm, store, writer, log.router, copies, offers, self.rows_changed, log.now
        )
        self.need, self.source = self.elsewhere.need, self.elsewhere.source
        self.arrived, self.refused = self.elsewhere.arrived, self.elsewhere.refused
        self.downloads = Downloads(at, store, writer, sending.routes, blocks, self.need)
        self.uploads = Uploads(at, store, writer, log, cids, sending, self.busy)
        self.end_upload, self.forget = self.uploads.end, self.uploads.forget
        self.finishing = Finishing(
            at, store, writer, accounts, log, sending, self.uploads, self.pins, self.elsewhere
        )
        self.finish, self.store_small = self.finishing.finish, self.finishing.store_small

    async def row(self, mid: str) -> FileRow | None:
        """Return what is known of a file."""
        return await self._rows.file(mid)

    async def page(self, after: int, limit: int) -> list[FileRow]:
        """Return files with a seq above ``after``, by it."""
        return await self._rows.files(after, limit)

    def rows_changed(self) -> None:
        """Hear that rows of files are put that say otherwise than before."""
        self.downloads.forget()

    async def open(self) -> None:
        """Open the file store, if there is one.

        :raises StoreError: it cannot be used.
        """
        await self._at.open()

    async def close(self) -> None:
        """Finish what is under way, and close the file store; before the writer is closed."""
        if self._writer.failure is None:
            async with self.pins.alone():  # what is being kept is sent yet, as its client waits for that
                await self.uploads.close()
        await self._at.close()
