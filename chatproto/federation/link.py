"""The durable relation to one other realm: what it is allowed, its two streams, and its connection, if any.

Both realms may dial, so there may be two connections for a moment. The one dialled by the realm with the
lower name stays, of one side's two the newer, as who dials again has lost the other. Where the older would
stay it first has to show that it lives. Both ends decide the same, and if they do not, nothing is lost: what
a connection carries counts when it is on disk.
"""

from __future__ import annotations

import enum
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from msgspec import to_builtins
from twisted.internet.defer import Deferred
from twisted.internet.interfaces import IDelayedCall
from twisted.logger import Logger

from chatproto.errors import FileTooLarge, NoSuchRealm, NotSupported, PeerBlocked, TextTooLong, Unavailable
from chatproto.federation.awaiting import Awaited
from chatproto.federation.bounds import FILES, MEMBERS_PAGE, RECEIPT_PAUSE, ROUTES
from chatproto.federation.connection import Connection
from chatproto.federation.counting import Counts, FileCounts
from chatproto.federation.end import End
from chatproto.federation.end import State as EndState
from chatproto.federation.files_fetching import Fetching
from chatproto.federation.groups_incoming import GroupReceiver
from chatproto.federation.incoming import IncomingStream
from chatproto.federation.outgoing import OutgoingStream
from chatproto.federation.receipts import Receipts
from chatproto.federation.rules import Rules
from chatproto.federation.sending import text_limit
from chatproto.federation.settling import Ended
from chatproto.federation.standing import Standing
from chatproto.frames import Ask, Frame, PeerLimits
from chatproto.interfaces import IStore
from chatproto.limits import TEXT_BYTES, Limits
from chatproto.names import RealmName
from chatproto.realm.times import Clock
from chatproto.realm.writer import Writer
from chatproto.records import Outgoing

if TYPE_CHECKING:
    from chatproto.federation.groups import GroupEnd
    from chatproto.federation.routes import Routes


class State(enum.Enum):
    """How a link stands; see :data:`_NEXT`."""

    DOWN = "down"
    OPENING = "opening"
    UP = "up"
    CLOSED = "closed"


#: What may follow what.
_NEXT = {
    State.DOWN: {State.OPENING, State.CLOSED},
    State.OPENING: {State.UP, State.DOWN},
    State.UP: {State.DOWN},
    State.CLOSED: {State.DOWN},
}


