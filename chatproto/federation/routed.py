"""Sending a stream in letters, which other realms pass on.

What is different from a direct connection: what the next realm has on disk is not settled, and goes on
without being kept in memory; what is settled only the destination's rulings tell; and all of it may have to
be sent again.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING

from twisted.logger import Logger

from chatproto.federation.outgoing import MAXIMUM
from chatproto.federation.pacing import Pace
from chatproto.federation.sending import Sender
from chatproto.frames import Held, PeerLimits
from chatproto.frames.routing import Letter, Ruling
from chatproto.records import Outgoing

if TYPE_CHECKING:
    from chatproto.federation.link import PeerLink


class RoutedSender(Sender):
    """Sends a stream in letters, and makes the destination's verdicts durable."""

    _log = Logger()

    def __init__(
        self,
        link: PeerLink,
        post: Callable[[Letter], bool],
        has_room: Callable[[], bool],
        settled: Callable[[], None],
        pace: Pace,
    ) -> None:
        """``post`` sends a letter, and tells whether there is more room; ``settled`` hears of progress."""
        super().__init__(
            link.outgoing,
            link.store,
            link.writer,
            link.clock,
            link.rules.bounces,
            link.ended,
            link.rules.display_name,
            lambda *_: False,
            lambda _: self.close(),
            PeerLimits(),
            pace.confirmed,
        )
        self._post = post
        self._has_room = has_room
        self._on_settled = settled
        self.pace = pace
        self._told_settled = MAXIMUM  # letters say it
        #: The mid of the newest that was sent, and its number.
        self._last = (-1, "")
        #: Up to here what the next realm says that it has is not believed, as nothing moved.
        self._doubted = 0

    async def _send_some(self) -> None:
        stream, pace = self._stream, self.pace
        while (room := self._room()) is not None:
            after = pace.sent
            if self._last[0] != after:
                mid = await stream.mid_of(after) if after >= stream.row.first else ""
                self._last = (after, mid)
            page = await self._store.outgoing(stream.realm, after, *room)
            names: dict[str, str] = {}
            for item in page:
                if item.message is not None and item.message.sender not in names:
                    names[item.message.sender] = await self._name_of(item.message.sender)
            if self._closed or not page:
                return
            pace.confirm(stream.row.settled)  # what was refused meanwhile is not sent again
            if pace.sent == after:
                self._send(page, names)

    def _room(self) -> tuple[int, int] | None:
        room = self.pace.room()
        if self._closed or room is None or not self._has_room():
            return None
        items = min(room[0], self._stream.offered - self.pace.sent)
        return (items, room[1]) if items > 0 else None

    def _send(self, page: Sequence[Outgoing], names: dict[str, str]) -> None:
        row = self._stream.row
        for item in page:
            number = item.row.number
            if number != self.pace.sent + 1:
                self._log.error("the outbox for {realm} has no {number}", realm=row.realm, number=number)
                self.close()
                return
            letter = Letter(
                epoch=row.epoch,
                since=row.since,
                first=row.first,
                repeats=row.repeats,
                settled=self._stream.settled,
                after=self._last[1] if number > row.first else "",
                frame=self._frame(item, names),  # type: ignore[arg-type]  # an item or a skip
            )
            self._last = (number, item.row.mid)
            self.pace.went(number, item.row.size)
            if not self._post(letter):
                return

    def _is_too_large(self, item: Outgoing) -> bool:
        return False  # it may have gone another way before, so only the destination can tell

    # -- what comes back

    def held(self, held: Held) -> None:
        """Hear what the next realm has on disk, and how much it takes."""
        pace = self.pace
        if held.epoch != self._stream.row.epoch:
            return
        pace.most = held.most
        if pace.sent < self._doubted:
            pass  # it said so before, and nothing came of it
        elif held.again:
            pace.go_back(max(held.number, self._stream.settled))
        elif held.number <= pace.sent:
            pace.confirm(held.number)
        self._sending.wake()

    def ruled(self, ruling: Ruling) -> None:
        """Take the destination's verdicts on everything up to a number."""
        stream = self._stream
        if ruling.number <= self._told:
            return
        self._told = ruling.number
        for number, code in ruling.refused:
            if stream.settled < number <= ruling.number:
                self._codes[number] = code
        self.pace.confirm(ruling.number)
        self._settling.wake()
        self._sending.wake()

    def repeat(self) -> None:
        """Send again from the oldest that is not settled, whatever the next realm says that it has."""
        self._doubted = max(self._doubted, self.pace.sent)
        self.pace.rewind(max(self._told, self._stream.settled))
        self._sending.wake()

    def _forget_settled(self) -> None:
        super()._forget_settled()
        self._on_settled()
