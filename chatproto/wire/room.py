"""System E: what people without an account say in a room, and what they are told.

There is neither a line's end nor a length. A field is what comes before a silence, and each field that is
sent is a write of its own. What a field means depends on those before it: first a name, then a room, then
texts, and between them files, which begin with the word ``FILE``.
"""

from __future__ import annotations

import enum
from collections import deque
from collections.abc import Callable

from msgspec import Struct

from chatproto.commands import Request, Send
from chatproto.errors import BadRequest, ChatError, TextTooLong
from chatproto.events import EnteredRoom, Event, Message, Reply
from chatproto.limits import CHUNK_BYTES, TEXT_BYTES
from chatproto.names import name_in_address
from chatproto.wire.dialect import TagValue
from chatproto.wire.text import message_of

#: After such a silence what came is a field: clients wait 0.1 seconds between two.
FIELD_SECONDS = 0.03
#: So long it may take until what follows the word ``FILE`` tells whether it begins a file: ten of the pauses
#: that a program makes. Then somebody typed it.
FILE_SECONDS = 1.0
#: A file of which nothing came for so long is not finished: texts would be taken for bytes of it.
STALLED_SECONDS = 3.0

#: The word that begins a file, and what its name begins with.
FILE, CLIENT = b"FILE", b"client_"
#: Longest name and id of a room: what one read of the older server took.
_NAME_BYTES = 1024
#: What the older server drops where it occurs.
_USER, _JOIN = b"User ", b"Join "
_LINE_ENDS = b"\r\n"
#: Digits of the size of a file: more is none that could ever come.
_DIGITS = 15
#: What would end a line, or move a terminal's cursor: nobody writes lines in another's name.
_NOT_SHOWN = dict.fromkeys([*range(32), *range(127, 160), 0x2028, 0x2029], " ")


class Brackets(enum.Enum):
    """What stands around a name."""

    ANGLE = "angle"  #: as documents have it
    SQUARE = "square"  #: as programs had it


_AROUND = {Brackets.ANGLE: "<>", Brackets.SQUARE: "[]"}


class Entered(Struct, frozen=True):
    """A name and a room."""

    name: str
    room: str


class Said(Struct, frozen=True):
    """A text; without ``whole`` it is the beginning of one that is too long."""

    data: bytes
    whole: bool = True


class Began(Struct, frozen=True):
    """A file begins, whose bytes are the next ones."""

    name: str
    size: int


class Bytes(Struct, frozen=True):
    """The next bytes of a file."""

    data: bytes


class Ended(Struct, frozen=True):
    """All bytes of a file came, or with ``missing`` the rest will not."""

    missing: int = 0


Token = Entered | Said | Began | Bytes | Ended


class _Next(enum.Enum):
    """What the next field is."""

    NAME = enum.auto()
    ROOM = enum.auto()
    TEXT = enum.auto()
    #: Of a file, if that is what it is.
    FILE_NAME = enum.auto()
    FILE_SIZE = enum.auto()
    #: No field, but so many bytes.
    BYTES = enum.auto()


class RoomReader:
    """Finds out what the bytes of one guest mean; the caller tells it of silences."""

    def __init__(self) -> None:
        self._next = _Next.NAME
        self._field = bytearray()
        self._too_long = False
        self._name = ""
        #: Fields that are a file or were typed, as those after them tell.
        self._held: list[bytes] = []
        #: Bytes of a file that are still to come.
        self._left = 0
        #: What came and was not taken away yet.
        self.tokens: deque[Token] = deque()
        self._takes: dict[_Next, Callable[[bytes], None]] = {
            _Next.NAME: self._take_name,
            _Next.ROOM: self._take_room,
            _Next.TEXT: self._take_text,
            _Next.FILE_NAME: self._take_file_name,
            _Next.FILE_SIZE: self._take_file_size,
        }

    @property
    def patience(self) -> float:
        """How long a silence has to be that means something; 0 if none does."""
        if self._next is _Next.BYTES:
            return STALLED_SECONDS
        if self._field:
            return FIELD_SECONDS
        return FILE_SECONDS if self._held else 0.0

    def feed(self, data: bytes) -> None:
        """Take a read."""
        if self._next is _Next.BYTES:
            data = self._take_bytes(data)
        room = TEXT_BYTES - len(self._field)
        self._too_long |= len(data) > room
        self._field += data[:room]

    def silent(self) -> None:
        """Hear that nothing came for as long as :attr:`patience` says."""
        if self._next is _Next.BYTES:
            self._end_file()
        elif self._field:
            field, self._field = bytes(self._field), bytearray()
            self._takes[self._next](field)
            self._too_long = False
        else:
            self._say_held()

    def finish(self) -> None:
        """Hear that nothing more will come."""
        while self.patience:
            self.silent()

    def _take_name(self, field: bytes) -> None:
        # Line ends alone are nothing. Anything else is answered, also if no name is left of it.
        if field.strip(_LINE_ENDS):
            name, rest = _first(field)
            self._name = _word(name)
            self._next = _Next.ROOM
            self._take_room(rest.strip())

    def _take_room(self, field: bytes) -> None:
        if field.strip(_LINE_ENDS):
            room, rest = _first(field)
            self._next = _Next.TEXT
            self.tokens.append(Entered(self._name, _word(room)))
            self._take_text(rest)

    def _take_text(self, field: bytes) -> None:
        if field.strip() == FILE:
            self._held.append(field)
            self._next = _Next.FILE_NAME
        elif field.strip():
            self.tokens.append(Said(field, not self._too_long))

    def _take_file_name(self, field: bytes) -> None:
        # Those who only typed the word go on with something else.
        if field.startswith(CLIENT) or any(character in field.strip() for character in b"./\\"):
            self._held.append(field)
            self._next = _Next.FILE_SIZE
        else:
            self._say_held(field)

    def _take_file_size(self, field: bytes) -> None:
        size = field.strip()
        if not (size.isdigit() and len(size) <= _DIGITS):
            self._say_held(field)
            return
        _, name = self._held
        self._held.clear()
        self._left = int(size)
        self._next = _Next.BYTES
        self.tokens.append(Began(_file_name(name), self._left))
        if not self._left:
            self._end_file()

    def _say_held(self, field: bytes = b"") -> None:
        """Take for texts what is no file after all."""
        held, self._held = self._held, []
        self._next = _Next.TEXT
        self.tokens.extend(Said(each) for each in held)
        if field:
            self._take_text(field)

    def _take_bytes(self, data: bytes) -> bytes:
        """Take bytes of a file, and return what is behind it."""
        mine, rest = data[: self._left], data[self._left :]
        self._left -= len(mine)
        for start in range(0, len(mine), CHUNK_BYTES):
            self.tokens.append(Bytes(mine[start : start + CHUNK_BYTES]))
        if not self._left:
            self._end_file()
        return rest

    def _end_file(self) -> None:
        self.tokens.append(Ended(self._left))
        self._left = 0
        self._next = _Next.TEXT


