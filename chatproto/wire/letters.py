"""The bodies of what passes through gateways, which are as strict as lines.

A body is signed as it is written, so it is never written anew by anybody.
"""

from __future__ import annotations

from typing import TypeVar

import msgspec

from chatproto.errors import BadFrame, BadRequest
from chatproto.frames import Frame
from chatproto.frames.routing import Letter, Ruling, Slip
from chatproto.wire.peer import has_nul
from chatproto.wire.strict import check_shape

B = TypeVar("B", Letter, Ruling, Slip)

_encode = msgspec.json.Encoder().encode
_decoders = {kind: msgspec.json.Decoder(kind).decode for kind in (Letter, Ruling, Slip)}
_UNREADABLE = (msgspec.DecodeError, UnicodeError, RecursionError)
_NUL = b"\\u0000"


def encode_body(body: Letter | Ruling | Slip) -> str:
    """Return a body as it is signed and sent."""
    return _encode(body).decode()


def decode_body(kind: type[B], text: str, *, strict: bool = True) -> B:
    """Return the body that a text stands for; who only passes it on needs not be ``strict``.

    :raises BadFrame: it is none.
    """
    try:
        line = text.encode()
        body: B = _decoders[kind](line)  # type: ignore[assignment]  # each decodes its own kind
        if strict:
            check_shape(line)
    except (BadRequest, *_UNREADABLE):
        raise BadFrame from None
    if _NUL in line and any(map(has_nul, _frames(body))):
        raise BadFrame("a field has a NUL")
    return body


def _frames(body: Letter | Ruling | Slip) -> list[Frame | None]:
    if isinstance(body, Slip) and body.talk is not None:
        return [body.frame, *body.talk.frames]
    return [] if isinstance(body, Ruling) else [body.frame]
