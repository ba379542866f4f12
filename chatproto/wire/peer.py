"""What realms say to each other: one JSON object a line, for both ends of a link.

``frame`` names what a line is; field types, and so validation, are those of :mod:`chatproto.frames`. Unknown
fields are ignored and so are unknown frames, so that either realm may be the newer one; a sender that cannot
bear that gives its new frame ``"must": true``, and the link ends.
"""

from __future__ import annotations

from typing import Any, get_args

import msgspec

from chatproto.errors import BadFrame, BadRequest, UnknownFrame
from chatproto.frames import Ack, Entry, Frame, Item, Parcel, Pass, Verdict
from chatproto.frames.routing import TTL
from chatproto.records import ITEMS
from chatproto.wire.strict import check_quotes, check_shape

NEWLINE = b"\n"

_encode = msgspec.json.Encoder().encode
_decode = msgspec.json.Decoder(Frame).decode
_NAMES = {frame.__struct_config__.tag for frame in get_args(Frame)}

#: Quotes in a line: a name and a string have two each. Here those that every item, entry and ack has.
_ITEM_QUOTES = 26
_ENTRY_QUOTES = 24
_ACK_QUOTES = 10
_PASSED_QUOTES = 20
#: No line has so few: it is looked at in full.
_UNCOUNTED = -1
_NUL = b"\\u0000"
#: What msgspec raises for bytes that are no frame.
_UNREADABLE = (msgspec.DecodeError, UnicodeDecodeError, RecursionError)


class _Named(msgspec.Struct):
    frame: Any = None
    must: Any = False


_decode_named = msgspec.json.Decoder(_Named).decode


def encode_frame(frame: Frame) -> bytes:
    """Return a frame as a line, with its end."""
    return _encode(frame) + NEWLINE


def decode_frame(line: bytes) -> Frame | None:
    """Return the frame that a line, without its end, stands for; None if it is to be passed over.

    :raises BadFrame: it is none; nothing that follows it can be relied on.
    """
    try:
        frame: Frame | None = _decode(line)
    except _UNREADABLE:
        frame = None
    try:
        if frame is None:
            _judge_unread(line)
            return None
        check_quotes(line, _quotes(frame))
    except (BadRequest, *_UNREADABLE):
        raise BadFrame from None
    if _NUL in line and has_nul(frame):
        raise BadFrame("a field has a NUL")
    return frame


def _judge_unread(line: bytes) -> None:
    """Return if a line that could not be decoded is a frame that is unknown and needs not be known."""
    named = _decode_named(line)
    check_shape(line)
    if not isinstance(named.frame, str):
        raise BadFrame("the field 'frame' has to name a frame")
    if named.frame in _NAMES:
        raise BadFrame(f"a field of the frame '{named.frame}' is missing or not of its type")
    if named.must is not False:
        raise UnknownFrame


def _quotes(frame: Frame) -> int:
    """Return how many quotes a line has that says this frame and nothing else."""
    if type(frame) is Item:
        quotes = _ITEM_QUOTES
        if frame.kind != "text":
            quotes += 4
        if frame.name:
            quotes += 4
        if frame.box:
            quotes += 4
        return quotes if frame.settled is None else quotes + 2
    if type(frame) is Entry:
        extra = (frame.kind != "text") + (frame.name != "") + (frame.epoch != "")
        return _ENTRY_QUOTES + 4 * extra
    if type(frame) is Ack:
        quotes = _ACK_QUOTES
        if frame.stream != ITEMS:
            quotes += 4
        if frame.refused:
            quotes += 2 + 2 * len(frame.refused)
        return quotes + 2 * ((frame.items is not None) + (frame.bytes is not None))
    if isinstance(frame, Parcel | Verdict | Pass):
        quotes = _PASSED_QUOTES + frame.body.count('"')
        if not isinstance(frame, Pass) and frame.stream != ITEMS:
            quotes += 4
        return quotes + (2 + 2 * len(frame.via) if frame.via else 0) + 2 * (frame.ttl != TTL)
    return _UNCOUNTED


def has_nul(frame: Frame | None) -> bool:
    """Tell whether a field that no user has written has a NUL."""
    return _has_nul(_relied_on(frame))


def _relied_on(frame: Frame | None) -> Any:
    """Return the fields that no user has written: of the others, a NUL is trouble of that one item."""
    fields = msgspec.to_builtins(frame)
    if type(frame) in (Item, Entry):
        del fields["text"]
        fields.pop("name", None)
    return fields


def _has_nul(value: Any) -> bool:
    if isinstance(value, str):
        return "\0" in value
    if isinstance(value, dict):
        return any(_has_nul(each) for pair in value.items() for each in pair)
    return isinstance(value, list) and any(_has_nul(each) for each in value)
