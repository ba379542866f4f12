"""What nobody keeps, by a route: receipts, questions, what is said of files; each signed by who says it."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from twisted.internet.defer import Deferred

from chatproto.errors import Unavailable
from chatproto.federation.identity import Identity
from chatproto.federation.questions import Questions
from chatproto.federation.sealing import seal
from chatproto.frames import Answer, Ask, Frame, Got, Lacking, Live, Pass, Receipt, Want
from chatproto.frames.routing import BODY_CHARACTERS, Slip
from chatproto.wire.letters import encode_body

if TYPE_CHECKING:
    from chatproto.federation.link import PeerLink

#: Random bytes of the first number of a question: an old answer is none to any that is asked later.
_FIRST_BYTES = 6


class Slips:
    """Signs slips for another realm, and gives them to the next one."""

    def __init__(self, link: PeerLink, identity: Identity, way: Callable[[], PeerLink | None]) -> None:
        self._link = link
        self._identity = identity
        self._way = way

    def send(self, slip: Slip) -> bool:
        """Send a slip, if there is a way and room for it now; False if it did not go."""
        way, link, body = self._way(), self._link, encode_body(slip)
        if way is None or not way.has_room or len(body) > BODY_CHARACTERS:
            return False
        passed = Pass(origin=str(link.home), to=str(link.realm), body=body, signature="")
        way.post(seal(self._identity, passed))
        return True


class Passing:
    """What passes between this realm and another one that is not linked directly."""

    def __init__(
        self,
        link: PeerLink,
        identity: Identity,
        entropy: Callable[[int], bytes],
        way: Callable[[], PeerLink | None],
    ) -> None:
        """``way`` finds the next realm, if there is one now."""
        self._link = link
        self._way = way
        self._slips = Slips(link, identity, way)
        first = int.from_bytes(entropy(_FIRST_BYTES))
        self._questions = Questions(link.clock, link.answer, self.send, first)

    def ask(self, *arguments: str) -> Deferred[dict[str, Any]]:
        """Ask the other realm.

        :raises Unavailable: there is no way to it now.
        """
        if self._way() is None:
            raise Unavailable
        return self._questions.ask(*arguments)

    def tell_receipts(self) -> None:
        """Send receipts that wait, if there is a way; otherwise they wait on."""
        way = self._way()
        if way is not None and way.has_room:
            for hint in self._link.receipts.take():
                self.send(hint)

    def arrived(self, frame: Receipt | Live | Ask | Answer) -> None:
        """Take what the other realm has signed."""
        if isinstance(frame, Receipt | Live):
            self._link.receipts.heard(frame)
        else:
            self._questions.heard(frame)

    def close(self) -> None:
        """End: nobody will answer."""
        self._questions.close()

    def send(self, frame: Frame) -> bool:
        """Sign something and send it; False if it did not go."""
        assert isinstance(frame, Receipt | Live | Ask | Answer | Want | Lacking | Got)
        return self._slips.send(Slip(frame=frame))
