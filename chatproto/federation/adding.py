"""Realms that users of a lab add: found by where they are, linked as they are first met, called by an alias.

Ours are asked who they are; who does not understand that is taken for an original server. All only on this
machine: whoever reaches the lab could otherwise have it connect to anything.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable

from twisted.internet.defer import Deferred
from twisted.internet.task import deferLater
from zope.interface import implementer

from chatproto.endpoints import EndpointText, is_loopback
from chatproto.errors import ChatError, NotAllowed, RealmExists, RealmRefused, RealmUnreachable
from chatproto.federation.link import State
from chatproto.federation.peers import Peers
from chatproto.federation.standing import Standing
from chatproto.interfaces import IAdding
from chatproto.names import LocalName, RealmName
from chatproto.realm.realm import Realm
from chatproto.realm.times import Clock

#: Realms that a lab links because they said hello: a course has fewer, and each has a row and a link.
MET = 64
#: So long it may take until a link that was found stands: a dial, a handshake, and some commits.
_LINK_SECONDS = 5.0
#: How often it is looked at meanwhile.
_LOOK_SECONDS = 0.02

#: Returns the name of the realm at an endpoint; None if somebody is there who is none of ours.
Find = Callable[[str], Awaitable[RealmName | None]]


async def _nobody(endpoint: str) -> RealmName | None:
    raise RealmUnreachable


@implementer(IAdding)
class Adding:
    """What users of a lab may do about links. ``find`` is replaced once, before anybody asks."""

    def __init__(self, realm: Realm, peers: Peers, clock: Clock) -> None:
        self.find: Find = _nobody
        self._realm = realm
        self._peers = peers
        self._clock = clock
        #: Aliases that are being added.
        self._adding: set[str] = set()

    def open(self) -> bool:
        """See :meth:`IAdding.open`."""
        return True

    def add(self, alias: str, host: str, port: str) -> Deferred[None]:
        """See :meth:`IAdding.add`."""
        return Deferred.fromCoroutine(self._add(alias, host, port))

    async def _add(self, word: str, host: str, port: str) -> None:
        alias = LocalName.parse(word).folded
        known = self._realm.older.aliases.find(alias)
        # Of a realm whose link was dropped it may be added again, and if it was only a name of this one.
        if alias in self._adding or (known is not None and self._peers.remotes.knows(known)):
            raise RealmExists
        endpoint = _endpoint(host, port)
        self._adding.add(alias)
        try:
            found = await self.find(endpoint)
            if found is None:
                realm = await self._realm.older.originals.add(word, host, int(port))
                await self._realm.older.aliases.add(word, realm)
            else:
                await self._name(word, found, endpoint)
        except (RealmExists, RealmRefused):
            raise
        except ChatError:  # what keeps a link from being made is no matter of who asked for it
            raise RealmUnreachable from None
        finally:
            self._adding.discard(alias)

    async def _name(self, word: str, found: RealmName, endpoint: str) -> None:
        """Link a realm of ours, and give the link a name at both ends."""
        new = self._peers.standings.of(found) is Standing.DROPPED
        try:
            await self._link(found, endpoint)
            if (await self._peers.link(found).ask("alias", word)).get("taken"):
                raise RealmExists
            await self._realm.older.aliases.add(word, found)
        except ChatError:
            link = self._peers.links.get(found)
            if new and link is not None and link.state is not State.CLOSED:
                await self._peers.drop(found)
            raise

    async def _link(self, realm: RealmName, endpoint: str) -> None:
        """Return when there is a link to a realm.

        :raises RealmUnreachable: it is this one, the operator wants no link to it, or it takes too long.
        """
        if realm == self._realm.name:
            raise RealmUnreachable
        peers = self._peers
        standing = peers.standings.of(realm)
        undialled = standing is Standing.OPEN and not peers.standings.endpoint(realm)
        if standing is Standing.DROPPED or undialled:
            await peers.add(realm, endpoint)
        link = peers.link(realm)
        if link.state is not State.UP:
            peers.dialer.retry(realm)
        until = self._clock.seconds() + _LINK_SECONDS
        while link.state is not State.UP:
            closed = link.state is State.CLOSED or link.standing is not Standing.OPEN
            if closed or self._clock.seconds() >= until:
                raise RealmUnreachable
            await deferLater(self._clock, _LOOK_SECONDS)  # type: ignore[arg-type]  # it needs no more of a clock

    def meet(self, realm: RealmName) -> Deferred[None]:
        """Link a realm that says hello, if nothing was ever decided about it; fire when that is done."""
        return Deferred.fromCoroutine(self._meet(realm))

    async def _meet(self, realm: RealmName) -> None:
        if realm != self._realm.name and len(self._peers.links) < MET:
            await self._peers.introductions.find(realm)  # who is vouched for is no stranger
            if self._peers.standings.is_new(realm):
                await self._peers.add(realm)


def _endpoint(host: str, port: str) -> str:
    """Return the endpoint of a place on this machine.

    :raises NotAllowed: it is elsewhere.
    :raises RealmUnreachable: that is no port.
    """
    if not (port.isascii() and port.isdigit() and len(port) <= 5 and 0 < int(port) < 65536):
        raise RealmUnreachable
    if not is_loopback(host):
        raise NotAllowed("in a lab only realms on this machine can be added")
    return str(EndpointText("tcp", (host, port), {}))
