"""When other realms are dialled: one object owns all dials, so that no two parts of the house hammer a peer.

The delay after a failure doubles, with equal jitter, and counts from the last link that *stood* for a minute:
a peer that accepts and then drops is left alone for longer and longer, too. It is on disk, so a realm that is
restarted over and over does not begin anew. The first contact from the other side clears it.
"""

from __future__ import annotations

import enum
from collections import deque
from collections.abc import Callable, Sequence
from typing import Any

from twisted.internet.defer import Deferred
from twisted.internet.interfaces import IDelayedCall, IProtocolFactory, IStreamClientEndpoint
from twisted.logger import Logger
from twisted.python.failure import Failure

from chatproto.errors import ChatError, LinkError, RefusedByPeer, StoreError
from chatproto.faults import Discreet
from chatproto.federation.bounds import (
    DIAL_SECONDS,
    DIAL_SPACING,
    DIALS,
    ESTABLISHED,
    FIRST_DELAY,
    LATER,
    LATER_FACTOR,
    SPREAD_EACH,
    SPREAD_MOST,
)
from chatproto.names import RealmName
from chatproto.realm.times import Clock
from chatproto.realm.writer import Writer
from chatproto.records import DialRow

#: Beyond it every delay is the longest: the exponent must not grow with a long outage.
_MOST_DOUBLINGS = 20

#: Makes an endpoint of what the configuration says.
Connect = Callable[[str], IStreamClientEndpoint]
#: Makes the factory of a connection to a realm. It calls back once if no proof of who is there came of it.
MakeFactory = Callable[[RealmName, Callable[[LinkError], None]], IProtocolFactory]


class State(enum.Enum):
    """How a realm is dialled; see :data:`_NEXT`."""

    IDLE = "idle"  # it is not dialled
    WAITING = "waiting"  # until its next dial
    QUEUED = "queued"  # until others are done
    DIALLING = "dialling"
    LINKED = "linked"


#: What may follow what.
_NEXT = {
    State.IDLE: {State.WAITING, State.LINKED},
    State.WAITING: {State.IDLE, State.QUEUED, State.LINKED},
    State.QUEUED: {State.IDLE, State.DIALLING, State.LINKED},
    State.DIALLING: {State.IDLE, State.WAITING, State.LINKED},
    State.LINKED: {State.IDLE, State.WAITING},
}


class _Target:
    """A realm, and how it was dialled."""

    def __init__(self, realm: RealmName, row: DialRow | None) -> None:
        self.realm = realm
        self.state = State.IDLE
        #: The endpoint, ``""`` if it is not known: then the other side has to dial.
        self.endpoint = ""
        self.row = row or DialRow(str(realm), 0, 0, 0)
        self.call: IDelayedCall | None = None
        self.attempt: _Attempt | None = None
        self.last_error = ""

    def become(self, state: State) -> None:
        """Change the state."""
        assert state in _NEXT[self.state], (self.state, state)
        if self.call is not None and self.call.active():
            self.call.cancel()
        self.call = None
        self.state = state


class _Attempt:
    """One dial. It holds its place among those at once until it is over."""

    def __init__(self, target: _Target) -> None:
        self.target = target
        self.over = False
        self.connecting: Deferred[Any] | None = None
        self.deadline: IDelayedCall | None = None


