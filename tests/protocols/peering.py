"""Two realms that only link: what their connections tell them is noted."""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from typing import Any

from chatproto.errors import LinkError
from chatproto.federation.connection import Connection
from chatproto.federation.identity import Identity
from chatproto.federation.trust import Kind, Trust
from chatproto.frames import Chunk, Frame, Freight, Item
from chatproto.limits import Limits, without_rates
from chatproto.names import RealmName
from chatproto.protocols.peer_factory import RealmPeerFactory
from chatproto.realm.times import Clock

ALPHA, BETA = RealmName("alpha"), RealmName("beta")
SECRET = "at least 16 characters"


def item(number: int, text: str = "halo") -> Item:
    """Return an item from alpha to beta."""
    return Item(
        number=number,
        mid=f"alpha/{number}",
        from_="messi@alpha",
        to="amsal@beta",
        text=text,
        at=1,
        expires=2,
    )


class End:
    """What hears of one connection."""

    def __init__(self, realm: RealmName, connection: Connection) -> None:
        self.realm = realm
        self.connection = connection
        self.frames: list[Frame] = []
        #: The raw bytes that came, in order.
        self.raw: list[bytes] = []
        self.drains = 0
        self.on_drained: Callable[[], object] = lambda: None
        #: Why it was lost, each time that it was told so.
        self.reasons: list[str] = []
        #: Called with each frame, after it was noted.
        self.hook: Callable[[Frame], object] = lambda _: None

    def received(self, frame: Frame) -> None:
        self.frames.append(frame)
        self.hook(frame)

    def raw_received(self, frame: Chunk | Freight, data: bytes) -> None:
        self.raw.append(data)
        self.received(frame)

    def drained(self) -> None:
        self.drains += 1
        self.on_drained()

    def lost(self, reason: str) -> None:
        self.reasons.append(reason)


class LinkingRealm:
    """A realm with its factory of connections, and everything that it was told."""

    def __init__(self, name: RealmName, clock: Clock, limits: Limits | None = None, **options: Any) -> None:
        self.identity = Identity(name, hashlib.sha256(name.encode()).digest(), **options)
        self.trusts: dict[RealmName, Trust] = {}
        self.links: list[RealmName] = []
        #: What was asked and told, in order.
        self.told: list[tuple[str, ...]] = []
        self.ends: list[End] = []
        self.failures: list[LinkError] = []
        #: What to do with an authenticated connection beside taking it; a reason to refuse it.
        self.refuses = ""
        self.factory = RealmPeerFactory(self, clock, limits=without_rates(limits or Limits()))

    def trust_of(self, realm: RealmName, key: str) -> Trust | None:
        self.told.append(("trust_of", realm))
        return self.trusts.get(realm)

    def approved(self, realm: RealmName, key: str) -> None:
        self.told.append(("approved", realm, key))

    def authenticated(self, realm: RealmName, connection: Connection) -> End | None:
        self.told.append(("authenticated", realm))
        if self.refuses:
            connection.goodbye(self.refuses, 7.0)
            return None
        self.ends.append(End(realm, connection))
        return self.ends[-1]

    def refused(self, realm: RealmName, key: str, error: LinkError) -> None:
        self.told.append(("refused", realm, error.code))

    @property
    def end(self) -> End:
        """The only connection that there was."""
        (end,) = self.ends
        return end


def two_realms(clock: Clock, *, secret: str = "", **options: Any) -> tuple[LinkingRealm, LinkingRealm]:
    """Return alpha and beta, which trust each other."""
    alpha, beta = (LinkingRealm(name, clock, **options) for name in (ALPHA, BETA))
    for one, other in ((alpha, beta), (beta, alpha)):
        trust = Trust(Kind.SECRET, secret=secret) if secret else Trust.pin(other.identity.key)
        one.trusts[other.identity.realm] = trust
    return alpha, beta
