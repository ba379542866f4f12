"""Who is asking: sessions, accounts and passwords."""

from __future__ import annotations

from typing import ClassVar

from msgspec import field

from chatproto import events
from chatproto.commands.base import Command, Guard, Password, Seq, Word


class Hello(Command, frozen=True, kw_only=True):
    """Tell the realm's name, version, limits, commands and the epoch of its log."""

    replies = (events.Greeting,)
    guard = Guard.ANYONE


class Register(Command, frozen=True, kw_only=True):
    """Make an account and log in to it.

    ``name`` is the name to show (the user name if absent); ``country`` is free text. ``invite`` is
    the token of an invitation to register, where the realm asks for one.
    """

    user: Word
    password: Password = field()
    name: Word | None = None
    country: Word | None = None
    invite: Word | None = None
    compact: bool | None = None

    replies = (events.LoggedIn,)
    guard = Guard.ANYONE
    forms = ("register user password name_ country *", "register user password")
    preset: ClassVar[dict[str, object]] = {"compact": True}


class Login(Command, frozen=True, kw_only=True):
    """Log in with a password and get a token.

    ``device`` names a place in the log that the next login of the same device takes up again.
    ``compact`` asks for a token in the shape of a UUID4, which older clients need.
    """

    user: Word
    password: Password
    device: Word | None = None
    compact: bool | None = None

    replies = (events.LoggedIn,)
    guard = Guard.ANYONE
    forms = ("auth user password *",)
    preset: ClassVar[dict[str, object]] = {"compact": True}


class Resume(Command, frozen=True, kw_only=True):
    """Take up a session again by its token."""

    token: Word

    replies = (events.LoggedIn,)
    guard = Guard.ANYONE


class Logout(Command, frozen=True, kw_only=True):
    """End the session, or with ``everywhere`` all sessions of the account."""

    everywhere: bool | None = None

    guard = Guard.ANYONE
    forms = ("logout [token] *",)


class Sessions(Command, frozen=True, kw_only=True):
    """List the sessions of the account."""

    replies = (events.SessionList,)


class Revoke(Command, frozen=True, kw_only=True):
    """End one session of the account by its number."""

    session: Seq


class NewPassword(Command, frozen=True, kw_only=True, tag="password"):
    """Replace the password of the account, and end its other sessions."""

    old: Password
    new: Password


class DeleteAccount(Command, frozen=True, kw_only=True, tag="delete-account"):
    """Delete the account, for ever: its sessions end, it leaves its groups, and nobody gets its name.

    What it sent stays. A group that it owns goes to the admin, or else the member, who is in it longest.
    """

    password: Password
