"""Both ends of the route between this realm and another one."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

from msgspec.structs import replace
from twisted.internet.interfaces import IDelayedCall

from chatproto.federation.bounds import FILE_WINDOW_ROUTED, WRONG_ROUTED
from chatproto.federation.bulk import Bulk
from chatproto.federation.destination import Destination
from chatproto.federation.files import FileEnd
from chatproto.federation.groups_routed import RoutedGroups
from chatproto.federation.identity import Identity
from chatproto.federation.origin import Origin
from chatproto.federation.passing import Passing
from chatproto.frames import Chunk, Frame, Freight, Got, Lacking, Want

if TYPE_CHECKING:
    from chatproto.federation.link import PeerLink

#: Random bytes by which chunks are known that were asked for: who did not pass the question on cannot know.
_NONCE_BYTES = 8


class Ends:
    """What this realm and another one have to do with each other by a route."""

    def __init__(
        self,
        link: PeerLink,
        identity: Identity,
        entropy: Callable[[int], bytes],
        way: Callable[[], PeerLink | None],
    ) -> None:
        self._link = link
        self._way = way
        self._nonce = entropy(_NONCE_BYTES).hex()
        self.origin = Origin(link, identity, entropy)
        self.destination = Destination(link, identity)
        self.passing = Passing(link, identity, entropy, way)
        self.groups = RoutedGroups(link, identity, entropy, way)
        self.files = FileEnd(link, self._say, self._lane, self._wrap, FILE_WINDOW_ROUTED, WRONG_ROUTED)
        #: When it is looked whether the route is to be used.
        self.call: IDelayedCall | None = None
        #: Whether the other realm was told where this one stands, as its store may be an older copy.
        self.announced = False

    def attach(self, hop: PeerLink) -> None:
        """Use the route, by which the other realm can be reached now."""
        self.origin.attach(hop)
        self.groups.attach()
        self.files.begin()
        if not self.announced:
            self.announced = True
            self.destination.announce(hop)

    def detach(self) -> None:
        """Use it no more to send: there is a direct connection, or it is not wanted."""
        self.origin.detach()
        self.groups.detach()
        self.files.detach()

    def drained(self) -> None:
        """Hear that the next realm has room again."""
        self.origin.drained()
        self.groups.drained()

    def close(self) -> None:
        """Do nothing any more."""
        if self.call is not None:
            self.call.cancel()
            self.call = None
        self.origin.close()
        self.destination.close()
        self.passing.close()
        self.groups.close()
        self.files.close()

    # -- files

    def _say(self, frame: Frame) -> bool:
        return self.passing.send(replace(frame, nonce=self._nonce) if isinstance(frame, Want) else frame)

    def _lane(self) -> Bulk | None:
        way = self._way()
        return way.end.lane if way is not None and way.end is not None else None

    def _wrap(self, chunk: Chunk, nonce: str) -> Freight:
        return Freight(
            origin=str(self._link.home),
            to=str(self._link.realm),
            mid=chunk.mid,
            offset=chunk.offset,
            size=chunk.size,
            nonce=nonce,
        )

    def said(self, frame: Want | Lacking | Got) -> None:
        """Take what the other realm has signed of a file; a direct connection comes first."""
        if self._link.end is None:
            self.files.received(frame)

    def freight(self, freight: Freight, data: bytes) -> None:
        """Take bytes of a file, whoever sent them: in the end the hash decides."""
        if freight.nonce == self._nonce and self._link.end is None:
            self.files.chunk(freight, data)
