"""Other people: who is there, and from whom nothing is wanted."""

from __future__ import annotations

from chatproto import events
from chatproto.commands.base import Command, ListLimit, Word


class Active(Command, frozen=True, kw_only=True):
    """List the users who have a connection now, those after ``after`` only."""

    realm: Word | None = None
    after: Word | None = None
    limit: ListLimit = None

    replies = (events.ActivePage,)


class Block(Command, frozen=True, kw_only=True):
    """Hear nothing more from an address: its messages are refused, and not shown in groups."""

    address: Word


class Unblock(Command, frozen=True, kw_only=True):
    """Take an address from the list of those that are blocked."""

    address: Word


class Blocks(Command, frozen=True, kw_only=True):
    """List the addresses that the account blocks."""

    replies = (events.BlockList,)
