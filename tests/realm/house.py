"""A realm on virtual time, over a disk in memory, and clients whose connection is a list."""

from __future__ import annotations

from collections.abc import Awaitable, Coroutine
from typing import Any, TypeVar

from twisted.internet.defer import Deferred
from twisted.internet.task import Clock
from twisted.python.failure import Failure

from chatproto import commands, events
from chatproto.commands import Command, Request
from chatproto.errors import ChatError, StoreFailed
from chatproto.events import Event, Reply
from chatproto.executors import InlineExecutor
from chatproto.files.memory import MemoryFileDisk, MemoryFileStore
from chatproto.interfaces import IAuthenticator, IFileStore
from chatproto.limits import Limits, without_rates
from chatproto.realm import ClientSession, PasswordHasher, Policy, Realm, Registration
from chatproto.realm.logins import Login
from chatproto.records import Record
from chatproto.store.memory import MemoryDisk, MemoryStore
from chatproto.testing.faults import FaultyStore
from tests.realm.stores import SlowStore

T = TypeVar("T")
R = TypeVar("R", bound=Record)

PASSWORD = "surabaya"
#: Turns of the reactor in which everything that can happen without time has happened.
_TURNS = 100
#: Turns that no test needs: one that waits for what never comes has to fail, not to hang.
_MOST_TURNS = 100_000


