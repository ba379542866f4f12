"""The stream of items: numbered, acknowledged cumulatively, refused one by one."""

from __future__ import annotations

from typing import Annotated

from msgspec import Meta, field

from chatproto.frames.base import Base
from chatproto.records import ITEMS

_Number = Annotated[int, Meta(ge=1, lt=2**53)]
_Settled = Annotated[int, Meta(ge=0, lt=2**53)]
_Mid = Annotated[str, Meta(min_length=1, max_length=160)]
_Address = Annotated[str, Meta(max_length=128)]
_Code = Annotated[str, Meta(max_length=64)]


class Item(Base, frozen=True, kw_only=True, tag="item"):
    """A message for somebody at the receiver's realm; ``from_`` is of the sender's.

    ``name`` is the sender's display name. ``at`` and ``expires`` are milliseconds since 1970, UTC.
    ``settled`` is there if it moved since the sender said it last. A text that is too long is refused like
    any other trouble of one item, so that only the line's bound holds for it here. ``box`` is by which name
    of the link the sender called the receiver: the message is for the box of that name.
    """

    number: _Number
    mid: _Mid
    from_: _Address = field(name="from")
    to: _Address
    text: str
    at: _Settled
    expires: _Settled
    kind: _Code = "text"
    name: Annotated[str, Meta(max_length=64)] = ""
    settled: _Settled | None = None
    box: _Code = ""

    def __repr__(self) -> str:
        return f"Item(number={self.number}, mid={self.mid!r}, from_={self.from_!r}, to={self.to!r})"


class Skip(Base, frozen=True, kw_only=True, tag="skip"):
    """A number with nothing in it: its item was withdrawn, or bounced before."""

    number: _Number
    mid: _Mid
    settled: _Settled | None = None


class Entry(Base, frozen=True, kw_only=True, tag="entry"):
    """One number of the log of a group, said by its home realm; ``stream`` is the group's address.

    ``from_`` is of any realm, or the group itself. ``epoch`` is the life of the home's store in which the
    number was given, if that is not the one of the entry before.
    """

    stream: _Address
    number: _Number
    mid: _Mid
    from_: _Address = field(name="from")
    text: str
    at: _Settled
    kind: _Code = "text"
    name: Annotated[str, Meta(max_length=64)] = ""
    epoch: Annotated[str, Meta(max_length=64)] = ""

    def __repr__(self) -> str:
        return f"Entry(stream={self.stream!r}, number={self.number}, mid={self.mid!r})"


class Digest(Base, frozen=True, kw_only=True, tag="digest"):
    """What a group is at its home after the entry ``number``.

    ``members`` is the sum, modulo 2 to the 128th, of the first 16 bytes of SHA-256 over ``"address role"`` of
    each member, folded, in hexadecimal.
    """

    stream: _Address
    number: _Settled
    members: Annotated[str, Meta(max_length=32, pattern=r"^[0-9a-f]*\Z")]
    topic: Annotated[str, Meta(max_length=1024)] = ""
    history: _Code = "joined"
    access: _Code = "open"
    created: _Settled = 0


class Ack(Base, frozen=True, kw_only=True, tag="ack"):
    """Everything up to ``number`` is committed by the receiver, or refused.

    ``refused`` has every refusal since ``settled`` as (number, code); it is told until the sender settled it.
    ``items`` and ``bytes`` are the new credit, if it changed.
    """

    stream: Annotated[str, Meta(max_length=160)] = ITEMS
    epoch: Annotated[str, Meta(max_length=64)]
    number: _Settled
    refused: Annotated[list[tuple[_Number, _Code]], Meta(max_length=4096)] = []
    items: _Settled | None = None
    bytes: _Settled | None = None
