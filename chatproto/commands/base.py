"""What a command is: a frozen struct, whose declaration is the whole truth about it.

* the fields are the members of the JSON object (``do`` is the tag) and are validated from their types;
  optional ones default to None, so that ``null`` is the same as leaving a member out;
* ``forms`` is the grammar of the text dialect, one string per form (see below);
* ``replies`` are the types that an OK reply may have;
* ``guard`` says who may ask, and ``pipelined`` whether the connection reads on before the answer;
* the docstring is the help text and the row in ``docs/protocol.rst``.

A form is written ``verb|alias [token] WORD REST...``: ``[token]`` marks commands whose first argument
may be a session's token, a lower-case word is a field taken from one word, ``name_`` one in which
an underscore stands for a blank, ``text...`` takes the rest of the line, and ``*`` ignores it.

To add a command: a struct in the module of its subject, a handler in :mod:`chatproto.realm.handlers`, a
verb of the realm.
"""

from __future__ import annotations

import enum
from typing import Annotated, ClassVar

from msgspec import Meta, Struct

from chatproto import events
from chatproto.limits import LIST_ITEMS

#: A name, an address or a token as a client writes it; the realm parses it. Longer ones are none.
Word = Annotated[str, Meta(max_length=256)]
#: A password, of 1 to 128 bytes. The realm counts them, and a wrong length at login is a wrong password.
Password = str
#: A position in the log: JSON numbers are exact below 2**53.
Seq = Annotated[int, Meta(ge=0, lt=2**53)]
#: How many entries a page of a list may have; as many as fit into a line if the client does not say.
ListLimit = Annotated[int, Meta(ge=1, le=LIST_ITEMS)] | None
#: The client's tag of a command, given back in the reply.
Tag = Annotated[str, Meta(max_length=64)] | Annotated[int, Meta(gt=-(2**53), lt=2**53)] | None

#: Fields that a ``repr``, and so a log, never shows.
HIDDEN = frozenset({"password", "old", "new", "token", "invite", "text", "topic", "note", "content", "data"})


class Guard(enum.Enum):
    """Who may ask."""

    ANYONE = "anyone"
    USER = "user"
    ADMINISTRATOR = "administrator"
    #: An original server of an older system; to others there is no such command.
    PEER = "peer"


class Command(Struct, frozen=True, kw_only=True, tag_field="do", tag=str.lower):
    """The base of all commands."""

    guard: ClassVar[Guard] = Guard.USER
    #: The connection reads on while this command is being answered; replies keep their order.
    pipelined: ClassVar[bool] = False
    #: What an OK reply is.
    replies: ClassVar[tuple[type[events.Reply], ...]] = (events.Done,)
    #: Forms of the text dialect.
    forms: ClassVar[tuple[str, ...]] = ()
    #: Whether it takes something out of a box, which no later one gives.
    takes: ClassVar[bool] = False
    #: Whether its line in the text dialect may be as long as a file.
    large: ClassVar[bool] = False
    #: Whether the JSON dialect carries it.
    json: ClassVar[bool] = True
    #: Fields that the text dialect sets and that a text client cannot choose.
    preset: ClassVar[dict[str, object]] = {}

    @classmethod
    def wire_name(cls) -> str:
        """Return the value of ``do`` that stands for this command."""
        return str(cls.__struct_config__.tag)

    def __repr__(self) -> str:
        """Show the command without what must not reach a log: secrets and what people wrote."""
        shown = (
            f"{name}={'...' if name in HIDDEN else repr(getattr(self, name))}"
            for name in self.__struct_fields__
        )
        return f"{type(self).__name__}({', '.join(shown)})"


class Request(Struct, frozen=True):
    """A command as it came in: with the tag for its reply, and a token if one stood before it.

    ``token`` is ``""`` where a text client sent an empty one, which is an error and never the
    connection's own session. ``attempt`` names one to take something, which may be made again.
    """

    command: Command
    id: str | int | None = None
    token: str | None = None
    attempt: str | None = None

    def __repr__(self) -> str:
        return f"Request({self.command!r}, id={self.id!r}{'' if self.token is None else ', token=...'})"
