"""Replies that only the older systems ask for, in the text dialect."""

from __future__ import annotations

from msgspec import Struct

from chatproto.events.base import Reply


class InboxFile(Struct, frozen=True, kw_only=True):
    """A file in an older client's inbox; ``content`` is base64, and ``plain`` whether it was sent as such."""

    name: str
    content: bytes
    plain: bool = False

    def __repr__(self) -> str:
        return f"InboxFile({len(self.content)} bytes)"


class InboxEntry(Struct, frozen=True, kw_only=True):
    """One message in an older client's inbox, or with ``file`` a file; names are the ones to show."""

    sender: str
    msg_from: str
    msg_to: str
    msg: str
    group: str | None = None
    file: InboxFile | None = None

    def __repr__(self) -> str:
        return f"InboxEntry(sender={self.sender!r}, group={self.group!r})"


class InboxTaken(Reply, frozen=True, kw_only=True):
    """What an older client took out of its inbox, oldest first."""

    entries: list[InboxEntry]


class FileSent(Reply, frozen=True, kw_only=True):
    """A file of an older client is on its way."""


class FilesTaken(Reply, frozen=True, kw_only=True):
    """The files that an older client took, oldest first."""

    entries: list[InboxEntry]


class UserInfo(Struct, frozen=True, kw_only=True):
    """One user who is logged in, as older clients see them."""

    username: str
    name: str
    country: str


class InfoTaken(Reply, frozen=True, kw_only=True):
    """Who is logged in."""

    users: list[UserInfo]


class EnteredGroup(Reply, frozen=True, kw_only=True):
    """The connection is in live mode in a group, for a user; both are full addresses.

    ``relayed``: the group is an original server's, which shows what happens there by itself.
    """

    group: str
    user: str
    relayed: bool = False


class NoGroup(Reply, frozen=True, kw_only=True):
    """There is no such live group here; whoever asked may make it."""

    group: str


class ExitedGroup(Reply, frozen=True, kw_only=True):
    """The connection is in live mode no longer."""
