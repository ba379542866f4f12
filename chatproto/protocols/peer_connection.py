"""What a link sees of a connection to another realm."""

from __future__ import annotations

from typing import TYPE_CHECKING

from chatproto.federation.handshake import Handshake
from chatproto.frames import Chunk, Frame, Freight, PeerLimits
from chatproto.wire.peer import encode_frame

if TYPE_CHECKING:
    from chatproto.protocols.peer import RealmPeerProtocol


class PeerConnection:
    """What a link may do with a connection; see :class:`~chatproto.federation.connection.Connection`.

    There is one only of a connection whose other end has proved which realm it is.
    """

    def __init__(self, protocol: RealmPeerProtocol, handshake: Handshake) -> None:
        self._protocol = protocol
        self._handshake = handshake
        #: What both sides can do beyond the least.
        self.capabilities = handshake.capabilities

    def __repr__(self) -> str:
        way = "to" if self.dialled else "from"
        return f"<a connection {way} {self._handshake.realm}>"

    @property
    def dialled(self) -> bool:
        """Whether this side dialled."""
        return self._handshake.dialled

    @property
    def peer_limits(self) -> PeerLimits:
        """What the other realm takes."""
        return self._handshake.hello.limits

    def send(self, *frames: Frame) -> bool:
        """See :meth:`Connection.send`."""
        return self._protocol.send(b"".join(map(encode_frame, frames)))

    @property
    def full(self) -> bool:
        """See :meth:`Connection.full`."""
        return self._protocol.full

    @property
    def idle(self) -> bool:
        """See :meth:`Connection.idle`."""
        return self._protocol.idle

    def send_raw(self, frame: Chunk | Freight, data: bytes) -> None:
        """See :meth:`Connection.send_raw`."""
        self._protocol.send(encode_frame(frame) + data)

    def goodbye(self, reason: str, retry_after: float = 0) -> None:
        """See :meth:`Connection.goodbye`."""
        self._protocol.goodbye(reason, retry_after)

    def abort(self) -> None:
        """See :meth:`Connection.abort`."""
        self._protocol.abort()

    def pause(self, on: bool) -> None:
        """See :meth:`Connection.pause`."""
        self._protocol.hold(on)
