"""Connections of system A in memory."""

from __future__ import annotations

import json
from typing import Any

from chatproto.limits import Limits
from chatproto.protocols.factory import ChatServerFactory
from chatproto.protocols.tipe import SPACE_SECONDS, TipeServerFactory
from tests.protocols.wires import Peer, Served
from tests.realm.house import PASSWORD

GOOD = {"status": "berhasil", "tipe": "balasan"}


def bad(pesan: str) -> dict[str, str]:
    """Return a refusal."""
    return {"status": "gagal", "tipe": "balasan", "pesan": pesan}


class TipeServed(Served):
    """A realm with a listener of system A over it, beside the one for lines."""

    def __init__(self, limits: Limits | None = None, *, trusting: bool = False, rates: bool = False) -> None:
        super().__init__(limits, rates=rates)
        self.lines = self.factory
        self.trusting = trusting
        self.serve()

    def serve(self) -> None:
        """Serve the realm, again after it was opened again."""
        self.factory: ChatServerFactory = TipeServerFactory(
            self.house.realm, self.house.clock, trusting=self.trusting
        )

    def line_peer(self, user: str) -> Peer:
        """Return a connection of another client, logged in."""
        tipe, self.factory = self.factory, self.lines
        try:
            return self.peer(user)
        finally:
            self.factory = tipe

    def signed_in(self, *users: str) -> list[TipePeer]:
        """Return connections on which these have signed in; accounts are made."""
        peers = []
        for user in users:
            if self.house.wait(self.house.realm.accounts.find(user)) is None:
                self.house.add(user)
            peer = TipePeer(self)
            assert peer.request(tipe="login", username=user, password=PASSWORD) == GOOD
            peers.append(peer)
        return peers


class TipePeer(Peer):
    """An older client: it takes what came in each write for one object."""

    def give(self, data: bytes) -> None:
        """Send bytes as they are."""
        self.protocol.dataReceived(data)
        self.rest()

    def rest(self, seconds: float = 2 * SPACE_SECONDS) -> None:
        """Let time pass in small steps."""
        self.house.turn()
        for _ in range(round(seconds / 0.01)):
            self.house.turn(0.01)
        self.settle()

    def shown(self) -> list[dict[str, Any]]:
        """Return what was written since the last time, write by write."""
        pieces = self.wire.pieces[:]
        self.wire.pieces.clear()
        self.wire.taken = b""
        return [json.loads(piece) for piece in pieces]

    def request(self, **members: Any) -> dict[str, Any]:
        """Send an object, and return the one reply."""
        self.give(json.dumps(members).encode())
        (reply,) = self.shown()
        return reply

    def kirim(self, user: str, to: str, message: str) -> dict[str, Any]:
        return self.request(**{"tipe": "kirim", "from": user, "to": to, "message": message})

    def terima(self, user: str) -> list[str] | dict[str, Any]:
        """Return the texts that waited, or the refusal."""
        reply = self.request(tipe="terima", username=user)
        return [each["message"] for each in reply["percakapan"]] if "percakapan" in reply else reply


def push(sender: str, to: str, message: str) -> dict[str, str]:
    return {"tipe": "terima", "from": sender, "to": to, "message": message}
