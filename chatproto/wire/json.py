"""The JSON dialect: one object a line, the full protocol, for both of its ends.

A command is ``{"do": NAME, "id": TAG, ...}``, its reply ``{"re": TAG, "status": "OK" or "ERROR", ...}``,
an event ``{"event": NAME, ...}``. Field types, and so validation, are those of :mod:`chatproto.commands` and
:mod:`chatproto.events`. Unknown fields are ignored, so that either end may be the newer one.
"""

from __future__ import annotations

import functools
import operator
import re
from typing import Any, TypeVar, get_args

import msgspec
from msgspec.structs import replace

from chatproto.commands import Chunk, Command, Request, Tag, all_commands
from chatproto.errors import BadField, BadRequest, ChatError, UnknownCommand, from_wire
from chatproto.events import Event, Message, Piece, Refused, Reply
from chatproto.wire.dialect import TagValue
from chatproto.wire.strict import check_line, check_shape, describe, describe_type, too_deep

R = TypeVar("R", bound=Reply)

_NEWLINE = b"\r\n"
_encode = msgspec.json.Encoder().encode


class _Tagged(msgspec.Struct):
    """The tag of a command, read apart from the command so that a refusal has it too."""

    id: Tag = None


class _Named(msgspec.Struct):
    do: Any = None


class _Sized(msgspec.Struct):
    size: int


#: A chunk, even where the line is no JSON.
_CHUNK = re.compile(rb'"do"[ \t]*:[ \t]*"chunk"')
#: The commands that this dialect carries, by name.
COMMANDS = {command.wire_name(): command for command in all_commands() if command.json}

_decode_command = msgspec.json.Decoder(functools.reduce(operator.or_, COMMANDS.values())).decode
_decode_tag = msgspec.json.Decoder(_Tagged).decode
_decode_named = msgspec.json.Decoder(_Named).decode
_decode_sized = msgspec.json.Decoder(_Sized).decode
_EVENTS = {event.__struct_config__.tag for event in get_args(Event)}
_decode_event = msgspec.json.Decoder(Event).decode

#: How msgspec names the field that it did not like.
_MISSING = re.compile(r"missing required field `(?P<field>[^`]+)`")
_WRONG = re.compile(r"at `\$\.(?P<field>[^`\[.]+)")
#: What msgspec raises for bytes that are not a command.
_UNREADABLE = (msgspec.DecodeError, UnicodeDecodeError, RecursionError)


class JsonDialect:
    """The server's end of the JSON dialect."""

    __slots__ = ("_event", "_line")

    def __init__(self) -> None:
        self._event: Event | None = None
        self._line = b""

    def decode(self, line: bytes) -> Request:
        """See :meth:`Dialect.decode`."""
        try:
            command = _decode_command(line)
            tag = _decode_tag(line).id
        except _UNREADABLE as error:
            raise _explain(line, error) from None
        check_line(line, command, tag)
        return Request(command, tag)

    def tag_of(self, line: bytes) -> TagValue:
        """See :meth:`Dialect.tag_of`."""
        try:
            return _decode_tag(line).id
        except _UNREADABLE:
            return None

    def encode_reply(self, reply: Reply, tag: TagValue) -> bytes:
        """See :meth:`Dialect.encode_reply`. The bytes of a piece follow its line."""
        if type(reply) is Piece:
            return _answer(b'"status":"OK"', _encode(replace(reply, data=b"")), tag) + reply.data
        return _answer(b'"status":"OK"', _encode(reply), tag)

    def encode_refusal(self, error: ChatError, tag: TagValue) -> bytes:
        """See :meth:`Dialect.encode_refusal`."""
        refused = Refused(code=error.code, message=error.text, retry_after=error.retry_after)
        return _answer(b'"status":"ERROR"', _encode(refused), tag)

    def encode_event(self, event: Event) -> bytes:
        """See :meth:`Dialect.encode_event`. The newest is kept, since many listeners get the same."""
        if event is not self._event:
            self._event = event
            self._line = _encode(event) + _NEWLINE
        return self._line


