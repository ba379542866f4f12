"""What a link needs of an authenticated connection to another realm, and what the connection tells it.

Bytes, time-outs of the handshake and proofs are the protocol's. What frames mean is the link's.
"""

from __future__ import annotations

from typing import Protocol

from chatproto.frames import Chunk, Frame, Freight, PeerLimits


class Connection(Protocol):
    """A connection whose other end has proved which realm it is, as a link uses it."""

    @property
    def dialled(self) -> bool:
        """Whether this side dialled."""
        ...

    @property
    def peer_limits(self) -> PeerLimits:
        """What the other realm takes, as its hello said."""
        ...

    @property
    def capabilities(self) -> frozenset[str]:
        """What both sides can do beyond the least."""
        ...

    def send(self, *frames: Frame) -> bool:
        """Write frames at once; False if no more should be sent before :meth:`LinkEnd.drained`.

        Control frames may be sent all the same. After :meth:`goodbye` or :meth:`abort` it does nothing.
        """
        ...

    @property
    def full(self) -> bool:
        """Whether :meth:`LinkEnd.drained` will be called, or :meth:`LinkEnd.lost`."""
        ...

    @property
    def idle(self) -> bool:
        """Whether nothing waits to be sent."""
        ...

    def send_raw(self, frame: Chunk | Freight, data: bytes) -> None:
        """Write a frame with the raw bytes that follow it; only while it is :attr:`idle`."""
        ...

    def goodbye(self, reason: str, retry_after: float = 0) -> None:
        """Send a goodbye after what is written already, and close; nothing more is received."""
        ...

    def abort(self) -> None:
        """Close without sending anything more; nothing more is received."""
        ...

    def pause(self, on: bool) -> None:
        """Stop reading, or go on."""
        ...


class LinkEnd(Protocol):
    """What hears of one connection; the protocol got it from ``Peers.authenticated``.

    Nothing is called from within a method of the connection, only from a later turn or from what was read.
    """

    def received(self, frame: Frame) -> None:
        """Take a frame. Never raises."""
        ...

    def raw_received(self, frame: Chunk | Freight, data: bytes) -> None:
        """Take a frame with the raw bytes that followed it. Never raises."""
        ...

    def drained(self) -> None:
        """Hear that more may be sent."""
        ...

    def lost(self, reason: str) -> None:
        """Hear that the connection is gone, once, however it ended; ``reason`` is a code for operators."""
        ...
