"""Who does something to a group: a session here, or somebody of another realm by an item that came."""

from __future__ import annotations

from msgspec import Struct

from chatproto.realm.logins import Login
from chatproto.records import ARRIVED


class Guest(Struct):
    """Somebody of another realm, while one of its items has its effect.

    The first message that this makes has the mid of the item; so the item is known again.
    """

    address: str
    mid: str
    at: int
    device: int = ARRIVED

    def take_mid(self) -> str:
        """Return the mid of the item the first time, and then nothing."""
        mid, self.mid = self.mid, ""
        return mid


#: An operator is None.
Actor = Login | Guest
