"""Everything a client may ask, one frozen struct per command.

A declaration is the whole truth about its command:

* the fields are the members of the JSON object (``do`` is the tag) and are validated from their types;
  optional ones default to None, so that ``null`` is the same as leaving a member out;
* ``forms`` is the grammar of the text dialect, one string per form (see below);
* ``replies`` are the types that an OK reply may have;
* ``guard`` says who may ask, and ``pipelined`` whether the connection reads on before the answer;
* the docstring is the help text and the row in ``docs/protocol.rst``.

A form is written ``verb|alias [token] WORD REST...``: ``[token]`` marks commands whose first argument
may be a session's token, a lower-case word is a field taken from one word, ``name_`` one in which
an underscore stands for a blank, ``text...`` takes the rest of the line, and ``*`` ignores it.

To add a command: a struct here, a handler in :mod:`chatproto.realm.handlers`, a verb of the realm.
"""

from __future__ import annotations

import enum
from typing import Annotated, ClassVar

from msgspec import Meta, Struct, field

from chatproto import events
from chatproto.limits import LIST_ITEMS, PAGE_ITEMS, RECIPIENTS

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
HIDDEN = frozenset({"password", "token", "text"})


class Guard(enum.Enum):
    """Who may ask."""

    ANYONE = "anyone"
    USER = "user"
    ADMINISTRATOR = "administrator"


class Command(Struct, frozen=True, kw_only=True, tag_field="do", tag=str.lower):
    """The base of all commands."""

    guard: ClassVar[Guard] = Guard.USER
    #: The connection reads on while this command is being answered; replies keep their order.
    pipelined: ClassVar[bool] = False
    #: What an OK reply is.
    replies: ClassVar[tuple[type[events.Reply], ...]] = (events.Done,)
    #: Forms of the text dialect.
    forms: ClassVar[tuple[str, ...]] = ()
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


class Hello(Command, frozen=True, kw_only=True):
    """Tell the realm's name, version, limits, commands and the epoch of its log."""

    replies = (events.Greeting,)
    guard = Guard.ANYONE


class Register(Command, frozen=True, kw_only=True):
    """Make an account and log in to it.

    ``name`` is the name to show (the user name if absent); ``country`` is free text.
    """

    user: Word
    password: Password = field()
    name: Word | None = None
    country: Word | None = None
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


class Send(Command, frozen=True, kw_only=True):
    """Send a text to a user or a group, or to each of a list.

    A list is stored whole or not at all. With a ``cid`` the command may be repeated: the same cid
    with the same content gets the first reply again.
    """

    to: Word | Annotated[list[Word], Meta(min_length=1, max_length=RECIPIENTS)]
    text: str
    cid: Annotated[str, Meta(min_length=1, max_length=64)] | None = None

    replies = (events.Sent, events.SentEach)
    forms = ("send|sendprivate [token] to text...",)
    pipelined = True


class SendGroup(Command, frozen=True, kw_only=True, tag="sendgroup"):
    """Send a text to a group, or to the known users of a list with commas (text dialect)."""

    to: str
    text: str

    replies = (events.Sent, events.SentEach)
    forms = ("sendgroup [token] to text...",)
    json = False


class Listen(Command, frozen=True, kw_only=True):
    """Be told of messages as they are stored, first of those after ``after``.

    Without ``after`` from now on. ``epoch`` is the epoch in which ``after`` was heard. The
    device's own messages are left out unless ``own``. ``receipts`` is accepted; this version sends none.
    """

    after: Seq | None = None
    epoch: Word | None = None
    own: bool | None = None
    receipts: bool | None = None

    replies = (events.Listening,)


class Ack(Command, frozen=True, kw_only=True):
    """Move the device's cursor: everything up to ``seq`` has arrived at the device."""

    seq: Seq

    pipelined = True


