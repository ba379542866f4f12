"""Where groups stand that are sent on one connection, and whose turn it is."""

from __future__ import annotations

from collections import deque

from msgspec import Struct

from chatproto.frames import Digest
from chatproto.records import MessageRow, Position, SubscriptionRow


class Flight(Struct):
    """An entry that was sent and is not acked: its place, its bytes, and by which lane it went."""

    number: int
    seq: int
    epoch: str
    size: int
    lane: Lane


class Lane:
    """Groups that have something to send, in the order of their turns, and what was sent of them."""

    def __init__(self) -> None:
        self.waiting: dict[Stream, None] = {}
        self.items = 0
        self.bytes = 0


class Stream:
    """A group as far as it was sent on this connection."""

    def __init__(self, subscription: SubscriptionRow, address: str, place: Position) -> None:
        self.conversation = subscription.conversation
        self.address = address
        #: Which subscription of the realm this is: a later one begins with another number.
        self.first = subscription.first
        self.sent = place.number
        #: The seq of that number here, and the life of the store in which it was given.
        self.seq = place.seq
        self.epoch = place.epoch
        self.flights: deque[Flight] = deque()
        #: What is told once its number is sent.
        self.digest: Digest | None = None


def nothing(stream: Stream, number: int, message: MessageRow) -> MessageRow:
    """Return what stands for a number of which there is nothing to send."""
    return MessageRow(
        seq=message.seq if number == message.gseq else stream.seq,
        conversation=message.conversation,
        mid=message.mid if number == message.gseq else f"{stream.address.rpartition('@')[2]}/void.{number}",
        sender=stream.address,
        device=0,
        at=message.at,
        kind="void",
        gseq=number,
        text="",
    )
