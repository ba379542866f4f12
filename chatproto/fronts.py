"""What a main server needs for its fronts: whom it trusts, and what bounds their clients have."""

from __future__ import annotations

from twisted.internet.posixbase import PosixReactorBase

from chatproto.configuration import Config
from chatproto.endpoints import is_loopback
from chatproto.federation.fronts import Main
from chatproto.federation.trust import Kind, Trust
from chatproto.opening import OpenRealm
from chatproto.protocols.front_main import Fronts
from chatproto.realm import ClientSession
from chatproto.realm.listening import Sink


def fronts_of(opened: OpenRealm, config: Config, reactor: PosixReactorBase) -> Fronts:
    """Return who takes the fronts of a realm.

    The clients of a front have the bounds of the address from where they come, as the front tells it.
    """
    setting = config.fronts

    def trust_of(name: str, key: str, address: str) -> Trust | None:
        if name in setting.trusts:
            return setting.trusts[name]
        return Trust(Kind.TOFU) if config.lab and is_loopback(address) else None

    def new_session(sink: Sink, address: str) -> ClientSession:
        limits = setting.near if not address or is_loopback(address) else setting.far
        # Original servers are known by where they come from, which is only said here.
        return ClientSession(opened.realm, sink, limits=limits, address=address, direct=False)

    return Fronts(
        lambda: Main(str(config.realm), config.lab),
        opened.peers.identity,
        trust_of,
        new_session,
        reactor,
        config.limits,
    )
