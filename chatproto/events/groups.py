"""Replies about groups and people."""

from __future__ import annotations

from msgspec import Struct

from chatproto.events.base import Reply


class GroupChanged(Reply, frozen=True, kw_only=True):
    """The group was made, joined or left. ``group`` is its full address.

    ``state`` is ``pending`` where another realm, whose group it is, has not said yet that it is so; if it
    refuses, a bounce is ``about`` this ``mid``.
    """

    group: str
    state: str | None = None
    mid: str | None = None


class MemberPage(Reply, frozen=True, kw_only=True):
    """Members of a group as addresses, by name; ``complete``: there are no more.

    ``roles`` says of those on the page that are more than members what they are: ``owner`` or ``admin``.
    """

    members: list[str]
    roles: dict[str, str]
    complete: bool


class GroupMembership(Struct, frozen=True, kw_only=True):
    """A group, and what the account is in it: ``owner``, ``admin``, ``member`` or ``invited``."""

    group: str
    role: str


class GroupPage(Reply, frozen=True, kw_only=True):
    """Groups of the account by name; ``complete``: there are no more."""

    groups: list[GroupMembership]
    complete: bool


class GroupState(Reply, frozen=True, kw_only=True):
    """One group: how many ``members`` it has, what the account is in it (``role``), and who is ``live``."""

    group: str
    topic: str
    owner: str | None = None
    history: str
    access: str
    created: str
    members: int
    role: str
    live: list[str]


class LiveMembers(Reply, frozen=True, kw_only=True):
    """Who is live in the group now."""

    group: str
    live: list[str]


class BlockList(Reply, frozen=True, kw_only=True):
    """The addresses that the account blocks."""

    addresses: list[str]


class ActivePage(Reply, frozen=True, kw_only=True):
    """Users with a connection, by name; ``as_of`` is when that was true, RFC 3339 in UTC."""

    users: list[str]
    as_of: str
    complete: bool
