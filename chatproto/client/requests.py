"""How the parts of a client that ask for things reach the realm."""

from __future__ import annotations

from typing import Protocol, TypeVar

from twisted.internet.defer import Deferred

from chatproto.commands import Command
from chatproto.events import Reply

R = TypeVar("R", bound=Reply)


class Request(Protocol):
    """Sends a command over the present connection, as :meth:`ChatClient.request` does."""

    def __call__(self, command: Command, expected: type[R], /) -> Deferred[R]:
        """Fire with the reply."""
        ...
