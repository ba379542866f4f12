"""What an operator asks of a running realm, over its control socket."""

from __future__ import annotations

from typing import Annotated

from msgspec import Meta

from chatproto import events
from chatproto.commands.base import Command, Guard, ListLimit, Password, Seq, Word


class UserAdd(Command, frozen=True, kw_only=True, tag="user-add"):
    """Make an account."""

    user: Word
    password: Password
    name: Word | None = None
    country: Word | None = None

    guard = Guard.ADMINISTRATOR


class UserPasswd(Command, frozen=True, kw_only=True, tag="user-passwd"):
    """Set an account's password and end its sessions."""

    user: Word
    password: Password

    guard = Guard.ADMINISTRATOR


class UserDelete(Command, frozen=True, kw_only=True, tag="user-delete"):
    """Delete an account as its user could, without the password."""

    user: Word

    guard = Guard.ADMINISTRATOR


class UserList(Command, frozen=True, kw_only=True, tag="user-list"):
    """List the accounts by name, those after ``after`` only."""

    after: Word | None = None
    limit: ListLimit = None

    replies = (events.UserPage,)
    guard = Guard.ADMINISTRATOR


class SessionList(Command, frozen=True, kw_only=True, tag="session-list"):
    """List the sessions of an account."""

    user: Word

    replies = (events.SessionList,)
    guard = Guard.ADMINISTRATOR


class SessionRevoke(Command, frozen=True, kw_only=True, tag="session-revoke"):
    """End one session of an account, or all of them."""

    user: Word
    session: Seq | None = None

    guard = Guard.ADMINISTRATOR


class InviteAdd(Command, frozen=True, kw_only=True, tag="invite-add"):
    """Make an invitation to register, for one account within some time. Its token is told this once.

    ``note`` is for the operator to know it by.
    """

    seconds: Annotated[int, Meta(ge=1, le=366 * 86400)]
    note: Annotated[str, Meta(max_length=128)] | None = None

    replies = (events.InviteMade,)
    guard = Guard.ADMINISTRATOR


class InviteList(Command, frozen=True, kw_only=True, tag="invite-list"):
    """List the invitations to register that nobody has used."""

    replies = (events.InviteList,)
    guard = Guard.ADMINISTRATOR


class InviteRevoke(Command, frozen=True, kw_only=True, tag="invite-revoke"):
    """Take back an invitation to register."""

    number: Seq

    guard = Guard.ADMINISTRATOR


class GroupList(Command, frozen=True, kw_only=True, tag="group-list"):
    """List all groups by name, those after ``after`` only; groups elsewhere with members here come last."""

    after: Word | None = None
    limit: ListLimit = None

    replies = (events.AllGroups,)
    guard = Guard.ADMINISTRATOR


class GroupShow(Command, frozen=True, kw_only=True, tag="group-show"):
    """Tell about a group, with its members by name, those after ``after`` only."""

    group: Word
    after: Word | None = None
    limit: ListLimit = None

    replies = (events.GroupDetails,)
    guard = Guard.ADMINISTRATOR


class GroupKick(Command, frozen=True, kw_only=True, tag="group-kick"):
    """Remove a member of a group, its owner too."""

    group: Word
    user: Word

    guard = Guard.ADMINISTRATOR


class GroupTransfer(Command, frozen=True, kw_only=True, tag="group-transfer"):
    """Make a member the owner of a group."""

    group: Word
    user: Word

    guard = Guard.ADMINISTRATOR


class GroupDelete(Command, frozen=True, kw_only=True, tag="group-delete"):
    """Delete a group as its owner could."""

    group: Word

    guard = Guard.ADMINISTRATOR
