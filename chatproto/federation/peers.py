"""All links of a realm: what its connections and its operator ask for, by the name of the peer."""

from __future__ import annotations

import os
from collections.abc import Callable, Coroutine, Sequence
from random import SystemRandom
from typing import Any

from twisted.internet.defer import Deferred
from twisted.logger import Logger
from twisted.python.failure import Failure

from chatproto.errors import ChatError, LinkError, NoSuchRealm, StoreError, WrongKey
from chatproto.faults import Discreet
from chatproto.federation.connection import Connection, LinkEnd
from chatproto.federation.dialing import Connect, Dialer, MakeFactory
from chatproto.federation.dropping import end_all
from chatproto.federation.files import abilities, attend
from chatproto.federation.groups import waking
from chatproto.federation.identity import Identity
from chatproto.federation.introducing import Introductions
from chatproto.federation.link import PeerLink, State
from chatproto.federation.making import make_link, own_seed
from chatproto.federation.originals import Originals
from chatproto.federation.remotes import Remotes
from chatproto.federation.routes import Routes
from chatproto.federation.setting import PeerSetting, RouteTable
from chatproto.federation.standing import Standing, Standings
from chatproto.federation.trust import Trust
from chatproto.federation.upkeep import Chores
from chatproto.frames import PeerLimits
from chatproto.interfaces import IStore
from chatproto.names import RealmName
from chatproto.realm.meters import counted
from chatproto.realm.policy import PeerPolicy
from chatproto.realm.realm import Realm
from chatproto.realm.times import Clock
from chatproto.records import ITEMS, AppliedRow, Outgoing


