"""What an operator decides about a realm, beside its name and its store."""

from __future__ import annotations

import enum

from msgspec import Struct, field

from chatproto.limits import Limits


class Registration(enum.Enum):
    """Who may make an account."""

    OPEN = "open"
    INVITE = "invite"
    CLOSED = "closed"


class Acceptance(enum.Enum):
    """From whom in another realm messages are taken."""

    OPEN = "open"  #: everybody
    ALLOW = "allow"  #: whom the recipient wrote to before, and those who are listed
    BLOCK = "block"  #: nobody


class PeerPolicy(Struct, frozen=True, kw_only=True):
    """What is taken from one other realm.

    ``addresses`` are those that are listed, folded. ``bytes_a_day`` is of text, to all recipients together;
    0: no bound. It is counted in memory, and so anew after a restart. ``trace``: it is told what became here
    of messages that went through its hands.
    """

    accept: Acceptance = Acceptance.OPEN
    addresses: frozenset[str] = frozenset()
    bytes_a_day: int = 0
    trace: bool = True


class Policy(Struct, frozen=True, kw_only=True):
    """The rules of one realm that may differ between realms."""

    limits: Limits = field(default_factory=Limits)
    registration: Registration = Registration.CLOSED
    #: Whether users may join rooms, and guests be in groups that users opened under a room's name.
    shared_rooms: bool = False
