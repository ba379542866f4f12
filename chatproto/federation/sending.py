"""One connection's share in a stream of items: what is sent on it, and what comes of that.

At most a window of items is without a durable verdict; they are the only ones in memory. On a new connection
one item goes first, and as many more as were answered: who was away for long may be weak.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Sequence
from sys import intern

from twisted.logger import Logger

from chatproto.errors import Conflict
from chatproto.federation.bounds import WINDOW_BYTES, WINDOW_ITEMS
from chatproto.federation.errand import Errand
from chatproto.federation.outgoing import OutgoingStream
from chatproto.federation.rules import Bounces
from chatproto.federation.settling import Ended, Settlement
from chatproto.frames import Ack, Frame, Item, PeerLimits, Skip
from chatproto.interfaces import IStore
from chatproto.realm.times import Clock
from chatproto.realm.writer import Writer
from chatproto.records import Outgoing

#: How often one refusal may break a constraint before it is settled without its bounce.
_TRIES = 3
#: A line has so many bytes beside the text, at most, and six for one byte of it where it is escaped.
_LINE_EXTRA = 2048
_ESCAPED = 6


def text_limit(limits: PeerLimits) -> int:
    """Return the bytes of the longest text that a realm surely takes."""
    return min(limits.text, max(0, limits.line - _LINE_EXTRA) // _ESCAPED)


class Sender:
    """Sends items on one connection, and makes the other side's verdicts durable."""

    _log = Logger()

    def __init__(
        self,
        stream: OutgoingStream,
        store: IStore,
        writer: Writer,
        clock: Clock,
        bounces: Bounces,
        ended: Ended,
        name_of: Callable[[str], Awaitable[str]],
        send: Callable[..., bool],
        give_up: Callable[[str], None],
        limits: PeerLimits,
        after: int,
    ) -> None:
        """Go on after a number that the other side has applied. ``give_up`` ends the connection."""
        self._stream = stream
        self._store = store
        self._writer = writer
        self._bounces = bounces
        self._ended = ended
        self._name_of = name_of
        self._write = send
        self._give_up = give_up
        self._credit = (limits.items, limits.bytes)
        self._text_limit = text_limit(limits)
        self._sent = self._acked = after
        #: Up to here an ack told the verdicts; of what was applied before the connection, too.
        self._told = 0
        self._told_settled = stream.settled
        self._codes: dict[int, str] = {}
        self._window = 1
        #: What was sent here and is not settled, and the bytes of it, and of what is not acked.
        self._kept: dict[int, Outgoing] = {}
        self._kept_bytes = 0
        self._unacked_bytes = 0
        self._conflicts = 0
        self._full = False
        self._closed = False
        self._sending = Errand(writer, clock, "sending to another realm", self._send_some)
        self._settling = Errand(writer, clock, "settling what another realm decided", self._settle_some)
        #: Hears that more may be sent.
        self.wake = self._sending.soon

    @property
    def under_way(self) -> tuple[int, int]:
        """Items in memory, and their bytes."""
        return len(self._kept), self._kept_bytes

    def drained(self) -> None:
        """Hear that the connection has room again."""
        self._full = False
        self._sending.wake()

    def close(self) -> None:
        """Send nothing more; a settlement under way goes on."""
        self._closed = True
        self._sending.stop()
        self._settling.stop()
        self._kept.clear()
        self._kept_bytes = 0

    # -- out

    async def _send_some(self) -> None:
        while (room := self._room()) is not None:
            # As many as are marked at most, so nothing is read here that is not.
            page = await self._store.outgoing(self._stream.realm, self._sent, *room)
            names = {}
            for item in page:
                if item.message is not None and item.message.sender not in names:
                    names[item.message.sender] = await self._name_of(item.message.sender)
            if self._closed or not page:
                return
            large = next((i for i, item in enumerate(page) if self._is_too_large(item)), None)
            self._send(page[:large], names)
            if large is not None and not await self._withdraw(page[large]):
                return

    def _room(self) -> tuple[int, int] | None:
        """Return how many items may be sent, and bytes; None if nothing may."""
        stream = self._stream
        credit_items, credit_bytes = self._credit
        items = min(
            stream.offered - self._sent,
            min(self._window, credit_items) - (self._sent - self._acked),
            WINDOW_ITEMS - (self._sent - stream.settled),
        )
        size = min(credit_bytes - self._unacked_bytes, WINDOW_BYTES - self._kept_bytes)
        return None if self._closed or self._full or items <= 0 or size <= 0 else (items, size)

    def _send(self, page: Sequence[Outgoing], names: dict[str, str]) -> None:
        if self._closed or not page:
            return
        frames: list[Frame] = []
        for item in page:
            row = item.row
            if row.number != self._sent + 1:
                self._log.error("the outbox for {realm} has no {number}", realm=row.realm, number=row.number)
                self._give_up("internal-error")
                return
            self._sent = row.number
            self._kept[row.number] = item
            self._kept_bytes += row.size
            self._unacked_bytes += row.size
            frames.append(self._frame(item, names))
        self._full = not self._write(*frames)

    def _frame(self, item: Outgoing, names: dict[str, str]) -> Frame:
        settled = None
        if self._stream.settled > self._told_settled:
            settled = self._told_settled = self._stream.settled
        row, message = item.row, item.message
        if message is None:
            return Skip(number=row.number, mid=row.mid, settled=settled)
        return Item(
            number=row.number,
            mid=row.mid,
            from_=message.sender,
            to=item.to,
            text=message.text,
            at=row.at,
            expires=row.expires,
            kind=intern(message.kind),  # the usual one is left out, and known by identity
            name=names[message.sender],
            settled=settled,
            box=row.box,
        )

    def _is_too_large(self, item: Outgoing) -> bool:
        return item.message is not None and item.row.size > self._text_limit

    async def _withdraw(self, item: Outgoing, *, silent: bool = False) -> bool:
        """End an item that the other side takes no more, as it once did; tell whether that is done.

        It has not applied it, or it would be further; but in an earlier epoch it may have.
        """
        await self._stream.load()
        await self._bounces.prepare([item])
        if self._closed or not self._stream.loaded:
            return False
        number = item.row.number
        code = "text-too-long" if number > self._stream.row.repeats else "outcome-unknown"
        work = Settlement(self._stream, self._bounces, self._ended, [item], {number: code}, silent=silent)
        self._writer.append(work)
        error = await work.done
        if isinstance(error, Conflict) and not silent:
            return await self._withdraw(item, silent=True)
        if error is not None:
            self._sending.rest_after_loss()
        return error is None

    # -- back

    def acked(self, ack: Ack) -> None:
        """Take the verdicts on everything up to a number."""
        stream = self._stream
        if ack.epoch != stream.row.epoch or ack.number > self._sent:
            self._give_up("bad-ack")
            return
        items, size = self._credit
        self._credit = (
            items if ack.items is None else ack.items,
            size if ack.bytes is None else ack.bytes,
        )
        if ack.number >= self._acked:
            for number in range(self._acked + 1, ack.number + 1):
                self._unacked_bytes -= self._kept[number].row.size
            self._window = min(self._window + ack.number - self._acked, WINDOW_ITEMS)
            self._acked = self._told = ack.number
            for number, code in ack.refused:
                if stream.settled < number <= ack.number:
                    self._codes[number] = code
            if self._told > stream.settled:
                self._settling.wake()
        self._sending.wake()

    async def _settle_some(self) -> None:
        while not self._closed:
            await self._stream.load()
            after = self._stream.row.settled
            if after >= self._told:
                return
            if self._writer.links_full:
                await self._writer.room()
                continue
            told = self._told  # more may be told while something is read, for which nothing was prepared then
            items = self._of_memory(after)
            if items is None:
                items = await self._store.outgoing(self._stream.realm, after, WINDOW_ITEMS, WINDOW_BYTES)
            items = [item for item in items if item.row.number <= told]
            await self._bounces.prepare([item for item in items if item.row.number in self._codes])
            if self._closed or not self._stream.loaded or self._stream.row.settled != after:
                continue
            if not await self._settle(items, told):
                return

    def _of_memory(self, after: int) -> list[Outgoing] | None:
        if after + 1 not in self._kept:
            return None
        return [self._kept[number] for number in range(after + 1, self._told + 1)]

    async def _settle(self, items: list[Outgoing], told: int) -> bool:
        """Make verdicts up to ``told`` durable; tell whether to go on at once."""
        if self._conflicts:
            items = self._up_to_first_refusal(items)
        settled = items[-1].row.number if items else told
        work = Settlement(
            self._stream,
            self._bounces,
            self._ended,
            items,
            self._codes,
            settled=settled,
            silent=self._conflicts >= _TRIES,
        )
        self._writer.append(work)
        error = await work.done
        if error is None:
            self._conflicts = 0
            self._forget_settled()
            self._sending.wake()
        elif isinstance(error, Conflict):
            self._conflicts += 1
        else:
            self._settling.rest_after_loss()
            return False
        return True

    def _up_to_first_refusal(self, items: list[Outgoing]) -> list[Outgoing]:
        for index, item in enumerate(items):
            if item.row.number in self._codes:
                return items[: index + 1]
        return items

    def _forget_settled(self) -> None:
        settled = self._stream.settled
        for number in [number for number in self._kept if number <= settled]:
            self._kept_bytes -= self._kept.pop(number).row.size
        for number in [number for number in self._codes if number <= settled]:
            del self._codes[number]
