"""The destination's end of a route: items of one realm that came through others.

Letters have the signature of their origin, so what they say is as good as on a direct connection; but they
may come late, twice, in any order, or from an epoch that is long over. So what makes an item have its effect
is not that it came: it has to be the next number of the newest epoch, and to name the mid of the one before.
All else is passed over, and now and then answered with where the stream stands.

There is one :class:`~chatproto.federation.incoming.IncomingStream`, which takes from a direct connection if
there is one, and from here if there is none.
"""

from __future__ import annotations

from collections import deque
from typing import TYPE_CHECKING

from msgspec.structs import replace
from twisted.internet.interfaces import IDelayedCall
from twisted.logger import Logger

from chatproto.federation.bounds import ANNOUNCEMENTS, EARLY_PARCELS, ROUTE_PAUSE
from chatproto.federation.errand import Errand
from chatproto.federation.identity import Identity
from chatproto.federation.pacing import Patience
from chatproto.federation.sealing import seal
from chatproto.frames import Start, Verdict
from chatproto.frames.routing import Letter
from chatproto.wire.letters import encode_body

if TYPE_CHECKING:
    from chatproto.federation.link import PeerLink


class Destination:
    """Takes what one realm sends by routes."""

    _log = Logger()

    def __init__(self, link: PeerLink, identity: Identity) -> None:
        self._link = link
        self._identity = identity
        self._stream = link.incoming
        self._early: deque[Letter] = deque()
        self._attached = False
        #: The mid of the newest number that was received.
        self._mid = ""
        #: The newest nonce of the origin, and who brought the newest letter.
        self._nonce = ""
        self._hop: PeerLink | None = None
        self._taking = Errand(link.writer, link.clock, "taking what came by a route", self._take)
        self._announcing = False
        self._announcements = 0
        self._patience = Patience(link.clock, self._announce)
        self._said_at = float("-inf")
        self._say_call: IDelayedCall | None = None

    @property
    def hop(self) -> PeerLink | None:
        """Who brought the newest letter."""
        return self._hop

    def arrived(self, letter: Letter, hop: PeerLink) -> None:
        """Take a letter whose signature is the origin's."""
        self._hop = hop
        self._nonce = letter.nonce or self._nonce
        if len(self._early) < EARLY_PARCELS:
            self._early.append(letter)
        self._taking.soon()

    def announce(self, hop: PeerLink) -> None:
        """Say where the stream stands, though nobody asks: this store may be an older copy."""
        self._hop = hop
        self._announcements = ANNOUNCEMENTS
        self._announce()

    def _announce(self) -> None:
        if self._announcements:
            self._announcements -= 1
            self._announcing = True
            self._taking.soon()
            self._patience.begin()

    def detach(self) -> None:
        """Leave the stream to a direct connection."""
        if self._attached:
            self._attached = False
            self._stream.detach()

    def close(self) -> None:
        """End for good."""
        self.detach()
        self._taking.stop()
        self._patience.stop()
        if self._say_call is not None:
            self._say_call.cancel()
            self._say_call = None

    # -- what comes

    async def _take(self) -> None:
        link = self._link
        if not self._attached and link.end is None:
            ready = await self._stream.ready()
            if link.end is not None or not (self._early or self._announcing):
                return
            self._stream.attach(self._stored, self._gave_up)
            self._attached = True
            self._mid = ready.mid
        if self._announcing:
            self._announcing = False
            self._say()
        while self._early and self._attached:
            self._read(self._early.popleft())
        if self._early and link.end is not None:
            # What came goes another way; but whoever holds copies of it may want to know how far that is.
            self._early.clear()
            self._say_again()

    def _read(self, letter: Letter) -> None:
        stream, frame = self._stream, letter.frame
        row = stream.row
        if row is None or letter.epoch != row.epoch:
            old = row is not None and letter.since <= row.since
            if old or frame is None or (stream.received is None and frame.number != letter.first):
                self._say_again()
                return
        if stream.received is None:
            self._start(letter)
        elif letter.epoch != stream.epoch:
            self._begin_anew(letter)
        if not self._attached or stream.received is None:
            return
        stream.settled(letter.settled)
        if frame is None:
            self._say_again()
        elif stream.takes(frame) and self._follows(letter):
            self._mid = frame.mid
            stream.receive(replace(frame, settled=None))
        else:
            self._say_again()

    def _follows(self, letter: Letter) -> bool:
        """Tell whether a letter's number is that after the newest one, of the same life of its origin."""
        frame = letter.frame
        return frame is not None and (frame.number == letter.first or letter.after == self._mid)

    def _start(self, letter: Letter) -> None:
        """Hear of the stream for the first time since a direct connection, or the start."""
        stream = self._stream
        row, after, settled = stream.row, letter.first - 1, letter.first - 1
        if row is not None and row.epoch == letter.epoch:
            after, settled = row.number, letter.settled
            if settled > after:
                self._say_again()  # this store is older than what its origin was told
                return
        stream.start(
            Start(
                epoch=letter.epoch,
                first=letter.first,
                next=after + 1,
                repeats=letter.repeats,
                settled=settled,
                since=letter.since,
            )
        )

    def _begin_anew(self, letter: Letter) -> None:
        """Hear of another epoch in the middle of one: go on with it if it is newer, and this is its first."""
        frame = letter.frame
        if letter.since <= self._stream.since or frame is None or frame.number != letter.first:
            self._say_again()
            return
        self.detach()
        self._early.appendleft(letter)
        self._taking.wake()

    def _gave_up(self, reason: str) -> None:
        self._log.warn("{realm} by a route: {reason}", realm=self._link.realm, reason=reason)
        self.detach()

    # -- what is said

    def _say_again(self) -> None:
        """Say soon where the stream stands, but not for each letter that is passed over."""
        if self._say_call is None:
            wait = self._said_at + ROUTE_PAUSE - self._link.clock.seconds()
            self._say_call = self._link.clock.callLater(min(max(wait, 0.0), ROUTE_PAUSE), self._say_now)

    def _stored(self) -> None:
        self._announcements = 0  # who goes on knows where this realm stands
        self._say()

    def _say_now(self) -> None:
        self._say_call = None
        self._say()

    def _say(self) -> None:
        """Say where the stream stands: as much as is on disk."""
        ruling, link, hop = self._stream.ruling(), self._link, self._hop
        if ruling is None or hop is None:
            return
        self._said_at = link.clock.seconds()
        body = encode_body(replace(ruling, nonce=self._nonce))
        verdict = Verdict(origin=str(link.realm), to=str(link.home), body=body, signature="")
        hop.post(seal(self._identity, verdict))
