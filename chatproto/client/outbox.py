"""Messages on their way to the realm: kept until the realm has answered for them.

Every message has a cid, so that it can be sent again over the next connection and is still stored once. The
outbox lives in memory; a bot that must not lose what it had not yet sent gives its own cids and repeats them.
"""

from __future__ import annotations

import enum
import secrets
from collections import deque
from typing import Any, TypeVar

from twisted.internet.defer import Deferred, fail
from twisted.internet.interfaces import IDelayedCall, IReactorTime
from twisted.python.failure import Failure

from chatproto.commands import Send
from chatproto.errors import Busy, ChatError, ConnectionUnavailable, QueueFull, Unavailable
from chatproto.events import Reply
from chatproto.protocols.client import WINDOW, ChatClientProtocol

R = TypeVar("R", bound=Reply)

#: Messages and characters that wait for an answer; a bot that makes more has to wait itself.
MESSAGES = 10_000
CHARACTERS = 16 * 1024 * 1024
#: A refusal that does not say when to try again is repeated after this; one that says more than the longest
#: is asked again all the same.
PAUSE_SECONDS = 1.0
LONGEST_PAUSE_SECONDS = 300.0


class Flow(enum.Enum):
    """Whether messages leave."""

    STOPPED = "stopped"  #: there is no session
    FLOWING = "flowing"
    HOLDING = "holding"  #: one was refused for now: the rest waits until it may be repeated


class _Outgoing:
    """A message that the realm has not answered for."""

    __slots__ = ("answer", "command", "expected", "number")

    def __init__(self, number: int, command: Send, expected: type[Reply]) -> None:
        self.number = number
        self.command = command
        self.expected = expected
        self.answer: Deferred[Any] = Deferred()


class Outbox:
    """Sends messages in order, again after a lost connection or a refusal for now, each until it is settled.

    Order: messages leave in the order of :meth:`send`, also when they are repeated. As up to 256 are under
    way at once, what was sent behind a message that is refused *for now* may be stored before it.
    """

    def __init__(self, clock: IReactorTime) -> None:
        self._clock = clock
        # Random, so that no two clients of an account share it; the store packs counters that rise.
        self._prefix = secrets.token_hex(8)
        self._number = 0
        self._characters = 0
        self._flow = Flow.STOPPED
        self._pumping = False
        self._protocol: ChatClientProtocol | None = None
        self._waiting: deque[_Outgoing] = deque()
        self._flying: dict[int, _Outgoing] = {}
        self._refused: list[_Outgoing] = []
        self._pause: IDelayedCall | None = None
        self._error: ChatError | None = None

    def __len__(self) -> int:
        return len(self._waiting) + len(self._flying) + len(self._refused)

    def send(self, to: str | list[str], text: str, cid: str | None, expected: type[R]) -> Deferred[R]:
        """Take a message and fire when the realm has stored it, however many connections that takes.

        :raises Busy: the outbox is full; the message was not taken.
        :raises ChatError: the realm refused the message, and it is not stored.
        :raises ConnectionUnavailable: the client was closed first; the outcome is unknown.
        """
        if self._error is not None:
            return fail(self._error)
        if len(self) >= MESSAGES or self._characters + len(text) > CHARACTERS:
            return fail(Busy("too many messages wait to be sent"))
        self._number += 1
        self._characters += len(text)
        command = Send(to=to, text=text, cid=cid or f"{self._prefix}:{self._number}")
        item = _Outgoing(self._number, command, expected)
        self._waiting.append(item)
        self._pump()
        return item.answer

    def start(self, protocol: ChatClientProtocol) -> None:
        """Send over a new session, first what the last one left without an answer."""
        self._protocol = protocol
        self._flow = Flow.FLOWING
        self._pump()

    def stop(self) -> None:
        """The session is over: what it did not answer waits for the next one."""
        self._protocol = None
        self._flow = Flow.STOPPED
        self._end_pause()
        self._take_back()

    def finish(self, error: ChatError) -> None:
        """Fail everything that has no answer, and whatever is sent from now on."""
        self.stop()
        self._error = error
        while self._waiting:
            self._settle(self._waiting.popleft(), error)

    def _pump(self) -> None:
        if self._pumping:
            return  # a message was refused before it left; the loop below goes on by itself
        self._pumping = True
        while self._protocol is not None and self._may_send():
            item = self._waiting.popleft()
            self._flying[item.number] = item
            answer = self._protocol.request(item.command, item.expected)
            answer.addCallbacks(self._stored, self._failed, callbackArgs=(item,), errbackArgs=(item,))
        self._pumping = False

    def _may_send(self) -> bool:
        return self._flow is Flow.FLOWING and bool(self._waiting) and len(self._flying) < WINDOW

    def _stored(self, reply: Reply, item: _Outgoing) -> None:
        self._flying.pop(item.number, None)
        self._settle(item, reply)
        self._go_on()

    def _failed(self, failure: Failure, item: _Outgoing) -> None:
        if item.number not in self._flying:
            return  # the session ended, and the item waits for the next one
        error = failure.value
        if isinstance(error, ConnectionUnavailable):
            return  # the outcome is unknown; stop() takes it back
        del self._flying[item.number]
        if isinstance(error, QueueFull):
            self._settle(item, failure)  # another realm may be away for days, and the others should not wait
        elif isinstance(error, Unavailable) or (
            isinstance(error, ChatError) and error.retry_after is not None
        ):
            self._refused.append(item)
            self._hold(PAUSE_SECONDS if error.retry_after is None else error.retry_after)
        else:
            self._settle(item, failure)
        self._go_on()

    def _hold(self, seconds: float) -> None:
        """Let nothing leave for a while, nor before everything under way is answered: order is kept."""
        self._flow = Flow.HOLDING
        seconds = min(max(seconds, 0.0), LONGEST_PAUSE_SECONDS)
        if self._pause is None:
            self._pause = self._clock.callLater(seconds, self._pause_over)
        elif self._pause.getTime() < self._clock.seconds() + seconds:
            self._pause.reset(seconds)

    def _pause_over(self) -> None:
        self._pause = None
        self._go_on()

    def _go_on(self) -> None:
        if self._flow is Flow.HOLDING and self._pause is None and not self._flying:
            self._take_back()
            self._flow = Flow.FLOWING
        self._pump()

    def _take_back(self) -> None:
        """Put what was sent and is not settled before what was never sent."""
        again = sorted([*self._flying.values(), *self._refused], key=lambda item: item.number)
        self._waiting.extendleft(reversed(again))
        self._flying.clear()
        self._refused.clear()

    def _end_pause(self) -> None:
        if self._pause is not None:
            self._pause.cancel()
        self._pause = None

    def _settle(self, item: _Outgoing, outcome: Reply | Failure | ChatError) -> None:
        self._characters -= len(item.command.text)
        if isinstance(outcome, Reply):
            item.answer.callback(outcome)
        else:
            item.answer.errback(outcome)
