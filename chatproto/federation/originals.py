"""The original servers of older systems that this realm is linked with.

One is configured, or added in a lab: by our user (``addrealm``), or by the server itself (``recvrealm``). It
proves nothing. While there is a link to it, whoever comes from its address may speak for it; links between
our own realms never open this.
"""

from __future__ import annotations

from collections.abc import Callable, Coroutine, Mapping, Sequence
from typing import Any

from msgspec import Struct
from twisted.internet.defer import Deferred, DeferredLock
from twisted.internet.defer import TimeoutError as DeferredTimeoutError
from twisted.internet.interfaces import IProtocolFactory

from chatproto.endpoints import EndpointText, is_loopback
from chatproto.errors import (
    BadName,
    LinkError,
    RealmExists,
    RealmRefused,
    RealmUnreachable,
    Unavailable,
    UnknownCommand,
)
from chatproto.events import InboxEntry
from chatproto.federation.bounds import ORIGINAL_ASIDE, ORIGINAL_DIAL, ORIGINALS
from chatproto.federation.dialing import Connect, Dialer, MakeFactory
from chatproto.federation.link import PeerLink
from chatproto.federation.original_addresses import address_of, sources_of
from chatproto.federation.original_entries import Entries
from chatproto.federation.original_intake import Intake
from chatproto.federation.original_link import OriginalLink
from chatproto.federation.original_requests import NotAnswered, NotAsked, Wire, ask
from chatproto.federation.original_waiting import hand_out
from chatproto.federation.standing import Standing, Standings
from chatproto.names import LocalName, RealmName, fold
from chatproto.realm.logins import Login
from chatproto.realm.realm import Realm
from chatproto.wire import older_peer

#: Makes the factory of one connection, which tells when it stands.
MakeWire = Callable[[Callable[[Wire], None]], IProtocolFactory]
#: Makes the link to a realm, as its standing is.
Link = Callable[[RealmName], Coroutine[Any, Any, None]]
#: Links by which something may come.
_WELCOME = (Standing.OPEN, Standing.PARKED)
#: What an alias becomes that is no name of a realm.
_NAMELESS = "original"


class OwnPlace(Struct, frozen=True):
    """Where others reach our client port.

    ``host`` is ``""`` for the one by which a connection goes, ``port`` 0 if there is none. All ``ports`` are
    ours.
    """

    host: str = ""
    port: int = 0
    ports: frozenset[int] = frozenset()


