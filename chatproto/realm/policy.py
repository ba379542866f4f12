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


class Policy(Struct, frozen=True, kw_only=True):
    """The rules of one realm that may differ between realms."""

    limits: Limits = field(default_factory=Limits)
    registration: Registration = Registration.CLOSED
