"""The people of the demo, and the ledger of what each of them has to hear."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Callable, Mapping
from typing import Any, cast

from twisted.internet.defer import Deferred
from twisted.internet.defer import TimeoutError as DeferredTimeoutError
from twisted.internet.endpoints import TCP4ClientEndpoint, connectProtocol
from twisted.internet.interfaces import IReactorTime
from twisted.protocols.basic import LineReceiver

from chatproto.backoff import Backoff
from chatproto.cli.conversations import SAID
from chatproto.client import ChatClient, Message, State
from chatproto.events import HistoryItem, Receipt

#: What does not arrive in this time is lost.
ARRIVAL_SECONDS = 20.0
#: People watch, so clients come back sooner than those that have to spare a server.
_SHORTEST, _LONGEST = 0.1, 0.4


class Lost(Exception):
    """Something did not arrive; the message says what and where."""


class Ledger:
    """What was said, and who has to hear it, told apart by its text; and what was heard.

    Realms stand beside people in it: their logs have to have each text once, too. What is said in a group
    stands apart from what is said privately, as each has an order of its own.
    """

    def __init__(self) -> None:
        self._expected: dict[str, list[str]] = {}
        self._heard: dict[str, list[str]] = {}
        self._logged: dict[str, list[str]] = {}
        self._said = 0

    @property
    def messages(self) -> int:
        """How many messages were said."""
        return self._said

    @property
    def deliveries(self) -> int:
        """How many times a message had to reach somebody."""
        return sum(map(len, self._expected.values()))

    def said(self, text: str, *recipients: str, by: str, group: str = "") -> None:
        """Note that somebody says a text, and that these people have to hear it."""
        self._said += 1
        for name in recipients:
            self._expected.setdefault(_where(name, group), []).append(text)
        for realm in dict.fromkeys(name.partition("@")[2] for name in (by, *recipients)):
            self._logged.setdefault(_where(realm, group), []).append(text)

    def heard(self, name: str, text: str, group: str = "") -> None:
        """Note that somebody heard a text."""
        self._heard.setdefault(_where(name, group), []).append(text)

    def has_heard(self, name: str, text: str, group: str = "") -> bool:
        """Tell whether somebody heard a text."""
        return text in self._heard.get(_where(name, group), [])

    def problems(self, stored: Mapping[tuple[str, str], list[str]]) -> list[str]:
        """Return what is wrong, one line each.

        ``stored`` are the texts in each realm's log, in its order, by the realm and the group.
        """
        found = []
        logs = {_where(*of): texts for of, texts in stored.items()}
        for realm in self._logged | logs:
            found += _differences(f"the log of {realm}", self._logged.get(realm, []), logs.get(realm, []))
        for name in self._expected | self._heard:
            found += _differences(name, self._expected.get(name, []), self._heard.get(name, []))
        return found


def words(item: HistoryItem) -> str:
    """Return a text, or words that stand for a file."""
    return item.text if item.file is None else f"[file] {item.file.name}"


def _where(name: str, group: str) -> str:
    return f"{name} in {group}" if group else name


def _differences(where: str, expected: list[str], found: list[str]) -> list[str]:
    if expected == found:
        return []
    lines = [f"{where}: missing {text!r}" for text in (Counter(expected) - Counter(found)).elements()]
    lines += [f"{where}: once too often {text!r}" for text in (Counter(found) - Counter(expected)).elements()]
    return lines or [f"{where}: not in the order in which it was said"]


class Person:
    """Somebody who uses the library's client: ``name`` is the full address."""

    def __init__(
        self,
        reactor: IReactorTime,
        name: str,
        password: str,
        port: int,
        ledger: Ledger,
        *,
        on_heard: Callable[[str, Message], None],
        on_receipt: Callable[[str, Receipt], None],
        on_state: Callable[[str, State], None],
    ) -> None:
        self.name = name
        self._reactor = reactor
        self._password = password
        self._port = port
        self._ledger = ledger
        self._on_heard = on_heard
        self._on_receipt = on_receipt
        self._on_state = on_state
        self._arrivals: list[Deferred[None]] = []
        #: The files that came.
        self.files: list[Message] = []
        self._bounced: dict[str, str] = {}
        self._seen: set[tuple[str, str]] = set()
        self._delivered: dict[str, int] = {}
        self.chat = self._client(None, None)

    def _client(self, after: int | None, epoch: str | None) -> ChatClient:
        chat = ChatClient(
            self._reactor,
            f"tcp:127.0.0.1:{self._port}",
            user=self.name.partition("@")[0],
            password=self._password,
            # What a device sent itself is not told to it, also when it comes back with a new session.
            device="demo",
            after=after,
            epoch=epoch,
            receipts=True,
            on_state=lambda state, _: self._on_state(self.name, state),
            backoff=Backoff(shortest=_SHORTEST, longest=_LONGEST),
        )
        chat.on_message(self._hear)
        chat.on_hint(self._hint)
        return chat

    async def connect(self) -> None:
        """Log in and listen."""
        await self.chat.connect()

    async def leave(self) -> None:
        """Close the client."""
        await self.chat.close()

    async def come_back(self) -> None:
        """Begin with a new client at the place where the last one ended, as a program started again does."""
        position = self.chat.position
        self.chat = self._client(position.after, position.epoch)
        await self.chat.connect()

    async def hears(self, text: str, group: str = "") -> None:
        """Return when a text was heard.

        :raises Lost: it does not come.
        """
        await self._until(lambda: self._ledger.has_heard(self.name, text, group), f"did not hear {text!r}")

    async def sees(self, kind: str, name: str) -> None:
        """Return when somebody was told what another one did in a group.

        :raises Lost: nobody says so.
        """
        await self._until(lambda: (kind, name) in self._seen, f"was not told that {name} {kind}")

    async def gets_back(self, mid: str) -> str:
        """Return the code with which a message came back.

        :raises Lost: it does not.
        """
        await self._until(lambda: mid in self._bounced, f"did not get {mid} back")
        return self._bounced[mid]

    async def is_told(self, about: str, seq: int) -> None:
        """Return when somebody got everything up to a message.

        :raises Lost: no receipt says so.
        """
        await self._until(
            lambda: self._delivered.get(about, 0) >= seq, f"was not told that {about} got a message"
        )

    async def _until(self, done: Callable[[], bool], problem: str) -> None:
        while not done():
            arrival: Deferred[None] = Deferred()
            self._arrivals.append(arrival)
            try:
                await arrival.addTimeout(ARRIVAL_SECONDS, self._reactor)
            except DeferredTimeoutError:
                raise Lost(f"{self.name} {problem} within {ARRIVAL_SECONDS:.0f} s") from None

    def _hear(self, message: Message) -> None:
        if message.kind in SAID:
            self._ledger.heard(self.name, words(message), "" if message.to == self.name else message.to)
            if message.file is not None:
                self.files.append(message)
        elif message.kind == "bounce" and message.about is not None:
            self._bounced[message.about] = message.text
        self._seen.add((message.kind, message.from_))
        self._on_heard(self.name, message)
        self._something_came()

    def _hint(self, hint: object) -> None:
        if isinstance(hint, Receipt) and hint.delivered is not None:
            if hint.delivered > self._delivered.get(hint.by, 0):
                self._delivered[hint.by] = hint.delivered
                self._on_receipt(self.name, hint)
            self._something_came()

    def _something_came(self) -> None:
        arrivals, self._arrivals = self._arrivals, []
        for arrival in arrivals:
            arrival.callback(None)


