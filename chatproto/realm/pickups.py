"""Messages that are either told to whoever is signed in, or wait until they are picked up.

A message is told when it was written to a connection, and not before; what did not get so far waits. What was
told is remembered as spans of the log, in cursors, so that one picks up neither what was told nor twice.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import partial

from twisted.internet.defer import DeferredLock

from chatproto.events import HistoryItem, PickedMessage, PickedUp
from chatproto.events.tipe import as_mail
from chatproto.interfaces import IStore
from chatproto.limits import INBOX_BYTES, PAGE_ITEMS
from chatproto.names import fold
from chatproto.realm.blocks import Blocks
from chatproto.realm.cursors import Cursors
from chatproto.realm.log import told
from chatproto.realm.logins import Login
from chatproto.realm.spans import Span, Spans
from chatproto.records import ConversationRow, MessageRow

#: Kinds of cursors: up to where everything was picked up, and the ends of each span.
_PICKED, _TOLD = "picked-up", ("told-after", "told-until")
#: JSON around the text of a message.
_AROUND_BYTES = 256


class _Box:
    """What one account picked up and was told, while somebody asks for it."""

    def __init__(self, account: str, cursors: Cursors) -> None:
        self._account = account
        self._cursors = cursors
        self.lock = DeferredLock()
        self.users = 0
        self._loaded = False
        #: Up to where everything was picked up.
        self.picked = 0
        #: The same, with what is being picked up just now.
        self.taken = 0
        self._spans = Spans(cursors, account, _TOLD)

    async def load(self) -> None:
        """Read it, the first time."""
        if not self._loaded:
            self.picked = self.taken = await self._cursors.load((self._account, _PICKED, 0))
            self._spans = (await Spans.load(self._cursors, self._account, _TOLD)).get(0, self._spans)
            self._loaded = True

    @property
    def newest(self) -> int:
        """Up to where something was told or picked up."""
        return max(self.picked, self._spans.newest)

    def was_told(self, seq: int) -> bool:
        """Tell whether a message was."""
        return seq in self._spans

    def span(self, after: int) -> Span:
        """Return the span for what is told from behind a seq on."""
        return self._spans.span(after, self.picked)

    def tell(self, span: Span, seq: int) -> bool:
        """Note that a message is told now; False if it was picked up meanwhile."""
        if seq <= self.taken:
            return False
        self._spans.tell(span, seq)
        return True

    async def pick_up(self, until: int) -> None:
        """Note durably that everything up to a seq was picked up."""
        self.taken = until
        try:
            await self._cursors.move_now((self._account, _PICKED, 0), until)
        except BaseException:
            self.taken = self.picked
            raise
        self.picked = until


class Telling:
    """One connection on which an account is told of what comes. It is used until :meth:`end`."""

    def __init__(self, box: _Box, span: Span, end: Callable[[], None]) -> None:
        self._box = box
        self._span = span
        self.end = end

    def claim(self, seq: int) -> Callable[[], bool]:
        """Return what to ask when a message is written: False if it must not be any more."""
        return partial(self._box.tell, self._span, seq)

    def keep(self, seq: int) -> None:
        """Hear that a message cannot be told here, and waits."""
        if seq > self._box.taken:
            self._span = self._box.span(seq)


class Pickups:
    """The messages that wait, of all accounts."""

    def __init__(self, store: IStore, blocks: Blocks, cursors: Cursors) -> None:
        self._store = store
        self._blocks = blocks
        self._cursors = cursors
        self._boxes: dict[str, _Box] = {}

    async def begin(self, login: Login, newest: Callable[[], int]) -> Telling:
        """Begin to tell an account of what comes behind the newest message that is published.

        Nothing may wait between this and the first message that is told.
        """
        box = self._use(login.account)
        try:
            async with box.lock:
                await box.load()
                until = newest()
                before = box.newest
                waiting, _ = await self._find(login, box, before, until, first=True)
        except BaseException:
            self._leave(login.account, box)
            raise
        # Without a message between what was told before and what will be, that is one span.
        joined = not waiting and until == newest() and before == box.newest
        return Telling(
            box, box.span(before if joined else newest()), partial(self._leave, login.account, box)
        )

    async def take(self, login: Login) -> PickedUp:
        """Take what waits, up to what one reply carries."""
        box = self._use(login.account)
        try:
            async with box.lock:
                await box.load()
                used = box.picked > 0
                found, position = await self._find(login, box, box.picked, 2**53)
                # What was told while the store was read is not taken, and from here on nothing is told.
                messages = [message for seq, message in found if not box.was_told(seq)]
                if position != box.picked:
                    await box.pick_up(position)
        finally:
            self._leave(login.account, box)
        return PickedUp(messages=messages, used=used)

    async def _find(
        self, login: Login, box: _Box, after: int, until: int, *, first: bool = False
    ) -> tuple[list[tuple[int, PickedMessage]], int]:
        """Return what waits between two seqs, or the first of it, and up to where that is."""
        blocked = await self._blocks.of(login.account)
        found: list[tuple[int, PickedMessage]] = []
        room = INBOX_BYTES
        complete = False
        while not complete:
            page = await self._store.replay(fold(login.address), after, PAGE_ITEMS)
            complete = page.complete
            for row in page.messages:
                conversation = page.conversations[row.conversation]
                message = _mail(row, conversation, login.address)
                if row.seq > until:
                    return found, after
                hidden = conversation.is_group and fold(row.sender) in blocked
                if message is not None and not hidden and not box.was_told(row.seq):
                    room -= _AROUND_BYTES + 6 * len(message.text)
                    if room < 0 and found:
                        return found, after
                    found.append((row.seq, message))
                    if first:
                        return found, after
                after = row.seq
        return found, after

    def _use(self, account: str) -> _Box:
        box = self._boxes.get(account)
        if box is None:
            box = self._boxes[account] = _Box(account, self._cursors)
        box.users += 1
        return box

    def _leave(self, account: str, box: _Box) -> None:
        box.users -= 1
        if not box.users:
            del self._boxes[account]


def _mail(row: MessageRow, conversation: ConversationRow, own: str) -> PickedMessage | None:
    return as_mail(told(HistoryItem, row, conversation.recipient(row.sender), ""), own)
