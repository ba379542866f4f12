"""The people of the demo, and the ledger of what each of them has to hear."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Callable
from typing import Any, cast

from twisted.internet.defer import Deferred
from twisted.internet.defer import TimeoutError as DeferredTimeoutError
from twisted.internet.endpoints import TCP4ClientEndpoint, connectProtocol
from twisted.internet.interfaces import IReactorTime
from twisted.protocols.basic import LineReceiver

from chatproto.backoff import Backoff
from chatproto.client import ChatClient, Message, State
from chatproto.service import LAB_PASSWORD

#: What does not arrive in this time is lost.
ARRIVAL_SECONDS = 20.0
#: People watch, so clients come back sooner than those that have to spare a server.
_SHORTEST, _LONGEST = 0.1, 0.4


class Lost(Exception):
    """Something did not arrive; the message says what and where."""


class Ledger:
    """What was said, and who has to hear it, told apart by its text; and what was heard."""

    def __init__(self) -> None:
        self._expected: dict[str, list[str]] = {}
        self._heard: dict[str, list[str]] = {}
        self._said: list[str] = []

    @property
    def messages(self) -> int:
        """How many messages were said."""
        return len(self._said)

    @property
    def deliveries(self) -> int:
        """How many times a message had to reach somebody."""
        return sum(map(len, self._expected.values()))

    def said(self, text: str, *recipients: str) -> None:
        """Note that these people have to hear a text."""
        self._said.append(text)
        for name in recipients:
            self._expected.setdefault(name, []).append(text)

    def heard(self, name: str, text: str) -> None:
        """Note that somebody heard a text."""
        self._heard.setdefault(name, []).append(text)

    def has_heard(self, name: str, text: str) -> bool:
        """Tell whether somebody heard a text."""
        return text in self._heard.get(name, [])

    def problems(self, stored: list[str]) -> list[str]:
        """Return what is wrong, one line each: ``stored`` are the texts in the realm's log, in its order."""
        found = _differences("the realm's log", self._said, stored)
        for name in self._expected | self._heard:
            found += _differences(name, self._expected.get(name, []), self._heard.get(name, []))
        return found


def _differences(where: str, expected: list[str], found: list[str]) -> list[str]:
    if expected == found:
        return []
    lines = [f"{where}: missing {text!r}" for text in (Counter(expected) - Counter(found)).elements()]
    lines += [f"{where}: once too often {text!r}" for text in (Counter(found) - Counter(expected)).elements()]
    return lines or [f"{where}: not in the order in which it was said"]


class Person:
    """Somebody who uses the library's client."""

    def __init__(
        self,
        reactor: IReactorTime,
        name: str,
        port: int,
        ledger: Ledger,
        *,
        on_heard: Callable[[str, Message], None],
        on_state: Callable[[str, State], None],
    ) -> None:
        self.name = name
        self._reactor = reactor
        self._port = port
        self._ledger = ledger
        self._on_heard = on_heard
        self._on_state = on_state
        self._arrivals: list[Deferred[None]] = []
        self.chat = self._client(None, None)

    def _client(self, after: int | None, epoch: str | None) -> ChatClient:
        chat = ChatClient(
            self._reactor,
            f"tcp:127.0.0.1:{self._port}",
            user=self.name,
            password=LAB_PASSWORD,
            # What a device sent itself is not told to it, also when it comes back with a new session.
            device="demo",
            after=after,
            epoch=epoch,
            on_state=lambda state, _: self._on_state(self.name, state),
            backoff=Backoff(shortest=_SHORTEST, longest=_LONGEST),
        )
        chat.on_message(self._hear)
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

    async def hears(self, text: str) -> None:
        """Return when a text was heard.

        :raises Lost: it does not come.
        """
        while not self._ledger.has_heard(self.name, text):
            arrival: Deferred[None] = Deferred()
            self._arrivals.append(arrival)
            try:
                await arrival.addTimeout(ARRIVAL_SECONDS, self._reactor)
            except DeferredTimeoutError:
                raise Lost(f"{self.name} did not hear {text!r} within {ARRIVAL_SECONDS:.0f} s") from None

    def _hear(self, message: Message) -> None:
        if message.kind == "text":
            self._ledger.heard(self.name, message.text)
        self._on_heard(self.name, message)
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
