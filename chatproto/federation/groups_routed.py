"""Groups between this realm and one that is reached by others: a talk made of slips that nobody keeps.

Gateways hold nothing of it. The home's log is kept anyhow, and both sides know how far the copy is. So a slip
that is lost costs no more than to begin the talk anew, as on a new connection. What makes that safe: each
side names the talk by a random name, and what does not belong to the present one is passed over, whoever
sends it again. Within a talk slips are numbered, and a gap ends it.
"""

from __future__ import annotations

import enum
from collections import deque
from collections.abc import Callable, Iterator, Sequence
from typing import TYPE_CHECKING

from msgspec.structs import replace
from twisted.internet.interfaces import IDelayedCall

from chatproto.federation.bounds import TALK_BYTES, TALK_ENTRIES, TALK_LEAST, TALK_PAUSE, TALK_SLIPS
from chatproto.federation.errand import Errand
from chatproto.federation.groups import GroupEnd
from chatproto.federation.identity import Identity
from chatproto.federation.pacing import Patience
from chatproto.federation.passing import Slips
from chatproto.federation.standing import Standing
from chatproto.frames import Entry, PeerLimits, Ready
from chatproto.frames.routing import BODY_CHARACTERS, SLIP_FRAMES, Slip, Talk, Talked
from chatproto.records import ITEMS

if TYPE_CHECKING:
    from chatproto.federation.link import PeerLink

#: Random bytes in the name of a talk: it is never met again.
_NAME_BYTES = 8
#: Characters of a frame beside its text, at most, and for each byte of text.
_FRAME_EXTRA = 8 * 1024
_ESCAPED = 6


class State(enum.Enum):
    """How a talk stands."""

    IDLE = "idle"
    CALLING = "calling"  # the other side is asked to begin
    TALKING = "talking"


