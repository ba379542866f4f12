"""Introduction: a realm that is trusted to do so tells the key and the address of another one.

Who introduces could as well put somebody else in the place of the realm that is asked for. So it is asked,
and believed, only where the operator said so; it tells only of realms that its own operator names for it, and
none that it knows by introduction itself.
"""

from __future__ import annotations

import re
from collections import OrderedDict
from collections.abc import Callable, Coroutine, Mapping
from typing import Any

from twisted.internet.defer import Deferred
from twisted.logger import Logger
from twisted.python.failure import Failure

from chatproto.errors import ChatError, NoSuchRealm, StoreError
from chatproto.faults import Discreet
from chatproto.federation.bounds import INTRODUCED, INTRODUCTION_SECONDS, NOT_INTRODUCED
from chatproto.federation.link import PeerLink, State
from chatproto.federation.setting import parse_connect
from chatproto.federation.standing import Standing, Standings
from chatproto.names import RealmName
from chatproto.realm.times import Clock

#: Nothing but a place: other endpoints name files and programs of the machine that dials.
_PLACE = re.compile(r"(?:tcp|tls):[A-Za-z0-9.-]{1,253}:[0-9]{1,5}")
_KEY = re.compile(r"[0-9a-f]{64}")

#: Makes the link to a realm, as its standing is.
Link = Callable[[RealmName], Coroutine[Any, Any, None]]


class Introductions:
    """Asks for realms that are not linked, and tells of those that are."""

    _log = Logger()

    def __init__(
        self, links: Mapping[RealmName, PeerLink], standings: Standings, clock: Clock, link: Link
    ) -> None:
        self._links = links
        self._standings = standings
        self._clock = clock
        self._link = link
        #: Realms of which nobody told, and until when they are not asked for again; the oldest first.
        self._unknown: OrderedDict[RealmName, float] = OrderedDict()
        self._asking: dict[RealmName, list[Deferred[None]]] = {}

    # -- for others

    def tell(self, realm: str) -> dict[str, Any]:
        """Return how a realm is known here, for whoever asks to be introduced.

        :raises NoSuchRealm: it is not known, or not to be told of.
        """
        found = self._links.get(RealmName(realm))
        if found is None or found.standing is not Standing.OPEN:
            raise NoSuchRealm
        standings, name = self._standings, found.realm
        key = standings.key_of(name)
        if not standings.setting(name).introduce or standings.row(name).introducer or not key:
            raise NoSuchRealm
        return {"realm": str(name), "connect": standings.endpoint(name), "key": key}

    # -- for us

    def introducers(self) -> list[PeerLink]:
        """Return the linked realms that are believed, and can be asked now."""
        return [
            link
            for link in self._links.values()
            if link.state is State.UP
            and link.standing is Standing.OPEN
            and self._standings.setting(link.realm).introduced
        ]

    async def find(self, realm: RealmName) -> None:
        """Link a realm that was never linked, if somebody introduces it; who asks meanwhile waits with us."""
        if self._unknown.get(realm, 0.0) > self._clock.seconds() or not self._standings.is_new(realm):
            return
        waiting = self._asking.get(realm)
        if waiting is not None:
            done: Deferred[None] = Deferred()
            waiting.append(done)
            await done
            return
        self._asking[realm] = []
        try:
            if not await self._ask(realm):
                self._forget(realm)
        finally:
            for done in self._asking.pop(realm):
                done.callback(None)

    async def _ask(self, realm: RealmName) -> bool:
        for introducer in self.introducers():
            try:
                found = await introducer.ask("realm", realm)
            except ChatError:
                continue
            key, connect = str(found.get("key")), str(found.get("connect"))
            if found.get("realm") != realm or _KEY.fullmatch(key) is None:
                continue
            if self._standings.introduced() >= INTRODUCED or not self._standings.is_new(realm):
                return False
            self._log.info("{realm} is introduced by {by}", realm=realm, by=introducer.realm)
            await self._standings.introduce(realm, _place(connect), key, introducer.realm)
            await self._link(realm)
            return True
        return False

    def _forget(self, realm: RealmName) -> None:
        self._unknown[realm] = self._clock.seconds() + INTRODUCTION_SECONDS
        self._unknown.move_to_end(realm)
        if len(self._unknown) > NOT_INTRODUCED:
            self._unknown.popitem(last=False)

    def dialled(self, realm: RealmName) -> None:
        """Hear that somebody dialled whom nobody knows; when it dials again it may be introduced.

        One such question at a time: anybody can dial.
        """
        if not self._asking and self.introducers():
            Deferred.fromCoroutine(self.find(realm)).addErrback(self._not_found, realm)

    def _not_found(self, failure: Failure, realm: RealmName) -> None:
        if not failure.check(ChatError, StoreError):
            self._log.failure("{realm} could not be introduced", realm=realm, failure=Discreet(failure))


def _place(connect: str) -> str:
    """Return an endpoint that may be dialled though another realm named it, or ``""``: it has to dial."""
    if _PLACE.fullmatch(connect) is None:
        return ""
    try:
        return parse_connect(connect, insecure=False)
    except ValueError:
        return ""
