"""Who speaks on one connection to a front: what is known here of a session, and how the main server is asked.

The front keeps what outlives the link: the tokens of the sessions that are bound to the connection, how far
it was told of messages, and the group in which it is live. On a new link the main server is told all of it,
and goes on from there.
"""

from __future__ import annotations

from collections.abc import Callable, Coroutine, Sequence
from typing import Any

from msgspec.structs import replace
from twisted.internet.defer import Deferred
from twisted.python.failure import Failure

from chatproto import commands
from chatproto.commands import Command, Request
from chatproto.errors import BadToken, ChatError, MainAway, NotLoggedIn, OutcomeUnknown, Unavailable
from chatproto.events import EnteredGroup, Event, ExitedGroup, Listening, Reply
from chatproto.frames.fronts import Arrived, Ask, Find, Taken
from chatproto.protocols.asking import Link, Pending
from chatproto.protocols.kept import Kept
from chatproto.realm.failing import refusal_of
from chatproto.realm.listening import Sink
from chatproto.realm.sending import Answer

#: Bytes of commands of one connection on their way to the main server: what others wait for at most.
_WINDOW_BYTES = 512 * 1024
#: The main server is told at once how much was taken, if it is as much as this; else at the turn's end.
_OWED_BYTES = 32 * 1024


#: So soon it is asked again to listen, if the main server could not do it, or is away behind another front.
_AGAIN_SECONDS = 1.0


