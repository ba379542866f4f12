"""What needs no number and no credit: signs of life, farewells, questions, and what passes."""

from __future__ import annotations

from typing import Annotated, Any

from msgspec import Meta, field

from chatproto.frames.base import Base
from chatproto.limits import LIVE_USERS

_Number = Annotated[int, Meta(ge=0, lt=2**53)]
_Address = Annotated[str, Meta(max_length=128)]
_Code = Annotated[str, Meta(max_length=64)]
_Mid = Annotated[str, Meta(max_length=160)]


class Ping(Base, frozen=True, kw_only=True, tag="ping"):
    """A question whether the other side still lives; the pong has the same number."""

    number: _Number


class Pong(Base, frozen=True, kw_only=True, tag="pong"):
    """The answer to a ping."""

    number: _Number


class Goodbye(Base, frozen=True, kw_only=True, tag="goodbye"):
    """The last line of a link that is ended on purpose; ``retry_after`` is in seconds."""

    reason: _Code
    message: Annotated[str, Meta(max_length=512)] = ""
    retry_after: Annotated[float, Meta(ge=0)] = 0.0


class Receipt(Base, frozen=True, kw_only=True, tag="receipt"):
    """How far ``by`` has got in the conversation with ``to``: the mids of the newest it got, and read."""

    by: _Address
    to: _Address
    delivered: _Mid = ""
    read: _Mid = ""


class Live(Base, frozen=True, kw_only=True, tag="live"):
    """Who is live in a group now: to its home the speaker's own users, from its home all others.

    What was said before it came by the number ``number``: of items to the home, of entries from it.
    """

    group: _Address
    users: Annotated[list[_Address], Meta(max_length=LIVE_USERS)]
    number: _Number = 0


class Ask(Base, frozen=True, kw_only=True, tag="ask"):
    """A question: ``about`` is ``"active"`` (who is there now), ``"user"`` (whether there is one),
    ``"trace"`` (what became of the mid ``name``), ``"live"`` (who is live in a group) or ``"realm"`` (where
    one is, and its key).

    ``"members"`` are those of the group ``name``, by address, from the one after ``after`` on. Of a trace
    that is the number that the message has in a group there, a blank, and the group, if it is known. Of
    ``"register"`` it is the password for the new account ``name``.
    """

    number: _Number
    about: _Code
    name: _Address = ""
    after: _Address = ""

    def __repr__(self) -> str:
        return f"Ask(number={self.number!r}, about={self.about!r}, name={self.name!r})"


class Answer(Base, frozen=True, kw_only=True, tag="answer"):
    """The answer to a question of the same number: what was asked for, or a code why not."""

    number: _Number
    found: dict[str, Any] = field(default_factory=dict)
    code: _Code = ""
