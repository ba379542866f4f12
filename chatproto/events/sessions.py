"""Replies about who is asking."""

from __future__ import annotations

from msgspec import Struct

from chatproto.events.base import Reply


class Greeting(Reply, frozen=True, kw_only=True):
    """The answer to ``hello``. ``limits`` are the bounds a client has to know."""

    realm: str
    version: str
    epoch: str
    commands: list[str]
    limits: dict[str, int]


class LoggedIn(Reply, frozen=True, kw_only=True):
    """A session began. ``token`` is told once, at ``login`` and ``register``; the store only has its hash."""

    address: str
    token: str | None = None

    def __repr__(self) -> str:
        return f"LoggedIn(address={self.address!r})"


class SessionState(Struct, frozen=True, kw_only=True, omit_defaults=True):
    """One session of the account; ``current`` marks the one that asks."""

    session: int
    created: str
    used: str
    expires: str
    device: str | None = None
    current: bool = False


class SessionList(Reply, frozen=True, kw_only=True):
    """The sessions of the account that have not ended."""

    sessions: list[SessionState]
