"""What one realm says to another: one frozen struct per frame.

Fields are the grammar; :mod:`chatproto.wire.peer` turns them into lines and back. ``docs/federation.rst``
says which frame may follow which, and what its receiver has to do.
"""

from chatproto.frames.control import Answer, Ask, Goodbye, Ping, Pong, Receipt
from chatproto.frames.files import CHUNK_BYTES, Chunk, Got, Lacking, Want
from chatproto.frames.opening import Auth, Hello, PeerLimits, Ready, Start
from chatproto.frames.routing import Held, NoRoute, Noted, Parcel, Pass, Verdict
from chatproto.frames.stream import Ack, Digest, Entry, Item, Skip

#: What a realm may say to another.
Frame = (
    Hello
    | Auth
    | Ready
    | Start
    | Item
    | Skip
    | Entry
    | Digest
    | Ack
    | Ping
    | Pong
    | Goodbye
    | Receipt
    | Ask
    | Answer
    | Parcel
    | Held
    | NoRoute
    | Verdict
    | Noted
    | Pass
    | Want
    | Chunk
    | Lacking
    | Got
)

__all__ = [
    "CHUNK_BYTES",
    "Ack",
    "Answer",
    "Ask",
    "Auth",
    "Chunk",
    "Digest",
    "Entry",
    "Frame",
    "Goodbye",
    "Got",
    "Held",
    "Hello",
    "Item",
    "Lacking",
    "NoRoute",
    "Noted",
    "Parcel",
    "Pass",
    "PeerLimits",
    "Ping",
    "Pong",
    "Ready",
    "Receipt",
    "Skip",
    "Start",
    "Verdict",
    "Want",
]
