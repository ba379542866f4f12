"""Replies to what older systems ask about other realms, in the text dialect."""

from __future__ import annotations

from chatproto.events.base import Reply
from chatproto.events.older import InboxEntry


class SentToRealm(Reply, frozen=True, kw_only=True):
    """A text is on its way to a user of another realm."""


class SentToGroupInRealm(Reply, frozen=True, kw_only=True):
    """A text or a file is on its way to users of another realm."""


class FileSentToRealm(Reply, frozen=True, kw_only=True):
    """A file is on its way to a user of another realm."""


class RealmBoxTaken(Reply, frozen=True, kw_only=True):
    """What an older client took out of a realm box, oldest first."""

    entries: list[InboxEntry]
