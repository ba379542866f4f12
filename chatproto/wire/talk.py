"""System A's program for two: plain text by turns, and what one read gives is a turn."""

from __future__ import annotations

from chatproto.commands import Request
from chatproto.errors import BadRequest, ChatError
from chatproto.events import Event, Reply
from chatproto.wire.dialect import TagValue

#: What the program reads at a time, and so the longest turn that it takes for one.
TURN_BYTES = 1024
#: Characters of a name: more than people have.
_NAME_CHARACTERS = 64
#: Who says no name.
_NAMELESS = "tamu"
_NOT_SHOWN = dict.fromkeys([*range(32), *range(127, 160), 0x2028, 0x2029], " ")


def name_of(data: bytes) -> str:
    """Return by which name somebody is told to the other one."""
    text = data.decode(errors="replace").translate(_NOT_SHOWN).strip()
    return text[:_NAME_CHARACTERS].rstrip() or _NAMELESS


def opening(name: str) -> bytes:
    """Return what the server says in the place of the one who listens, and should begin."""
    return f"Anda terhubung dengan {name}. Silakan mulai.".encode()


def turns_of(data: bytes) -> list[bytes]:
    """Return a text as turns that can be read whole; programs end over what is not UTF-8."""
    turns = []
    text = data.decode(errors="replace").encode()
    start = 0
    while start < len(text):
        end = start + TURN_BYTES
        while end < len(text) and text[end] & 0xC0 == 0x80:  # within a character
            end -= 1
        turns.append(text[start:end])
        start = end
    return turns


class TalkDialect:
    """What the server itself has to say: why it refuses somebody. There are no commands."""

    def decode(self, line: bytes) -> Request:
        """See :meth:`Dialect.decode`."""
        raise BadRequest

    def tag_of(self, line: bytes) -> TagValue:
        """See :meth:`Dialect.tag_of`."""
        return None

    def encode_reply(self, reply: Reply, tag: TagValue) -> bytes:
        """See :meth:`Dialect.encode_reply`."""
        return b""

    def encode_refusal(self, error: ChatError, tag: TagValue) -> bytes:
        """See :meth:`Dialect.encode_refusal`."""
        return error.text.encode()

    def encode_event(self, event: Event) -> bytes:
        """See :meth:`Dialect.encode_event`."""
        return b""
