"""Messages of one command on their way to the disk, and who waits for them."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from chatproto.errors import ChatError
from chatproto.events import PENDING, Reply, Result, Sent, SentEach
from chatproto.realm.conversations import Route
from chatproto.realm.outbound import Item
from chatproto.realm.writer import Work
from chatproto.records import MessageRow

if TYPE_CHECKING:
    from chatproto.realm.sending import Answer, Sending


class Posting(Work):
    """Messages of one command on their way to the disk, and who waits for them."""

    __slots__ = ("answers", "cid", "digest", "messages", "outcome", "routes", "sending", "to")

    def __init__(
        self, sending: Sending, routes: Sequence[Route], to: str | list[str], answer: Answer
    ) -> None:
        self.sending = sending
        self.routes = routes
        self.to = to
        self.answers = [answer]
        self.messages: list[MessageRow] = []
        #: The mid and the seq of each message.
        self.outcome: list[tuple[str, int]] = []
        self.cid: tuple[str, str] | None = None
        self.digest = b""
        self.removes = ()

    def committed(self) -> None:
        """Answer, then tell the listeners."""
        self._forget_cid()
        if self.cid in self.sending.looks:
            self.sending.looks[self.cid].done = self
        reply = reply_of(self.to, self.outcome)
        for answer in self.answers:
            answer(reply)
        for message, route in zip(self.messages, self.routes, strict=True):
            self.sending.publish(message, route.to, route.audiences)

    def failed(self, error: ChatError) -> None:
        """Refuse: nothing of it is stored."""
        self._forget_cid()
        for answer in self.answers:
            answer(error)

    def _forget_cid(self) -> None:
        if self.cid is not None:
            self.sending.under_way.pop(self.cid, None)


class FarPosting(Posting):
    """Messages of one command, of which some go to other realms."""

    __slots__ = ("awaited", "items", "wait")

    def __init__(
        self, sending: Sending, routes: Sequence[Route], to: str | list[str], answer: Answer
    ) -> None:
        super().__init__(sending, routes, to, answer)
        #: The item of each message, None of one that stays here.
        self.items: Sequence[Item | None] = ()
        #: Whether the answer has to wait for what the other realms say.
        self.wait = False
        #: The mids of messages for a realm box that no box tells of then, if none is taken.
        self.awaited: Sequence[str] = ()

    def committed(self) -> None:
        """Answer, perhaps later, tell the listeners, and let the messages go."""
        outbound = self.sending.outbound
        if self.wait:
            self.answers = [outbound.patient(self.items, answer, self.awaited) for answer in self.answers]
        super().committed()
        outbound.wake(self.routes, self.messages)


class Look:
    """A cid that is being looked up in the store, and the command that took it meanwhile, if any did."""

    __slots__ = ("done", "readers")

    def __init__(self) -> None:
        self.readers = 0
        self.done: Posting | None = None


def reply_of(to: str | list[str], outcome: Sequence[tuple[str, int]]) -> Reply:
    """Return the reply to a command whose messages have these mids and seqs; 0: no place in the log yet."""
    if isinstance(to, str):
        mid, seq = outcome[0]
        return Sent(mid=mid, seq=seq) if seq else Sent(mid=mid, state=PENDING)
    return SentEach(
        results=[
            Result(name, mid, seq) if seq else Result(name, mid, state=PENDING)
            for name, (mid, seq) in zip(to, outcome, strict=True)
        ]
    )
