"""Rows of names, accounts, devices and sessions."""

from __future__ import annotations

from chatproto.records.base import Record


class NameRow(Record, frozen=True):
    """A name that is taken for ever: users and groups of a realm share one namespace.

    Key: ``name``.
    """

    name: str
    kind: str  # "user" or "group"


class AccountRow(Record, frozen=True):
    """A user of this realm. Key: ``name``. ``deleted`` is when it was deleted, or 0: its name stays taken."""

    name: str
    shown: str
    display: str
    country: str
    created: int
    deleted: int = 0


class PasswordRow(Record, frozen=True):
    """The argon2id string of an account's password. Key: ``account``."""

    account: str
    hash: str

    def __repr__(self) -> str:
        return f"PasswordRow(account={self.account!r})"


class DeviceRow(Record, frozen=True):
    """A named device of an account, which keeps its number over logins. Key: ``account, name``."""

    account: str
    name: str
    device: int


class LoginRow(Record, frozen=True):
    """A session. Key: ``token_hash`` (SHA-256 of the token); ``login`` is unique too.

    ``device`` is the number under which its cursor and its own messages stand; a session without a named
    device has a number of its own. ``ended`` is the time it was revoked, or 0.
    """

    token_hash: bytes
    login: int
    account: str
    device: int
    device_name: str | None
    created: int
    used: int
    expires: int
    ended: int

    def __repr__(self) -> str:
        return f"LoginRow(login={self.login}, account={self.account!r}, device={self.device})"


class InviteRow(Record, frozen=True):
    """An invitation to register, for one use. Key: ``token_hash``; ``number`` is unique too.

    ``note`` is what the operator wrote to know it by.
    """

    token_hash: bytes
    number: int
    created: int
    expires: int
    note: str

    def __repr__(self) -> str:
        return f"InviteRow(number={self.number})"


class BlockRow(Record, frozen=True):
    """An address from which an account wants to hear nothing. Key: ``account, address``.

    ``address`` is folded, ``shown`` the same as registered.
    """

    account: str
    address: str
    shown: str
    at: int
