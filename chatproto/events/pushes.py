"""What is told without being asked, and only after ``listen``."""

from __future__ import annotations

from msgspec import Struct, field

from chatproto.events.files import FileChange
from chatproto.events.messages import Message


class Goodbye(Struct, frozen=True, kw_only=True, omit_defaults=True, tag_field="event", tag="goodbye"):
    """The server ends the connection on purpose; come back after ``retry_after`` seconds."""

    reason: str
    retry_after: float = 0.0


class Receipt(Struct, frozen=True, kw_only=True, omit_defaults=True, tag_field="event", tag="receipt"):
    """Everything in a conversation up to a seq has reached a device of ``by``, or was read by it.

    ``stored``: it has reached the realm of ``by``, if that is another one.
    It comes to those who listen with ``receipts``, and not in groups of more than 50. Of several the greatest
    counts, as devices differ; ``conversations`` tells the present state.
    """

    with_: str = field(name="with")
    by: str
    delivered: int | None = None
    read: int | None = None
    stored: int | None = None


class IsTyping(Struct, frozen=True, kw_only=True, tag_field="event", tag="typing"):
    """Somebody is writing a text to you, or to a group of at most 50; it holds for some seconds."""

    from_: str = field(name="from")
    to: str


class LiveChange(Struct, frozen=True, kw_only=True, tag_field="event", tag="live"):
    """Somebody came to be live in a group, or is not any more."""

    group: str
    from_: str = field(name="from")
    on: bool


#: What passes: told to those who are there now, stored nowhere, and dropped first where there is no room.
Hint = Receipt | IsTyping | LiveChange | FileChange
#: What may be told without being asked, and only after ``listen``.
Event = Message | Goodbye | Hint
