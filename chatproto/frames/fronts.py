"""What a front and its main server say to each other: one frozen struct per frame.

A front keeps the clients' connections; each of them that has asked something is a *channel* of the link. What
a client asks, and what it is told, are the values of :mod:`chatproto.commands` and :mod:`chatproto.events`.
:mod:`chatproto.wire.front` turns frames into lines and back.
"""

from __future__ import annotations

import functools
import operator
from typing import Annotated

from msgspec import Meta, Raw, Struct

from chatproto.commands import all_commands
from chatproto.events import Event

_Name = Annotated[str, Meta(max_length=64)]
_Hex = Annotated[str, Meta(max_length=128, pattern=r"^[0-9a-f]*\Z")]
_Digits = Annotated[str, Meta(min_length=64, max_length=64, pattern=r"^[0-9a-f]+\Z")]
_Number = Annotated[int, Meta(ge=0, lt=2**53)]
_Versions = Annotated[list[_Number], Meta(min_length=1, max_length=16)]
_Token = Annotated[str, Meta(max_length=256)]
#: Sessions that are bound to one connection.
BOUND = 16
_Tokens = Annotated[list[_Token], Meta(max_length=BOUND)]
#: Raw bytes behind one line.
PART_BYTES = 64 * 1024
#: All commands, whichever dialects carry them.
AnyCommand = functools.reduce(operator.or_, all_commands())


class Base(Struct, frozen=True, kw_only=True, omit_defaults=True, tag_field="frame"):
    """The base of all frames between a front and its main server."""


class FrontHello(Base, frozen=True, kw_only=True, tag="front"):
    """The first line, said by the front: what it is called, and its public Ed25519 key."""

    name: _Name
    nonce: _Digits
    key: _Digits
    versions: _Versions
    agent: _Name = ""


class MainHello(Base, frozen=True, kw_only=True, tag="main"):
    """The answer: of which realm it is the main server; ``lab`` if fronts on this machine need no secret."""

    realm: _Name
    nonce: _Digits
    key: _Digits
    versions: _Versions
    lab: bool = False
    agent: _Name = ""


class Proof(Base, frozen=True, kw_only=True, tag="proof"):
    """The proof that a hello was that side's own: by its key, and by the secret if there is one."""

    signature: _Hex
    mac: _Hex = ""


class Open(Base, frozen=True, kw_only=True, tag="open"):
    """A client has connected, from an address; ``tokens`` are of the sessions bound to its connection.

    Said again on every new link: so the sessions are kept by the front, and outlive the link.
    """

    channel: _Number
    address: Annotated[str, Meta(max_length=256)] = ""
    tokens: _Tokens = []

    def __repr__(self) -> str:
        return f"Open(channel={self.channel}, address={self.address!r}, {len(self.tokens)} tokens)"


class Ask(Base, frozen=True, kw_only=True, tag="ask"):
    """A client asks something. ``number`` counts within the channel and comes back with the answer.

    ``attempt`` names one to take something out of a box: made again, on another link, it has the same answer.
    """

    channel: _Number
    number: _Number
    command: AnyCommand  # type: ignore[valid-type]
    token: str | None = None
    attempt: _Name | None = None

    def __repr__(self) -> str:
        return f"Ask(channel={self.channel}, number={self.number}, {self.command!r})"


class Find(Base, frozen=True, kw_only=True, tag="find"):
    """Is there a session of this token? Asked before a long line of a stranger is read."""

    channel: _Number
    number: _Number
    token: _Token

    def __repr__(self) -> str:
        return f"Find(channel={self.channel}, number={self.number})"


class Taken(Base, frozen=True, kw_only=True, tag="taken"):
    """The client takes more events: so many bytes of them were passed on; ``all``: and all replies, too."""

    channel: _Number
    bytes: _Number = 0
    all: bool = False


class Arrived(Base, frozen=True, kw_only=True, tag="arrived"):
    """The answer to an attempt is at the front, or its client is gone: it is not made again."""

    channel: _Number
    attempt: _Name


class Close(Base, frozen=True, kw_only=True, tag="close"):
    """The client's connection is gone."""

    channel: _Number


class Told(Base, frozen=True, kw_only=True, tag="told"):
    """An OK reply, of the type that ``kind`` names.

    ``trusted``: the connection is a user's. ``boxes``: memory is kept until the client has all of it.
    """

    channel: _Number
    number: _Number
    kind: str
    reply: Raw
    trusted: bool = False
    boxes: bool = False

    def __repr__(self) -> str:
        return f"Told(channel={self.channel}, number={self.number}, kind={self.kind!r})"


class Refusal(Base, frozen=True, kw_only=True, tag="refusal"):
    """An ERROR reply: the error's class and its code, and what is said of it."""

    channel: _Number
    number: _Number
    kind: str
    code: str
    text: str
    retry_after: float | None = None
    trusted: bool = False


class Heard(Base, frozen=True, kw_only=True, tag="heard"):
    """An event for a client that listens."""

    channel: _Number
    event: Event

    def __repr__(self) -> str:
        return f"Heard(channel={self.channel})"


class Over(Base, frozen=True, kw_only=True, tag="over"):
    """The client's connection is to be ended, after a goodbye if it listens."""

    channel: _Number
    reason: _Name


class Part(Base, frozen=True, kw_only=True, tag="part"):
    """A piece of a line that is longer than others: ``size`` raw bytes follow; ``last``: then it is whole."""

    channel: _Number
    size: Annotated[int, Meta(ge=1, le=PART_BYTES)]
    last: bool = False


class Beat(Base, frozen=True, kw_only=True, tag="beat"):
    """A sign of life, now and then."""


class Farewell(Base, frozen=True, kw_only=True, tag="farewell"):
    """The link ends on purpose, for a reason of which ``message`` is for the operator."""

    reason: _Name
    message: Annotated[str, Meta(max_length=512)] = ""


#: What may be said before both sides have proved who they are.
OpeningFrame = FrontHello | MainHello | Proof | Farewell
#: What a front says to its main server, and what that says.
FrontFrame = Open | Ask | Find | Taken | Arrived | Close | Part | Beat | Farewell
MainFrame = Told | Refusal | Heard | Over | Part | Beat | Farewell
