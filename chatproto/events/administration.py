"""Replies to an operator."""

from __future__ import annotations

from msgspec import Struct

from chatproto.events.base import Reply


class UserState(Struct, frozen=True, kw_only=True, omit_defaults=True):
    """One account as an administrator sees it."""

    user: str
    name: str
    country: str
    created: str


class UserPage(Reply, frozen=True, kw_only=True):
    """Accounts by name; ``complete``: there are no more."""

    users: list[UserState]
    complete: bool


class InviteMade(Reply, frozen=True, kw_only=True):
    """An invitation to register was made; its token is told once, the store only has its hash."""

    number: int
    token: str
    expires: str

    def __repr__(self) -> str:
        return f"InviteMade(number={self.number})"


class InviteState(Struct, frozen=True, kw_only=True, omit_defaults=True):
    """One invitation to register that nobody has used."""

    number: int
    created: str
    expires: str
    note: str = ""


class InviteList(Reply, frozen=True, kw_only=True):
    """The invitations to register that nobody has used, by number."""

    invites: list[InviteState]


class GroupSummary(Struct, frozen=True, kw_only=True, omit_defaults=True):
    """One group as an administrator sees it."""

    group: str
    topic: str = ""
    history: str
    access: str
    created: str


class AllGroups(Reply, frozen=True, kw_only=True):
    """Groups by name; ``complete``: there are no more."""

    groups: list[GroupSummary]
    complete: bool


class GroupDetails(Reply, frozen=True, kw_only=True):
    """One group with a page of its members; ``complete``: there are no more."""

    summary: GroupSummary
    members: list[str]
    roles: dict[str, str]
    complete: bool
