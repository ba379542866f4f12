"""Items as entries, for an original server of an older system that comes for them."""

from __future__ import annotations

from collections.abc import Sequence

from chatproto.errors import NoSuchFile
from chatproto.events import InboxEntry, InboxFile
from chatproto.realm.contents import encode_content
from chatproto.realm.realm import Realm
from chatproto.records import FILE, Outgoing, read_offer


class Entries:
    """Makes entries of a realm's items."""

    def __init__(self, realm: Realm) -> None:
        self._realm = realm

    async def of(self, items: Sequence[Outgoing], user: str) -> list[InboxEntry]:
        """Return the entries of items for a user, whose name to show only the other server knows."""
        return [await self._entry(item, user) for item in items]

    async def _entry(self, item: Outgoing, user: str) -> InboxEntry:
        message = item.message
        assert message is not None
        sender = message.sender.partition("@")[0]
        name = await self._realm.display_name(message.sender) or sender
        file = None
        text = message.text
        if message.kind == FILE:
            file, text = await self._file(text), ""
            text = "" if file is not None else "(file)"
        return InboxEntry(sender=sender, msg_from=name, msg_to=user, msg=text, file=file)

    async def _file(self, text: str) -> InboxFile | None:
        offer, store = read_offer(text), self._realm.files.store
        if offer is None or store is None:
            return None
        try:
            content = await encode_content(store, offer.sha256, offer.size)
        except NoSuchFile:
            return None
        return InboxFile(name=offer.name, content=content, plain=offer.plain)
