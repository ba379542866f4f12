"""Replies to original servers of older systems, in the text dialect."""

from __future__ import annotations

from chatproto.events.base import Reply
from chatproto.events.older import InboxEntry


class FileReceivedInRealm(Reply, frozen=True, kw_only=True):
    """A file of an original server is in a realm box."""


class SentBack(Reply, frozen=True, kw_only=True):
    """A text of an original server is in an inbox, as the entry that goes back with this."""

    entry: InboxEntry
