"""Simulated users: they write with cids, repeat until they are answered, listen, and crash now and then."""

from __future__ import annotations

from collections.abc import Sequence
from random import Random

from msgspec import Struct
from msgspec.structs import replace
from twisted.internet.defer import Deferred
from twisted.python.failure import Failure

from chatproto.client import ChatClient, Message, Position, State
from chatproto.errors import ChatError, ConnectionUnavailable
from chatproto.events import Sent, SentEach
from chatproto.testing.file_life import FileLife
from chatproto.testing.group_life import GroupLife
from chatproto.testing.ledger import Ledger, Sending
from chatproto.testing.network import Network

#: A few texts are as long as a line may be.
_LONG = 15_000
#: The share of messages after which a user rests.
RESTS = 0.2
#: What is soon.
_SOON_SECONDS = 10.0
#: How long a user's machine is away after a crash, at most.
_AWAY_SECONDS = 20.0


class Habits(Struct, frozen=True):
    """What a user does: writes so many messages to these, some pauses after each other, and then rests."""

    pause: float
    rest: float
    to: Sequence[str]
    messages: int
    #: The share of messages that go to several at once, and that are long.
    several: float = 0.1
    long: float = 0.02


class SimulatedUser:
    """One user with one device. What it must not lose, it keeps over its own crashes."""

    def __init__(
        self,
        network: Network,
        ledger: Ledger,
        name: str,
        realm: str,
        habits: Habits,
        random: Random,
        groups: GroupLife | None = None,
        files: FileLife | None = None,
    ) -> None:
        self._network = network
        self._ledger = ledger
        self._name = name
        #: Whose user it is.
        self.realm = realm
        self._habits = habits
        self._random = random
        self._groups = groups
        self.files = files
        self.address = f"{name}@{realm}"
        self.machine = network.machine(self.address)
        #: Kept over crashes: how far it has heard, its session, and what it has no answer for.
        self._position = Position(after=0)
        self._token: str | None = None
        self._written = 0
        self._unanswered: dict[str, list[Sending]] = {}
        self.client: ChatClient | None = None

    @property
    def waiting(self) -> int:
        """How many messages it has no answer for."""
        return len(self._unanswered) + (self.files.waiting if self.files is not None else 0)

    @property
    def done(self) -> bool:
        """Whether everything it will ever write was written and answered, and it listens."""
        listens = self.client is not None and self.client.state is State.ONLINE
        return listens and not self.waiting and self._written >= self._habits.messages

    def start(self) -> None:
        """Connect, repeat what has no answer, and go on writing."""
        if self.machine.running:
            return
        after, epoch = self._position
        self.client = client = self._network.client(
            self._name, self.realm, device="phone", token=self._token, after=after, epoch=epoch
        )
        client.on_message(self._heard)
        client.connect().addCallbacks(self._connected, self._closed)
        for cid, sendings in self._unanswered.items():
            self._ask(client, cid, sendings)
        self._plan()
        if self._groups is not None:
            self._groups.begin(self.machine.clock, client)
        if self.files is not None:
            self.files.begin(self.machine.clock, client)

    def crash(self, *, power: bool = False) -> None:
        """Lose everything that is only in memory, and come back later."""
        if self.machine.running:
            self._network.note(f"{self.address} crashes")
            self.machine.end(power=power)
            self._network.time.nobody.callLater(self._random.uniform(0, _AWAY_SECONDS), self.start)

    def hurry(self) -> None:
        """Write something soon, beside what is planned."""
        if self.machine.running:
            for _ in range(self._random.randint(1, 3)):
                self.machine.clock.callLater(self._random.uniform(0, _SOON_SECONDS), self._write)
            if self.files is not None:
                self.files.hurry()

    def stop_writing(self) -> None:
        """Write no more than was written."""
        self._habits = replace(self._habits, messages=self._written)
        if self._groups is not None:
            self._groups.end()
        if self.files is not None:
            self.files.end()

    def _connected(self, _: None) -> None:
        assert self.client is not None
        self._token = self.client.token

    def _closed(self, failure: Failure) -> None:
        failure.trap(ChatError)
        self._ledger.broke(f"client: {self.address} was closed: {failure.getErrorMessage()}")

    def _plan(self) -> None:
        if self._written < self._habits.messages:
            rests = self._random.random() < RESTS
            wait = self._random.expovariate(1 / (self._habits.rest if rests else self._habits.pause))
            self.machine.clock.callLater(wait, self._go_on)

    def _go_on(self) -> None:
        self._write()
        self._plan()

    def _write(self) -> None:
        if self._written >= self._habits.messages:
            return
        self._written += 1
        several = self._random.random() < self._habits.several
        count = min(self._random.randint(2, 4) if several else 1, len(self._habits.to))
        cid = f"{self._name}:{self._written}"
        text = f"{self.address}/{self._written} halo"
        if self._random.random() < self._habits.long:
            text += "." * self._random.randint(100, _LONG)
        sendings = [
            Sending(self.address, to, cid, text)
            for to in dict.fromkeys(self._random.sample(self._habits.to, count))
        ]
        self._unanswered[cid] = sendings
        self._ledger.sent(sendings)
        assert self.client is not None
        self._ask(self.client, cid, sendings)

    def _ask(self, client: ChatClient, cid: str, sendings: list[Sending]) -> None:
        answer: Deferred[Sent] | Deferred[SentEach]
        if len(sendings) == 1:
            answer = client.send(sendings[0].to, sendings[0].text, cid)
        else:
            answer = client.send_each([each.to for each in sendings], sendings[0].text, cid)
        answer.addCallbacks(self._stored, self._refused, callbackArgs=(cid,), errbackArgs=(cid,))

    def _stored(self, reply: Sent | SentEach, cid: str) -> None:
        sendings = self._unanswered.pop(cid)
        mids = [reply.mid] if isinstance(reply, Sent) else [each.mid for each in reply.results]
        for sending, mid in zip(sendings, mids, strict=True):
            self._ledger.acknowledged(sending, mid)

    def _refused(self, failure: Failure, cid: str) -> None:
        failure.trap(ChatError)
        if isinstance(failure.value, ConnectionUnavailable):
            return  # the client was closed: unknown
        assert isinstance(failure.value, ChatError)
        sendings = self._unanswered.pop(cid)
        self._ledger.refused(sendings, failure.value.code)

    def _heard(self, message: Message) -> None:
        assert self.client is not None
        self._ledger.heard(self.address, message.mid)
        if self.files is not None:
            self.files.heard(message)
        self._position = self.client.reached
