"""The link to an original server of an older system.

Its items wait in an outbox as those of any link do. The server knows neither numbers nor acks: it is given
one request at a time, and its reply is the verdict. So an item is marked as offered on disk before its
request is written, and what was offered and not answered is given up as ``outcome-unknown``: to give it again
could bring it twice. What was marked and could not be written waits for the next connection.

A server whose address is not known comes and asks for what waits.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from itertools import takewhile
from typing import Any

from msgspec.structs import replace
from twisted.internet.defer import Deferred, succeed

from chatproto.errors import Conflict, FileTooLarge, RealmRefused, Unavailable
from chatproto.federation.bounds import FIRST_DELAY, ORIGINAL_DIAL, ORIGINAL_ITEMS, WINDOW_BYTES
from chatproto.federation.errand import Errand, Step
from chatproto.federation.link import PeerLink, State
from chatproto.federation.original_bringing import UNKNOWN, Bringing
from chatproto.federation.original_requests import NotAnswered, NotAsked, Requests, Wire
from chatproto.federation.settling import Settlement
from chatproto.federation.standing import Standing
from chatproto.realm.lists import list_of
from chatproto.records import Outcome, Outgoing
from chatproto.wire.older_peer import Answer


class OriginalLink(PeerLink):
    """The link to one original server.

    :ivar addresses: from where it comes.
    :ivar place: its endpoint, ``""`` if only it can dial.
    """

    def __init__(self, *parts: Any) -> None:
        super().__init__(*parts)
        self.addresses: set[str] = set()
        self.place = ""
        self.requests = Requests(self.clock)
        #: Has it dialled now, and tells whether it is being dialled.
        self.hasten: Callable[[], None] = lambda: None
        self.is_dialled: Callable[[], bool] = lambda: False
        #: When that was done last, in seconds: who sends much to somebody unknown does not have it dialled
        #: all the time.
        self._hastened = float("-inf")
        self.bringing = Bringing(self.requests, self.rules.files)
        self.verdict = self._verdict
        self.outgoing.on_marked = self._wake
        #: What is marked, and not written.
        self._batch: list[Outgoing] = []
        self._epoch = ""
        #: Verdicts that are not on disk.
        self._codes: dict[int, str] = {}
        self._work = Errand(self.writer, self.clock, "bringing items to an original server", self._go_on)

    # -- the connection

    @property
    def state(self) -> State:
        """How the link stands."""
        return State.UP if self.requests.wire is not None else self._state

    def begin(self, wire: Wire) -> None:
        """Use a connection that was dialled."""
        self.counts.connections += 1
        self.bringing.begin()
        self.requests.begin(wire)
        self._wake()

    def open(self) -> None:
        """See :meth:`PeerLink.open`."""
        super().open()
        self._wake()

    def close(self, reason: str, retry_after: float = 0) -> None:
        """See :meth:`PeerLink.close`."""
        super().close(reason, retry_after)
        self.requests.close()

    def stop(self) -> None:
        """See :meth:`PeerLink.stop`."""
        super().stop()
        self._work.stop()

    def ask(self, about: str, name: str = "", after: str = "") -> Deferred[dict[str, Any]]:
        """Know that it can answer nothing.

        :raises Unavailable: always.
        """
        raise Unavailable

    def receipt(self, by: str, to: str, delivered: str, read: str) -> None:
        """Tell nobody: it knows no receipts."""

    def check_file(self, size: int) -> None:
        """See :meth:`PeerLink.check_file`."""
        super().check_file(size)
        if size > self.limits.sendfile_bytes:
            raise FileTooLarge(f"that server takes files of at most {self.limits.sendfile_bytes} bytes")

    def _verdict(self, number: int) -> Deferred[Outcome]:
        """Fire with what becomes of an item; if nobody can bring it, that it waits is all there is to say."""
        return self._awaited.of(number) if self.place else succeed(Outcome())

    def _wake(self) -> None:
        self._work.soon()

    # -- one batch after another

    async def _go_on(self) -> None:
        while await self._do_next():
            pass

    async def _do_next(self) -> bool:
        """Do one thing; tell whether to go on at once."""
        stream = self.outgoing
        await stream.load()
        row = stream.row
        if row.epoch != self._epoch:  # it was dropped and added
            self._epoch = row.epoch
            self._batch, self._codes = [], {}
        if row.settled < row.offered and not self._batch:
            return await self._settle()
        if self.requests.wire is None or self.standing not in (Standing.OPEN, Standing.PARKED):
            return False
        if not self._batch:
            return bool(await stream.alone.run(lambda: Deferred.fromCoroutine(self._mark())))
        try:
            outcomes = await self.bringing.bring(self._batch)
        except NotAsked:
            return False
        except NotAnswered:
            outcomes = {item.row.number: UNKNOWN for item in self._batch}
        for number, outcome in outcomes.items():
            self._codes[number] = outcome.code
            self._awaited.say(number, outcome.said)
        self._batch = []
        return True

    async def _mark(self) -> bool:
        """Mark the next items that go in one request; tell whether to go on."""
        stream = self.outgoing
        generation, after = stream.generation, stream.row.offered
        page = await self.store.outgoing(str(self.realm), after, ORIGINAL_ITEMS, WINDOW_BYTES)
        if not page or stream.at_risk:
            return False
        if not stream.loaded or stream.generation != generation:
            return True
        batch = _first(page)
        row = replace(stream.row, offered=batch[-1].row.number)
        step = stream.put(Step((), [row]), row)
        self.writer.append(step)
        if await step.done is not None:
            self._work.rest_after_loss()
            return False
        stream.marked(row)
        if batch[0].message is not None:
            self._batch = batch
        return True

    async def _settle(self) -> bool:
        """Make the verdicts on what was offered durable; tell whether to go on."""
        stream = self.outgoing
        before, last = stream.row.settled, stream.row.offered
        page = await self.store.outgoing(str(self.realm), before, ORIGINAL_ITEMS, WINDOW_BYTES)
        items = [item for item in page if item.row.number <= last]
        codes = {item.row.number: self._codes.get(item.row.number, UNKNOWN.code) for item in items}
        refused = {number: code for number, code in codes.items() if code}
        for silent in (False, True):
            await self.rules.bounces.prepare([item for item in items if item.row.number in refused])
            if not stream.loaded or stream.row.settled != before:
                return True
            settled = items[-1].row.number if items else last
            bounces = self.rules.bounces
            work = Settlement(stream, bounces, self.ended, items, refused, settled=settled, silent=silent)
            self.writer.append(work)
            error = await work.done
            if error is None:
                for number in codes:
                    self._codes.pop(number, None)
                return True
            if not isinstance(error, Conflict):
                break
        self._work.rest_after_loss()
        return False

    # -- for users here, and for who comes and asks

    async def make_known(self, alias: str) -> Answer:
        """Make us known to the server by one more name, and return what it says.

        :raises Unavailable: it cannot be reached, or cannot reach us.
        """
        if not await self._is_there():
            raise Unavailable
        try:
            return await self.bringing.make_known(alias)
        except (NotAsked, NotAnswered):
            raise Unavailable from None

    async def send_now(self, sender: str, user: str, text: str) -> bool:
        """Bring a text, which is in no outbox; tell whether there is such a user.

        :raises RealmRefused: the server did not answer, and may have it.
        """
        if self.standing is not Standing.OPEN or not await self._is_there():
            return False
        try:
            return (await self.bringing.server_send(sender, user, text)).ok
        except NotAsked:
            return False
        except NotAnswered:
            raise RealmRefused("the other server did not answer; it may have the message, or not") from None

    async def _is_there(self) -> bool:
        """Tell whether there is a connection, or was made quickly."""
        if self.requests.wire is None and self.place:
            now = self.clock.seconds()
            if now - self._hastened >= FIRST_DELAY:
                self._hastened = now
                self.hasten()
            return await self.requests.hope(ORIGINAL_DIAL, self.is_dialled)
        return self.requests.wire is not None


def _first(page: Sequence[Outgoing]) -> list[Outgoing]:
    """Return the items at the front of a page that go together: skipped numbers, or those of one list."""
    first = page[0].message
    if first is None:
        return list(takewhile(lambda item: item.message is None, page))
    together = list_of(first.mid) if page[0].row.box else ""
    if not together:
        return [page[0]]
    return list(takewhile(lambda item: item.message is not None and list_of(item.row.mid) == together, page))
