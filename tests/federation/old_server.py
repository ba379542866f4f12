"""An original server as the other end of a link on virtual time."""

from __future__ import annotations

import json
from functools import partial
from typing import Any

from twisted.internet.testing import StringTransport

from chatproto.federation.originals import OwnPlace
from chatproto.federation.setting import PeerSetting
from chatproto.protocols.older_peer import OlderPeerFactory, OlderPeerProtocol
from tests.federation.town import BETA, Place, Town

OK = {"status": "OK", "message": "Message Sent"}
NOBODY = {"status": "ERROR", "message": "User Tidak Ditemukan"}
UNREACHED = OwnPlace()
UNKNOWN = {"status": "ERROR", "message": "**Protocol Tidak Benar"}


class Server:
    """An original server's end of a connection, as bytes."""

    def __init__(self, place: Place, reached_at: OwnPlace = UNREACHED) -> None:
        self._place = place
        originals = place.peers.originals
        originals.serve(_nowhere, partial(OlderPeerFactory, place.clock), reached_at)
        factory: Any = originals.or_else(_nowhere)(BETA, _nowhere)
        self.transport = StringTransport()
        self.protocol: OlderPeerProtocol = factory.buildProtocol(None)
        self.protocol.makeConnection(self.transport)
        place.turn()

    def heard(self) -> str:
        """Return what came since the last look."""
        said: str = self.transport.value().decode()
        self.transport.clear()
        return said

    def say(self, reply: dict[str, Any], size: int = 2**20) -> None:
        """Answer, in pieces."""
        data = (json.dumps(reply) + "\r\n\r\n").encode()
        for start in range(0, len(data), size):
            self.protocol.dataReceived(data[start : start + size])
        self._place.turn()

    def cut(self) -> None:
        """End the connection."""
        self.protocol.connectionLost()
        self._place.turn()


def _nowhere(*_: object) -> Any:
    raise AssertionError("nobody is dialled here")


def linked() -> Place:
    """Return a realm whose neighbour is an original server that nobody has reached yet."""
    town = Town()
    alpha = town.alpha
    alpha.setting = PeerSetting(realm=BETA, connect="tcp:127.0.0.1:9", legacy=True, neighbour=True)
    alpha.crash()
    return alpha


def send(place: Place, text: str, to: str = "amsal@beta") -> str:
    """Send a text from messi, and return its mid."""
    mid: str = place.person("messi").send(to, text).mid
    place.turn()
    return mid
