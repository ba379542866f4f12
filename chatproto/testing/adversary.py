"""Somebody who means no good: garbage, replays, false names, and the addresses of others.

Everything that it says carries a word of its own. None of it may ever be on a disk.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import partial
from random import Random

from twisted.internet.protocol import Factory, Protocol
from twisted.python.failure import Failure

from chatproto.federation.identity import Identity
from chatproto.frames import Ack, Frame, Hello, Item, Ready, Receipt, Start
from chatproto.names import RealmName
from chatproto.testing.clock import ProcessClock
from chatproto.testing.hosts import RealmHost
from chatproto.testing.ledger import EVIL, Ledger
from chatproto.testing.names import CLIENT, PEER
from chatproto.testing.network import Network, Wire
from chatproto.wire.peer import encode_frame

#: Recorded connections that are kept to be replayed, and bytes of one direction of them.
_RECORDED = 8
_RECORDED_BYTES = 100_000
#: How long somebody owns the address of another.
_HIJACK_SECONDS = 40.0
#: A stranger is gone after so long: the handshake's time, the last words' time, and who reads slowly.
STRANGER_SECONDS = 100.0


class Says(Protocol):
    """Says what it is told to, piece by piece, and hears nothing."""

    def __init__(self, clock: ProcessClock, pieces: Sequence[bytes], pause: float) -> None:
        self._clock = clock
        self._pieces = list(pieces)
        self._pause = pause

    def connectionMade(self) -> None:
        """Begin."""
        self._say()

    def _say(self) -> None:
        if self._pieces and self.transport is not None:
            self.transport.write(self._pieces.pop(0))
            self._clock.callLater(self._pause, self._say)


class Adversary:
    """A machine from which realms are attacked. It knows nobody's secret."""

    name = "mallory"

    def __init__(self, network: Network, ledger: Ledger, hosts: Sequence[RealmHost], random: Random) -> None:
        self._network = network
        self._ledger = ledger
        self._hosts = hosts
        self._random = random
        self._machine = network.machine(self.name)
        self._clock = self._machine.begin()
        self._machine.listen(PEER, Factory.forProtocol(self._says))
        self._identity = Identity(RealmName("mallory"), random.randbytes(32))
        #: Whether anybody was ever sent here who wanted to somebody else.
        self.hijacked = False
        self._recorded: list[tuple[str, list[bytes]]] = []
        network.on_wire.append(self._record)

    def attack(self) -> None:
        """Do one thing."""
        host = self._random.choice(self._hosts)
        attack: Callable[[RealmHost], None] = self._random.choice(
            (self._talk_to_peers, self._talk_to_peers, self._talk_to_clients, self._crowd, self._hijack)
        )
        attack(host)

    def check(self) -> None:
        """See that nobody was let stay; called after everything was well for longer than that takes."""
        now = self._network.time.seconds()
        for host in self._hosts:
            if host.clock.stopped:  # for good: whoever is frozen ends nothing
                continue
            for transport in host.machine.transports():
                if transport.getPeer().host == self._machine.host and now - transport.made > STRANGER_SECONDS:
                    self._ledger.broke(f"stranger: {transport} is open since {now - transport.made} s")

    # -- attacks

    def _talk_to_peers(self, host: RealmHost) -> None:
        self._dial(host, PEER)

    def _talk_to_clients(self, host: RealmHost) -> None:
        words = (
            b'{"do":"send","id":1,"to":"u0","text":"%b","cid":"x:1"}\r\n' % EVIL.encode(),
            b"send u0 %b\r\n" % EVIL.encode(),
            b'{"do":"login","id":1,"user":"u0","password":"guess"}\r\n',
            b'{"do":"listen","id":1,"after":0}\r\n',
            self._random.randbytes(100) + b"\r\n",
            b"GET / HTTP/1.1\r\n\r\n",
            b"x" * 100_000,
        )
        self._dial(host, CLIENT, self._random.choices(words, k=3))

    def _crowd(self, host: RealmHost) -> None:
        for _ in range(self._random.choice((20, 80))):
            self._dial(host, PEER)

    def _hijack(self, host: RealmHost) -> None:
        """Own a realm's address for a while, so that who dials it gets here."""
        self.hijacked = True
        self._network.redirect(host.name, PEER, self.name)
        self._clock.callLater(_HIJACK_SECONDS, self._network.redirect, host.name, PEER, None)

    def _dial(self, host: RealmHost, port: str, pieces: Sequence[bytes] | None = None) -> None:
        factory = Factory.forProtocol(lambda: self._says(pieces))
        connecting = self._network.endpoint(self._machine, host.name, port).connect(factory)
        connecting.addErrback(_expected)

    def _says(self, pieces: Sequence[bytes] | None = None) -> Says:
        pause = self._random.choice((0.0, 0.0, 0.3, 3.0))
        return Says(self._clock, self._words() if pieces is None else pieces, pause)

    def _words(self) -> list[bytes]:
        """Return what is said to a realm by somebody who cannot prove anything."""
        return self._random.choice((self._nothing, self._garbage, self._too_long, self._lie, self._replay))()

    def _nothing(self) -> list[bytes]:
        return []

    def _garbage(self) -> list[bytes]:
        return [
            self._random.randbytes(self._random.randint(1, 2000)) + b"\n"
            for _ in range(self._random.randint(1, 5))
        ]

    def _too_long(self) -> list[bytes]:
        return [b'{"frame":"hello","realm":"' + b"x" * 40_000] * 8

    def _lie(self) -> list[bytes]:
        """Say to be a realm that one is not, and go on as if that had been believed."""
        one, two = self._random.choices(self._hosts, k=2)
        hello = Hello(
            realm=one.name,
            to=two.name,
            nonce=self._random.randbytes(32).hex(),
            key=self._random.choice((self._identity.key, "0" * 64)),
            versions=[1],
        )
        auth = b'{"frame":"auth","signature":"%b","mac":"%b"}\n' % (
            self._random.randbytes(64).hex().encode(),
            self._random.randbytes(32).hex().encode(),
        )
        return [encode_frame(hello), auth, *map(encode_frame, lies(one.name, two.name, self._random))]

    def _replay(self) -> list[bytes]:
        """Say what somebody else once said, word for word."""
        if not self._recorded:
            return []
        return list(self._random.choice(self._recorded)[1])

    def _record(self, wire: Wire) -> None:
        if wire.port != PEER or self.name in (wire.here.name, wire.there.name):
            return
        for end in (wire.near, wire.far):
            pieces: list[bytes] = []
            self._recorded.append((wire.here.name, pieces))
            end.taps.append(partial(_keep, pieces))
        del self._recorded[:-_RECORDED]


def lies(here: str, there: str, random: Random) -> list[Frame]:
    """Return frames that a realm might be believed to be ``here`` by."""
    text = f"{EVIL} {random.random()}"
    number = random.choice((1, 2, 1000))
    item = Item(
        number=number,
        mid=f"{here}/{random.randbytes(8).hex()}",
        from_=f"u0@{here}",
        to=f"u0@{there}",
        text=text,
        at=0,
        expires=2**52,
    )
    return [
        Ready(epoch="0" * 16, number=number, mid=item.mid),
        Start(epoch="1" * 16, first=number, next=number),
        item,
        Ack(epoch="0" * 16, number=number, refused=[(number, "no-such-user")]),
        Receipt(by=f"u0@{here}", to=f"u0@{there}", read=item.mid),
    ]


def _keep(pieces: list[bytes], data: bytes) -> None:
    if sum(map(len, pieces)) < _RECORDED_BYTES:
        pieces.append(data)


def _expected(failure: Failure) -> None:
    """A machine may be down, or full, or out of reach."""