class History(Command, frozen=True, kw_only=True):
    """Give a page of a conversation, oldest first.

    With ``after`` the first messages with a greater seq (0: from the start), otherwise the last
    ones before ``before``, or of all.
    """

    with_: Word = field(name="with")
    before: Seq | None = None
    after: Seq | None = None
    limit: Annotated[int, Meta(ge=1, le=PAGE_ITEMS)] | None = None

    replies = (events.HistoryPage,)


class Conversations(Command, frozen=True, kw_only=True):
    """List the conversations with their unread counts, those with the oldest news first.

    Only those with a message after ``since``.
    """

    since: Seq | None = None
    limit: ListLimit = None

    replies = (events.ConversationPage,)


class Read(Command, frozen=True, kw_only=True):
    """Mark a conversation as read up to ``seq``."""

    with_: Word = field(name="with")
    seq: Seq

    pipelined = True


class Create(Command, frozen=True, kw_only=True):
    """Make a group and become its owner and first member."""

    group: Word

    replies = (events.GroupChanged,)
    forms = ("addgroup|creategroup [token] group *",)


class Join(Command, frozen=True, kw_only=True):
    """Become a member of a group; its messages from now on are yours to read."""

    group: Word

    replies = (events.GroupChanged,)
    forms = ("joingroup [token] group *",)


class Leave(Command, frozen=True, kw_only=True):
    """Stop being a member of a group; what was said until now stays readable."""

    group: Word

    replies = (events.GroupChanged,)


class Members(Command, frozen=True, kw_only=True):
    """List the members of a group by name, those after ``after`` only."""

    group: Word
    after: Word | None = None
    limit: ListLimit = None

    replies = (events.MemberPage,)


class Active(Command, frozen=True, kw_only=True):
    """List the users who have a connection now, those after ``after`` only."""

    realm: Word | None = None
    after: Word | None = None
    limit: ListLimit = None

    replies = (events.ActivePage,)


class Sessions(Command, frozen=True, kw_only=True):
    """List the sessions of the account."""

    replies = (events.SessionList,)


class Revoke(Command, frozen=True, kw_only=True):
    """End one session of the account by its number."""

    session: Seq


class Inbox(Command, frozen=True, kw_only=True):
    """Take everything received since the last call, by sender (text dialect)."""

    replies = (events.InboxTaken,)
    forms = ("inbox [token] *",)
    json = False


class InboxGroup(Command, frozen=True, kw_only=True, tag="inboxgroup"):
    """Take what was said in one group since the last call, by sender (text dialect)."""

    group: Word

    replies = (events.InboxTaken,)
    forms = ("inboxgroup [token] group *",)
    json = False


class Info(Command, frozen=True, kw_only=True):
    """Tell who is logged in, with names and countries (text dialect)."""

    replies = (events.InfoTaken,)
    guard = Guard.ANYONE
    forms = ("info *",)
    json = False


class UserAdd(Command, frozen=True, kw_only=True, tag="user-add"):
    """Make an account."""

    user: Word
    password: Password
    name: Word | None = None
    country: Word | None = None

    guard = Guard.ADMINISTRATOR


class UserPasswd(Command, frozen=True, kw_only=True, tag="user-passwd"):
    """Set an account's password and end its sessions."""

    user: Word
    password: Password

    guard = Guard.ADMINISTRATOR


class UserList(Command, frozen=True, kw_only=True, tag="user-list"):
    """List the accounts by name, those after ``after`` only."""

    after: Word | None = None
    limit: ListLimit = None

    replies = (events.UserPage,)
    guard = Guard.ADMINISTRATOR


def all_commands() -> tuple[type[Command], ...]:
    """Return every command, in the order of this file."""
    return tuple(Command.__subclasses__())


class Request(Struct, frozen=True):
    """A command as it came in: with the tag for its reply, and a token if one stood before it.

    ``token`` is ``""`` where a text client sent an empty one, which is an error and never the
    connection's own session.
    """

    command: Command
    id: str | int | None = None
    token: str | None = None

    def __repr__(self) -> str:
        return f"Request({self.command!r}, id={self.id!r}{'' if self.token is None else ', token=...'})"
