"""Files that are offered by other realms: what is taken of an offer, and the row that it becomes."""

from __future__ import annotations

import re
from collections.abc import Callable

from msgspec.structs import replace

from chatproto.errors import FileTooLarge, NotSupported, QuotaReached
from chatproto.frames import Item
from chatproto.interfaces import IStore
from chatproto.limits import Limits
from chatproto.names import RealmName, clean_file_name
from chatproto.realm.times import Clock
from chatproto.records import FileRow, FileState, MessageRow, Offer, read_offer

_DAY = 86400 * 1000

#: A media type without parameters, as it may be shown.
_TYPE = re.compile(r"[A-Za-z0-9!#$&^_.+-]{1,63}/[A-Za-z0-9!#$&^_.+-]{1,63}")


def take_offer(text: str, most: int) -> Offer | str:
    """Return what the text of a file's message offers, fit to be shown; or the code why it is not taken.

    ``most`` are the bytes that a file may have, 0: any number.
    """
    offer = read_offer(text)
    if offer is None:
        return NotSupported.code
    if most and offer.size > most:
        return FileTooLarge.code
    return replace(offer, name=clean_file_name(offer.name), type=media_type(offer.type))


def media_type(said: str) -> str:
    """Return a media type as it may be shown, or nothing."""
    return said if _TYPE.fullmatch(said) else ""


def file_row(
    message: MessageRow, offer: Offer, recipient: str, realm: str, at: int, state: FileState
) -> FileRow:
    """Return the row of a file that is offered by a message; ``realm`` has its bytes."""
    return FileRow(
        mid=message.mid,
        seq=message.seq,
        conversation=message.conversation,
        realm=realm,
        sender=message.sender,
        recipient=recipient,
        name=offer.name,
        size=offer.size,
        sha256=offer.sha256,
        type=offer.type,
        at=at,
        state=str(state),
    )


class Offers:
    """Judges what other realms offer, if this one ``keeps`` files.

    ``on_wanted`` hears of files to be fetched, when they are durable.
    """

    def __init__(self, store: IStore, clock: Clock, limits: Limits, *, keeps: bool) -> None:
        self._store = store
        self._clock = clock
        self.limits = limits
        self._keeps = keeps
        self.on_wanted: Callable[[FileRow], None] = lambda row: None
        #: The newest item of each realm that was prepared, and what that realm has offered in the last day.
        self._prepared: dict[RealmName, tuple[Item, int]] = {}

    async def prepare(self, peer: RealmName, item: Item) -> None:
        """Read what is needed to judge an item; it is judged in the turn in which this returns."""
        if self.limits.peer_file_bytes_a_day:
            came = await self._store.came_bytes(str(peer), self._now() - _DAY)
            self._prepared[peer] = item, came

    def judge(self, peer: RealmName, item: Item) -> Offer | str | None:
        """Return what an item offers, or why it is refused; None if it has to be prepared."""
        if not self._keeps:
            return NotSupported.code
        offer = take_offer(item.text, self.limits.file_bytes)
        most = self.limits.peer_file_bytes_a_day
        if isinstance(offer, str) or not most:
            return offer
        prepared = self._prepared.pop(peer, None)
        if prepared is None or prepared[0] is not item:
            return None
        return offer if prepared[1] + offer.size <= most else QuotaReached.code

    async def has_room(self, file: FileRow) -> bool:
        """Tell whether a file that was only offered may be fetched today."""
        most = self.limits.peer_file_bytes_a_day
        if not most:
            return True
        return await self._store.came_bytes(file.realm, self._now() - _DAY) + file.size <= most

    def wanted(self, message: MessageRow, offer: Offer, recipient: str, realm: str) -> FileRow:
        """Return the row of a file that is to be fetched as soon as its message is durable."""
        return file_row(message, offer, recipient, realm, self._now(), FileState.WANTED)

    def offered(self, message: MessageRow, offer: Offer, recipient: str, realm: str) -> FileRow:
        """Return the row of a file of a group elsewhere, which is fetched when somebody asks for it."""
        most = self.limits.file_bytes
        state = FileState.REFUSED if most and offer.size > most else FileState.OFFERED
        return file_row(message, offer, recipient, realm, self._now(), state)

    def _now(self) -> int:
        return int(self._clock.seconds() * 1000)
