"""One connection's share in the groups whose home is here: entries of many logs, in turn.

What is sent of a group is read from its log, a page at a time; in memory there is its place, and what is not
acked. All groups share one window, which has nothing to do with that of items. Those that are more than a
page behind have a lane of their own, and at most half of the window: a group whose other realm was away for
a year does not delay what is said in another one now.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Awaitable, Callable, Sequence
from sys import intern

from twisted.logger import Logger

from chatproto.federation.bounds import (
    DIGEST_PERIOD,
    ENTRY_BYTES,
    ENTRY_ITEMS,
    FIRST_ENTRIES,
    GROUPS,
)
from chatproto.federation.errand import Errand
from chatproto.federation.groups_turns import Flight, Lane, Stream, nothing
from chatproto.federation.rules import Copies
from chatproto.federation.sending import text_limit
from chatproto.frames import Ack, Entry, Frame, PeerLimits, Ready, Start
from chatproto.names import RealmName, fold
from chatproto.realm.times import Clock
from chatproto.realm.writer import Writer
from chatproto.records import MessageRow, Position, SubscriptionRow


class GroupSender:
    """Sends groups to one realm on one connection."""

    _log = Logger()

    def __init__(
        self,
        realm: RealmName,
        copies: Copies,
        writer: Writer,
        clock: Clock,
        name_of: Callable[[str], Awaitable[str]],
        send: Callable[..., bool],
        give_up: Callable[[str], None],
        limits: PeerLimits,
        is_blocked: Callable[[], bool],
    ) -> None:
        self._realm = realm
        self._copies = copies
        self._name_of = name_of
        self._write = send
        self._give_up = give_up
        self._is_blocked = is_blocked
        self._credit = (limits.entries, limits.bytes)
        self._text_limit = text_limit(limits)
        self._window = min(FIRST_ENTRIES, limits.entries)
        #: Where copies stand, by folded address, until all have been told.
        self._named: dict[str, Ready] | None = {}
        #: Groups to begin with, and what their copies have.
        self._opening: dict[int, Sequence[tuple[str, int]]] = {}
        #: Copies of what nobody here knows, or of what is delivered to its end.
        self._unknown: deque[str] = deque()
        self._streams: dict[int, Stream] = {}
        self._by_address: dict[str, Stream] = {}
        #: Groups of which the other side takes nothing on this connection.
        self._refused: set[int] = set()
        self._live = Lane()
        self._behind = Lane()
        self._turn = self._live
        #: Groups whose digest is to be told.
        self._owing: dict[Stream, None] = {}
        self._full = False
        self._closed = False
        self._sending = Errand(writer, clock, "sending groups to another realm", self._send_some)
        self._telling = Errand(writer, clock, "telling another realm what groups are", self._tell_digests)
        self._telling.later(DIGEST_PERIOD)
        #: Hears that there may be more to do.
        self.wake = self._sending.soon

    @property
    def under_way(self) -> tuple[int, int]:
        """Entries that are not acked, and their bytes."""
        return self._live.items + self._behind.items, self._live.bytes + self._behind.bytes

    def drained(self) -> None:
        """Hear that the connection has room again."""
        self._full = False
        self._sending.wake()

    def close(self) -> None:
        """Send nothing more."""
        self._closed = True
        self._sending.stop()
        self._telling.stop()

    # -- where to begin

    def ready(self, ready: Ready) -> None:
        """Hear where a copy stands, or with ``last`` that this was all."""
        if self._named is None or len(self._named) >= GROUPS:
            self._give_up("unexpected-frame")
            return
        self._named[fold(ready.stream)] = ready
        if ready.last:
            self.all_ready()

    def all_ready(self) -> None:
        """Hear that no more copies will be told."""
        named, self._named = self._named or {}, None
        for row in self._copies.of(self._realm):
            ready = named.pop(fold(self._copies.address(row.conversation)), None)
            self._opening[row.conversation] = () if ready is None else ready.lives
        self._unknown.extend(ready.stream for ready in named.values())
        self.wake()

    def entry(self, conversation: int) -> None:
        """Hear that there is a new entry on disk, or a new subscription."""
        stream = self._streams.get(conversation)
        if stream is not None:
            if stream not in self._behind.waiting:
                self._live.waiting[stream] = None
        elif self._named is None and conversation not in self._refused:
            self._opening.setdefault(conversation, ())
        else:
            return  # it is found when all copies have been told
        self.wake()

    async def _open(self, conversation: int) -> None:
        """Say where a group goes on."""
        lives = self._opening[conversation]
        row = self._copies.find(self._realm, conversation)
        if row is not None:
            place = await self._copies.resume(row, lives)
            goes_on = bool(lives) and lives[0][1] == place.number
            history = "" if goes_on else await self._copies.history(row, place)
            if self._closed or row != self._copies.find(self._realm, conversation):
                return  # and see what it is now
            if row.until and place.number >= row.until:
                self._copies.settled(self._realm, conversation, place.epoch, place.number, place.seq)
                self._unknown.append(self._copies.address(conversation))
            else:
                self._begin(row, place, history)
        del self._opening[conversation]

    def _begin(self, row: SubscriptionRow, place: Position, history: str) -> None:
        stream = Stream(row, self._copies.address(row.conversation), place)
        before = self._streams.get(row.conversation)
        if before is not None:  # an earlier subscription, of which something may be not acked
            self._forget(before)
            stream.flights = before.flights
        self._streams[row.conversation] = self._by_address[fold(stream.address)] = stream
        self._behind.waiting[stream] = None
        self._owing[stream] = None
        start = Start(
            stream=stream.address,
            epoch=place.epoch,
            first=row.first,
            next=place.number + 1,
            history=history,
        )
        self._full = not self._write(start)

    def _forget(self, stream: Stream) -> None:
        for waiting in (self._live.waiting, self._behind.waiting, self._owing):
            waiting.pop(stream, None)
        del self._streams[stream.conversation], self._by_address[fold(stream.address)]

    # -- out

    async def _send_some(self) -> None:
        while not (self._closed or self._full or self._is_blocked()):
            if self._unknown:
                over = Start(stream=self._unknown.popleft(), epoch="", first=0, next=0, over=True)
                self._full = not self._write(over)
            elif self._opening:
                await self._open(next(iter(self._opening)))
            elif self._owing:
                await self._take_digest(next(iter(self._owing)))
            elif not await self._send_next():
                return

    async def _send_next(self) -> bool:
        """Send a page of the group whose turn it is; tell whether there was one."""
        other = self._behind if self._turn is self._live else self._live
        for lane in (self._turn, other):
            room = self._room(lane)
            if lane.waiting and room is not None:
                self._turn = self._behind if lane is self._live else self._live
                await self._send_page(next(iter(lane.waiting)), lane, *room)
                return True
        return False

    def _room(self, lane: Lane) -> tuple[int, int] | None:
        """Return how many entries, and bytes, may be sent by a lane; None if nothing may."""
        most, most_bytes = self._credit
        most = min(most, self._window)
        under_way, size = self.under_way
        items, room = most - under_way, most_bytes - size
        if lane is self._behind:
            items = min(items, max(1, most // 2) - lane.items)
            room = min(room, most_bytes // 2 - lane.bytes)
        return None if items <= 0 or room <= 0 else (min(items, ENTRY_ITEMS), min(room, ENTRY_BYTES))

    async def _send_page(self, stream: Stream, lane: Lane, items: int, size: int) -> None:
        del lane.waiting[stream]  # who hears of a new entry meanwhile puts it back
        try:
            page = await self._copies.entries(stream.conversation, stream.seq, items, size)
            names = {}
            for message in page:
                if message.sender not in names:
                    names[message.sender] = await self._name_of(message.sender)
        except BaseException:
            lane.waiting[stream] = None  # it is tried again
            raise
        if self._closed or self._streams.get(stream.conversation) is not stream:
            return
        row = self._copies.find(self._realm, stream.conversation)
        if row is None or row.first != stream.first:
            self._opening.setdefault(stream.conversation, ())
            return
        more = len(page) == items or sum(len(message.text.encode()) for message in page) >= size
        if row.until:
            more = more and all(message.gseq < row.until for message in page)
            page = [message for message in page if message.gseq <= row.until]
        if more:
            self._live.waiting.pop(stream, None)
            self._behind.waiting[stream] = None
        self._send(stream, page, names, lane)

    def _send(self, stream: Stream, page: Sequence[MessageRow], names: dict[str, str], lane: Lane) -> None:
        frames: list[Frame] = []
        for message in page:
            if message.gseq <= stream.sent:
                self._log.error("{group} has {number} twice", group=stream.address, number=message.gseq)
                stream.seq = message.seq
                continue
            if message.gseq > stream.sent + 1:
                self._log.error("{group} has no {number}", group=stream.address, number=stream.sent + 1)
            while stream.sent < message.gseq:
                number = stream.sent + 1
                row = message if number == message.gseq else nothing(stream, number, message)
                frames.append(self._entry(stream, row, names[message.sender], lane))
                if stream.digest is not None and stream.digest.number <= number:
                    frames.append(stream.digest)
                    stream.digest = None
        if frames:
            self._full = not self._write(*frames)

    def _entry(self, stream: Stream, message: MessageRow, name: str, lane: Lane) -> Entry:
        size = len(message.text.encode())
        if size > self._text_limit:  # as it once took, and takes no more
            self._log.error("{mid} is too long for {realm}", mid=message.mid, realm=self._realm)
            message, name, size = nothing(stream, message.gseq, message), "", 0
        epoch = self._copies.epoch_of(message.seq)
        frame = Entry(
            stream=stream.address,
            number=message.gseq,
            mid=message.mid,
            from_=message.sender,
            text=message.text,
            at=message.at,
            kind=intern(message.kind),  # the usual one is left out, and known by identity
            name=name,
            epoch=epoch if epoch != stream.epoch else "",
        )
        stream.sent, stream.seq, stream.epoch = message.gseq, message.seq, epoch
        stream.flights.append(Flight(message.gseq, message.seq, epoch, size, lane))
        lane.items += 1
        lane.bytes += size
        return frame

    # -- what they are

    async def _tell_digests(self) -> None:
        self._telling.later(DIGEST_PERIOD)
        self._owing.update(dict.fromkeys(self._streams.values()))
        self.wake()

    async def _take_digest(self, stream: Stream) -> None:
        """Tell what a group is, now or when its newest number is sent."""
        digest = await self._copies.digest(stream.conversation)
        if stream not in self._owing or self._closed:
            return
        del self._owing[stream]
        if digest.number > stream.sent:
            stream.digest = digest
        else:
            self._full = not self._write(digest)

    # -- back

    def acked(self, ack: Ack) -> None:
        """Hear that a copy has everything up to a number, or is not wanted."""
        stream = self._by_address.get(fold(ack.stream))
        if stream is None:
            return
        if ack.number > stream.sent:
            self._give_up("bad-ack")
            return
        newest = None
        while stream.flights and (ack.refused or stream.flights[0].number <= ack.number):
            flight = stream.flights.popleft()
            flight.lane.items -= 1
            flight.lane.bytes -= flight.size
            self._window = min(self._window + 1, self._credit[0])
            newest = flight
        if ack.refused:
            self._log.error(
                "{realm} takes nothing of {group}: {code}",
                realm=self._realm,
                group=stream.address,
                code=ack.refused[0][1],
            )
            self._forget(stream)
            self._refused.add(stream.conversation)
        elif newest is not None:
            self._settle(stream, newest)
        self.wake()

    def _settle(self, stream: Stream, flight: Flight) -> None:
        if flight.number < stream.first:
            return  # of an earlier subscription
        place = (flight.epoch, flight.number, flight.seq)
        self._copies.settled(self._realm, stream.conversation, *place)
        row = self._copies.find(self._realm, stream.conversation)
        if row is None or 0 < row.until <= flight.number:
            self._forget(stream)
            self._unknown.append(stream.address)
        elif row.first != stream.first:
            self._opening.setdefault(stream.conversation, ())
