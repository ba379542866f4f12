"""People of other realms: what they are called, and how far they have got in what was sent to them."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Iterable

from msgspec import Struct
from msgspec.structs import replace

from chatproto.events import Receipt
from chatproto.interfaces import IStore
from chatproto.names import fold
from chatproto.realm.cache import Cache
from chatproto.realm.router import Router
from chatproto.realm.writer import Writer
from chatproto.records import BoxRow, MessageRow, Record, RemoteRow

#: Messages to other realms whose mid is known again when a receipt names it: some hours of a busy realm.
_MIDS = 10_000


class Others:
    """Who of other realms wrote to somebody here, as they wrote last."""

    def __init__(self, store: IStore, writer: Writer, size: int) -> None:
        self._store = store
        self._known: Cache[str, RemoteRow] = Cache(size, writer)

    async def find(self, address: str) -> RemoteRow | None:
        """Return what is known of a folded address."""
        return await self._known.find(address, lambda: self._store.remote(address))

    def get(self, address: str) -> RemoteRow | None:
        """Return what is known of a folded address, if it is in memory."""
        return self._known.get(address)

    def change(self, row: RemoteRow) -> None:
        """Keep what the open batch makes known."""
        self._known.change(row.address, row)


class Reached(Struct):
    """How far a conversation has got with the one of another realm: to the realm, to devices, to the eye."""

    stored: int = 0
    delivered: int = 0
    read: int = 0


class _Message(Struct, frozen=True):
    """What a receipt is compared with."""

    seq: int
    conversation: int
    sender: str
    to: str


class Foretold:
    """What the reply to a command will tell of its messages for realm boxes: that all of them are refused.

    As long as one may be taken, what becomes of the others stands in the box.
    """

    def __init__(self, mids: Iterable[str]) -> None:
        self.mids = frozenset(mids)
        self._rows: dict[str, BoxRow] = {}

    def refuse(self, mid: str, row: BoxRow) -> BoxRow:
        """Return where the bounce of a message stands, whose place in the box would be this."""
        last = self._rows.keys() >= self.mids - {mid}
        self._rows[mid] = row = replace(row, box="") if last else row
        return row

    def known(self) -> list[Record]:
        """Return the rows that take bounces out of the box, as the reply tells of them."""
        return [replace(row, box="") for row in self._rows.values() if row.box]


class Progress:
    """What other realms said of messages that went to them, since this realm was started.

    It is kept in memory only: it is a hint that was lost on the way as well as here. A receipt names mids,
    which no index has; so those of the newest messages are kept.
    """

    def __init__(self, router: Router, size: int) -> None:
        self._router = router
        self._size = size
        self._messages: OrderedDict[str, _Message] = OrderedDict()
        self._reached: OrderedDict[int, Reached] = OrderedDict()
        #: Of messages for realm boxes what the reply to their command will tell, by mid.
        self.awaited: dict[str, Foretold] = {}

    def of(self, conversation: int) -> Reached:
        """Return how far a conversation has got."""
        return self._reached.get(conversation) or Reached()

    def sent(self, row: MessageRow, to: str) -> None:
        """Know a message again that goes to another realm."""
        self._messages[row.mid] = _Message(row.seq, row.conversation, row.sender, to)
        if len(self._messages) > _MIDS:
            self._messages.popitem(last=False)

    def stored(self, messages: Iterable[tuple[MessageRow, str]]) -> None:
        """Hear that messages, each with whom it is to, are stored in the other realm; tell their senders."""
        newest: dict[int, tuple[MessageRow, str]] = {}
        for row, to in messages:
            if row.mid not in self._messages:  # it was sent in an earlier life
                self.sent(row, to)
            newest[row.conversation] = row, to
        for conversation, (row, to) in newest.items():
            reached = self._of(conversation)
            if row.seq > reached.stored:
                reached.stored = row.seq
                self._tell(row.sender, Receipt(with_=to, by=to, stored=row.seq))

    def receipt(self, by: str, to: str, delivered: str, read: str) -> None:
        """Hear how far ``by`` has got with what ``to`` wrote, by mids; tell ``to``."""
        got, seen = self._find(delivered, by, to), self._find(read, by, to)
        known = got or seen
        if known is None:
            return
        reached = self._of(known.conversation)
        if got is not None and got.seq > reached.delivered:
            reached.delivered = got.seq
            self._tell(known.sender, Receipt(with_=known.to, by=known.to, delivered=got.seq))
        if seen is not None and seen.seq > reached.read:
            reached.read = seen.seq
            self._tell(known.sender, Receipt(with_=known.to, by=known.to, read=seen.seq))

    def _find(self, mid: str, by: str, to: str) -> _Message | None:
        found = self._messages.get(mid)
        if found is None or (fold(found.to), fold(found.sender)) != (fold(by), fold(to)):
            return None
        return found

    def _of(self, conversation: int) -> Reached:
        reached = self._reached.setdefault(conversation, Reached())
        self._reached.move_to_end(conversation)
        if len(self._reached) > self._size:
            self._reached.popitem(last=False)
        return reached

    def _tell(self, sender: str, receipt: Receipt) -> None:
        self._router.account(fold(sender.partition("@")[0])).hint(receipt)
