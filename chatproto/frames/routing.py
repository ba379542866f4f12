"""What passes through realms that are neither its origin nor its destination.

Between neighbours there are frames: a *parcel* goes towards the destination, a *verdict* back, each confirmed
by who has it on disk. Their bodies are for the other end alone: JSON that only origin or destination can have
signed, and that nobody on the way can change.
"""

from __future__ import annotations

from typing import Annotated

from msgspec import Meta, Struct

from chatproto.frames.base import Base
from chatproto.frames.control import Answer, Ask, Live, Receipt
from chatproto.frames.files import CHUNK_BYTES, Got, Lacking, Want
from chatproto.frames.opening import Ready, Start
from chatproto.frames.stream import Ack, Digest, Entry, Item, Skip
from chatproto.records import ITEMS

#: Characters of a body: a text of 16 KiB all of which has to be escaped, and more than what stands beside it.
BODY_CHARACTERS = 120 * 1024
#: Realms that something may pass: in both directions, and of whatever is not the shortest way.
TTL = 8

_Name = Annotated[str, Meta(max_length=64)]
_Stream = Annotated[str, Meta(max_length=160)]
_Epoch = Annotated[str, Meta(max_length=64)]
_Code = Annotated[str, Meta(max_length=64)]
_Mid = Annotated[str, Meta(max_length=160)]
_Number = Annotated[int, Meta(ge=0, lt=2**53)]
_Body = Annotated[str, Meta(max_length=BODY_CHARACTERS)]
_Signature = Annotated[str, Meta(max_length=128, pattern=r"^[0-9a-f]*\Z")]
_Via = Annotated[list[_Name], Meta(max_length=TTL)]
_Ttl = Annotated[int, Meta(ge=0, le=TTL)]
_Nonce = Annotated[str, Meta(max_length=64)]


class Parcel(Base, frozen=True, kw_only=True, tag="parcel"):
    """Something of a stream from ``origin`` to ``to``; ``body`` is a :class:`Letter`, signed by the origin.

    ``via`` are the realms that it went through, ``ttl`` how many more it may go through.
    """

    origin: _Name
    to: _Name
    stream: _Stream = ITEMS
    via: _Via = []
    ttl: _Ttl = TTL
    body: _Body
    signature: _Signature

    def __repr__(self) -> str:
        return f"Parcel({self.origin!r}, to={self.to!r}, stream={self.stream!r}, via={self.via!r})"


class Held(Base, frozen=True, kw_only=True, tag="held"):
    """The speaker has the stream on disk up to ``number``, whose mid is ``mid``, and takes it up to ``most``.

    With ``again`` what came did not follow that: the stream is to go on from there.
    """

    origin: _Name
    to: _Name
    stream: _Stream = ITEMS
    epoch: _Epoch
    number: _Number
    mid: _Mid = ""
    most: _Number
    again: bool = False


class NoRoute(Base, frozen=True, kw_only=True, tag="no-route"):
    """The speaker passes nothing on between these two, and has nothing of the stream; ``code`` says why."""

    origin: _Name
    to: _Name
    stream: _Stream = ITEMS
    code: _Code


class Verdict(Base, frozen=True, kw_only=True, tag="verdict"):
    """How far ``to`` is with the stream of ``origin``; ``body`` is a :class:`Ruling`, signed by ``to``."""

    origin: _Name
    to: _Name
    stream: _Stream = ITEMS
    via: _Via = []
    ttl: _Ttl = TTL
    body: _Body
    signature: _Signature

    def __repr__(self) -> str:
        return f"Verdict({self.origin!r}, to={self.to!r}, stream={self.stream!r}, via={self.via!r})"


class Noted(Base, frozen=True, kw_only=True, tag="noted"):
    """The speaker has the verdicts on the stream on disk up to ``number``."""

    origin: _Name
    to: _Name
    stream: _Stream = ITEMS
    epoch: _Epoch
    number: _Number


class Pass(Base, frozen=True, kw_only=True, tag="pass"):
    """Something that nobody keeps, from ``origin`` to ``to``; ``body`` is a :class:`Slip`, signed by it."""

    origin: _Name
    to: _Name
    via: _Via = []
    ttl: _Ttl = TTL
    body: _Body
    signature: _Signature

    def __repr__(self) -> str:
        return f"Pass({self.origin!r}, to={self.to!r}, via={self.via!r})"


class Freight(Base, frozen=True, kw_only=True, tag="freight"):
    """Bytes of a file from ``origin`` to ``to``: exactly ``size`` of them follow this line, as they are.

    Nobody signs them: their file's hash was in what its sender's realm has signed. ``nonce`` is that of the
    :class:`Want` which they answer.
    """

    origin: _Name
    to: _Name
    via: _Via = []
    ttl: _Ttl = TTL
    mid: _Mid
    offset: _Number
    size: Annotated[int, Meta(ge=1, le=CHUNK_BYTES)]
    nonce: _Nonce


#: What only goes where both sides have the capability ``routes``.
ROUTING = (Parcel, Held, NoRoute, Verdict, Noted, Pass)


class Letter(Struct, frozen=True, kw_only=True, omit_defaults=True):
    """What is in a parcel: a frame of the stream, and as much as a ``start`` says.

    ``after`` is the mid of the number before, so that none of another life of the origin's store can follow.
    Without a frame it only asks where the destination stands, which tells ``nonce`` back.
    """

    epoch: _Epoch
    since: _Number
    first: _Number
    repeats: _Number = 0
    settled: _Number = 0
    after: _Mid = ""
    nonce: _Nonce = ""
    frame: Item | Skip | None = None


class Ruling(Struct, frozen=True, kw_only=True, omit_defaults=True):
    """What is in a verdict: as much as ``ready`` and ``ack`` say, and the newest nonce that was told."""

    epoch: _Epoch = ""
    since: _Number = 0
    number: _Number = 0
    mid: _Mid = ""
    settled: _Number = 0
    refused: Annotated[list[tuple[_Number, _Code]], Meta(max_length=4096)] = []
    nonce: _Nonce = ""


#: What is said of groups by a route.
Talked = Ready | Start | Entry | Digest | Ack
#: Frames in one slip: a page of short entries, or nearly.
SLIP_FRAMES = 16


class Talk(Struct, frozen=True, kw_only=True, omit_defaults=True):
    """What is said of groups: ``here`` and ``there`` are the talk's names by who speaks and who hears.

    With ``there`` ``""`` it asks to begin anew. ``number`` counts from 1, 0 where there are no frames;
    ``heard`` is the newest number that came.
    """

    here: _Nonce
    there: _Nonce = ""
    number: _Number = 0
    heard: _Number = 0
    frames: Annotated[list[Talked], Meta(max_length=SLIP_FRAMES)] = []


class Slip(Struct, frozen=True, kw_only=True, omit_defaults=True):
    """What is in a pass: a frame, or what is said of groups."""

    frame: Receipt | Live | Ask | Answer | Want | Lacking | Got | None = None
    talk: Talk | None = None
