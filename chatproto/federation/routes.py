"""Ways to realms that are not linked directly, for this realm and for others.

One object knows which realm is next, hears which links are up, and gives each frame of a route to whom it
concerns: an origin's end, a destination's end, or the gateway that this realm may be, too.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any

from twisted.internet.defer import Deferred
from twisted.logger import Logger
from twisted.python.failure import Failure

from chatproto.errors import LinkError, Unavailable
from chatproto.faults import Discreet
from chatproto.federation.bounds import ROUTE_GRACE
from chatproto.federation.identity import Identity
from chatproto.federation.origin import State as Way
from chatproto.federation.relaying import Relaying
from chatproto.federation.routes_ends import Ends
from chatproto.federation.sealing import is_sealed
from chatproto.federation.setting import RouteTable
from chatproto.federation.standing import Standing, Standings
from chatproto.frames import (
    Frame,
    Freight,
    Got,
    Held,
    Lacking,
    NoRoute,
    Noted,
    Parcel,
    Pass,
    Verdict,
    Want,
)
from chatproto.frames.routing import Letter, Ruling, Slip
from chatproto.interfaces import IStore
from chatproto.names import RealmName
from chatproto.realm.realm import Realm
from chatproto.realm.times import Clock
from chatproto.records import ITEMS
from chatproto.wire.letters import decode_body

if TYPE_CHECKING:
    from chatproto.federation.link import PeerLink

#: Whose frames are taken.
_WELCOME = (Standing.OPEN, Standing.PARKED)


class Routes:
    """The routes of one realm."""

    _log = Logger()

    def __init__(
        self,
        realm: Realm,
        store: IStore,
        clock: Clock,
        identity: Identity,
        links: Mapping[RealmName, PeerLink],
        standings: Standings,
        table: RouteTable,
        entropy: Callable[[int], bytes],
    ) -> None:
        self._home = realm.name
        self._clock = clock
        self._identity = identity
        self._links = links
        self._standings = standings
        self._table = table
        self._entropy = entropy
        self._ends: dict[RealmName, Ends] = {}
        self._closed = False
        self.relaying = Relaying(
            realm.name, store, realm.writer, clock, realm.audit, realm.policy.limits, self
        )
        #: Frames whose signature is not that of whom they name.
        self.forged = 0

    async def load(self) -> None:
        """Learn what is held for others."""
        await self.relaying.load()

    def made(self, link: PeerLink) -> None:
        """Hear of a new link."""
        ends = Ends(link, self._identity, self._entropy, lambda: self.way(link.realm))
        self._ends[link.realm] = ends
        link.carrier = self

    def close(self) -> None:
        """Use no route any more."""
        self._closed = True
        for ends in self._ends.values():
            ends.close()
        self.relaying.close()

    # -- which realm is next

    def hop_of(self, realm: RealmName) -> RealmName | None:
        """Return the realm by which another one is reached that is not linked directly; None if by none."""
        if self._standings.is_legacy(realm):
            return None
        hop = self._standings.setting(realm).via or self._table.ways.get(realm)
        if hop is None and not self._standings.endpoint(realm):
            hop = self._table.default
        return hop if hop not in (realm, self._home) else None

    def way(self, realm: RealmName) -> PeerLink | None:
        """Return the link by which a realm is reached now that is not linked directly."""
        hop = self.hop_of(realm)
        return self.neighbour(hop) if hop is not None else None

    def neighbour(self, realm: str) -> PeerLink | None:
        """See :class:`~chatproto.federation.relaying.Ways`."""
        link = self._links.get(RealmName(realm))
        return link if link is not None and link.carries and link.standing in _WELCOME else None

    def onward(self, realm: str, but: str) -> PeerLink | None:
        """See :class:`~chatproto.federation.relaying.Ways`."""
        link = self.neighbour(realm)
        if link is None:
            known = RealmName(realm) in self._links
            hop = self.hop_of(RealmName(realm)) if not known or self._is_far(realm) else None
            link = self.neighbour(hop) if hop is not None else None
        return link if link is not None and link.realm != but else None

    def _is_far(self, realm: str) -> bool:
        """Tell whether a realm is said to be reached by another one."""
        name = RealmName(realm)
        return self._standings.setting(name).via is not None or name in self._table.ways

    def refusal(self, hop: PeerLink, realm: str) -> str:
        """See :class:`~chatproto.federation.relaying.Ways`."""
        name = RealmName(realm)
        link = self._links.get(name)
        if not self._table.relay or not self._may(hop.realm) or (link is not None and not self._may(name)):
            return "no-route"
        if link is None and self.hop_of(name) is None:
            return "no-route"
        return "loop" if hop.realm == (name if link is not None else self.hop_of(name)) else ""

    def _may(self, realm: RealmName) -> bool:
        return self._standings.of(realm) in _WELCOME and self._standings.setting(realm).relay

    # -- links

    def up(self, link: PeerLink) -> None:
        """Hear that a link is up, perhaps again."""
        if not link.carries:
            return
        self.relaying.up(link)
        for name, ends in self._ends.items():
            if self.hop_of(name) == link.realm:
                ends.origin.detach()
                self._look_soon(name)

    def down(self, link: PeerLink) -> None:
        """Hear that a link is down."""
        for name, ends in self._ends.items():
            if self.hop_of(name) == link.realm:
                ends.origin.detach()
                ends.files.detach()
        self.relaying.down(link)
        self._look_soon(link.realm)

    def connecting(self, link: PeerLink) -> None:
        """Hear that a direct connection takes the streams of a realm."""
        ends = self._ends[link.realm]
        ends.detach()
        ends.destination.detach()

    def decided(self, link: PeerLink) -> None:
        """Hear that something was decided about a realm."""
        ends = self._ends[link.realm]
        if link.standing is not Standing.OPEN:
            ends.detach()
        if link.standing is Standing.DROPPED:
            self.relaying.forget(str(link.realm))
        self._look_soon(link.realm)

    def drained(self, link: PeerLink) -> None:
        """Hear that a connection has room again."""
        self.relaying.drained(link)
        for name, ends in self._ends.items():
            if ends.origin.hop == link.realm:
                ends.drained()
            if self._links[name].receipts and self.way(name) is link:
                ends.passing.tell_receipts()

    def _look_soon(self, realm: RealmName) -> None:
        """Use a route if there is one; where a realm is dialled, too, only if that does not work at once."""
        ends = self._ends[realm]
        if ends.call is None and not self._closed and self.hop_of(realm) is not None:
            wait = ROUTE_GRACE if self._standings.endpoint(realm) else 0.0
            ends.call = self._clock.callLater(wait, self._look, realm)

    def _look(self, realm: RealmName) -> None:
        link, ends = self._links[realm], self._ends[realm]
        ends.call = None
        hop = self.way(realm)
        if hop is None or link.end is not None or link.standing is not Standing.OPEN:
            return
        if not self._standings.key_of(realm):
            return  # nothing that it says could be believed
        ends.attach(hop)
        if link.receipts:
            ends.passing.tell_receipts()

    # -- how it stands, for operators

    def via(self, realm: RealmName) -> str:
        """Return the realm by which another one is reached, ``""`` if by none."""
        return str(self.hop_of(realm) or "")

    def is_open(self, realm: RealmName) -> bool:
        """Tell whether items go by a route now, or would."""
        return self._ends[realm].origin.state in (Way.IDLE, Way.OPEN)

    def error(self, realm: RealmName) -> str:
        """Return the code with which the route was refused last, if it does not work since."""
        return self._ends[realm].origin.error

    # -- what passes

    def ask(self, link: PeerLink, *arguments: str) -> Deferred[dict[str, Any]]:
        """Ask a realm by its route.

        :raises Unavailable: there is none now.
        """
        if link.standing is not Standing.OPEN:
            raise Unavailable
        return self._ends[link.realm].passing.ask(*arguments)

    def group_entry(self, link: PeerLink) -> None:
        """Hear that there is something to say of groups to a realm that is not linked directly."""
        self._ends[link.realm].groups.wake()

    def tell_receipts(self, link: PeerLink) -> None:
        """Send the receipts that wait for a realm by its route."""
        if link.standing is Standing.OPEN:
            self._ends[link.realm].passing.tell_receipts()

    # -- frames

    def received(self, hop: PeerLink, frame: Frame) -> None:
        """Take a frame of a route from a linked realm. What cannot be believed is dropped."""
        if self._closed or hop.standing not in _WELCOME or not hop.routes:
            return
        try:
            self._take(hop, frame)
        except LinkError:
            self.forged += 1  # a body that is none, under a signature or not
        except Exception:
            self._log.failure("a frame of a route could not be taken", failure=Discreet(Failure()))

    def freight(self, hop: PeerLink, freight: Freight, data: bytes) -> None:
        """Take bytes of a file from a linked realm: for this one, or to be passed on."""
        if self._closed or hop.standing not in _WELCOME or not hop.routes:
            return
        if freight.to != self._home:
            self.relaying.freight(hop, freight, data)
            return
        ends = self._ends.get(RealmName(freight.origin))
        if ends is not None:
            ends.freight(freight, data)

    def _take(self, hop: PeerLink, frame: Frame) -> None:  # noqa: PLR0912 - one line for each frame
        match frame:
            case Verdict() | Held() | NoRoute() | Noted() if frame.stream != ITEMS:
                pass  # nobody here has begun one
            case Parcel() if frame.to == self._home:
                self._arrived(hop, frame)
            case Parcel():
                if self._is_credible(hop, frame, frame.origin):
                    self.relaying.parcel(hop, frame, decode_body(Letter, frame.body, strict=False))
            case Verdict() if frame.origin == self._home:
                self._ruled(hop, frame)
            case Verdict():
                if self._is_from_destination(hop, frame):
                    self.relaying.verdict(hop, frame, decode_body(Ruling, frame.body, strict=False))
            case Pass() if frame.to == self._home:
                self._passed(frame)
            case Pass():
                self.relaying.passing(hop, frame)
            case Held() | NoRoute() if frame.origin == self._home:
                self._to_origin(hop, frame.to, frame)
            case Held():
                self.relaying.held(hop, frame)
            case NoRoute():
                self.relaying.no_route(hop, frame)
            case Noted():
                self.relaying.noted(hop, frame)

    def _sealed(self, frame: Parcel | Verdict | Pass, signer: str) -> Ends | None:
        """Return the ends of the route to who has signed a frame; None if it has not, or is nobody to us."""
        name = RealmName(signer)
        ends = self._ends.get(name)
        if ends is None or self._standings.of(name) in (Standing.DROPPED, Standing.PENDING):
            return None
        if not is_sealed(frame, self._standings.key_of(name)):
            self.forged += 1
            return None
        return ends

    def _is_credible(self, hop: PeerLink, frame: Parcel, signer: str) -> bool:
        """Tell whether a frame may be its signer's: who brought it, or whose key fits or is unknown."""
        key = self._standings.key_of(RealmName(signer))
        credible = hop.realm == signer or not key or is_sealed(frame, key)
        self.forged += not credible
        return credible

    def _is_from_destination(self, hop: PeerLink, frame: Verdict) -> bool:
        """Tell whether a verdict may be the destination's: by its signature, or from where its items went."""
        key = self._standings.key_of(RealmName(frame.to))
        credible = is_sealed(frame, key) if key else self.onward(frame.to, frame.origin) is hop
        self.forged += not credible
        return credible

    def _arrived(self, hop: PeerLink, parcel: Parcel) -> None:
        ends = self._sealed(parcel, parcel.origin)
        if ends is not None and parcel.stream == ITEMS:
            ends.destination.arrived(decode_body(Letter, parcel.body), hop)

    def _ruled(self, hop: PeerLink, verdict: Verdict) -> None:
        ends = self._sealed(verdict, verdict.to)
        if ends is not None:
            ends.origin.ruled(decode_body(Ruling, verdict.body), hop)

    def _passed(self, passed: Pass) -> None:
        ends = self._sealed(passed, passed.origin)
        if ends is None:
            return
        slip = decode_body(Slip, passed.body)
        is_open = self._links[RealmName(passed.origin)].standing is Standing.OPEN
        if isinstance(slip.frame, Want | Lacking | Got):
            if is_open:
                ends.said(slip.frame)
        elif slip.frame is not None:
            ends.passing.arrived(slip.frame)
        elif slip.talk is not None and is_open:
            ends.groups.arrived(slip.talk)

    def _to_origin(self, hop: PeerLink, realm: str, frame: Held | NoRoute) -> None:
        ends = self._ends.get(RealmName(realm))
        if ends is None or self.way(RealmName(realm)) is not hop:
            return
        if isinstance(frame, Held):
            ends.origin.held(frame)
        else:
            ends.origin.no_route(frame.code)