class PeerLink:
    """The link to one realm."""

    _log = Logger()

    def __init__(
        self,
        home: RealmName,
        realm: RealmName,
        rules: Rules,
        store: IStore,
        writer: Writer,
        clock: Clock,
        outgoing: OutgoingStream,
        incoming: IncomingStream,
        on_up: Callable[[PeerLink], None],
        on_down: Callable[[PeerLink, str, float], None],
        on_ended: Ended,
        limits: Limits,
    ) -> None:
        self.home = home
        self.realm = realm
        self.rules = rules
        self.store = store
        self.writer = writer
        self.clock = clock
        self.outgoing = outgoing
        self.incoming = incoming
        self.groups = GroupReceiver(
            realm, rules.replicas, writer, clock, incoming.limits, lambda: self.standing is Standing.BLOCKED
        )
        self._on_up = on_up
        self._on_down = on_down
        self._on_ended = on_ended
        self.limits = limits
        self.standing = Standing.OPEN
        #: Tells of another realm; set by whoever has all links.
        self.introduce: Callable[[str], dict[str, Any]] = _unknown
        #: The key that was trusted when the newest connection proved itself.
        self.key = ""
        self._state = State.DOWN
        self._end: End | None = None
        self._second: End | None = None
        #: What the other realm took when it was last connected.
        self._takes = PeerLimits()
        #: What goes by routes, to this realm or past it.
        self.carrier: Routes | None = None
        #: Where groups are spoken of now: on a connection, or by a route.
        self.group_end: GroupEnd | None = None
        self.receipts = Receipts(self)
        self._receipts_call: IDelayedCall | None = None
        self._awaited = Awaited()
        #: Fires with what becomes of an item; see :meth:`~chatproto.federation.awaiting.Awaited.of`.
        self.verdict = self._awaited.of
        self.counts = Counts()
        self.file_counts = FileCounts()
        self.fetching = Fetching(realm, rules.files, store, writer, clock, limits.fetches, self.file_counts)
        #: Why the last connection ended, and when the state last changed, in seconds.
        self.last_reason = ""
        self.since = clock.seconds()

    @property
    def state(self) -> State:
        """How the link stands."""
        return self._state

    @property
    def end(self) -> End | None:
        """The connection, if there is one."""
        return self._end

    def _become(self, state: State) -> None:
        assert state in _NEXT[self._state], (self._state, state)
        self._state = state
        self.since = self.clock.seconds()
        self.rules.live.link_changed(self.realm, is_up=state is State.UP)

    # -- connections

    def connected(self, connection: Connection) -> End:
        """Take a connection on which the other realm has proved who it is; not while the link is closed."""
        self._takes = connection.peer_limits
        self.counts.connections += 1
        end = End(self, connection)
        if self._end is None:
            self._take(end)
        elif connection.dialled == self._end.dialled or self._stays(connection.dialled):
            self._replace(end)
        else:
            second, self._second = self._second, end
            if second is not None:
                second.give_up("replaced")
            self._end.prove_life()
        return end

    def _stays(self, dialled: bool) -> bool:
        """Tell whether the connection that we, or they, dialled is the one that stays of both."""
        return (self.home < self.realm) is dialled

    def _take(self, end: End) -> None:
        if self.carrier is not None:
            self.carrier.connecting(self)
        self._end = end
        self._become(State.OPENING)
        end.begin()

    def _replace(self, end: End) -> None:
        old = self._end
        assert old is not None
        self._second, waiting = end, self._second
        if waiting is not None:
            waiting.give_up("replaced")
        old.give_up("replaced")  # which lets the second one take its place

    def proved(self, end: End) -> None:
        """Hear that a connection lives, which was asked to show it."""
        second, self._second = self._second, None
        if second is not None:
            second.give_up("duplicate")

    def over(self, end: End, reason: str) -> None:
        """Hear that a connection has ended."""
        if end is self._second:
            self._second = None
            return
        if end is not self._end:
            return
        self._end = None
        self.last_reason = reason if end.farewell is None else f"goodbye {end.farewell.reason}"
        self._become(State.DOWN)
        second, self._second = self._second, None
        if second is not None and second.state is EndState.SECOND:
            self._take(second)
            return
        self._on_down(self, reason, end.farewell.retry_after if end.farewell is not None else 0.0)

    def up(self, end: End) -> None:
        """Hear that both sides know where they stand."""
        self._become(State.UP)
        self._on_up(self)

    def end_connections(self, reason: str, retry_after: float = 0) -> None:
        """Say goodbye, on all connections."""
        for end in (self._second, self._end):
            if end is not None:
                end.give_up(reason, retry_after)

    def close(self, reason: str, retry_after: float = 0) -> None:
        """Say goodbye and take no more connections."""
        if self._state is State.CLOSED:
            return
        self.end_connections(reason, retry_after)
        self._become(State.CLOSED)
        if self._receipts_call is not None:
            self._receipts_call.cancel()
            self._receipts_call = None

    def open(self) -> None:
        """Take connections again, and what was held back while the realm was blocked."""
        if self._state is State.CLOSED:
            self._become(State.DOWN)
        if self.group_end is not None:
            self.group_end.wake()
        if self._end is not None and self._end.files is not None and self._state is State.UP:
            self._end.files.begin()

    def stop(self) -> None:
        """Take nothing any more."""
        self.incoming.stop()
        self.groups.stop()
        self.fetching.stop()

    # -- items of this realm

    async def prepare(self) -> None:
        """Return when items can be numbered.

        :raises NoSuchRealm: there is no link any more.
        :raises PeerBlocked: the operator wants none.
        """
        self._check_standing()
        await self.outgoing.load()

    def ready(self) -> bool:
        """Tell whether items can be numbered now."""
        sent_to = self.standing in (Standing.OPEN, Standing.PARKED)
        return self.outgoing.loaded and sent_to

    def check(self, size: int) -> None:
        """Return if an item may be sent.

        :raises QueueFull: too much waits.
        :raises TextTooLong: the other realm takes no such texts.
        """
        self._check_standing()
        if self._state is State.CLOSED:
            raise Unavailable
        most = text_limit(self._takes)
        if size > min(most, TEXT_BYTES):
            raise TextTooLong(f"that realm takes texts of at most {most} bytes")
        self.outgoing.check(size)

    def check_file(self, size: int) -> None:
        """Return if a file may be sent, as far as is known here.

        :raises NotSupported: the other realm takes none.
        :raises FileTooLarge: it takes none of that size.
        """
        self._check_standing()
        if self._end is not None and FILES not in self._end.capabilities:
            raise NotSupported("that realm takes no files")
        if 0 < self._takes.file < size:
            raise FileTooLarge(f"that realm takes files of at most {self._takes.file} bytes")

    def _check_standing(self) -> None:
        # Approval may take as long as an operator likes: nobody is to try again all the time.
        if self.standing in (Standing.DROPPED, Standing.PENDING):
            raise NoSuchRealm
        if self.standing is Standing.BLOCKED:
            raise PeerBlocked

    def ended(self, item: Outgoing, code: str) -> None:
        """Hear that the end of an item is on disk."""
        if code:
            self.counts.refuse(code)
        else:
            self.counts.applied += 1
        self._awaited.ended(item.row.number, code)
        self._on_ended(item, code)

    # -- what passes

    def receipt(self, by: str, to: str, delivered: str, read: str) -> None:
        """Tell somebody there how far somebody here has got, soon or never."""
        self.receipts.add(by, to, delivered, read)
        if self._receipts_call is None and self._state is not State.CLOSED:
            self._receipts_call = self.clock.callLater(RECEIPT_PAUSE, self.send_receipts)

    async def answer(self, ask: Ask) -> dict[str, Any]:
        """Return what the other realm asked for.

        :raises ChatError: why not.
        """
        if ask.about == "members":
            page = await self.rules.copies.members(self.realm, ask.name, ask.after, MEMBERS_PAGE)
            return dict(to_builtins(page))
        if ask.about == "realm":
            return self.introduce(ask.name)
        return await self.rules.answer(self.realm, ask)

    def ask(self, about: str, name: str = "", after: str = "") -> Deferred[dict[str, Any]]:
        """Fire with what the other realm answers.

        :raises Unavailable: there is no link now.
        """
        if self._end is None and self.carrier is not None:
            return self.carrier.ask(self, about, name, after)
        if self._end is None or self._state is not State.UP:
            raise Unavailable
        return self._end.questions.ask(about, name, after)

    def send_receipts(self) -> None:
        """Send what passes, as soon as there is room."""
        self._receipts_call = None
        if self._end is not None:
            self._end.flush()
        elif self.carrier is not None:
            self.carrier.tell_receipts(self)

    # -- routes

    @property
    def routes(self) -> bool:
        """Whether both sides know frames of routes."""
        return self._end is not None and ROUTES in self._end.capabilities

    @property
    def carries(self) -> bool:
        """Whether frames of routes can be sent."""
        return self._state is State.UP and self.routes

    @property
    def has_room(self) -> bool:
        """Whether more than a few of them may be sent now."""
        return self.carries and self._end is not None and self._end.has_room

    def post(self, frame: Frame) -> bool:
        """Send a frame of a route, if there is a connection; False if no more should be sent for now."""
        return self.carries and self._end is not None and self._end.post(frame)


def _unknown(realm: str) -> dict[str, Any]:
    """Know no other realm."""
    raise NoSuchRealm
