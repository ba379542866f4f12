"""What one realm says to another: one frozen struct per frame.

Fields are the grammar; :mod:`chatproto.wire.peer` turns them into lines and back. ``docs/federation.rst``
says which frame may follow which, and what its receiver has to do.
"""

from chatproto.frames.control import Answer, Ask, Goodbye, Live, Ping, Pong, Receipt
from chatproto.frames.files import CHUNK_BYTES, Chunk, Got, Lacking, Want
from chatproto.frames.opening import Auth, Hello, PeerLimits, Ready, Start
from chatproto.frames.routing import Freight, Held, NoRoute, Noted, Parcel, Pass, Verdict
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
    | Live
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
    | Freight
)

#: Frames whose line is followed by raw bytes.
RAW = (Chunk, Freight)

__all__ = [
    "CHUNK_BYTES",
    "RAW",
    "Ack",
    "Answer",
    "Ask",
    "Auth",
    "Chunk",
    "Digest",
    "Entry",
    "Frame",
    "Freight",
    "Goodbye",
    "Got",
    "Held",
    "Hello",
    "Item",
    "Lacking",
    "Live",
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
