"""Sending, hearing and reading messages."""

from __future__ import annotations

from typing import Annotated, ClassVar

from msgspec import Meta, field

from chatproto import events
from chatproto.commands.base import Command, ListLimit, Seq, Word
from chatproto.limits import PAGE_ITEMS, RECIPIENTS


class Send(Command, frozen=True, kw_only=True):
    """Send a text to a user or a group, or to each of a list.

    A list is stored whole or not at all. With a ``cid`` the command may be repeated: the same cid with the
    same content gets the first reply again. ``wait``, without a ``cid``: if the message goes to another
    realm, answer when that has judged it, or after some seconds. ``search``, without a ``cid``: a bare name
    that nobody has here is looked for in the neighbours, too.
    """

    to: Word | Annotated[list[Word], Meta(min_length=1, max_length=RECIPIENTS)]
    text: str
    cid: Annotated[str, Meta(min_length=1, max_length=64)] | None = None
    wait: bool | None = None
    search: bool | None = None

    replies = (events.Sent, events.SentEach)
    forms = ("send|sendprivate [token] to text...",)
    preset: ClassVar[dict[str, object]] = {"wait": True, "search": True}
    pipelined = True


class SendGroup(Command, frozen=True, kw_only=True, tag="sendgroup"):
    """Send a text to a group, or to the known users of a list with commas (text dialect)."""

    to: str
    text: str

    replies = (events.Sent, events.SentEach)
    forms = ("sendgroup [token] to text...",)
    json = False


class Listen(Command, frozen=True, kw_only=True):
    """Be told of messages as they are stored, first of those after ``after``.

    Without ``after`` from now on. ``epoch`` is the epoch in which ``after`` was heard. The
    device's own messages are left out unless ``own``. ``receipts`` and ``typing`` ask for those events too.
    """

    after: Seq | None = None
    epoch: Word | None = None
    own: bool | None = None
    receipts: bool | None = None
    typing: bool | None = None

    replies = (events.Listening,)


class Ack(Command, frozen=True, kw_only=True):
    """Move the device's cursor: everything up to ``seq`` has arrived at the device."""

    seq: Seq

    pipelined = True


class History(Command, frozen=True, kw_only=True):
    """Give a page of a conversation, oldest first.

    With ``after`` the first messages with a greater seq (0: from the start), otherwise the last
    ones before ``before``, or of all.
    """

    with_: Word = field(name="with")
    before: Seq | None = None
    after: Seq | None = None
    limit: Annotated[int, Meta(ge=1, le=PAGE_ITEMS)] | None = None

    replies = (events.HistoryPage,)


class Conversations(Command, frozen=True, kw_only=True):
    """List the conversations with their unread counts, those with the oldest news first.

    Only those with a message after ``since``.
    """

    since: Seq | None = None
    limit: ListLimit = None

    replies = (events.ConversationPage,)


class Read(Command, frozen=True, kw_only=True):
    """Mark a conversation as read up to ``seq``."""

    with_: Word = field(name="with")
    seq: Seq

    pipelined = True


class Typing(Command, frozen=True, kw_only=True):
    """Tell those who listen that a text is being written to them: again every few seconds, while it is."""

    to: Word

    pipelined = True
