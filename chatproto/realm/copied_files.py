"""Files in copies of groups: what is known here of one whose entry comes, and the row that it gets.

The home says what a file is and has its bytes, unless somebody here has sent it: then its row waits already,
and the home's word about a mid of this realm counts only where it is the same. A file has the mid that its
sender's realm gave it, so no home can take mids of others with what its own people send.
"""

from __future__ import annotations

from msgspec.structs import replace

from chatproto.frames import Entry
from chatproto.interfaces import IStore
from chatproto.names import RealmName, fold
from chatproto.realm.changes import Change
from chatproto.realm.conversations import Group
from chatproto.realm.log import Log
from chatproto.realm.offers import Offers, take_offer
from chatproto.records import FILE, FileRow, MessageRow, Offer, ReplicaRow, UploadRow, offer_text


class CopiedFiles:
    """Looks up files, one at a time, and places them."""

    def __init__(self, realm: RealmName, store: IStore, offers: Offers, log: Log) -> None:
        self._realm = realm
        self._store = store
        self._offers = offers
        self._log = log
        #: The newest file that was looked up, by group and mid, and what is here of it.
        self._newest: tuple[str, str, FileRow | None] | None = None
        #: The upload that is to be the file with its mid.
        self._upload: UploadRow | None = None

    def forget(self) -> None:
        """Forget what was read, as it may not hold any more."""
        self._newest = None

    def is_fit(self, entry: Entry) -> bool:
        """Tell whether an entry, if it is a file, offers one under a mid of its sender's realm."""
        if entry.kind != FILE:
            return True
        same = fold(entry.from_).rpartition("@")[2] == entry.mid.partition("/")[0]
        return same and isinstance(take_offer(entry.text, 0), Offer)

    def knows(self, group: str, entry: Entry) -> bool:
        """Tell whether a file was looked up."""
        return entry.kind != FILE or (self._newest is not None and self._newest[:2] == (group, entry.mid))

    async def look_up(self, group: str, entry: Entry) -> None:
        """Read what is here of a file."""
        if entry.kind == FILE:
            # The upload first: when it ends, its file is there.
            upload = await self._store.upload(entry.mid) if self._is_ours(entry) else None
            file = await self._store.file(entry.mid)
            self._newest, self._upload = (group, entry.mid, file), upload

    def _row(self) -> FileRow | None:
        return self._newest[2] if self._newest is not None else None

    def is_at_its_place(self, group: Group, entry: Entry) -> bool:
        """Tell whether nothing else is known of a file's mid than that somebody here has sent it there."""
        file = self._row()
        if entry.kind != FILE:
            return True
        offer = take_offer(entry.text, 0)
        if file is None:  # of this realm only what a life sent whose end the store has not
            is_of_now = self._is_ours(entry) and self._log.gives(entry.mid)
            return not is_of_now and (self._upload is None or self._is_upload(group, entry, offer))
        if file.conversation == group.row.conversation:
            return True
        # It may stand in a conversation of two, if nobody here knew yet that it goes to a group.
        return (
            fold(file.sender) == fold(entry.from_)
            and fold(file.recipient) == fold(group.row.shown_a)
            and isinstance(offer, Offer)
            and (offer.size, offer.sha256) == (file.size, file.sha256)
        )

    def _is_upload(self, group: Group, entry: Entry, offer: Offer | str) -> bool:
        """Tell whether an entry is the file that the upload with its mid is to be."""
        upload = self._upload
        return (
            upload is not None
            and isinstance(offer, Offer)
            and fold(entry.from_) == f"{upload.account}@{self._realm}"
            and fold(upload.to) == fold(group.row.shown_a)
            and upload.size == offer.size
            and upload.sha256 in ("", offer.sha256)
        )

    def _is_ours(self, entry: Entry) -> bool:
        return entry.mid.startswith(f"{self._realm}/")

    def text_of(self, entry: Entry) -> str:
        """Return the text of an entry as it is kept: an offer is fit to be shown."""
        offer = take_offer(entry.text, 0) if entry.kind == FILE else None
        return offer_text(offer) if isinstance(offer, Offer) else entry.text

    def keep(self, change: Change, row: ReplicaRow, group: Group, message: MessageRow) -> None:
        """Add the row of a file to the change that makes its message."""
        offer, file = take_offer(message.text, 0), self._row()
        if file is not None:
            change.put(replace(file, seq=message.seq, conversation=message.conversation))
        elif isinstance(offer, Offer):
            change.insert(self._offers.offered(message, offer, group.row.shown_a, row.home))