class Peers:
    """The links of one realm. Made by :meth:`open`.

    :ivar remotes: what is given to ``Realm.link``.
    """

    _log = Logger()

    def __init__(
        self,
        realm: Realm,
        store: IStore,
        clock: Clock,
        identity: Identity,
        standings: Standings,
        entropy: Callable[[int], bytes],
        *,
        lab: bool = False,
    ) -> None:
        self.identity = identity
        self.standings = standings
        #: Links by realm, also of those that were dropped.
        self.links: dict[RealmName, PeerLink] = {}
        self.remotes = Remotes(self.links, standings, clock)
        self.introductions = Introductions(self.links, standings, clock, self._made)
        self.remotes.find = self.introductions.find
        self.originals = Originals(realm, self.links, standings, self._made, entropy, lab=lab)
        self.dialer: Dialer
        self.routes: Routes
        self._realm = realm
        self._store = store
        self._clock = clock
        self._writer = realm.writer
        self._entropy = entropy
        self.chores = Chores(self.links, store, self._writer, clock, self._end_all)
        self._closed = False

    @classmethod
    async def open(
        cls,
        realm: Realm,
        store: IStore,
        clock: Clock,
        settings: Sequence[PeerSetting] = (),
        *,
        limits: PeerLimits | None = None,
        lab: bool = False,
        table: RouteTable | None = None,
        entropy: Callable[[int], bytes] = os.urandom,
        random: Callable[[], float] | None = None,
    ) -> Peers:
        """Return the links of an open realm, from its store and the configuration; nothing is dialled yet.

        The realm gets a key if it has none, and its links.

        :raises StoreRefused: the store cannot be read now.
        """
        store = counted(store, realm.meters, clock)
        seed = await own_seed(store, realm.writer, clock, entropy)
        takes = limits or PeerLimits(file=realm.policy.limits.file_bytes)
        identity = Identity(realm.name, seed, limits=takes, capabilities=abilities(realm))
        standings = Standings(realm.writer, clock, settings, await store.peers(), lab=lab)
        peers = cls(realm, store, clock, identity, standings, entropy, lab=lab)
        peers.routes = Routes(
            realm, store, clock, identity, peers.links, standings, table or RouteTable(), entropy
        )
        await peers.routes.load()
        peers.dialer = Dialer(
            realm.writer,
            clock,
            random or SystemRandom().random,
            await store.dials(),
            peers.found_hopeless,
            realm.policy.limits.link_retry_seconds,
        )
        applied = {row.realm: row for row in await store.applied() if row.stream == ITEMS}
        for name in standings.realms():
            await peers._make(name, applied.get(str(name)))
        realm.link(peers.remotes, peers.policy_of)
        realm.older.originals = peers.originals
        peers.originals.dialer = peers.dialer
        realm.tracing.via_of = peers.routes.via
        realm.copies.on_entry = waking(peers.links)
        attend(realm, peers.links)
        return peers

    async def _make(self, name: RealmName, applied: AppliedRow | None) -> None:
        realm, store, clock, standings = self._realm, self._store, self._clock, self.standings
        link = make_link(
            realm,
            name,
            store,
            clock,
            self._entropy,
            applied,
            self.identity.limits,
            standings,
            (self._up, self._down, self._ended),
        )
        link.introduce = self.introductions.tell
        await link.outgoing.load()
        if not realm.vouched:
            await link.outgoing.count_as_offered()
        if name not in self.links:  # else somebody who added it, too, was faster
            self.links[name] = link
            self.routes.made(link)
            self.chores.made(link)
        self._apply_standing(self.links[name])

    def _apply_standing(self, link: PeerLink) -> None:
        """Do what was decided about a realm."""
        standing = link.standing = self.standings.of(link.realm)
        if link.key != self.standings.row(link.realm).key:
            link.end_connections(WrongKey.code)
        self.originals.applied(link)
        if standing in (Standing.DROPPED, Standing.PENDING):
            link.close("not-linked")
        else:
            link.open()
        if standing in (Standing.OPEN, Standing.PENDING):  # the latter, so that it shows its key
            self.dialer.add(link.realm, self.standings.endpoint(link.realm))
        else:
            self.dialer.keep(link.realm)
        self.routes.decided(link)
        if self.standings.setting(link.realm).introduced:
            for other in list(self.links.values()):  # they are believed as long as it is
                if self.standings.row(other.realm).introducer == link.realm:
                    self._apply_standing(other)

    def start(self, connect: Connect, factory: MakeFactory) -> None:
        """Begin to dial, and to look for what is overdue and what may go."""
        self.dialer.start(connect, self.originals.or_else(factory))
        self.chores.start()

    def close(self, reason: str = "shutdown", retry_after: float = 0) -> None:
        """Say goodbye to all, and begin nothing more; to be called before the realm is closed."""
        self._closed = True
        self.dialer.stop()
        self.chores.stop()
        self.routes.close()
        for link in self.links.values():
            link.close(reason, retry_after)
            link.stop()

    def policy_of(self, realm: RealmName) -> PeerPolicy:
        """Return what is taken from a realm."""
        return self.standings.setting(realm).policy

    # -- for connections: what strangers can ask for is memory

    def trust_of(self, realm: RealmName, key: str) -> Trust | None:
        """Return what a realm that shows a key has to prove; None if there is no link to it."""
        trust = self.standings.trust_of(realm, key)
        if trust is None and realm not in self.links:
            self.introductions.dialled(realm)
        return trust

    def approved(self, realm: RealmName, key: str) -> None:
        """Hear that a realm proved to have a key, as it is trusted to."""
        self.standings.approved(realm, key)

    def refused(self, realm: RealmName, key: str, error: LinkError) -> None:
        """Hear that somebody dialled who said to be a linked realm and did not prove it."""
        self.standings.refused(realm, key, error)

    def authenticated(self, realm: RealmName, connection: Connection) -> LinkEnd | None:
        """Take a connection whose other end is a realm; None if it is not wanted, and was told so."""
        link = self.links.get(realm)
        if link is None or link.state is State.CLOSED:
            connection.goodbye("shutdown" if self._closed else "not-linked")
            return None
        link.key = self.standings.row(realm).key
        if link.standing is Standing.PARKED and self.standings.row(realm).reason:
            # It was parked as it could not prove who it is. Now it has.
            self._background(self._decide(realm, Standing.OPEN))
        self.dialer.linked(realm, connection.dialled)
        return link.connected(connection)

    def found_hopeless(self, realm: RealmName, reason: str) -> None:
        """Hear that to dial a realm again would not help: somebody has to look."""
        if self.standings.of(realm) is Standing.PENDING:
            self._background(self.standings.note_shown(realm))
        else:
            self._log.error("{realm} is parked: {reason}", realm=realm, reason=reason)
            self._background(self._decide(realm, Standing.PARKED, reason))

    def _up(self, link: PeerLink) -> None:
        self._log.info("{realm}: the link is up", realm=link.realm)
        self.dialer.up(link.realm)
        self.routes.up(link)

    def _down(self, link: PeerLink, reason: str, retry_after: float) -> None:
        self._log.info("{realm}: the link is down: {reason}", realm=link.realm, reason=link.last_reason)
        self.dialer.lost(link.realm, reason, retry_after)
        self.routes.down(link)

    def _ended(self, item: Outgoing, code: str) -> None:
        self.remotes.ended(item, code)

    # -- for the operator; each returns when it is on disk

    def link(self, realm: RealmName) -> PeerLink:
        """Return the link to a realm.

        :raises NoSuchRealm: there is none.
        """
        link = self.links.get(realm)
        if link is None or link.standing is Standing.DROPPED:
            raise NoSuchRealm
        return link

    async def add(self, realm: RealmName, connect: str = "", pin: str = "") -> Standing:
        """Link a realm, or change where it is dialled; without a pin its key may have to be approved.

        :raises BadField: the pin is none.
        :raises NoSuchRealm: it is this one.
        """
        if realm == self._realm.name:
            raise NoSuchRealm("that is this realm")
        link = self.links.get(realm)
        if link is not None and link.standing is Standing.DROPPED:
            await self._end_all(link)  # if that is not finished
        standing = await self.standings.add(realm, connect, pin)
        await self._made(realm)
        return standing

    async def _made(self, realm: RealmName) -> None:
        """Make a link, or do what was decided about it."""
        link = self.links.get(realm)
        if link is None:
            applied = {row.realm: row for row in await self._store.applied() if row.stream == ITEMS}
            await self._make(realm, applied.get(str(realm)))
        else:
            self._apply_standing(link)

    async def approve(self, realm: RealmName, key: str = "") -> None:
        """Trust the key that a realm showed, or a given one.

        :raises NoSuchRealm: it is not linked, or has shown none.
        :raises NotAllowed: the configuration pins another one.
        """
        link = self.link(realm)
        await self.standings.approve(realm, key)
        self._apply_standing(link)
        self.dialer.retry(realm)

    async def retry(self, realm: RealmName) -> None:
        """Dial a realm now, also if it is parked; see :meth:`park`."""
        if self.link(realm).standing is Standing.PARKED:
            await self._decide(realm, Standing.OPEN)
        self.dialer.retry(realm)

    async def park(self, realm: RealmName) -> None:
        """Dial a realm no more; it may dial. It is refused as ``link`` is."""
        await self._decide(realm, Standing.PARKED)

    async def block(self, realm: RealmName) -> None:
        """Take nothing from a realm, and let nobody send to it; refused as ``link``."""
        await self._decide(realm, Standing.BLOCKED)

    async def unblock(self, realm: RealmName) -> None:
        """Exchange messages with a realm again; refused as ``link``."""
        await self._decide(realm, Standing.OPEN)

    async def drop(self, realm: RealmName) -> int:
        """End the link to a realm, and return how many items it ended. What came from it is remembered.

        :raises NoSuchRealm: there is no link to it.
        """
        link = self.link(realm)
        await self._decide(realm, Standing.DROPPED)
        before = link.counts.refused
        await self._end_all(link)
        return link.counts.refused - before

    async def _decide(self, realm: RealmName, standing: Standing, reason: str = "") -> None:
        link = self.link(realm)
        await self.standings.decide(realm, standing, reason)
        self._apply_standing(link)

    async def _end_all(self, link: PeerLink) -> None:
        """End what there is with a realm: members of groups, files, and what waits."""
        await self._realm.forget(link.realm)
        await link.fetching.end_all(NoSuchRealm.code)
        await end_all(
            link.outgoing,
            self._store,
            self._writer,
            self._realm.bounces,
            link.ended,
            lambda: self._entropy(8).hex(),
        )

    def _background(self, work: Coroutine[Any, Any, object]) -> None:
        """Do something that nobody waits for, and that can be done again."""
        Deferred.fromCoroutine(work).addErrback(self._not_done)

    def _not_done(self, failure: Failure) -> None:
        if self._writer.failure is None and not failure.check(ChatError, StoreError):
            self._log.failure("a decision about a realm was not stored", failure=Discreet(failure))
