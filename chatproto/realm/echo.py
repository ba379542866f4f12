"""What one says live in a group of another realm, which is shown when it is back from there.

Who leaves should have seen its own words before. So leaving waits for them, but not for a home that is away.
"""

from __future__ import annotations

from functools import partial

from twisted.internet.defer import Deferred, succeed

from chatproto.bells import Bell
from chatproto.errors import ChatError
from chatproto.events import Event, Message, Reply, Sent
from chatproto.realm.listening import Sink
from chatproto.realm.sending import Answer
from chatproto.realm.times import Clock

#: So long one waits for one's own words.
ECHO_SECONDS = 1.0
#: Texts that are waited for: more are under way only if the home is away.
_MOST = 256


class Echo:
    """A connection, as its listener sees it, which notes what comes back."""

    def __init__(self, sink: Sink, clock: Clock) -> None:
        self._sink = sink
        self._clock = clock
        #: The mids of what was said and is not back.
        self._said: set[str] = set()
        self._quiet = Bell()

    def push(self, event: Event) -> bool:
        """See :meth:`Sink.push`."""
        room = self._sink.push(event)
        if type(event) is Message and self._said:
            self._said -= {event.mid, event.about}
            if self._quiet.awaited and not self._said:
                # Not now: who leaves must not do so while all are being told.
                self._clock.callLater(0, self._quiet.ring)
        return room

    def goodbye(self, reason: str) -> None:
        """See :meth:`Sink.goodbye`."""
        self._sink.goodbye(reason)

    def noting(self, answer: Answer) -> Answer:
        """Return an answer to something that is said."""
        return partial(self._answer, answer)

    def _answer(self, answer: Answer, outcome: Reply | ChatError) -> None:
        if isinstance(outcome, Sent) and outcome.seq is None and len(self._said) < _MOST:
            self._said.add(outcome.mid)
        answer(outcome)

    def quiet(self) -> Deferred[None]:
        """Fire when all is back that was said, or after a while."""
        if not self._said:
            return succeed(None)
        quiet = self._quiet.wait()
        call = self._clock.callLater(ECHO_SECONDS, self._quiet.ring)
        quiet.addCallback(lambda _: call.cancel() if call.active() else None)
        return quiet