class Originals:
    """See :class:`chatproto.realm.originals.Originals`."""

    def __init__(
        self,
        realm: Realm,
        links: Mapping[RealmName, PeerLink],
        standings: Standings,
        made: Link,
        entropy: Callable[[int], bytes],
        *,
        lab: bool,
    ) -> None:
        self._realm = realm
        self._links = links
        self._standings = standings
        self._made = made
        self._lab = lab
        self._intake = Intake(realm, entropy)
        self._entries = Entries(realm)
        self.dialer: Dialer
        self._connect: Connect | None = None
        self._wire: MakeWire | None = None
        self._place = OwnPlace()
        #: For whom a server is being asked what it keeps: it may be one of ours, that asks back.
        self._asking: set[tuple[RealmName, str]] = set()
        #: One after another, as each takes a name that is free.
        self._turns = DeferredLock()

    # -- links

    def serve(self, connect: Connect, wire: MakeWire, place: OwnPlace) -> None:
        """Hear how servers are dialled, and where they reach us."""
        self._connect, self._wire, self._place = connect, wire, place

    def applied(self, link: PeerLink) -> None:
        """Hear that something was decided about a realm."""
        if isinstance(link, OriginalLink):
            link.place = self._standings.endpoint(link.realm)
            link.bringing.advertised = self._advertised
            link.bringing.alias_of = lambda box: self._alias_of(link.realm, box)
            link.hasten = lambda: self.dialer.retry(link.realm)
            link.is_dialled = lambda: not self.dialer.state_of(link.realm)[1].failures
            host = self._standings.legacy_host(link.realm)
            link.addresses |= sources_of(host) if link.place else {address_of(host)}

    def or_else(self, others: MakeFactory) -> MakeFactory:
        """Return what makes the factory of a connection to a realm of either kind."""

        def make(realm: RealmName, failed: Callable[[LinkError], None]) -> IProtocolFactory:
            if self._wire is None or not self._standings.is_legacy(realm):
                return others(realm, failed)
            return self._wire(lambda wire: self._begin(realm, wire))

        return make

    def _begin(self, realm: RealmName, wire: Wire) -> None:
        """Hear that a server was reached."""
        link = self._links.get(realm)
        if not isinstance(link, OriginalLink) or link.standing not in _WELCOME:
            wire.close()
            return
        link.addresses |= sources_of(wire.host)
        if wire.gone:  # it closed behind its first reply: the dialer has it already
            return
        wire.on_lost = lambda: self._over(link, wire)
        self.dialer.linked(realm, True)
        self.dialer.up(realm)
        link.begin(wire)

    def _over(self, link: OriginalLink, wire: Wire) -> None:
        if link.requests.over(wire):
            self.dialer.lost(link.realm, "closed", 0.0)

    def _advertised(self, wire: Wire) -> tuple[str, int] | None:
        place = self._place
        return (place.host or wire.own_host, place.port) if place.port else None

    def _alias_of(self, realm: RealmName, box: str) -> str:
        """Return by which name a server knows the way that its realm box is called by."""
        aliases = self._realm.older.aliases
        return box if box and aliases.find(box) == realm else str(realm)

    # -- who is one

    def _all(self) -> list[OriginalLink]:
        """Return the links by which something may come, those first that bare names are searched in."""
        found = [self._links.get(realm) for realm in (*self._standings.neighbours(), *self._links)]
        links = [link for link in dict.fromkeys(found) if isinstance(link, OriginalLink)]
        return [link for link in links if link.standing in _WELCOME]

    def _at(self, address: str) -> list[OriginalLink]:
        where = address_of(address)
        return [link for link in self._all() if where and where in link.addresses]

    def realm_at(self, address: str) -> RealmName | None:
        """See :class:`~chatproto.realm.originals.Originals`."""
        return next((link.realm for link in self._at(address)), None)

    def is_open(self) -> bool:
        """See :class:`~chatproto.realm.originals.Originals`."""
        return self._lab

    def neighbours(self) -> Sequence[tuple[RealmName, str]]:
        """See :class:`~chatproto.realm.originals.Originals`."""
        names = set(self._standings.neighbours())
        found = ((link.realm, link.place) for link in self._all() if link.realm in names)
        return [(realm, place) for realm, place in found if place]

    async def _link_of(self, address: str, alias: str) -> OriginalLink:
        """Return the link of a server at an address, which calls it by a name.

        :raises UnknownCommand: that is no name of a link to it; which there are is no business of its own.
        """
        links = self._at(address)
        if alias:
            named = self._realm.older.aliases.find(alias)
            links = [link for link in links if link.realm in (named, fold(alias))]
        if not links:
            raise UnknownCommand
        return links[0]

    # -- becoming one

    async def add(self, alias: str, host: str, port: int) -> RealmName:
        """See :class:`~chatproto.realm.originals.Originals`."""
        endpoint = str(EndpointText("tcp", (host, str(port)), {}))
        for link in self._all():
            if link.place == endpoint:
                _check(await link.make_known(alias))
                return link.realm
        wire = await self._dial(endpoint, ORIGINAL_DIAL)
        try:
            where = self._advertised(wire)
            if where is None:
                raise Unavailable("this realm has no client port that the other server could reach")
            try:
                _check(await ask(wire, older_peer.recv_realm(alias, *where)))
            except (NotAsked, NotAnswered):
                raise Unavailable from None
            realm = self._free_name(alias)
            await self._standings.add_legacy(realm, host, endpoint)
            await self._made(realm)
        except BaseException:
            wire.close()
            raise
        self._begin(realm, wire)
        return realm

    async def introduced(self, address: str, alias: str, host: str, port: int) -> None:
        """See :class:`~chatproto.realm.originals.Originals`."""
        await self._turns.run(lambda: Deferred.fromCoroutine(self._introduced(address, alias, host, port)))

    async def _introduced(self, address: str, alias: str, host: str, port: int) -> None:
        aliases = self._realm.older.aliases
        LocalName.parse(alias)
        named = aliases.find(alias)
        if named == self._realm.name:  # anybody may have called it so
            named = None
        if named is None and RealmName(fold(alias)) in self._standings.realms():
            named = RealmName(fold(alias))
        known = self._at(address)
        if named is not None:
            link = next((link for link in known if link.realm == named), None)
            if link is None:
                raise RealmExists
            link.bringing.begin()
            return
        if known and not self._lab:
            await aliases.add(alias, known[0].realm)
            return
        endpoint = ""
        if is_loopback(host) and not self._is_own(host, port):  # never anywhere else: it is only said
            endpoint = str(EndpointText("tcp", (host, str(port)), {}))
        realm = next((link.realm for link in known if endpoint and link.place == endpoint), None)
        if realm is None:
            if len(self._links) >= ORIGINALS:
                raise Unavailable("there are too many links")
            realm = self._free_name(alias)
            await self._standings.add_legacy(realm, address_of(address), endpoint)
            await self._made(realm)
            made = self._links.get(realm)
            if isinstance(made, OriginalLink):
                made.addresses.add(address_of(address))
        await aliases.add(alias, realm)

    def _is_own(self, host: str, port: int) -> bool:
        return port in self._place.ports and (is_loopback(host) or host == self._place.host)

    def _free_name(self, alias: str) -> RealmName:
        """Return what a server is called here: its alias, or something like it that is not taken."""
        try:
            base = RealmName.parse(fold(alias))
        except BadName:
            base = RealmName(_NAMELESS)
        taken = {self._realm.name, *self._standings.realms()}
        names = (base, *(RealmName.parse(f"{base[:56]}-{number}") for number in range(2, 10_000)))
        return next(name for name in names if name not in taken)

    async def _dial(self, endpoint: str, seconds: float) -> Wire:
        """Return a connection of its own to a server.

        :raises Unavailable: there is nobody.
        """
        if self._connect is None or self._wire is None:
            raise Unavailable
        there: Deferred[Wire] = Deferred()
        connecting = self._connect(endpoint).connect(self._wire(there.callback))
        connecting.addErrback(lambda failure: None if there.called else there.errback(failure))
        try:
            return await there.addTimeout(seconds, self._realm.clock)  # type: ignore[arg-type]
        except DeferredTimeoutError:
            connecting.cancel()
            raise Unavailable from None
        except Exception:
            raise Unavailable from None

    # -- what comes

    async def receive(
        self, address: str, alias: str, sender: str, to: Sequence[str], text: str
    ) -> InboxEntry:
        """See :class:`~chatproto.realm.originals.Originals`."""
        link = await self._link_of(address, alias)
        return await self._intake.text(link.realm, alias, sender, to, text)

    async def receive_file(
        self, address: str, alias: str, sender: str, to: Sequence[str], path: str, content: str
    ) -> None:
        """See :class:`~chatproto.realm.originals.Originals`."""
        link = await self._link_of(address, alias)
        await self._intake.file(link.realm, alias, sender, to, path, content)

    # -- what goes

    async def send(self, realm: RealmName, login: Login, user: str, text: str) -> str | None:
        """See :class:`~chatproto.realm.originals.Originals`."""
        link = self._links.get(realm)
        if not isinstance(link, OriginalLink):
            return None
        return f"{user}@{realm}" if await link.send_now(login.address, user, text) else None

    async def hand_out(
        self, address: str, alias: str, user: str, gone: Callable[[], bool]
    ) -> list[InboxEntry]:
        """See :class:`~chatproto.realm.originals.Originals`.

        A server that was brought a text keeps it, but shows its user only what it is told from here. So it is
        asked for what it keeps of that.
        """
        link = await self._link_of(address, alias)
        kept = await self._kept(link, alias, user)
        entries = await hand_out(link, alias, user, lambda items: self._entries.of(items, user), gone)
        return [*entries, *kept]

    async def _kept(self, link: OriginalLink, alias: str, user: str) -> list[InboxEntry]:
        key = (link.realm, fold(user))
        if not link.place or key in self._asking or not link.bringing.may_keep(user):
            return []
        self._asking.add(key)
        try:
            wire = await self._dial(link.place, ORIGINAL_ASIDE)
            try:
                answer = await ask(wire, older_peer.get_realm_chat(alias, user), ORIGINAL_ASIDE)
            finally:
                wire.close()
        except (Unavailable, NotAsked, NotAnswered):
            return []
        finally:
            self._asking.discard(key)
        entries = [older_peer.read_entry(entry) for entry in answer.messages]
        return [entry for entry in entries if link.bringing.brought(user, entry.msg)]


def _check(answer: older_peer.Answer) -> None:
    """Return if a server agrees.

    :raises ChatError: it does not; RealmUnreachable if it does not say why.
    """
    if answer.code == "realm-exists":
        raise RealmExists
    if not answer.ok:
        raise RealmRefused(answer.said) if answer.said else RealmUnreachable()
