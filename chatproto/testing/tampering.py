"""A gateway that is not honest: it has each frame in its hands, and does with it what it likes.

It may drop, double, delay, swap and alter, bring back what is old, and say what nobody asked it to say, as
often as it likes. What it may not do is to be believed. In the end it is honest again, so that everything has
to arrive.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable
from random import Random
from typing import Any

from msgspec.structs import replace

from chatproto.federation.identity import Identity
from chatproto.federation.sealing import seal
from chatproto.frames import Frame, Freight, Held, Item, NoRoute, Noted, Parcel, Pass, Verdict
from chatproto.frames.routing import Letter, Ruling
from chatproto.names import RealmName
from chatproto.testing.clock import ProcessClock
from chatproto.testing.ledger import EVIL
from chatproto.wire.letters import decode_body, encode_body

#: What it keeps to bring it back.
_KEPT = 300
_DELAYS = (0.0, 0.1, 5.0, 90.0)
#: How often it says the same in one turn.
_TIMES = 30

Post = Callable[[Frame], bool]
#: Passes bytes of a file on that came from a realm.
PassOn = Callable[[Any, Freight, bytes], None]


class Tampering:
    """What one gateway does to others' frames while it is ``active``. It outlives its processes."""

    def __init__(self, home: str, random: Random) -> None:
        self._home = home
        self.active = True
        self._random = random
        self._identity = Identity(RealmName("rogue"), random.randbytes(32))
        self._kept: deque[Parcel | Verdict | Pass | Held | Noted] = deque(maxlen=_KEPT)
        #: The files whose bytes it has altered.
        self.altered: set[str] = set()
        #: How often it did what.
        self.done = 0

    def post(self, clock: ProcessClock, send: Post, frame: Frame) -> bool:
        """Send a frame, or something else."""
        if not self.active or not isinstance(frame, Parcel | Verdict | Pass | Held | Noted):
            return send(frame)
        if self._home in (frame.origin, frame.to):
            return send(frame)  # it has users of its own
        self._kept.append(frame)
        if self._random.random() < 0.6:
            return send(frame)
        self.done += 1
        ways = (self._drop, self._double, self._delay, self._alter, self._bring_back, self._lie, self._forge)
        self._random.choice((*ways, self._repeat))(clock, send, frame)
        return True

    def freight(self, clock: ProcessClock, send: PassOn, hop: Any, frame: Freight, data: bytes) -> None:
        """Pass bytes of a file on, or others, or none."""
        random = self._random
        if not self.active or random.random() < 0.7:
            send(hop, frame, data)
            return
        self.done += 1
        match random.choice(("drop", "double", "delay", "alter", "alter", "move", "lie")):
            case "double":
                send(hop, frame, data)
                send(hop, frame, data)
            case "delay":
                clock.callLater(random.choice(_DELAYS), send, hop, frame, data)
            case "alter":
                self.altered.add(frame.mid)
                send(hop, frame, bytes(random.choice(data) for _ in data))
            case "move":
                self.altered.add(frame.mid)
                offset = max(0, frame.offset + random.choice((-1, 1, 65_536)))
                send(hop, replace(frame, offset=offset), data)
            case "lie":
                self.altered.add(frame.mid)
                send(hop, frame, random.randbytes(len(data)))
                send(hop, replace(frame, nonce="0" * 16), data)
                send(hop, replace(frame, mid=f"{frame.mid}0"), data)
            case _:
                pass  # it is dropped

    def _drop(self, clock: ProcessClock, send: Post, frame: Frame) -> None:
        pass

    def _double(self, clock: ProcessClock, send: Post, frame: Frame) -> None:
        send(frame)
        send(frame)

    def _delay(self, clock: ProcessClock, send: Post, frame: Frame) -> None:
        """Let others overtake it."""
        clock.callLater(self._random.choice(_DELAYS), send, frame)

    def _bring_back(self, clock: ProcessClock, send: Post, frame: Frame) -> None:
        """Send what is old, to whoever comes by."""
        send(frame)
        send(self._random.choice(self._kept))

    def _repeat(self, clock: ProcessClock, send: Post, frame: Frame) -> None:
        """Say the same again and again, now and then of a stream that nobody knows."""
        other = isinstance(frame, Parcel | Verdict) and self._random.random() < 0.3
        again = replace(frame, stream="other") if other else frame
        for _ in range(_TIMES):
            send(again)
        send(frame)

    def _alter(self, clock: ProcessClock, send: Post, frame: Frame) -> None:
        """Change what was said; sign it anew, or not."""
        if not isinstance(frame, Parcel | Verdict | Pass):
            return
        other = self._random.choice(self._kept)
        changes: list[dict[str, str]] = [
            {"signature": "00" * 64},
            {"to": frame.origin, "origin": frame.to},
            {"body": frame.body.replace("1", "2", 1)},
            {"body": frame.body.replace("halo", EVIL)},
        ]
        if isinstance(other, Parcel | Verdict | Pass):
            changes += [{"body": other.body}, {"body": other.body, "signature": other.signature}]
        altered = replace(frame, **self._random.choice(changes))
        send(altered if self._random.random() < 0.5 else self._sealed(altered))

    def _sealed(self, frame: Parcel | Verdict | Pass) -> Frame:
        """Sign with a key that is nobody's."""
        match frame:  # of each kind by itself, for the types
            case Parcel():
                return seal(self._identity, frame)
            case Verdict():
                return seal(self._identity, frame)
            case Pass():
                return seal(self._identity, frame)

    def _lie(self, clock: ProcessClock, send: Post, frame: Frame) -> None:
        """Say what only it can say, and what is not so."""
        if isinstance(frame, Held):
            number = self._random.choice((0, frame.number + 1, frame.number + 10, 2**50))
            again = self._random.random() < 0.5
            send(replace(frame, number=number, again=again, most=self._random.choice((number, 2**50))))
        elif isinstance(frame, Noted):
            send(replace(frame, number=self._random.choice((0, 2**50))))
        elif isinstance(frame, Parcel | Verdict | Pass):
            send(NoRoute(origin=frame.origin, to=frame.to, code="no-route"))
            send(frame)

    def _forge(self, clock: ProcessClock, send: Post, frame: Frame) -> None:
        """Say it in the name of others, as well as it can."""
        if isinstance(frame, Parcel):
            letter = decode_body(Letter, frame.body)
            item = letter.frame
            if isinstance(item, Item):
                item = replace(item, text=EVIL, number=item.number + self._random.choice((0, 1)))
            forged = replace(letter, frame=item, since=letter.since + self._random.choice((0, 1000)))
            send(seal(self._identity, replace(frame, body=encode_body(forged))))
        elif isinstance(frame, Verdict):
            ruling = decode_body(Ruling, frame.body)
            number = self._random.choice((0, ruling.number + 1, 2**50))
            body = encode_body(replace(ruling, number=number, refused=[], settled=0))
            send(seal(self._identity, replace(frame, body=body)))
        send(frame)
