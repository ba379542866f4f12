"""Messages from the realm to the application: in order, none twice, none left out.

The inbox knows positions in the log and decides what is new. When the application is slower than the realm
the inbox lets go of what it has no room for and, once there is room, asks the log for it again; reading the
connection never stops, since the application may be slow because it waits for a reply.
"""

from __future__ import annotations

import enum
from collections import OrderedDict, deque
from collections.abc import Callable
from typing import NamedTuple

from msgspec import structs
from twisted.internet.defer import Deferred

from chatproto.commands import Listen
from chatproto.errors import ChatError
from chatproto.events import Listening, Message

#: Messages and characters that wait for the application. Asking the log again costs a replay, so this is
#: generous: a bot that is behind by a day's talk should need one.
MESSAGES = 10_000
CHARACTERS = 8 * 1024 * 1024
#: Ids of messages that are remembered, to know them again when a restored realm counts anew.
REMEMBERED = 10_000


class Position(NamedTuple):
    """A place in a realm's log: up to the message ``after``, as counted in the life ``epoch`` of the log."""

    after: int | None = None
    epoch: str | None = None


class Hearing(enum.Enum):
    """What becomes of a message that comes."""

    DEAF = "deaf"  #: it belongs to a ``listen`` that is over: dropped, the next one brings it
    LIVE = "live"  #: it is taken
    FULL = "full"  #: there was no room for one before it: dropped, until there is room to ask again


class Inbox:
    """Holds messages until the application takes them, one at a time.

    ``wanted`` is the command that asks for them, without a position. ``listen_again`` is called when there is
    room after the inbox was full; ``on_taken`` with the position of each message that the application is done
    with.
    """

    def __init__(
        self,
        start: Position,
        wanted: Listen,
        *,
        listen_again: Callable[[], None],
        on_taken: Callable[[Position], None],
    ) -> None:
        #: Up to here the application has taken messages and come back for the next.
        self.taken = start
        self._heard = start
        self._wanted = wanted
        self._listen_again = listen_again
        self._on_taken = on_taken
        self._hearing = Hearing.DEAF
        self._epoch: str | None = start.epoch
        self._newest = 0  # the greatest seq heard in this count
        self._held: deque[tuple[Message, Position]] = deque()
        self._characters = 0
        self._busy_with: Position | None = None
        self._seen: OrderedDict[str, None] = OrderedDict()
        self._asking: Deferred[Message] | None = None
        self._finished: ChatError | StopAsyncIteration | None = None

    @property
    def epoch(self) -> str | None:
        """The life of the log that messages come from now."""
        return self._epoch

    @property
    def reached(self) -> Position:
        """Up to here messages were handed out, also the one that the application is busy with."""
        return self._busy_with or self.taken

    def command(self) -> Listen:
        """Return the command that brings what is missing."""
        self._hearing = Hearing.DEAF
        return structs.replace(self._wanted, after=self._heard.after, epoch=self._heard.epoch)

    def listening(self, reply: Listening) -> None:
        """Take what comes from now on. Called before the first message of this ``listen``."""
        self._hearing = Hearing.LIVE
        self._epoch = reply.epoch
        # After a reset the realm counts anew, and this is where its count and ours are the same again.
        self._newest = reply.after
        self._heard = Position(reply.after, reply.epoch)
        if self.taken.after is None or (reply.reset and not self._held and self._busy_with is None):
            self.taken = self._heard

    def stop(self) -> None:
        """The connection is over."""
        self._hearing = Hearing.DEAF

    def received(self, message: Message) -> None:
        """Take a message, unless it is known or there is no room."""
        if self._hearing is not Hearing.LIVE or message.seq <= self._newest:
            return
        known = message.mid in self._seen
        if not known and self._is_full():
            self._hearing = Hearing.FULL
            return
        self._newest = message.seq
        self._heard = Position(message.seq, self._epoch)
        if not known:
            self._remember(message.mid)
            self._held.append((message, self._heard))
            self._characters += len(message.text)
            self._hand_over()

    def next(self) -> Deferred[Message]:
        """Fire with the next message; the one before it counts as taken.

        :raises RuntimeError: somebody is waiting already; messages go to one taker.
        :raises StopAsyncIteration: the client was closed.
        :raises ChatError: the realm refuses the client.
        """
        if self._asking is not None:
            raise RuntimeError("somebody else is already waiting for the next message")
        self._done_with_last()
        asking: Deferred[Message] = Deferred(self._no_longer_asking)
        self._asking = asking
        self._hand_over()
        return asking

    def finish(self, error: ChatError | None) -> None:
        """Hand nothing out any more; what is held was not taken, and the log has it."""
        self._finished = error or StopAsyncIteration()
        self._held.clear()
        self._hand_over()

    def _hand_over(self) -> None:
        asking = self._asking
        if asking is None:
            return
        if self._finished is not None:
            self._asking = None
            asking.errback(self._finished)
        elif self._held:
            self._asking = None
            message, self._busy_with = self._held.popleft()
            self._characters -= len(message.text)
            if self._hearing is Hearing.FULL and self._has_room():
                self._listen_again()
            asking.callback(message)

    def _done_with_last(self) -> None:
        if self._busy_with is not None:
            self.taken, self._busy_with = self._busy_with, None
            self._on_taken(self.taken)

    def _no_longer_asking(self, asking: Deferred[Message]) -> None:
        self._asking = None

    def _is_full(self) -> bool:
        return len(self._held) >= MESSAGES or self._characters >= CHARACTERS

    def _has_room(self) -> bool:
        """Tell whether asking the log again is worth a replay."""
        return len(self._held) <= MESSAGES // 2 and self._characters <= CHARACTERS // 2

    def _remember(self, mid: str) -> None:
        self._seen[mid] = None
        if len(self._seen) > REMEMBERED:
            self._seen.popitem(last=False)
