"""The requests to one original server of an older system: one after another, each with a time limit."""

from __future__ import annotations

from collections.abc import Callable
from typing import Protocol

from twisted.internet.defer import Deferred, DeferredLock

from chatproto.errors import Busy
from chatproto.federation.bounds import ORIGINAL_BYTES, ORIGINAL_SECONDS, QUESTIONS
from chatproto.realm.times import Clock
from chatproto.wire.older_peer import Answer, NoReply, read_answer

#: Who hopes for a connection finds out so soon that there will be none.
_LOOK_SECONDS = 0.05


class NotAsked(Exception):
    """There is no connection: nothing was written."""


class NotAnswered(Exception):
    """The connection ended, or the time: the server has done what it was asked, or not."""


class Wire(Protocol):
    """A connection to an original server."""

    #: Its address, and ours as it sees it.
    host: str
    own_host: str
    #: Whether nothing can be written any more.
    gone: bool
    #: Called once when the connection is gone; who sets it late looks at ``gone``.
    on_lost: Callable[[], None]

    def ask(self, request: bytes, seconds: float) -> Deferred[bytes]:
        """Write a request, and fire with the reply to it; nothing else is under way.

        :raises NotAsked: the connection is gone.
        :raises NotAnswered: none came in time; the connection is closed.
        """
        ...

    def close(self) -> None:
        """End the connection."""
        ...


def seconds_for(request: bytes) -> float:
    """Return how long a reply to a request may take: large ones have to get there first."""
    return ORIGINAL_SECONDS + len(request) / ORIGINAL_BYTES


async def ask(wire: Wire, request: bytes, seconds: float = 0.0) -> Answer:
    """Return the reply to a request on a connection.

    :raises NotAsked: it is gone.
    :raises NotAnswered: none came.
    """
    try:
        return read_answer(await wire.ask(request, seconds or seconds_for(request)))
    except NoReply:
        wire.close()
        raise NotAnswered from None


class Requests:
    """What is asked of one server, over the connection that there is."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self.wire: Wire | None = None
        self._lock = DeferredLock()
        self._hoping: list[Deferred[None]] = []

    def begin(self, wire: Wire) -> None:
        """Use a connection; an older one ends."""
        before, self.wire = self.wire, wire
        if before is not None:
            before.close()
        hoping, self._hoping = self._hoping, []
        for each in hoping:
            each.callback(None)

    def over(self, wire: Wire) -> bool:
        """Hear that a connection is gone; tell whether it was the one in use."""
        if self.wire is not wire:
            return False
        self.wire = None
        return True

    def close(self) -> None:
        """End the connection."""
        if self.wire is not None:
            self.wire.close()

    async def ask(self, request: bytes) -> Answer:
        """Return the reply to a request, after those before it.

        :raises Busy: too many wait.
        :raises NotAsked: there is no connection.
        :raises NotAnswered: it was lost before the reply, or none came in time.
        """
        if len(self._lock.waiting) >= QUESTIONS:
            raise Busy
        async with self._lock:
            if self.wire is None:
                raise NotAsked
            return await ask(self.wire, request)

    async def hope(self, seconds: float, dialling: Callable[[], bool]) -> bool:
        """Wait a little for a connection, as long as there is one to come; tell whether it came."""
        until = self._clock.seconds() + seconds
        while self.wire is None and dialling() and self._clock.seconds() < until:
            there: Deferred[None] = Deferred()
            self._hoping.append(there)
            call = self._clock.callLater(_LOOK_SECONDS, self._look, there)
            await there
            if call.active():
                call.cancel()
        return self.wire is not None

    def _look(self, there: Deferred[None]) -> None:
        self._hoping.remove(there)
        there.callback(None)