class Dialer:
    """Dials all realms that have an endpoint and no link."""

    _log = Logger()

    def __init__(
        self,
        writer: Writer,
        clock: Clock,
        random: Callable[[], float],
        rows: Sequence[DialRow],
        park: Callable[[RealmName, str], None],
        longest: float,
    ) -> None:
        """``park`` is called when to dial a realm again would not help."""
        self._writer = writer
        self._clock = clock
        self._random = random
        self._rows = {row.realm: row for row in rows}
        self._park = park
        self._longest = longest
        self._targets: dict[RealmName, _Target] = {}
        self._connect: Connect | None = None
        self._factory: MakeFactory | None = None
        self._queue: deque[_Target] = deque()
        self._dials = 0
        self._next_dial = 0.0
        self._launch_call: IDelayedCall | None = None
        self._stopped = False
        #: Dials that were begun.
        self.begun = 0

    def start(self, connect: Connect, factory: MakeFactory) -> None:
        """Begin to dial, spread over a while."""
        self._connect, self._factory = connect, factory
        spread = min(SPREAD_MOST, SPREAD_EACH * len(self._targets))
        for target in self._targets.values():
            if target.state is State.IDLE and target.endpoint:
                self._wait(target, max(self._random() * spread, self._left(target)))

    def stop(self) -> None:
        """Dial no more, and give up what is under way."""
        self._stopped = True
        if self._launch_call is not None:
            self._launch_call.cancel()
            self._launch_call = None
        self._queue.clear()
        for target in self._targets.values():
            if target.attempt is not None:
                self._give_up(target.attempt)
            target.become(State.IDLE) if target.state is not State.IDLE else None

    def add(self, realm: RealmName, endpoint: str) -> None:
        """Keep a link to a realm from now on, which is dialled if it has an endpoint."""
        target = self._targets.get(realm)
        if target is None:
            target = self._targets[realm] = _Target(realm, self._rows.pop(str(realm), None))
        target.endpoint = endpoint
        if endpoint and self._connect is not None and target.state is State.IDLE:
            self._wait(target, self._left(target))

    def keep(self, realm: RealmName) -> None:
        """Dial a realm no more, until it is added again."""
        self.add(realm, "")
        target = self._targets[realm]
        if target.state not in (State.IDLE, State.LINKED):
            self._leave(target, State.IDLE)

    def retry(self, realm: RealmName) -> None:
        """Forget the failures, and dial now."""
        target = self._targets.get(realm)
        if target is None:
            return
        self._clear(target)
        if target.state in (State.IDLE, State.WAITING):
            self._wait(target, 0.0)

    def state_of(self, realm: RealmName) -> tuple[State, DialRow, str]:
        """Return how a realm is dialled, how often in vain and when next, and the last error's code."""
        target = self._targets[realm]
        return target.state, target.row, target.last_error

    # -- links

    def linked(self, realm: RealmName, dialled: bool) -> None:
        """Hear that a connection with a realm is authenticated; ``dialled`` if this side dialled it."""
        target = self._targets.get(realm)
        if target is None or self._stopped:
            return
        if dialled and target.attempt is not None:
            self._over(target.attempt)
        if not dialled:
            self._clear(target)
        if target.state is not State.LINKED:
            self._leave(target, State.LINKED)

    def up(self, realm: RealmName) -> None:
        """Hear that a link stands; if it does so for a while, its failures are forgotten."""
        target = self._targets.get(realm)
        if target is not None and target.state is State.LINKED and target.call is None:
            target.call = self._clock.callLater(ESTABLISHED, self._established, target)

    def _established(self, target: _Target) -> None:
        target.call = None
        target.last_error = ""
        self._clear(target)

    def lost(self, realm: RealmName, reason: str, retry_after: float) -> None:
        """Hear that a link is down, and when the other side wants to hear from this one again."""
        target = self._targets.get(realm)
        if target is None or target.state is not State.LINKED:
            return
        target.last_error = reason
        target.become(State.IDLE)
        if target.endpoint and not self._stopped:
            self._failed(target, retry_after)

    # -- delays

    def _left(self, target: _Target) -> float:
        """Return the seconds until a realm may be dialled, as it was decided before."""
        return min(max(0.0, target.row.next / 1000 - self._clock.seconds()), self._longest * LATER_FACTOR)

    def _failed(self, target: _Target, least: float = 0.0) -> None:
        """Wait, longer than after the last failure."""
        now = self._clock.seconds()
        row = target.row
        since = row.since or int(now * 1000)
        longest = self._longest * (LATER_FACTOR if now - since / 1000 >= LATER else 1)
        delay = min(longest, FIRST_DELAY * 2.0 ** min(row.failures, _MOST_DOUBLINGS))
        delay = max(delay / 2 + self._random() * delay / 2, min(least, self._longest))
        target.row = DialRow(row.realm, row.failures + 1, since, int((now + delay) * 1000))
        self._save([target.row], [])
        self._wait(target, delay)

    def _clear(self, target: _Target) -> None:
        row, target.row = target.row, DialRow(str(target.realm), 0, 0, 0)
        if row != target.row:
            self._save([], [row])

    def _save(self, puts: list[DialRow], removes: list[DialRow]) -> None:
        # What is lost of it costs a few dials.
        self._writer.save((), puts, removes).addErrback(
            lambda failure: None if self._writer.failure else failure.trap(ChatError, StoreError) and None
        )

    # -- dials

    def _wait(self, target: _Target, delay: float) -> None:
        if self._stopped or not target.endpoint:
            return
        if target.state is State.WAITING:
            target.become(State.IDLE)
        target.become(State.WAITING)
        target.call = self._clock.callLater(delay, self._due, target)

    def _due(self, target: _Target) -> None:
        target.become(State.QUEUED)
        self._queue.append(target)
        self._launch()

    def _leave(self, target: _Target, state: State) -> None:
        """End whatever is done to dial a realm."""
        if target.state is State.QUEUED:
            self._queue.remove(target)
        attempt = target.attempt
        target.become(state)
        if attempt is not None:
            self._give_up(attempt)

    def _launch(self) -> None:
        while self._queue and self._dials < DIALS and self._launch_call is None and not self._stopped:
            now = self._clock.seconds()
            self._next_dial = min(self._next_dial, now + DIAL_SPACING)  # a clock may be set back
            wait = self._next_dial - now
            if wait > 0:
                self._launch_call = self._clock.callLater(wait, self._launch_later)
                return
            self._next_dial = now + DIAL_SPACING
            self._dial(self._queue.popleft())

    def _launch_later(self) -> None:
        self._launch_call = None
        self._launch()

    def _dial(self, target: _Target) -> None:
        assert self._connect is not None
        assert self._factory is not None
        target.become(State.DIALLING)
        target.attempt = attempt = _Attempt(target)
        self._dials += 1
        self.begun += 1
        attempt.deadline = self._clock.callLater(DIAL_SECONDS, self._unsuccessful, attempt, "timeout")
        try:
            factory = self._factory(target.realm, lambda error: self._unproved(attempt, error))
            connecting = self._connect(target.endpoint).connect(factory)
        except Exception:
            self._log.failure("{realm} cannot be dialled", realm=target.realm, failure=Discreet(Failure()))
            self._unsuccessful(attempt, "bad-endpoint")
            return
        attempt.connecting = connecting
        connecting.addCallbacks(
            lambda _: setattr(attempt, "connecting", None),
            lambda failure: self._unconnected(attempt, failure),
        )

    def _unconnected(self, attempt: _Attempt, failure: Failure) -> None:
        attempt.connecting = None
        if not attempt.over:
            name = failure.type.__name__ if failure.type is not None else "failure"
            self._unsuccessful(attempt, f"no connection ({name})")

    def _unproved(self, attempt: _Attempt, error: LinkError) -> None:
        if attempt.over:
            return
        if error.final:
            target = attempt.target
            target.last_error = error.code
            self._over(attempt)
            if target.state is State.DIALLING:
                target.become(State.IDLE)
            self._park(target.realm, error.code)
        elif isinstance(error, RefusedByPeer):
            self._unsuccessful(attempt, error.reason, error.retry_after)
        else:
            self._unsuccessful(attempt, error.code)

    def _unsuccessful(self, attempt: _Attempt, reason: str, retry_after: float = 0.0) -> None:
        if attempt.over:
            return
        target = attempt.target
        self._give_up(attempt)
        target.last_error = reason
        if target.state is State.DIALLING:
            self._failed(target, retry_after)

    def _give_up(self, attempt: _Attempt) -> None:
        self._over(attempt)
        if attempt.connecting is not None:
            attempt.connecting.cancel()

    def _over(self, attempt: _Attempt) -> None:
        """End an attempt, so that another may be made."""
        if attempt.over:
            return
        attempt.over = True
        if attempt.deadline is not None and attempt.deadline.active():
            attempt.deadline.cancel()
        attempt.target.attempt = None
        self._dials -= 1
        if self._queue and self._launch_call is None and not self._stopped:
            self._launch_call = self._clock.callLater(0, self._launch_later)
