"""What a connection needs of whoever carries out its commands: a session of a realm, or of a front.

A connection knows no more of them than this. So a realm server that holds no data, and passes everything on
to another one, has the same connections as one that does.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Protocol

from twisted.python.failure import Failure

from chatproto.commands import Request
from chatproto.errors import ChatError
from chatproto.events import Event
from chatproto.realm.listening import Sink
from chatproto.realm.sending import Answer
from chatproto.realm.session import Waiting


class Room(Protocol):
    """What commands need room in before they may be carried out."""

    @property
    def full(self) -> bool:
        """Whether clients have to wait."""
        ...

    def when_room(self, call: Callable[[], None]) -> None:
        """Call once, as soon as it is not full any more."""
        ...


class Speaker(Protocol):
    """Who speaks on one connection."""

    #: From where the connection comes.
    address: str
    #: Whether the connection ever proved to be a user's; strangers have tighter limits.
    trusted: bool

    @property
    def room(self) -> Room:
        """What the next command has to find room in."""
        ...

    @property
    def owner(self) -> str:
        """Who it is, as far as is known: an account, or else an address."""
        ...

    @property
    def is_peer(self) -> bool:
        """Whether an original server of an older system may speak, by where the connection comes from."""
        ...

    @property
    def listening(self) -> bool:
        """Whether events may come."""
        ...

    @property
    def keeps_boxes(self) -> bool:
        """Whether something is kept in memory until :meth:`took_boxes`."""
        ...

    def handle(self, request: Request, answer: Answer) -> Waiting | None:
        """Carry out a command; see :meth:`~chatproto.realm.session.ClientSession.handle`."""
        ...

    def failed(self, failure: Failure, answer: Answer) -> None:
        """Answer a command that could not be carried out."""
        ...

    async def find_login(self, token: str) -> object:
        """Return if there is a session of a token.

        :raises ChatError: there is none.
        """
        ...

    async def bind_all(self, tokens: Sequence[str]) -> None:
        """Let the sessions of tokens speak, as far as there are any: a front has kept them."""
        ...

    def stop_listening(self) -> None:
        """Tell the connection nothing any more."""
        ...

    def drained(self, *, all_taken: bool = False) -> None:
        """Hear that the connection has room for events again, and whether nothing else is on its way."""
        ...

    def claim(self, event: Event) -> Callable[[], bool] | None:
        """Return what to ask when an event is written, if that is of importance; see :class:`Spaced`."""
        ...

    def took_boxes(self) -> None:
        """Hear that the client has all that it asked for, or never will."""
        ...

    def arrived(self, attempt: str) -> None:
        """Hear that the reply to an attempt is where it belongs, or has nobody to go to."""
        ...

    def closed(self) -> None:
        """Hear that the connection is gone."""
        ...


#: Makes the session of a connection from an address.
NewSession = Callable[[Sink, str], Speaker]


def carry_out(session: Speaker, request: Request, answer: Answer) -> Waiting | None:
    """Carry out a command as :meth:`Speaker.handle` does; an error that is raised answers it."""
    try:
        return session.handle(request, answer)
    except ChatError as error:
        answer(error)
    except Exception:
        session.failed(Failure(), answer)
    return None
