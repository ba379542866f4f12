"""The log of a realm: messages are numbered as they are appended, and told when they are durable."""

from __future__ import annotations

from collections.abc import AsyncIterator, Sequence
from typing import TypeVar

from chatproto.events import FileInfo, HistoryItem, Message
from chatproto.interfaces import IStore
from chatproto.realm.actors import Actor, Guest
from chatproto.realm.router import Hearer, Router
from chatproto.realm.times import Clock, Timestamps
from chatproto.realm.writer import Writer
from chatproto.records import FILE, MessageRow, read_offer

M = TypeVar("M", bound=HistoryItem)

#: Entries of a group that are read at a time, and the bytes of their texts.
_PORTION = 500
_PORTION_BYTES = 1024 * 1024
#: Kinds of messages whose row has an address, or a mid, in the place of a text.
_ABOUT = frozenset({"invitation", "kicked", "promoted", "demoted", "owner", "delayed"})


def told(form: type[M], row: MessageRow, to: str, at: str) -> M:
    """Return a stored message as it is told: an event for listeners, or an item of history."""
    if row.kind == "text":  # the default, which is left out on the wire
        return form(seq=row.seq, mid=row.mid, from_=row.sender, to=to, text=row.text, at=at)
    text: str = row.text
    about: str | None = None
    file: FileInfo | None = None
    if row.kind in _ABOUT:
        text, about = "", row.text
    elif row.kind == "bounce":
        text, _, about = row.text.partition(" ")
    elif row.kind == FILE:
        text, file = "", file_told(row)
    return form(
        seq=row.seq,
        mid=row.mid,
        from_=row.sender,
        to=to,
        text=text,
        at=at,
        kind=row.kind,
        about=about,
        file=file,
    )


def file_told(row: MessageRow) -> FileInfo | None:
    """Return the file that a message is, as it is told."""
    offer = read_offer(row.text)
    if offer is None:
        return None
    return FileInfo(id=row.mid, name=offer.name, size=offer.size, sha256=offer.sha256, type=offer.type)


async def entries_after(store: IStore, conversation: int, seq: int) -> AsyncIterator[Sequence[MessageRow]]:
    """Give the entries of a group behind a seq, in portions."""
    while page := await store.entries(conversation, seq, _PORTION, _PORTION_BYTES):
        yield page
        seq = page[-1].seq


class Log:
    """Makes the rows of messages and tells the listeners of them.

    ``mids`` is what all mids begin with that are given in this life of the realm.
    """

    def __init__(self, writer: Writer, router: Router, clock: Clock, mids: str) -> None:
        self._writer = writer
        self.router = router
        self.clock = clock
        self._timestamps = Timestamps()
        self._prefix = mids
        self._mids = 0

    def now(self) -> int:
        """Return the time as rows have it."""
        return int(self.clock.seconds() * 1000)

    def next_mid(self) -> str:
        """Return the mid of a message that is still to come."""
        self._mids += 1
        return f"{self._prefix}{self._mids}"

    def gives(self, mid: str) -> bool:
        """Tell whether a mid is one that this life gave, or may still give."""
        return mid.startswith(self._prefix)

    def entry(
        self,
        conversation: int,
        sender: str,
        device: int,
        at: int,
        kind: str,
        gseq: int,
        text: str,
        mid: str = "",
    ) -> MessageRow:
        """Return the next message. The caller appends it before anything else can get a number."""
        if not mid:
            self._mids += 1
            mid = f"{self._prefix}{self._mids}"
        return MessageRow(
            self._writer.next_seq(),
            conversation,
            mid,
            sender,
            device,
            at,
            kind,
            gseq,
            text,
        )

    def entry_by(
        self, actor: Actor | None, conversation: int, author: str, kind: str, gseq: int, text: str
    ) -> MessageRow:
        """Return the next message, from whoever did something, or from the ``author`` where nobody did."""
        if isinstance(actor, Guest):
            return self.arrived(actor, conversation, kind, gseq, text)
        sender, device = (author, 0) if actor is None else (actor.address, actor.device)
        return self.entry(conversation, sender, device, self.now(), kind, gseq, text)

    def arrived(self, guest: Guest, conversation: int, kind: str, gseq: int, text: str) -> MessageRow:
        """Return the message that an item of another realm makes, or a further one that comes of it."""
        mid = guest.take_mid()
        if not mid:
            return self.entry(conversation, guest.address, 0, guest.at, kind, gseq, text)
        seq = self._writer.next_seq()
        return MessageRow(seq, conversation, mid, guest.address, guest.device, guest.at, kind, gseq, text)

    def publish(self, row: MessageRow, to: str, audiences: Sequence[Hearer]) -> None:
        """Tell the listeners of a message that is durable."""
        event = told(Message, row, to, self._timestamps.text(row.at))
        self.router.published = row.seq
        self._writer.meters.messages += 1
        for audience in audiences:
            audience.deliver(event, row.device)
