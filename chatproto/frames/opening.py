"""How a link begins: who we are, the proof of it, where each stream stands."""

from __future__ import annotations

from typing import Annotated

from msgspec import Meta, Struct

from chatproto.frames.base import Base
from chatproto.records import ITEMS

_Name = Annotated[str, Meta(max_length=64)]
_Hex = Annotated[str, Meta(max_length=128, pattern=r"^[0-9a-f]*\Z")]
_Number = Annotated[int, Meta(ge=0, lt=2**53)]
#: "items", or the address of a group.
_Stream = Annotated[str, Meta(max_length=128)]
_Few = Annotated[list[_Name], Meta(max_length=32)]
_Mid = Annotated[str, Meta(max_length=160)]
#: Lives of a store that are told of one group: who was put back that often has lost the rest.
LIVES = 16


class PeerLimits(Struct, frozen=True, kw_only=True, omit_defaults=True):
    """What a realm takes from its peers; the sender keeps to it before it accepts a user's command.

    ``line`` and ``text`` are in bytes; ``items`` and ``bytes`` of text may be under way without an ack. Of
    entries of groups, all of them together, ``entries`` may be, and ``bytes`` beside those of items. ``file``
    is the largest file in bytes; 0: it did not say.
    """

    line: _Number = 256 * 1024
    text: _Number = 16 * 1024
    items: Annotated[int, Meta(ge=1, lt=2**53)] = 256
    bytes: Annotated[int, Meta(ge=1, lt=2**53)] = 1024 * 1024
    entries: Annotated[int, Meta(ge=1, lt=2**53)] = 256
    file: _Number = 0


class Hello(Base, frozen=True, kw_only=True, tag="hello"):
    """The first line of both sides: who speaks, to whom it wants to speak, and what it can do.

    ``nonce`` is 256 random bits; ``key`` the realm's public Ed25519 key, in hexadecimal.
    """

    realm: _Name
    to: _Name
    nonce: Annotated[str, Meta(min_length=64, max_length=64, pattern=r"^[0-9a-f]+\Z")]
    key: Annotated[str, Meta(min_length=64, max_length=64, pattern=r"^[0-9a-f]+\Z")]
    versions: Annotated[list[_Number], Meta(min_length=1, max_length=16)]
    capabilities: _Few = []
    limits: PeerLimits = PeerLimits()
    agent: _Name = ""


class Auth(Base, frozen=True, kw_only=True, tag="auth"):
    """The proof that a hello was the realm's: ``signature`` by its key, and ``mac`` by the shared secret.

    Both cover both hellos, who dialled, and the TLS connection where there is one.
    """

    signature: _Hex
    mac: _Hex = ""


class Ready(Base, frozen=True, kw_only=True, tag="ready"):
    """Where the speaker stands as the receiver of a stream; there is one per stream, the last with ``last``.

    ``epoch`` is ``""`` if it knows none. ``number`` is applied, ``mid`` is its mid, and up to ``settled``
    it was told that its verdicts are known. Of a group, ``lives`` are the newest few lives of the home's
    store, the newest first, each with the last number that is held of it. ``since`` is when the epoch began,
    as its sender said.
    """

    stream: _Stream = ITEMS
    epoch: _Name = ""
    number: _Number = 0
    mid: _Mid = ""
    settled: _Number = 0
    last: bool = True
    since: _Number = 0
    lives: Annotated[list[tuple[_Name, _Number]], Meta(max_length=LIVES)] = []


class Start(Base, frozen=True, kw_only=True, tag="start"):
    """The sender's answer to the other side's ``ready``: what follows, and from which number on.

    ``first`` is the first number of the epoch, ``next`` the one that comes next; numbers up to ``repeats``
    may have been sent in an earlier epoch. Of a group, ``epoch`` is the life of the home's store in which
    the number before ``next`` was given. ``over``: there is no such stream, or no longer.
    ``since`` is when the epoch began, in milliseconds: it rises from one epoch to the next. ``history`` is
    what newcomers to a group might read at the number before ``next``, ``""`` if the other side knows it.
    """

    stream: _Stream = ITEMS
    epoch: _Name
    first: _Number
    next: _Number
    repeats: _Number = 0
    settled: _Number = 0
    since: _Number = 0
    over: bool = False
    history: _Name = ""
