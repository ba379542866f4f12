"""A realm that is linked, has proved who it is, and then says whatever comes to its mind.

What it says of its own users is its own business. Of anybody else it may say nothing that is believed, and it
may neither stop nor slow down what others have to do with each other.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from random import Random

from twisted.internet.defer import Deferred
from twisted.internet.interfaces import IProtocol
from twisted.internet.protocol import Factory, connectionDone
from twisted.protocols.basic import LineOnlyReceiver
from twisted.python.failure import Failure

from chatproto.errors import LinkError
from chatproto.federation.bounds import FILES, ROUTES
from chatproto.federation.handshake import Handshake
from chatproto.federation.identity import Identity
from chatproto.federation.sealing import seal
from chatproto.federation.trust import Kind, Trust
from chatproto.frames import (
    Ack,
    Ask,
    Frame,
    Goodbye,
    Item,
    Parcel,
    Ping,
    Pong,
    Ready,
    Receipt,
    Skip,
    Start,
    Verdict,
    Want,
)
from chatproto.frames.routing import Letter, Ruling
from chatproto.names import RealmName
from chatproto.records import ITEMS
from chatproto.testing.ledger import EVIL
from chatproto.testing.names import PEER, SECRET
from chatproto.testing.network import Network
from chatproto.testing.rogue_files import RogueFiles
from chatproto.wire.letters import encode_body
from chatproto.wire.peer import decode_frame, encode_frame

#: Its name.
ROGUE = "rogue"
_EPOCHS = ("0" * 16, "1" * 16)


class RogueRealm:
    """A machine with a realm that lies, and is linked to others."""

    def __init__(
        self, network: Network, others: list[str], random: Random, files: RogueFiles | None = None
    ) -> None:
        self._network = network
        self._others = others
        self.random = random
        #: What it does about files, if it does anything about them.
        self.files = files
        can = [ROUTES] if files is None else [ROUTES, FILES]
        self.identity = Identity(RealmName(ROGUE), random.randbytes(32), capabilities=can)
        self._machine = network.machine(ROGUE)
        self._clock = self._machine.begin()
        self._machine.listen(PEER, Factory.forProtocol(lambda: Liar(self, None)))

    def trust_of(self, realm: RealmName, key: str) -> Trust | None:
        """Trust everybody who knows the secret."""
        return Trust(Kind.SECRET, secret=SECRET)

    def lie(self) -> None:
        """Connect to somebody, and begin to lie."""
        other = self.random.choice(self._others)
        factory = Factory.forProtocol(lambda: Liar(self, RealmName(other)))
        connecting: Deferred[IProtocol] = self._network.endpoint(self._machine, other, PEER).connect(factory)
        connecting.addErrback(_expected)

    def later(self, call: Callable[[], None]) -> None:
        """Call some time later."""
        self._clock.callLater(self.random.choice((0.0, 0.01, 1.0, 20.0)), call)


class Liar(LineOnlyReceiver):
    """One end of a connection of the realm that lies."""

    delimiter = b"\n"
    MAX_LENGTH = 256 * 1024

    def __init__(self, realm: RogueRealm, dialled: RealmName | None) -> None:
        self._realm = realm
        self._random = realm.random
        self._handshake = Handshake(realm.identity, realm, realm.random.randbytes, dialled=dialled)
        self._number = 0
        self._epoch = self._random.choice(_EPOCHS)
        self._left = self._random.choice((0, 3, 20, 200))
        self._lost = False

    def connectionMade(self) -> None:
        """Begin as everybody does."""
        self._write(self._handshake.begin())

    def connectionLost(self, reason: Failure = connectionDone) -> None:
        """Say nothing more."""
        self._lost = True

    def lineReceived(self, line: bytes) -> None:
        """Prove who one is, and then lie; now and then answer as one should."""
        if not self._handshake.done:
            self._shake(line)
            return
        try:
            frame = decode_frame(line)
        except LinkError:
            return
        if isinstance(frame, Ping) and self._random.random() < 0.5:
            self._write(encode_frame(Pong(number=frame.number)))
        elif isinstance(frame, Want) and self._realm.files is not None:
            for said in self._realm.files.answers(frame):
                self._write(said)
        elif isinstance(frame, Item) and self._random.random() < 0.3:
            self._write(encode_frame(self._ack(frame.number)))

    def _shake(self, line: bytes) -> None:
        try:
            self._write(self._handshake.received(line, b""))
        except LinkError:
            self._leave()
            return
        if self._handshake.done:
            self._open()

    def _open(self) -> None:
        if self._random.random() < 0.8:
            self._write(encode_frame(self._ready()))
        if self._random.random() < 0.8:
            self._number = self._random.choice((0, 0, 5))
            start = Start(
                epoch=self._epoch, first=self._number + 1, next=self._number + 1, settled=self._number
            )
            self._write(encode_frame(start))
        self._go_on()

    def _go_on(self) -> None:
        if self._lost:
            return
        if self._left == 0:
            self._leave()
            return
        self._left -= 1
        says = [self._item, self._lie, self._noise, self._unknown, self._past]
        weights = [8, 2, 2, 1, 1]
        if self._realm.files is not None:
            says += [self._file, partial(self._realm.files.noise, self._other())]
            weights += [6, 3]
        self._write(self._random.choices(says, weights)[0]())
        self._realm.later(self._go_on)

    def _leave(self) -> None:
        if self._random.random() < 0.3:
            self._write(encode_frame(Goodbye(reason="shutdown", retry_after=self._random.choice((0.0, 1e9)))))
        if self.transport is not None and self._random.random() < 0.8:
            self.transport.loseConnection()

    def _write(self, data: bytes) -> None:
        if self.transport is not None and not self._lost:
            self.transport.write(data)

    # -- what it says

    def _item(self) -> bytes:
        """Say what a realm may say."""
        self._number += 1
        return encode_frame(self._of(ROGUE, f"{ROGUE}/{self._number}", self._other(), "hello"))

    def _file(self) -> bytes:
        """Offer a file, of which it sends then what it likes."""
        assert self._realm.files is not None
        self._number += 1
        return encode_frame(self._realm.files.offer(self._number, self._other()))

    def _lie(self) -> bytes:
        """Say what nobody may: in another's name, or out of the order."""
        third = self._random.choice(self._realm._others)
        self._number += 1
        return encode_frame(
            self._random.choice(
                (
                    self._of(third, f"{ROGUE}/{self._number}", self._other(), EVIL),
                    self._of(ROGUE, f"{third}/{self._number}", self._other(), EVIL),
                    self._of(third, f"{third}/{self._number}", self._other(), EVIL),
                    self._of(ROGUE, f"{ROGUE}/{self._number}", third, EVIL * 10_000),
                    self._of(ROGUE, f"{ROGUE}/1", self._other(), "the same mid again"),
                    self._of(ROGUE, f"{ROGUE}/{self._number}", self._other(), "a NUL \0"),
                    Skip(number=self._number, mid=f"{ROGUE}/{self._number}"),
                    Skip(number=self._number + 10, mid=f"{ROGUE}/gap", settled=2**50),
                )
            )
        )

    def _noise(self) -> bytes:
        return encode_frame(
            self._random.choice(
                (
                    self._ack(self._random.choice((0, 1, 2**50))),
                    self._ready(),
                    Start(epoch=self._random.choice(_EPOCHS), first=1, next=1),
                    Ping(number=1),
                    Ask(number=self._random.randint(0, 5), about="active"),
                    Receipt(by=f"u0@{ROGUE}", to=f"u0@{self._other()}", delivered=f"{self._other()}/1"),
                    Receipt(by=f"u0@{self._other()}", to=f"u0@{self._other()}", read="x/1"),
                )
            )
        ) * self._random.choice((1, 1, 300))

    def _past(self) -> bytes:
        """Say what others are to keep: of a stream that nobody has, and on what nobody has sent."""
        third = self._random.choice(self._realm._others)
        number = self._random.randint(1, 2**20)
        stream = self._random.choice((ITEMS, f"none{number}"))
        letter = Letter(
            epoch=self._epoch, since=1, first=1, settled=number - 1, frame=Skip(number=number, mid="")
        )
        parcel = Parcel(
            origin=ROGUE, to=third, stream=f"none{number}", body=encode_body(letter), signature=""
        )
        ruling = Ruling(epoch=self._epoch, since=number, number=number, refused=[(1, "no-such-user")] * 100)
        verdict = Verdict(origin=third, to=ROGUE, stream=stream, body=encode_body(ruling), signature="")
        identity = self._realm.identity
        said = encode_frame(seal(identity, parcel)) + encode_frame(seal(identity, verdict))
        return said * self._random.choice((1, 1, 30))

    def _unknown(self) -> bytes:
        must = self._random.choice((b"", b',"must":true'))
        return self._random.choice((b'{"frame":"later"%b}\n' % must, b"garbage\n", b"{}\n"))

    def _ready(self) -> Ready:
        number = self._random.choice((0, 0, 1, 2**50))
        return Ready(epoch=self._random.choice(("", *_EPOCHS)), number=number, mid=f"{ROGUE}/{number}")

    def _ack(self, number: int) -> Ack:
        refused = [(number, "no-such-user")] if number and self._random.random() < 0.5 else []
        return Ack(epoch=self._random.choice(_EPOCHS), number=number, refused=refused)

    def _other(self) -> str:
        return str(self._handshake.realm)

    def _of(self, origin: str, mid: str, to: str, text: str) -> Frame:
        return Item(
            number=self._number, mid=mid, from_=f"u0@{origin}", to=f"u0@{to}", text=text, at=0, expires=2**52
        )


def _expected(failure: Failure) -> None:
    """A machine may be down, or full, or out of reach."""
