"""The bytes of files between two realms: asked for by the one that lacks them, sent when there is time.

Nothing of it is numbered, kept or repeated by who sends: who wants a file asks again for what did not come.
"""

from __future__ import annotations

from typing import Annotated

from msgspec import Meta

from chatproto.frames.base import Base

_Number = Annotated[int, Meta(ge=0, lt=2**53)]
_Code = Annotated[str, Meta(max_length=64)]
_Mid = Annotated[str, Meta(max_length=160)]
#: Bytes in one chunk.
CHUNK_BYTES = 64 * 1024


class Want(Base, frozen=True, kw_only=True, tag="want"):
    """The speaker takes ``size`` bytes of a file from ``offset`` on; 0 of them: none for now.

    One that begins where the one before ends gives more credit; any other one begins anew there. By a route
    the chunks that come of it have its ``nonce``.
    """

    mid: _Mid
    offset: _Number
    size: _Number
    nonce: Annotated[str, Meta(max_length=64)] = ""


class Chunk(Base, frozen=True, kw_only=True, tag="chunk"):
    """Bytes of a file: exactly ``size`` of them follow this line, as they are."""

    mid: _Mid
    offset: _Number
    size: Annotated[int, Meta(ge=1, le=CHUNK_BYTES)]


class Lacking(Base, frozen=True, kw_only=True, tag="lacking"):
    """The answer to a want that cannot be met: ``file-not-here`` may pass, any other code does not."""

    mid: _Mid
    code: _Code
    retry_after: Annotated[float, Meta(ge=0)] = 0.0


class Got(Base, frozen=True, kw_only=True, tag="got"):
    """The speaker has all of a file, verified; or, with a code, wants it no more."""

    mid: _Mid
    code: _Code = ""
