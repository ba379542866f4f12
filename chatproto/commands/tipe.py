"""What only clients of system A ask, whose objects name their kind as ``tipe``."""

from __future__ import annotations

from chatproto import events
from chatproto.commands.base import Command, Guard, Password, Word


class SignIn(Command, frozen=True, kw_only=True, tag="sign-in"):
    """Log in for as long as the connection lasts, and be told of each message from now on.

    What was told is not picked up again.
    """

    user: Word
    password: Password

    replies = (events.LoggedIn,)
    guard = Guard.ANYONE
    json = False


class PickUp(Command, frozen=True, kw_only=True, tag="pick-up"):
    """Take the messages that came and were not told."""

    replies = (events.PickedUp,)
    json = False


class RegisterAt(Command, frozen=True, kw_only=True, tag="register-at"):
    """Make an account in a realm, without logging in."""

    user: Word
    password: Password
    realm: Word

    guard = Guard.ANYONE
    json = False


class As(Command, frozen=True, kw_only=True, tag="as"):
    """Carry out a command for a user, who has to be the one of the connection.

    Without a session it is refused, unless ``trusting``, which is the listener's to say: then whoever is
    named is believed.
    """

    command: Command
    user: Word | None = None
    trusting: bool = False

    guard = Guard.ANYONE
    json = False