class FrontSession:
    """One connection's standing with the main server. ``address`` is from where it came."""

    def __init__(self, link: Link, sink: Sink, address: str) -> None:
        self.address = address
        self.trusted = False
        self.keeps_boxes = False
        #: The number of its channel; 0 before it has one.
        self.channel = 0
        #: What outlives the link.
        self.kept = Kept()
        self._link = link
        self._sink = sink
        self._number = 0
        self._pending: dict[int, Pending] = {}
        self._in_flight = 0
        self._waiting: list[Callable[[], None]] = []
        #: The main server does not know any more that the connection is in live mode.
        self._live_lost = False
        #: It is being told, and whether live mode was ended meanwhile.
        self._returning = self._left = False
        #: Bytes of events that the main server thinks are on their way, and whether the client takes none.
        self._owed = 0
        self._full = False
        self._telling = False
        self._closed = False

    # -- see Speaker

    @property
    def room(self) -> FrontSession:
        """What the next command has to find room in."""
        return self

    @property
    def full(self) -> bool:
        """Whether as much is on its way to the main server as may be."""
        return self._in_flight >= _WINDOW_BYTES or self._link.full

    def when_room(self, call: Callable[[], None]) -> None:
        """Call once, as soon as it is not full any more."""
        if self._in_flight >= _WINDOW_BYTES:
            self._waiting.append(call)
        else:
            self._link.when_room(call)

    @property
    def under_way(self) -> int:
        """How many requests are on their way to the main server."""
        return len(self._pending)

    @property
    def owner(self) -> str:
        """Who it is, as far as is known: an account, or else an address."""
        return self.kept.user or self.address

    @property
    def listening(self) -> bool:
        """Whether events may come."""
        return self.kept.listening

    @property
    def is_peer(self) -> bool:
        """Whether an original server of an older system may speak: that is for the main server to say."""
        return False

    def handle(self, request: Request, answer: Answer) -> Coroutine[Any, Any, None] | None:
        """Ask the main server.

        :raises MainAway: there is no link.
        """
        if type(request.command) is commands.ExitGroup and self._ends_here(answer):
            return None
        if not self._link.up:
            raise MainAway
        if request.command.takes and request.attempt is None:
            request = replace(request, attempt=self.kept.attempt(request, self._link.new_attempt))
        pending = Pending(request, answer)
        self._ask(pending)
        return None if request.command.pipelined else _until(pending.done)

    def failed(self, failure: Failure, answer: Answer) -> None:
        """Answer a command that could not be carried out."""
        answer(refusal_of(failure))

    async def find_login(self, token: str) -> object:
        """Return if the main server knows a session of a token.

        :raises ChatError: it does not, or there is no link.
        """
        if not self._link.up:
            raise MainAway
        outcomes: list[Reply | ChatError] = []
        pending = Pending(None, outcomes.append)
        number = self._begin(pending)
        pending.size = self._link.send(self, Find(channel=self.channel, number=number, token=token))
        self._in_flight += pending.size
        await pending.done
        if not outcomes or isinstance(outcomes[0], ChatError):
            raise outcomes[0] if outcomes and isinstance(outcomes[0], ChatError) else BadToken
        return outcomes[0]

    async def bind_all(self, tokens: Sequence[str]) -> None:
        """Let the sessions of tokens speak: another front has kept them."""
        for token in tokens:
            self.kept.bind(token)
        if tokens and not self.channel:
            self.channel = self._link.open(self)

    def stop_listening(self) -> None:
        """Tell the connection nothing any more."""
        self.kept.stop_listening()

    def drained(self, *, all_taken: bool = False) -> None:
        """Hear that the connection has room for events again."""
        self._full = False
        if all_taken:
            self.took_boxes()
        if self._owed:
            self._tell_taken()

    def claim(self, event: Event) -> None:
        """Need nothing: the main server is told how much was taken."""

    def took_boxes(self) -> None:
        """Hear that the client has all that it asked for, or never will."""
        if self.keeps_boxes:
            self.keeps_boxes = False
            if self._link.up and not self._closed:
                self._link.send(self, Taken(channel=self.channel, all=True))

    def arrived(self, attempt: str) -> None:
        """Hear that the reply to an attempt is where it belongs, or has nobody to go to."""
        if self._link.up and self.channel:
            self._link.send(self, Arrived(channel=self.channel, attempt=attempt))

    def closed(self) -> None:
        """Hear that the connection is gone."""
        self._closed = True
        for attempt in self.kept.attempts.values():
            self.arrived(attempt)
        self.stop_listening()
        pending, self._pending = self._pending, {}
        self._waiting.clear()
        if self.channel:
            self._link.close(self)
        for each in pending.values():
            each.done.callback(None)

    # -- asking

    def _ask(self, pending: Pending) -> None:
        assert pending.request is not None
        number = self._begin(pending)
        self._send(number, pending)

    def _begin(self, pending: Pending) -> int:
        if not self.channel:
            self.channel = self._link.open(self)
        self._number += 1
        self._pending[self._number] = pending
        return self._number

    def _send(self, number: int, pending: Pending) -> None:
        assert pending.request is not None
        request = pending.request
        frame = Ask(
            channel=self.channel,
            number=number,
            command=request.command,
            token=request.token,
            attempt=request.attempt,
        )
        pending.size = self._link.send(self, frame)
        self._in_flight += pending.size

    def _ends_here(self, answer: Answer) -> bool:
        """End live mode, if the main server knows nothing of it."""
        if self.kept.live is None or (self._link.up and not self._live_lost):
            return False
        self.kept.live = None
        self._left = self._returning
        answer(ExitedGroup())
        return True

    # -- what the main server says

    def answered(self, number: int, outcome: Reply | ChatError, *, trusted: bool, boxes: bool) -> None:
        """Hear what became of a command."""
        pending = self._pending.pop(number, None)
        if pending is None:
            return
        self._in_flight -= pending.size
        self.trusted = self.trusted or trusted
        self.keeps_boxes = self.keeps_boxes or boxes
        request = pending.request
        if request is not None:
            lost = type(request.command) is commands.ExitGroup and self.kept.live is not None
            if lost and isinstance(outcome, ChatError):
                outcome = ExitedGroup()  # over there nobody knows of it
            if isinstance(outcome, EnteredGroup):
                self._live_lost = False
            if not isinstance(outcome, ChatError):
                self.kept.note(request, outcome, again=pending.again)
                if request.attempt is not None and self.kept.succeeded(request.attempt):
                    self.arrived(request.attempt)
        pending.answer(outcome)
        pending.done.callback(None)
        if self._waiting and self._in_flight < _WINDOW_BYTES:
            waiting, self._waiting = self._waiting, []
            for call in waiting:
                call()

    def heard(self, event: Event, size: int) -> None:
        """Hear of an event."""
        self._owed += size
        if self.kept.is_news(event):
            self._full = not self._sink.push(event) or self._full
        if self._full or self._telling:
            return
        if self._owed >= _OWED_BYTES:
            self._tell_taken()
        else:
            self._telling = True
            self._link.later(self._tell_later)

    def _tell_later(self) -> None:
        self._telling = False
        if self._owed and not self._full:
            self._tell_taken()

    def _tell_taken(self) -> None:
        owed, self._owed = self._owed, 0
        if self._link.up and not self._closed:
            self._link.send(self, Taken(channel=self.channel, bytes=owed))

    def over(self, reason: str) -> None:
        """Hear that the connection is to be ended."""
        self._sink.goodbye(reason)

    # -- the link

    def lost(self) -> None:
        """Hear that the link is down: what became of what is under way is unknown."""
        self._owed = 0
        self.keeps_boxes = False
        self._live_lost = self.kept.live is not None
        for number, pending in list(self._pending.items()):
            if not _is_repeatable(pending.request):
                self._give_up(number)

    def give_up(self) -> None:
        """Answer also what was to be repeated: the link has been down for long."""
        for number in list(self._pending):
            self._give_up(number)

    def _give_up(self, number: int) -> None:
        self.answered(number, OutcomeUnknown(), trusted=False, boxes=False)

    def back(self) -> None:
        """Hear that there is a link again, on which this session has its channel: go on."""
        for number, pending in self._pending.items():
            self._in_flight -= pending.size
            self._send(number, pending)
        self._listen_again()

    def _listen_again(self) -> None:
        """Let the main server tell what this client is to hear, as it did before."""
        if self._closed or not self._link.up:
            return
        kept = self.kept
        if kept.listen is not None:
            self._ask(Pending(Request(kept.listen), self._listens_again, again=True))
            for command in kept.shown.values():
                self._ask(Pending(Request(command), lambda _: None, again=True))
        elif kept.live is not None and self._live_lost:
            self._returning = True
            self._ask(Pending(kept.live, self._is_live_again, again=True))

    def _listens_again(self, outcome: Reply | ChatError) -> None:
        if isinstance(outcome, BadToken | NotLoggedIn):
            self._sink.goodbye("logged-out")
        elif isinstance(outcome, Unavailable):
            self._link.later(self._listen_again, _AGAIN_SECONDS)
        elif isinstance(outcome, ChatError) or (isinstance(outcome, Listening) and outcome.reset):
            # The client asks by itself, and learns what the log has lost.
            self._sink.goodbye("unavailable")

    def _is_live_again(self, outcome: Reply | ChatError) -> None:
        """Hear whether it is; if not, what is typed is refused from now on, and ``exit`` ends it."""
        left, self._left, self._returning = self._left, False, False
        if left and isinstance(outcome, EnteredGroup):
            self.kept.live = None
            self._ask(Pending(Request(commands.ExitGroup()), lambda _: None))
        elif isinstance(outcome, Unavailable):
            self._link.later(self._listen_again, _AGAIN_SECONDS)


def _is_repeatable(request: Request | None) -> bool:
    """Tell whether to ask again does what to ask once does."""
    command: Command | None = None if request is None else request.command
    if isinstance(command, commands.Send):
        return command.cid is not None
    return command is not None and command.takes


async def _until(done: Deferred[None]) -> None:
    await done
