"""Rows of files: what is said of each, and uploads that are not finished. Their bytes are in a file store.

A file is a message of the kind ``file``, whose text is an :class:`Offer`. So it is stored, numbered, sent to
other realms, refused and bounced like any other.
"""

from __future__ import annotations

import enum
from typing import Annotated

import msgspec
from msgspec import Meta, Struct

from chatproto.records.base import Record

#: The kind of a message that is a file.
FILE = "file"


class Offer(Struct, frozen=True, kw_only=True, omit_defaults=True):
    """What is said of a file before its bytes: the text of its message, as JSON.

    ``sha256`` is in hexadecimal; ``type`` a media type as its sender says, or ``""``. ``plain``: an older
    client sent it in plain base64, and gets it back so.
    """

    name: Annotated[str, Meta(min_length=1, max_length=255)]
    size: Annotated[int, Meta(ge=0, lt=2**53)]
    sha256: Annotated[str, Meta(pattern=r"^[0-9a-f]{64}\Z")]
    type: Annotated[str, Meta(max_length=128)] = ""
    plain: bool = False


_encode = msgspec.json.Encoder().encode
_decode = msgspec.json.Decoder(Offer, strict=True).decode


def offer_text(offer: Offer) -> str:
    """Return the text of a file's message."""
    return _encode(offer).decode()


def read_offer(text: str) -> Offer | None:
    """Return what the text of a file's message says; None if it is no offer."""
    try:
        return _decode(text)
    except (msgspec.DecodeError, UnicodeEncodeError, RecursionError):
        return None


class FileState(enum.StrEnum):
    """Where the bytes of a file are."""

    STORED = "stored"  # here, whole and verified
    WANTED = "wanted"  # in another realm; they are being fetched, or will be as soon as there is a way
    OFFERED = "offered"  # in another realm; they are fetched when somebody here asks for them
    REFUSED = "refused"  # they came twice and were not what was said, or the other realm has them no more
    GONE = "gone"  # they were here and were removed


class FileRow(Record, frozen=True):
    """A file that was sent. Key: ``mid``, that of its message; ``seq`` is the message's, too.

    ``conversation`` is 0 of one that waits for a group elsewhere. ``realm`` is where to fetch it, ``""`` if a
    client brought it here. ``sender`` and ``recipient`` are addresses as shown. ``at`` is when it was stored,
    or its message came, or, if it was only offered then, when somebody asked for it.
    """

    mid: str
    seq: int
    conversation: int
    realm: str
    sender: str
    recipient: str
    name: str
    size: int
    sha256: str
    type: str
    at: int
    state: str


class UploadRow(Record, frozen=True):
    """An upload that is not finished. Key: ``mid``, that of the message it is to be.

    ``to`` is as the client wrote it; ``sha256`` ``""`` if it did not say; ``cid`` ``""`` if it has none.
    Unique: ``account, cid`` where it has one. How many bytes have come only the file store knows.
    """

    mid: str
    account: str
    cid: str
    to: str
    name: str
    size: int
    sha256: str
    type: str
    began: int
