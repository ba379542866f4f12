"""The plug points: what a store, an authenticator, a listener and an executor promise to the rest.

Methods only: their names and signatures are checked by mypy-zope, and ``verifyObject`` holds at run time.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from twisted.internet.defer import Deferred
from zope.interface import Interface

from chatproto.events import Hint, Message
from chatproto.interfaces.files import IFilePart, IFileStore
from chatproto.interfaces.links import IAdding, ILinks, IRemotes
from chatproto.interfaces.store import IStore

__all__ = [
    "IAdding",
    "IAuthenticator",
    "IExecutor",
    "IFilePart",
    "IFileStore",
    "ILinks",
    "IRemotes",
    "IStore",
    "ISubscriber",
]


class IAuthenticator(Interface):
    """Who knows whether a password is somebody's: the realm's own store, or somebody outside."""

    def authenticate(user: str, password: str) -> Deferred[str]:
        """Fire with the name of the user whose password it is, as it is to be shown.

        At the first login the account is made. One from outside is asked only about well-formed user names
        and passwords that are not empty; it is cancelled when it takes too long.

        :raises LoginFailed: the user or the password is wrong.
        :raises Unavailable: that cannot be told now. Whatever else is raised is told so, too.
        """

    def elsewhere() -> str:
        """Complete "accounts and passwords of this realm are kept" for people; empty if that is here."""


class IExecutor(Interface):
    """Where blocking work runs: a thread of a pool, or at once for tests on virtual time."""

    def run(work: Callable[..., Any], *arguments: Any) -> Deferred[Any]:
        """Call ``work(*arguments)`` and fire with what it returned or raised, on the reactor's thread."""

    def stop() -> None:
        """Wait for work under way and end the threads."""


class ISubscriber(Interface):
    """Somebody who wants to hear of new messages."""

    def deliver(message: Message, device: int) -> None:
        """Take a message that was just stored; ``device`` is the number of the device that sent it.

        Called in order of seq, on the reactor's thread, for every member who has a subscriber. Never raises.
        """

    def hint(event: Hint) -> None:
        """Take an event that is stored nowhere, or leave it. Never raises."""