def chunk_size(line: bytes) -> int | None:
    """Return how many bytes follow a line that cannot be decoded: of a chunk, else none.

    None: it is a chunk, and does not say.
    """
    if _CHUNK.search(line) is None:
        return 0
    try:
        size = _decode_sized(line).size
    except _UNREADABLE:
        return None
    return size if size >= 0 else None


def _answer(status: bytes, body: bytes, tag: TagValue) -> bytes:
    if type(tag) is int:
        head = b'{"re":%d,%b' % (tag, status)
    elif tag is None:
        head = b"{" + status
    else:
        head = b'{"re":%b,%b' % (_encode(tag), status)
    return head + b"}\r\n" if body == b"{}" else head + b"," + body[1:] + _NEWLINE


def _explain(line: bytes, error: Exception) -> ChatError:
    """Say what is wrong with a line in our own words; only a field's name is taken from the error."""
    try:
        do = _decode_named(line).do
        check_shape(line)
    except RecursionError:
        return too_deep()
    except _UNREADABLE:
        return BadRequest("the line is not a JSON object in UTF-8")
    except ChatError as misshapen:
        return misshapen
    if not isinstance(do, str):
        return BadField("the field 'do' has to name a command")
    return _explain_fields(COMMANDS[do], str(error)) if do in COMMANDS else UnknownCommand()


def _explain_fields(command: type[Command], error: str) -> ChatError:
    if missing := _MISSING.search(error):
        return BadField(f"the field '{missing['field']}' is missing")
    if wrong := _WRONG.search(error):
        field = wrong["field"]
        wanted = describe_type(Tag) if field == "id" else describe(command, field)
        return BadField(f"the field '{field}' has to be {wanted}")
    return BadRequest("the line is not a JSON object in UTF-8")


class Answer:
    """A reply as a client receives it, before it is known which type it has to have."""

    __slots__ = ("_line", "error", "tag")

    def __init__(self, line: bytes, tag: TagValue, error: ChatError | None) -> None:
        self._line = line
        self.tag = tag
        self.error = error

    def reply(self, expected: type[R]) -> R:
        """Return the reply.

        :raises ChatError: the server refused the command; the class is that of the server's error.
        """
        if self.error is not None:
            raise self.error
        try:
            return msgspec.json.decode(self._line, type=expected)
        except _UNREADABLE:
            raise BadRequest("the server's reply has not the form of its command") from None


class _AnswerFields(msgspec.Struct):
    re: str | int | None = None
    status: str | None = None
    event: str | None = None
    code: str = "error"
    message: Any = ""
    retry_after: float | None = None


_decode_answer = msgspec.json.Decoder(_AnswerFields).decode


def encode_command(command: Command, tag: TagValue) -> bytes:
    """Return a command as a client sends it, with its end, and the bytes of a chunk behind that."""
    if type(command) is Chunk and command.data:
        return encode_command(replace(command, data=b""), tag) + command.data
    fields = _encode(command)
    if tag is None:
        return fields + _NEWLINE
    return fields[:-1] + b',"id":' + _encode(tag) + b"}" + _NEWLINE


def decode_from_server(line: bytes) -> Answer | Event | None:
    """Return what a server's line says to a client; None for an event that this version does not know.

    :raises BadRequest: the line is not an object of this protocol.
    """
    if line.startswith(b'{"event":"message"'):
        try:
            return msgspec.json.decode(line, type=Message)
        except _UNREADABLE:
            raise BadRequest("the server sent an event that cannot be read") from None
    try:
        fields = _decode_answer(line)
        if fields.event is not None:
            return _decode_event(line) if fields.event in _EVENTS else None
    except _UNREADABLE:
        raise BadRequest("the server sent a line that cannot be read") from None
    error = None
    if fields.status != "OK":
        error = from_wire(fields.code, str(fields.message), fields.retry_after)
    return Answer(line, fields.re, error)
