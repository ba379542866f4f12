"""What only clients of system A are told."""

from __future__ import annotations

from msgspec import Struct

from chatproto.events.base import Reply
from chatproto.events.messages import HistoryItem


class PickedMessage(Struct, frozen=True, kw_only=True):
    """A message as they know one: names of this realm are bare, those of others whole addresses."""

    from_: str
    to: str
    text: str

    def __repr__(self) -> str:
        return f"PickedMessage(from_={self.from_!r}, to={self.to!r})"


class PickedUp(Reply, frozen=True, kw_only=True):
    """The messages that waited, oldest first; ``used``: some were picked up before."""

    messages: list[PickedMessage]
    used: bool


def as_mail(item: HistoryItem, own: str) -> PickedMessage | None:
    """Return a message as somebody with an address gets it; None if others would not call it mail.

    That a message does not reach another realm, and that a file came, is said as a text: nothing else would.
    """
    if item.kind == "text":
        text = item.text
    elif item.kind == "bounce":
        text = f"(not delivered: {item.text})"
    elif item.kind == "file" and item.file is not None:
        text = f"(file: {item.file.name})"
    else:
        return None
    if item.from_ == own and item.to != own:
        return None
    here = f"@{own.partition('@')[2]}"
    return PickedMessage(from_=item.from_.removesuffix(here), to=item.to.removesuffix(here), text=text)
