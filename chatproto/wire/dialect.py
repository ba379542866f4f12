"""What a dialect is: the way one kind of client writes commands and reads replies.

Sessions and the realm never learn which dialect speaks. A dialect only translates; what it cannot
express it leaves out, by encoding it as no bytes at all.
"""

from __future__ import annotations

from typing import Protocol

from chatproto.commands import Request
from chatproto.errors import ChatError
from chatproto.events import Event, Reply

#: The client's tag of a command, given back with the reply.
TagValue = str | int | None


class Dialect(Protocol):
    """One way to write commands, replies and events as lines."""

    def decode(self, line: bytes) -> Request:
        """Return the request that a line, without its end, stands for.

        :raises ChatError: it is none; :meth:`tag_of` then tells what to put into the reply.
        """
        ...

    def tag_of(self, line: bytes) -> TagValue:
        """Return the tag of a line that could not be decoded, or None."""
        ...

    def encode_reply(self, reply: Reply, tag: TagValue) -> bytes:
        """Return an OK reply with its end."""
        ...

    def encode_refusal(self, error: ChatError, tag: TagValue) -> bytes:
        """Return an ERROR reply with its end. Of the error only code, text and delay are told."""
        ...

    def encode_event(self, event: Event) -> bytes:
        """Return an event with its end, or ``b""`` if clients of this dialect are never told unasked."""
        ...