class RoutedGroups:
    """What two realms say of groups that reach each other by a route."""

    def __init__(
        self,
        link: PeerLink,
        identity: Identity,
        entropy: Callable[[int], bytes],
        way: Callable[[], PeerLink | None],
    ) -> None:
        """``way`` finds the next realm, if there is one now."""
        self._link = link
        self._slips = Slips(link, identity, way)
        self._entropy = entropy
        self._way = way
        self._state = State.IDLE
        #: The names by which the two sides know the talk.
        self._here = self._there = ""
        #: Slips by number: the newest that was made, that the other side has, and that came.
        self._made = self._confirmed = self._heard = 0
        self._waiting: deque[Slip] = deque()
        self._end: GroupEnd | None = None
        #: Whether that has begun, and what came before: who calls twice may have heard the first answer.
        self._opened = False
        self._early: deque[Talked] = deque()
        self._opening = Errand(link.writer, link.clock, "opening groups by a route", self._open)
        self._patience = Patience(link.clock, self._call)
        self._answer: IDelayedCall | None = None
        #: Whether the other side was called since the start.
        self._announced = False
        #: When it was begun anew at once the last time, as something was missing.
        self._again_at = float("-inf")
        #: Talks that were begun.
        self.begun = 0

    # -- how a talk begins and ends

    def wake(self) -> None:
        """Talk, as there is something new to talk about, if there is a way and no talk yet."""
        if self._state is State.IDLE and self._link.end is None and self._way() is not None:
            self.attach()

    def attach(self) -> None:
        """Talk, as there is a way now, if there is anything to talk about.

        The first time there is: the other side does not know that this one was started, perhaps with an older
        copy of its store, in which there is nothing of a group that the other has.
        """
        rules, realm = self._link.rules, self._link.realm
        if self._link.standing is not Standing.OPEN:
            return
        if not self._announced or rules.copies.of(realm) or rules.replicas.of(realm):
            self._announced = True
            self._call()

    def detach(self) -> None:
        """Talk no more: there is a direct connection, or it is not wanted."""
        self._stop()
        self._patience.stop()
        self._state = State.IDLE

    def close(self) -> None:
        """Begin nothing any more."""
        self.detach()
        self._opening.stop()

    def _stop(self) -> None:
        end, self._end = self._end, None
        if end is not None:
            end.close()
        if self._answer is not None:
            self._answer.cancel()
            self._answer = None
        self._opened = False
        self._early.clear()
        self._waiting.clear()
        self._made = self._confirmed = self._heard = 0

    def _name(self) -> None:
        self._stop()
        self._here, self._there = self._entropy(_NAME_BYTES).hex(), ""

    def _call(self) -> None:
        """Ask the other side to begin anew; if it does not answer, again after a while, ever less often.

        It is the same call then, as an answer may be long on its way.
        """
        if self._state is not State.CALLING:
            self._name()
        self._state = State.CALLING
        self._patience.begin()
        self._post(self._slip())

    def _begin(self, there: str) -> None:
        self._state = State.TALKING
        self._there = there
        self._patience.begin_again()
        self.begun += 1
        limits = PeerLimits(entries=TALK_ENTRIES, bytes=TALK_BYTES)
        self._end = GroupEnd(self._link, self._send, self._flush_acks, self._give_up, limits)
        self._opening.soon()

    async def _open(self) -> None:
        end = self._end
        await self._link.groups.quiet_again()
        if end is None or self._end is not end:
            return
        copies = self._link.rules.replicas.of(self._link.realm)
        end.begin(copies)
        self._send(Ready(last=not copies))
        if self._end is end:
            self._opened = True
            self._hear()

    def _again(self) -> None:
        """Begin anew, as something is missing: at once, unless that happens all the time."""
        now = self._link.clock.seconds()
        if now - self._again_at >= TALK_LEAST:
            self._again_at = now
            self._call()
        else:
            self._give_up("gap")

    def _give_up(self, reason: str, retry_after: float = 0) -> None:
        """Begin anew, later: what was said made no sense."""
        self._name()
        self._state = State.CALLING
        self._patience.begin()

    # -- what goes

    def _flush_acks(self) -> None:
        if self._end is not None:
            self._end.flush()

    def _slip(self, number: int = 0, frames: Sequence[Talked] = ()) -> Slip:
        return Slip(talk=Talk(here=self._here, there=self._there, number=number, frames=list(frames)))

    def _send(self, *frames: Talked) -> bool:
        """Say something in the talk; False if no more should be said for now."""
        if self._state is not State.TALKING:
            return False
        for part in _parts(frames):
            self._made += 1
            self._waiting.append(self._slip(self._made, part))
        if len(self._waiting) > TALK_SLIPS:
            self._give_up("overrun")
            return False
        self._patience.begin()
        return self._flush()

    def _flush(self) -> bool:
        while self._waiting:
            if not self._post(self._waiting[0]):
                return False
            self._waiting.popleft()
        return True

    def _post(self, slip: Slip) -> bool:
        """Send a slip, with how far the other side was heard; False if there is no room for it."""
        talk = slip.talk
        if talk is None or not self._slips.send(Slip(talk=replace(talk, heard=self._heard))):
            return False
        if self._answer is not None:
            self._answer.cancel()
            self._answer = None
        return True

    def _say_soon(self) -> None:
        """Say how far the other side was heard, if nothing else is said before."""
        if self._answer is None:
            self._answer = self._link.clock.callLater(TALK_PAUSE, self._say)

    def _say(self) -> None:
        self._answer = None
        self._post(self._slip())

    def drained(self) -> None:
        """Hear that the next realm has room again."""
        if self._state is State.TALKING and self._waiting and self._flush() and self._end is not None:
            self._end.drained()

    # -- what comes

    def arrived(self, talk: Talk) -> None:
        """Take what the other realm has signed."""
        if self._link.end is not None:
            return
        if not talk.there:
            self._called(talk)
        elif talk.there != self._here or (self._there and talk.here != self._there):
            return  # of another talk
        elif self._state is State.CALLING:
            self._begin(talk.here)
            self._take(talk)
        elif self._state is State.TALKING:
            self._take(talk)

    def _called(self, talk: Talk) -> None:
        if self._state is not State.TALKING or talk.here != self._there:
            if self._state is not State.CALLING:
                self._name()
            self._begin(talk.here)
        elif self._heard == 0:
            # The answer was lost, and what followed it: the same again, with the same numbers.
            self._stop()
            self._begin(talk.here)
        self._post(self._slip())

    def _take(self, talk: Talk) -> None:
        if self._confirmed < min(talk.heard, self._made):
            self._confirmed = min(talk.heard, self._made)
            self._patience.moved(self._confirmed < self._made)
        if talk.number > self._heard + 1:
            self._again()
        elif talk.number == self._heard + 1:
            self._heard = talk.number
            self._say_soon()
            self._early.extend(talk.frames)
            self._hear()

    def _hear(self) -> None:
        """Take what came, if the talk has begun; as soon as that ends it, nothing is left to take."""
        if not self._opened and len(self._early) > TALK_SLIPS:
            self._give_up("overrun")
        while self._opened and self._early and self._end is not None:
            frame = self._early.popleft()
            if isinstance(frame, Ready) and frame.stream == ITEMS:
                if frame.last:
                    self._end.sender.all_ready()
            else:
                self._end.received(frame)


def _parts(frames: Sequence[Talked]) -> Iterator[list[Talked]]:
    """Cut frames into as few parts as fit into slips."""
    part: list[Talked] = []
    size = 0
    for frame in frames:
        more = _FRAME_EXTRA + (_ESCAPED * len(frame.text.encode()) if isinstance(frame, Entry) else 0)
        if part and (size + more > BODY_CHARACTERS or len(part) == SLIP_FRAMES):
            yield part
            part, size = [], 0
        part.append(frame)
        size += more
    if part:
        yield part