class Arrival(Struct, frozen=True):
    """A file for guests of a room; ``fields`` stand before its bytes, ``instead`` if they are not here."""

    id: str
    size: int
    fields: tuple[bytes, ...]
    instead: bytes


class RoomDialect:
    """What is told to the guests of a realm, in ``brackets``; and what they say in one ``group``."""

    __slots__ = ("_brackets", "_group", "_realm")

    def __init__(self, realm: str, brackets: Brackets = Brackets.ANGLE, group: str = "") -> None:
        self._realm = realm
        self._brackets = brackets
        self._group = group

    def within(self, group: str) -> RoomDialect:
        """Return that of a guest of a room's group."""
        return RoomDialect(self._realm, self._brackets, group)

    @property
    def group(self) -> str:
        """The group in which texts are said, by full address."""
        return self._group

    def decode(self, line: bytes) -> Request:
        """See :meth:`Dialect.decode`: a text."""
        try:
            text = line.decode()
        except UnicodeDecodeError:
            raise BadRequest("this is not UTF-8") from None
        return Request(Send(to=self._group, text=text.strip(" \r\n")))

    def request(self, said: Said) -> Request:
        """Return what a text asks.

        :raises ChatError: it is none.
        """
        if not said.whole:
            raise TextTooLong
        return self.decode(said.data)

    def tag_of(self, line: bytes) -> TagValue:
        """See :meth:`Dialect.tag_of`: there are none."""
        return None

    def encode_reply(self, reply: Reply, tag: TagValue) -> bytes:
        """See :meth:`Dialect.encode_reply`: only who enters is answered."""
        if isinstance(reply, EnteredRoom):
            return b"New Group created" if reply.made else b"Welcome to chat room"
        return b""

    def encode_refusal(self, error: ChatError, tag: TagValue) -> bytes:
        """See :meth:`Dialect.encode_refusal`: a text that nobody can have said."""
        return _shown(f"** {message_of(error)}")

    def encode_event(self, event: Event) -> bytes:
        """See :meth:`Dialect.encode_event`: what is said in the room, and its end."""
        if isinstance(event, Message):
            if event.kind == "text":
                return self._said(event, event.text)
            if event.kind == "deleted":
                return _shown("** the room is closed")
        return b""

    def arrival(self, event: Event) -> Arrival | None:
        """Return the file that an event tells of, which is not said in one field; None if it does not."""
        if not isinstance(event, Message) or event.file is None:
            return None
        file, name = event.file, _field(event.file.name)
        return Arrival(
            file.id,
            file.size,
            (FILE, name, str(file.size).encode(), _field(self._name(event.from_))),
            self._said(event, f"(file {file.name}, {file.size} bytes: not here)"),
        )

    def _said(self, event: Message, text: str) -> bytes:
        around = _AROUND[self._brackets]
        return _shown(f"{around[0]}{self._name(event.from_)}{around[1]} {text}")

    def _name(self, address: str) -> str:
        """Return what somebody is called: users of other realms by their whole address."""
        local, _, realm = address.rpartition("@")
        name = name_in_address(local)
        return name if realm == self._realm else f"{name}@{realm}"


def _first(field: bytes) -> tuple[bytes, bytes]:
    """Return a name, or the id of a room, and what came behind it without a pause, as from a script.

    They have no line's end in them; and a room that comes too soon may be known by its word, behind a name.
    """
    first, _, rest = field.strip(_LINE_ENDS).partition(b"\n")
    name, word, room = first.partition(_JOIN)
    if first.startswith(_USER) and word and not rest and _word(name):
        return name, room
    return first, rest


def _word(field: bytes) -> str:
    """Return a name, or the id of a room, without what the older server drops."""
    kept = field.replace(_USER, b"").replace(_JOIN, b"")
    return kept[:_NAME_BYTES].decode(errors="replace").strip()


def _file_name(field: bytes) -> str:
    """Return the name of a file without the folders that it was said to be in, perhaps behind a prefix."""
    name = field[:_NAME_BYTES].strip()
    prefix = CLIENT if name.startswith(CLIENT) else b""
    last = name.removeprefix(prefix).replace(b"\\", b"/").rpartition(b"/")[2]
    return (prefix + last).decode(errors="replace") or "file"


def _shown(text: str) -> bytes:
    return text.translate(_NOT_SHOWN).encode(errors="replace")


def _field(text: str) -> bytes:
    """Return a name as a field of its own, which one read of a client takes."""
    return _shown(text)[:_NAME_BYTES] or b"-"
