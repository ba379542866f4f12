"""What a front's sessions ask, and of whom."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Protocol

from twisted.internet.defer import Deferred

from chatproto.commands import Request
from chatproto.frames.fronts import FrontFrame
from chatproto.realm.sending import Answer

if TYPE_CHECKING:
    from chatproto.protocols.front_session import FrontSession


class Link(Protocol):
    """The link to the main server, which may be down."""

    @property
    def up(self) -> bool:
        """Whether there is one now."""
        ...

    @property
    def full(self) -> bool:
        """Whether much waits to be sent, of all clients together."""
        ...

    def when_room(self, call: Callable[[], None]) -> None:
        """Call once, as soon as it is not full any more."""
        ...

    def open(self, session: FrontSession) -> int:
        """Let a session have a channel, and return its number."""
        ...

    def close(self, session: FrontSession) -> None:
        """Hear that the client is gone."""
        ...

    def send(self, session: FrontSession, frame: FrontFrame) -> int:
        """Send a frame in its channel; return how long it is."""
        ...

    def new_attempt(self) -> str:
        """Return a name for an attempt that no other has, here or elsewhere."""
        ...

    def later(self, call: Callable[[], None], seconds: float = 0.0) -> None:
        """Call at the end of this turn, or after some time."""
        ...


class Pending:
    """Something that was asked and is not answered."""

    __slots__ = ("again", "answer", "done", "request", "size")

    def __init__(self, request: Request | None, answer: Answer, *, again: bool = False) -> None:
        self.request = request
        #: Whether the front asks by itself, to go on as before.
        self.again = again
        self.answer = answer
        self.size = 0
        #: Fires when it is answered.
        self.done: Deferred[None] = Deferred()
