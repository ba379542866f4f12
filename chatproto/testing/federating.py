"""Linking a realm in a network to others: the same parts that ``chatproto serve`` joins, over memory."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import TYPE_CHECKING

from twisted.internet.defer import Deferred
from twisted.internet.interfaces import IStreamClientEndpoint

from chatproto.errors import ChatError
from chatproto.federation.peers import Peers
from chatproto.federation.setting import PeerSetting, RouteTable
from chatproto.federation.standing import Standing
from chatproto.federation.trust import Kind, Trust
from chatproto.interfaces import IStore
from chatproto.names import RealmName
from chatproto.protocols.peer_factory import RealmPeerFactory
from chatproto.realm import Realm
from chatproto.records import KeyRow
from chatproto.testing.names import PEER, SECRET

if TYPE_CHECKING:
    from chatproto.testing.hosts import RealmHost


class Links:
    """The links of one life of a realm."""

    def __init__(self, peers: Peers, factory: RealmPeerFactory) -> None:
        self.peers = peers
        self.factory = factory

    def retry(self) -> list[RealmName]:
        """Dial those again that seemed hopeless, as an operator does, and return them."""
        parked = [name for name, link in self.peers.links.items() if link.standing is Standing.PARKED]
        for name in parked:
            # If it is not stored, the next time it may be.
            Deferred.fromCoroutine(self.peers.retry(name)).addErrback(lambda failure: failure.trap(ChatError))
        return parked

    def end(self) -> Deferred[None]:
        """Say goodbye to all, and fire when the connections are closed."""
        self.peers.close()
        return self.factory.drain()


def _by_route(host: RealmHost, name: str) -> PeerSetting:
    """Return what is configured about a realm that is reached by another one, and perhaps dialled, too."""
    return PeerSetting(
        realm=RealmName(name),
        connect=name if name in host.peers else "",
        trust=Trust.pin(host.key_of(name)),
        via=RealmName(host.routes[name]),
    )


async def link(
    host: RealmHost, realm: Realm, store: IStore, connect: Callable[[str], IStreamClientEndpoint]
) -> Links:
    """Link a realm that was just opened to its peers, each of which is dialled by its name."""
    clock = host.clock
    trust = Trust(Kind.SECRET, secret=SECRET)
    linked = [name for name in host.peers if name not in host.routes]
    settings = [PeerSetting(realm=RealmName(name), connect=name, trust=trust) for name in linked]
    settings += [_by_route(host, name) for name in host.routes]
    if await store.key("realm") is None:
        await realm.writer.save([KeyRow("realm", host.seed, 0)])
    peers = await Peers.open(
        realm,
        store,
        clock,
        settings,
        limits=host.peer_limits,
        table=RouteTable(relay=host.relay),
        entropy=host.entropy,
        random=host.random,
    )
    if host.tampering is not None:
        for each in peers.links.values():
            honest = each.post
            setattr(each, "post", partial(host.tampering.post, clock, honest))  # noqa: B010 - for mypy
        relaying = peers.routes.relaying
        passing = partial(host.tampering.freight, clock, relaying.freight)
        setattr(relaying, "freight", passing)  # noqa: B010 - for mypy
    factory = RealmPeerFactory(peers, clock, limits=host.policy.limits, random_bytes=host.entropy)
    realm.writer.on_fatal(lambda _: factory.abort())
    host.listen(PEER, factory)
    peers.start(connect, factory.dialling)
    return Links(peers, factory)
