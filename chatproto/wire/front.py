"""What a front and its main server say to each other: one JSON object a line, for both ends of a link.

Replies and errors are of very many types; each goes with the name of its class, which the other side knows
by the same declarations. What is longer than :data:`LINE_BYTES` is cut into parts, so that others come in
between.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import TypeVar

import msgspec

from chatproto.errors import BadFrame, ChatError, from_wire
from chatproto.events import Reply
from chatproto.frames.fronts import (
    PART_BYTES,
    FrontFrame,
    MainFrame,
    OpeningFrame,
    Part,
    Refusal,
    Told,
)

K = TypeVar("K", Reply, ChatError)
F = TypeVar("F")

NEWLINE = b"\n"
#: Longest line; a longer one is sent in parts.
LINE_BYTES = 32 * 1024
#: What msgspec raises for bytes that are no frame.
_UNREADABLE = (msgspec.DecodeError, UnicodeDecodeError, RecursionError)

_encode = msgspec.json.Encoder().encode


def _known(base: type[K]) -> Iterator[type[K]]:
    for kind in base.__subclasses__():
        yield kind
        yield from _known(kind)


#: The types of replies and errors by name.
_REPLIES: dict[str, type[Reply]] = {kind.__name__: kind for kind in _known(Reply)}
_ERRORS: dict[str, type[ChatError]] = {kind.__name__: kind for kind in _known(ChatError)}


_decode_opening: Callable[[bytes], OpeningFrame] = msgspec.json.Decoder(OpeningFrame).decode
_decode_from_front: Callable[[bytes], FrontFrame] = msgspec.json.Decoder(FrontFrame).decode
_decode_from_main: Callable[[bytes], MainFrame] = msgspec.json.Decoder(MainFrame).decode


def encode(frame: OpeningFrame | FrontFrame | MainFrame) -> bytes:
    """Return a frame as a line, with its end."""
    return _encode(frame) + NEWLINE


def parts_of(channel: int, line: bytes) -> list[bytes]:
    """Return a line in the pieces in which it is sent: one, or as many parts as it takes."""
    if len(line) <= LINE_BYTES:
        return [line]
    pieces = [line[start : start + PART_BYTES] for start in range(0, len(line), PART_BYTES)]
    return [
        encode(Part(channel=channel, size=len(piece), last=number == len(pieces))) + piece
        for number, piece in enumerate(pieces, start=1)
    ]


def decode_opening(line: bytes) -> OpeningFrame:
    """Return the frame of a line, before anybody has proved anything.

    :raises BadFrame: it is none.
    """
    return _read(_decode_opening, line)


def decode_from_front(line: bytes) -> FrontFrame:
    """Return the frame that a front has sent.

    :raises BadFrame: it is none.
    """
    return _read(_decode_from_front, line)


def decode_from_main(line: bytes) -> MainFrame:
    """Return the frame that a main server has sent.

    :raises BadFrame: it is none.
    """
    return _read(_decode_from_main, line)


def _read(decode: Callable[[bytes], F], line: bytes) -> F:
    try:
        return decode(line)
    except _UNREADABLE:
        raise BadFrame from None


def told(
    channel: int, number: int, outcome: Reply | ChatError, *, trusted: bool, boxes: bool
) -> Told | Refusal:
    """Return the frame of what became of a command."""
    kind = type(outcome).__name__
    if isinstance(outcome, ChatError):
        return Refusal(
            channel=channel,
            number=number,
            kind=kind,
            code=outcome.code,
            text=outcome.text,
            retry_after=outcome.retry_after,
            trusted=trusted,
        )
    reply = msgspec.Raw(_encode(outcome))
    return Told(channel=channel, number=number, kind=kind, reply=reply, trusted=trusted, boxes=boxes)


def outcome_of(frame: Told | Refusal) -> Reply | ChatError:
    """Return what became of a command.

    :raises BadFrame: the reply is of no type that is known here.
    """
    if isinstance(frame, Refusal):
        error = _ERRORS.get(frame.kind)
        if error is None or error.code != frame.code or frame.kind == "UnknownRemoteError":
            return from_wire(frame.code, frame.text, frame.retry_after)
        return error(frame.text, retry_after=frame.retry_after)
    kind = _REPLIES.get(frame.kind)
    if kind is None:
        raise BadFrame
    try:
        return msgspec.json.decode(frame.reply, type=kind)
    except _UNREADABLE:
        raise BadFrame from None
