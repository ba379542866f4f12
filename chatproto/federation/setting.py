"""What an operator has decided about a link to another realm."""

from __future__ import annotations

from msgspec import Struct

from chatproto.federation.trust import Trust
from chatproto.names import RealmName
from chatproto.realm.policy import PeerPolicy


class PeerSetting(Struct, frozen=True, kw_only=True):
    """One other realm: how to get there, how it is known, and what is taken from it."""

    realm: RealmName
    #: The client endpoint string to dial; ``""``: it is waited for.
    connect: str = ""
    #: What it has to prove; None: to have the key that was approved, if one was.
    trust: Trust | None = None
    #: Whether bare names are looked for there.
    neighbour: bool = False
    policy: PeerPolicy = PeerPolicy()
    #: Messages taken in a second; the rest waits over there. 0: no bound.
    messages: float = 0.0
