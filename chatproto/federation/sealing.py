"""Signatures on what passes through other realms, by which only its two ends vouch for it."""

from __future__ import annotations

from typing import TypeVar

from msgspec.structs import replace

from chatproto.federation.identity import Identity, is_signed, with_lengths
from chatproto.frames import Parcel, Pass, Verdict

S = TypeVar("S", Parcel, Verdict, Pass)

#: What the signatures are of. Changed whenever what they cover changes: no two kinds are ever mistaken.
_LABELS = {
    Parcel: "chatproto parcel 1",
    Verdict: "chatproto verdict 1",
    Pass: "chatproto pass 1",
}


def seal(identity: Identity, frame: S) -> S:
    """Return a frame with this realm's signature."""
    return replace(frame, signature=identity.sign(_words(frame)))


def is_sealed(frame: Parcel | Verdict | Pass, key: str) -> bool:
    """Tell whether a frame has the signature of a key; ``""`` has signed nothing."""
    return key != "" and is_signed(key, frame.signature, _words(frame))


def _words(frame: Parcel | Verdict | Pass) -> bytes:
    """Return what a signature is of."""
    stream = "" if isinstance(frame, Pass) else frame.stream
    parts = (_LABELS[type(frame)], frame.origin, frame.to, stream, frame.body)
    return with_lengths(*(part.encode() for part in parts))