class House:
    """A realm on a disk. The disk stays when the realm is closed or crashes."""

    def __init__(
        self,
        *,
        limits: Limits | None = None,
        rates: bool = False,
        name: str = "alpha",
        clock: Clock | None = None,
    ) -> None:
        self.name = name
        self.clock = clock or Clock()
        self.clock.advance(0 if clock else 1_700_000_000)
        self.disk = MemoryDisk()
        self.file_disk = MemoryFileDisk()
        limits = limits or Limits()
        # Most tests do in no time at all what takes people hours.
        limits = limits if rates else without_rates(limits)
        self.policy = Policy(limits=limits, registration=Registration.OPEN)
        self.hasher = PasswordHasher(InlineExecutor(), cheap=True)
        #: Who knows the passwords, if that is not the realm.
        self.authenticator: IAuthenticator | None = None
        self._random = 0
        self._turns = 0
        self.realm: Realm
        #: The store as the realm sees it, at once or slow, over one whose commits may fail.
        self.slow: SlowStore
        self.faults: FaultyStore
        self.open()

    def open(self) -> None:
        """Open the realm, again after a close or a crash."""
        self.faults = self.make_store()
        self.slow = SlowStore(self.faults)
        opening = Realm.open(
            self.name,
            self.slow,
            self.clock,
            policy=self.policy,
            hasher=self.hasher,
            authenticator=self.authenticator,
            files=self.make_files(),
            entropy=self._entropy,
        )
        self.realm = self.wait(opening)

    def make_store(self) -> FaultyStore:
        """Return a new store over the disk."""
        return FaultyStore(MemoryStore(self.disk))

    def make_files(self) -> IFileStore:
        """Return a new file store over its disk."""
        return MemoryFileStore(self.file_disk, now=self.clock.seconds)

    def restart(self) -> None:
        """Close the realm and open it again."""
        self.wait(self.realm.close())
        self.open()

    def crash(self) -> None:
        """End the realm without a word, and open it again."""
        self.disk.crash()
        self.file_disk.crash()
        self.open()

    def turn(self, seconds: float = 0) -> None:
        """Let time pass, and everything happen that can."""
        self._turns += 1
        assert self._turns < _MOST_TURNS, "still waiting"
        self.clock.advance(seconds)
        for _ in range(_TURNS):
            if not any(call.getTime() <= self.clock.seconds() for call in self.clock.getDelayedCalls()):
                return
            self.clock.advance(0)
        raise AssertionError("the realm does not come to rest")

    def wait(self, awaitable: Coroutine[Any, Any, T] | Deferred[T]) -> T:
        """Return what an operation returns or raises; it has to need no time."""
        outcome = watch(awaitable)
        self.turn()
        assert outcome, "still waiting"
        if isinstance(outcome[0], Failure):
            outcome[0].raiseException()
        result: T = outcome[0]
        return result

    def add(self, *names: str) -> None:
        """Make accounts."""
        for name in names:
            self.wait(self.realm.add_user(name, PASSWORD))

    def client(self, name: str | None = None, device: str | None = None) -> Client:
        """Return a new connection, logged in if a name is given; the account is made if it is missing."""
        client = Client(self)
        if name is not None:
            if self.wait(self.realm.accounts.find(name)) is None:
                self.add(name)
            client.log_in(name, device=device)
        return client

    def rows(self, kind: type[R]) -> list[R]:
        """Return what is on the disk."""
        return list(self.disk.tables.every(kind))

    def _entropy(self, size: int) -> bytes:
        self._random += 1
        return self._random.to_bytes(4, "big") * (size // 4)


class Client:
    """A session, and everything that it was told."""

    def __init__(self, house: House, **options: Any) -> None:
        self.house = house
        self.session = ClientSession(house.realm, self, **options)
        self.token = ""
        self.pushed: list[Event] = []
        self.goodbyes: list[str] = []
        #: How many events the connection takes before it is full.
        self.room = 2**53

    def push(self, event: Event) -> bool:
        self.pushed.append(event)
        self.room -= 1
        return self.room > 0

    def goodbye(self, reason: str) -> None:
        self.goodbyes.append(reason)

    def drain(self, room: int = 2**53) -> None:
        """Make room."""
        self.room = room
        self.session.drained()

    @property
    def login(self) -> Login:
        """The session that speaks."""
        return self.session.logins[-1]

    @property
    def seqs(self) -> list[int]:
        """The numbers of the messages that were told."""
        return [event.seq for event in self.messages()]

    @property
    def texts(self) -> list[str]:
        """The texts of the messages that were told."""
        return [event.text for event in self.messages("text")]

    def messages(self, *kinds: str) -> list[events.Message]:
        """The messages of some kinds that were told, or all."""
        told = (event for event in self.pushed if isinstance(event, events.Message))
        return [event for event in told if not kinds or event.kind in kinds]

    def begin(self, command: Command, token: str | None = None) -> list[Reply | ChatError]:
        """Ask, and return the list that gets the reply."""
        answers: list[Reply | ChatError] = []

        def failed(failure: Failure) -> None:
            # Who asked a realm that crashed gets no answer, as from the protocol.
            if not failure.check(StoreFailed):
                answers.append(refusal_of(failure))

        try:
            waiting = self.session.handle(Request(command, token=token), answers.append)
        except ChatError as error:
            answers.append(error)
        else:
            if waiting is not None:
                Deferred.fromCoroutine(waiting).addErrback(failed)
        return answers

    def ask(self, command: Command, token: str | None = None) -> Any:
        """Ask, and return the reply when all that needs no time has happened; raise an error reply."""
        answers = self.begin(command, token)
        self.house.turn()
        (answer,) = answers
        if isinstance(answer, ChatError):
            raise answer
        return answer

    def log_in(self, name: str, *, device: str | None = None) -> None:
        self.token = self.ask(commands.Login(user=name, password=PASSWORD, device=device)).token

    def send(self, to: str | list[str], text: str = "halo", cid: str | None = None) -> Any:
        return self.ask(commands.Send(to=to, text=text, cid=cid))

    def history(self, name: str, **fields: Any) -> events.HistoryPage:
        page: events.HistoryPage = self.ask(commands.History(with_=name, **fields))
        return page

    def listen(self, **fields: Any) -> events.Listening:
        listening: events.Listening = self.ask(commands.Listen(**fields))
        return listening

    def inbox(self) -> list[events.InboxEntry]:
        taken: events.InboxTaken = self.ask(commands.Inbox())
        return taken.entries


def refusal_of(failure: Failure) -> ChatError:
    """Return the error that a failure is; anything else fails the test."""
    if not isinstance(failure.value, ChatError):
        failure.raiseException()
    error: ChatError = failure.value
    return error


def watch(awaitable: Coroutine[Any, Any, Any] | Deferred[Any] | Awaitable[Any]) -> list[Any]:
    """Return a list that gets the outcome, which may be a Failure."""
    outcome: list[Any] = []
    deferred = awaitable if isinstance(awaitable, Deferred) else Deferred.fromCoroutine(_await(awaitable))
    deferred.addBoth(outcome.append)
    return outcome


async def _await(awaitable: Awaitable[T]) -> T:
    return await awaitable
