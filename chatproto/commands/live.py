"""What is asked about live groups of original servers of older systems."""

from __future__ import annotations

from chatproto import events
from chatproto.commands.base import Command, Guard


class CheckGroup(Command, frozen=True, kw_only=True, tag="check-group"):
    """Be live in a group, if there is one, for a user of an original server: ``check group`` (text)."""

    what: str | None = None
    user: str | None = None
    group: str | None = None

    replies = (events.EnteredGroup, events.NoGroup)
    forms = ("check what user group *", "check *")
    guard = Guard.PEER
    json = False


class Say(Command, frozen=True, kw_only=True):
    """Say something in a group of an original server, in live mode."""

    text: str

    json = False
    inner = True
