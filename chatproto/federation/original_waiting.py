"""What waits for users of an original server of an older system that has to come for it."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Sequence
from typing import TYPE_CHECKING

from msgspec.structs import replace
from twisted.internet.defer import Deferred

from chatproto.events import InboxEntry
from chatproto.federation.bounds import PORTION_ITEMS, WINDOW_BYTES
from chatproto.federation.errand import Step, tell
from chatproto.limits import INBOX_BYTES
from chatproto.names import fold
from chatproto.records import FILE, Outgoing, read_offer

if TYPE_CHECKING:
    from chatproto.federation.link import PeerLink


#: Makes of items what is shown to who came for them.
Show = Callable[[Sequence[Outgoing]], Awaitable[list[InboxEntry]]]


async def hand_out(
    link: PeerLink, alias: str, user: str, show: Show, gone: Callable[[], bool]
) -> list[InboxEntry]:
    """Take out what waits for a user and was not offered; it is settled when this returns.

    All that can fail comes before that. Who is ``gone`` by then has not come.
    """
    alone = link.outgoing.alone
    return list(await alone.run(lambda: Deferred.fromCoroutine(_hand_out(link, alias, user, show, gone))))


async def _hand_out(
    link: PeerLink, alias: str, user: str, show: Show, gone: Callable[[], bool]
) -> list[InboxEntry]:
    stream = link.outgoing
    await stream.load()
    generation, after = stream.generation, stream.row.offered
    found: list[Outgoing] = []
    room = INBOX_BYTES
    while page := await link.store.outgoing(str(link.realm), after, PORTION_ITEMS, WINDOW_BYTES):
        after = page[-1].row.number
        for item in page:
            if not _is_for(item, alias, user):
                continue
            room -= _bytes_of(item)
            if room < 0 and found:
                break
            found.append(item)
        if room < 0:
            break
    entries = await show(found)
    await link.rules.bounces.prepare(found)
    if not found or stream.generation != generation or gone():
        return []
    step = _HandedOut(link, found)
    link.writer.append(step)
    error = await step.done
    if error is not None:
        raise error
    link.outgoing.on_marked()
    return entries


class _HandedOut(Step):
    """Items that a server came for: their numbers are skipped from now on."""

    __slots__ = ("_items", "_link")

    def __init__(self, link: PeerLink, items: Sequence[Outgoing]) -> None:
        super().__init__((), [replace(item.row, seq=0) for item in items])
        self._link = link
        self._items = items
        for item in items:
            link.outgoing.waiting_items -= 1
            link.outgoing.waiting_bytes -= item.row.size

    def committed(self) -> None:
        """Tell the senders."""
        tell(self._link.rules.bounces.stored, self._items)
        for item in self._items:
            tell(self._link.ended, item, "")
        super().committed()


def _is_for(item: Outgoing, alias: str, user: str) -> bool:
    """Tell whether an item is something to read, for a user, and by a name of the way."""
    if item.message is None or item.message.kind not in ("text", FILE):
        return False
    return fold(item.to.partition("@")[0]) == fold(user) and fold(item.row.box) in ("", fold(alias))


def _bytes_of(item: Outgoing) -> int:
    offer = None if item.message is None or item.message.kind != FILE else read_offer(item.message.text)
    return item.row.size if offer is None else offer.size * 2
