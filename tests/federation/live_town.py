"""Two linked realms with older clients in live mode, on virtual time."""

from __future__ import annotations

import json
from typing import Any

from chatproto.protocols.factory import ChatServerFactory
from tests.federation.town import Place, Town
from tests.protocols.wires import Peer

LEFT = b'{"status": "OK", "message": "Telah keluar dari grup bola"}\r\n\r\n'


class Served:
    """A realm of a town with a server factory over it."""

    def __init__(self, place: Place, **options: Any) -> None:
        self.house = place
        self.factory = ChatServerFactory(place.realm, place.clock, random=lambda: 0.5, **options)


class Older(Peer):
    """An older client: what it shows is what came in each write."""

    def __init__(self, served: Served, user: str) -> None:
        super().__init__(served)  # type: ignore[arg-type]
        self.say(f"auth {user} surabaya ")
        self.token = json.loads(self.wire.taken)["tokenid"]
        self.shown()

    def type(self, text: str, *, wait: float = 0.4) -> None:
        """Send a text as it is, and let some time pass."""
        self.say(text.encode())
        self.house.turn(wait)

    def enter(self, group: str = "bola") -> None:
        """Begin live mode as the original client does."""
        self.type(f"group {self.token} {group} origin\r\n")

    def shown(self) -> list[bytes]:
        """Return what was written since the last time, write by write."""
        pieces = self.wire.pieces[:]
        self.wire.pieces.clear()
        self.wire.taken = b""
        return pieces


class LiveTown:
    """Alpha with messi and henderson, beta with amsal and lineker; linked unless told otherwise."""

    def __init__(self, *, linked: bool = True, **options: Any) -> None:
        self.town = Town()
        if linked:
            self.wire = self.town.connect()
        self.alpha, self.beta = (Served(place, **options) for place in (self.town.alpha, self.town.beta))

    def client(self, user: str) -> Older:
        """Return a client that is logged in."""
        return Older(self.alpha if user in ("messi", "henderson") else self.beta, user)

    def turn(self, seconds: float = 0) -> None:
        self.town.turn(seconds)
