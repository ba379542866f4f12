"""One client of a front, as its main server sees it: a session, and what is on its way to and from it."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Sequence
from functools import partial
from typing import Protocol

from twisted.internet.defer import Deferred

from chatproto.commands import Command, Guard, Request
from chatproto.errors import ChatError, UnknownCommand
from chatproto.events import Done, Event, Reply
from chatproto.frames.fronts import Ask, Find, Heard, MainFrame, Over, Taken
from chatproto.protocols.speaking import NewSession, carry_out
from chatproto.wire.front import told

#: Bytes of events on their way to one client: as much as a connection of its own may have unsent.
_EVENT_BYTES = 64 * 1024


class Carrier(Protocol):
    """The link to the front."""

    def send(self, channel: int, frame: MainFrame) -> int:
        """Send a frame when its turn comes; return how long it is."""
        ...

    def hold(self, size: int) -> None:
        """Hear that so much more, or less, waits to be carried out."""
        ...

    def answered(self) -> None:
        """Hear that nothing is under way in a channel."""
        ...


class Channel:
    """One client. Its commands run in the order in which they came, as on a connection of its own.

    The front knows which of them may be under way together, and does not send the others before their turn.
    """

    def __init__(self, link: Carrier, number: int, address: str, new_session: NewSession) -> None:
        self._link = link
        self._number = number
        self.session = new_session(self, address)
        #: What waits to be carried out, each with its size; and whether something runs alone.
        self._waiting: deque[tuple[Ask | Find, int]] = deque()
        self._alone = False
        #: Commands that are not answered.
        self.under_way = 0
        #: Bytes of events that the client has not taken yet.
        self._untaken = 0
        #: Bytes of all events, and what is to be asked when so many were taken.
        self._sent = 0
        self._claims: deque[tuple[int, Callable[[], bool]]] = deque()
        self._closed = False

    def bind(self, tokens: Sequence[str]) -> None:
        """Let the sessions of tokens speak in this channel; commands wait for that."""
        if tokens:
            self._alone = True
            binding = Deferred.fromCoroutine(self.session.bind_all(tokens))
            binding.addErrback(self.session.failed, lambda _: None)
            binding.addCallback(self._ran)

    def ask(self, frame: Ask | Find, size: int) -> None:
        """Carry out a command, or look for a session, now or as soon as it may."""
        self.under_way += 1
        self._waiting.append((frame, size))
        self._link.hold(size)
        self._go_on()

    def taken(self, frame: Taken) -> None:
        """Hear that the client has taken events."""
        self._untaken = max(self._untaken - frame.bytes, 0)
        while self._claims and self._claims[0][0] <= self._sent - self._untaken:
            self._claims.popleft()[1]()
        if frame.all:
            self.session.took_boxes()
        if self._untaken < _EVENT_BYTES // 2:
            self.session.drained()

    def close(self) -> None:
        """Be done: the client is gone, or the front is."""
        self._closed = True
        for _, size in self._waiting:
            self._link.hold(-size)
        self._waiting.clear()
        self.session.closed()

    # -- for the session

    def push(self, event: Event) -> bool:
        """See :class:`~chatproto.realm.listening.Sink`."""
        size = self._link.send(self._number, Heard(channel=self._number, event=event))
        self._untaken += size
        self._sent += size
        claim = self.session.claim(event)
        if claim is not None:
            self._claims.append((self._sent, claim))
        return self._untaken < _EVENT_BYTES

    def goodbye(self, reason: str) -> None:
        """See :class:`~chatproto.realm.listening.Sink`."""
        self._link.send(self._number, Over(channel=self._number, reason=reason))

    # -- carrying out

    def _go_on(self, _: object = None) -> None:
        while self._waiting and not self._alone and not self._closed:
            if self.session.room.full:
                self._alone = True
                self.session.room.when_room(partial(self._ran, None))
                return
            frame, size = self._waiting.popleft()
            self._link.hold(-size)
            if isinstance(frame, Ask):
                self._carry_out(frame)
            else:
                self._find(frame)

    def _ran(self, _: object) -> None:
        """Go on: what ran alone has ended."""
        self._alone = False
        self._go_on()

    def _carry_out(self, frame: Ask) -> None:
        answer = partial(self._answer, frame.number)
        command: Command = frame.command
        if command.guard is Guard.PEER:
            answer(UnknownCommand())  # servers link with the main server itself, and not by an address told
            return
        request = Request(command, token=frame.token, attempt=frame.attempt)
        waiting = carry_out(self.session, request, answer)
        if waiting is not None:
            self._alone = True
            done = Deferred.fromCoroutine(waiting)
            done.addErrback(self.session.failed, answer)
            done.addCallback(self._ran)

    def _find(self, frame: Find) -> None:
        self._alone = True
        answer = partial(self._answer, frame.number)
        finding = Deferred.fromCoroutine(self.session.find_login(frame.token))
        finding.addCallbacks(lambda _: self._found(answer), self.session.failed, errbackArgs=(answer,))
        finding.addCallback(self._ran)

    def _found(self, answer: partial[None]) -> None:
        self.session.trusted = True
        answer(Done())

    def _answer(self, number: int, outcome: Reply | ChatError) -> None:
        if self._closed:
            return
        self.under_way -= 1
        session = self.session
        frame = told(self._number, number, outcome, trusted=session.trusted, boxes=session.keeps_boxes)
        self._link.send(self._number, frame)
        if not self.under_way:
            self._link.answered()