class OlderClient(LineReceiver):
    """A client of the older kind: it writes words, reads JSON up to an empty line, and is never told more."""

    delimiter = b"\r\n\r\n"

    def __init__(self, reactor: IReactorTime) -> None:
        self._reactor = reactor
        self._answer: Deferred[dict[str, Any]] | None = None

    async def ask(self, line: str) -> dict[str, Any]:
        """Send a command and return its reply.

        :raises Lost: there is none.
        """
        assert self._answer is None, "older clients wait for each reply"
        self._answer = Deferred()
        cast("Any", self.transport).write(f"{line}\r\n".encode())
        try:
            return await self._answer.addTimeout(ARRIVAL_SECONDS, self._reactor)
        except DeferredTimeoutError:
            raise Lost("the realm did not answer the older client") from None

    def lineReceived(self, line: bytes) -> None:
        """Take the reply."""
        answer, self._answer = self._answer, None
        if answer is not None:
            answer.callback(json.loads(line))

    def close(self) -> None:
        """End the connection."""
        cast("Any", self.transport).loseConnection()


async def connect_older(reactor: Any, port: int) -> OlderClient:
    """Return an older client that is connected."""
    older: OlderClient = await connectProtocol(
        TCP4ClientEndpoint(reactor, "127.0.0.1", port), OlderClient(reactor)
    )
    return older
