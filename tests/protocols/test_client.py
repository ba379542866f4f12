"""The client's protocol: replies find their commands, and what is unknown is said to be."""

from __future__ import annotations

import json
from typing import Any

import pytest
from twisted.internet.defer import Deferred
from twisted.internet.error import ConnectionLost
from twisted.internet.task import Clock
from twisted.internet.testing import StringTransport
from twisted.python.failure import Failure

from chatproto import errors
from chatproto.commands import Command, Hello, Login, Send
from chatproto.errors import ChatError, ConnectionUnavailable
from chatproto.events import Event, Goodbye, Greeting, LoggedIn, Message, Reply, Sent
from chatproto.protocols import client
from chatproto.protocols.client import ChatClientFactory, ChatClientProtocol

MESSAGE = (
    b'{"event":"message","seq":7,"mid":"alpha/1","from":"messi@alpha",'
    b'"to":"amsal@alpha","text":"halo","at":"2026-11-21T00:00:00Z"}\r\n'
)


class Transport(StringTransport):
    def __init__(self) -> None:
        super().__init__()
        self.writes: list[bytes] = []
        self.aborted = False

    def write(self, data: bytes) -> None:
        self.writes.append(data)

    def abortConnection(self) -> None:
        self.aborted = True


class Talk:
    """A protocol under test, its clock, and what it heard."""

    def __init__(self) -> None:
        self.clock = Clock()
        self.events: list[Event] = []
        self.protocol = ChatClientFactory(self.clock, self.events.append).buildProtocol(None)
        self.transport = Transport()
        self.protocol.makeConnection(self.transport)

    def ask(self, command: Command, expected: type[Reply]) -> list[Any]:
        outcome: list[Any] = []
        self.protocol.request(command, expected).addBoth(outcome.append)
        return outcome

    def send(self, text: str = "halo") -> list[Any]:
        return self.ask(Send(to="messi", text=text), Sent)

    def turn(self) -> list[dict[str, Any]]:
        """Let one turn of the reactor pass and return the commands that left in it."""
        self.clock.advance(0)
        lines = b"".join(self.transport.writes).splitlines()
        self.transport.writes.clear()
        return [json.loads(line) for line in lines]

    def hear(self, *replies: bytes) -> None:
        self.protocol.dataReceived(b"".join(replies))

    def lose(self) -> None:
        self.protocol.connectionLost(Failure(ConnectionLost()))
        assert not self.clock.getDelayedCalls()


def error_of(outcome: list[Any]) -> ChatError:
    assert isinstance(outcome[0], Failure)
    assert isinstance(outcome[0].value, ChatError)
    return outcome[0].value


def ok(tag: int, mid: str = "alpha/1") -> bytes:
    return b'{"re":%d,"status":"OK","mid":"%b","seq":3}\r\n' % (tag, mid.encode())


def test_commands_of_one_turn_leave_in_one_write_and_replies_come_back_in_order() -> None:
    talk = Talk()
    outcomes = [talk.send(str(number)) for number in range(3)]
    talk.clock.advance(0)
    assert len(talk.transport.writes) == 1
    sent = talk.turn()
    assert [(command["id"], command["text"]) for command in sent] == [(1, "0"), (2, "1"), (3, "2")]
    talk.hear(ok(1, "a/1"), ok(2, "a/2"), ok(3, "a/3"))
    assert outcomes == [[Sent(mid=f"a/{n}", seq=3)] for n in (1, 2, 3)]


@pytest.mark.parametrize("error", [errors.NoSuchUser, errors.Busy, errors.CidReused])
def test_a_refusal_is_raised_as_the_class_of_the_server(error: type[ChatError]) -> None:
    talk = Talk()
    outcome = talk.send()
    talk.turn()
    talk.hear(
        b'{"re":1,"status":"ERROR","code":"%b","message":"no","retry_after":2.5}\r\n' % error.code.encode()
    )
    assert type(error_of(outcome)) is error
    assert error_of(outcome).retry_after == 2.5
    assert error_of(outcome).text == "no"


def test_an_unknown_code_keeps_its_name() -> None:
    talk = Talk()
    outcome = talk.send()
    talk.turn()
    talk.hear(b'{"re":1,"status":"ERROR","code":"of-next-year","message":"no"}\r\n')
    error = error_of(outcome)
    assert isinstance(error, errors.UnknownRemoteError)
    assert error.remote_code == "of-next-year"


def test_a_reply_is_handled_before_the_event_behind_it() -> None:
    talk = Talk()
    seen: list[object] = talk.events  # type: ignore[assignment]  # one list shows the order of both
    talk.protocol.request(Hello(), Greeting).addCallback(seen.append)
    talk.turn()
    talk.hear(
        b'{"re":1,"status":"OK","realm":"alpha","version":"1","epoch":"e","commands":[],"limits":{}}\r\n',
        MESSAGE,
        b'{"event":"of-next-year"}\r\n',
        b'{"event":"goodbye","reason":"restart","retry_after":2}\r\n',
    )
    assert [type(item) for item in seen] == [Greeting, Message, Goodbye]


def test_a_callback_that_fails_does_not_end_the_connection(logged_failures: Any) -> None:
    def fails(event: Event) -> None:
        raise ValueError

    clock = Clock()
    protocol = ChatClientProtocol(clock, fails)
    transport = Transport()
    protocol.makeConnection(transport)
    protocol.dataReceived(MESSAGE)
    assert len(logged_failures.take(ValueError)) == 1
    assert not transport.aborted
    assert not transport.disconnecting


def test_whatever_has_no_reply_fails_with_the_connection_in_order() -> None:
    talk = Talk()
    order: list[int] = []
    for number in range(3):
        request = talk.protocol.request(Hello(), Greeting)
        request.addErrback(lambda failure, number: order.append(number), number)
        if number == 1:
            talk.turn()
    lost = talk.protocol.when_lost().addCallback(lambda _: order.append(-1))
    talk.lose()
    assert order == [0, 1, 2, -1]
    assert lost.called
    assert talk.protocol.when_lost().called
    assert type(error_of(talk.send())) is ConnectionUnavailable


def test_256_are_under_way_and_the_rest_waits() -> None:
    talk = Talk()
    outcomes = [talk.send() for _ in range(300)]
    assert len(talk.turn()) == 256
    talk.hear(ok(1), ok(2))
    assert [command["id"] for command in talk.turn()] == [257, 258]
    assert [len(outcome) for outcome in outcomes[:3]] == [1, 1, 0]


def test_what_waits_is_bounded(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(client, "WAITING", 3)
    talk = Talk()
    outcomes = [talk.send() for _ in range(4)]
    assert outcomes[:3] == [[], [], []]
    assert type(error_of(outcomes[3])) is errors.Busy
    assert len(talk.turn()) == 3


def test_a_line_that_no_server_reads_is_not_sent() -> None:
    talk = Talk()
    assert type(error_of(talk.send("x" * 65_536))) is errors.LineTooLong
    assert talk.turn() == []


@pytest.mark.parametrize(
    "line",
    [b"\xff\r\n", b"[]\r\n", b'{"status":"OK"}\r\n', ok(2), b'{"event":"message"}\r\n', b"x" * 300_000],
)
def test_a_server_that_breaks_the_protocol_is_left(line: bytes) -> None:
    talk = Talk()
    outcome = talk.send()
    talk.turn()
    talk.hear(line, ok(1))
    assert talk.transport.aborted
    assert outcome == []
    talk.lose()
    assert type(error_of(outcome)) is ConnectionUnavailable
    assert type(talk.protocol.farewell) is errors.BadRequest


def test_an_error_about_the_connection_is_kept_as_its_farewell() -> None:
    talk = Talk()
    outcome = talk.ask(Login(user="amsal", password="x"), LoggedIn)
    talk.turn()
    talk.hear(b'{"status":"ERROR","code":"too-many-connections","message":"full","retry_after":3}\r\n\r\n')
    assert talk.transport.disconnecting
    talk.lose()
    assert type(error_of(outcome)) is ConnectionUnavailable
    assert type(talk.protocol.farewell) is errors.TooManyConnections
    assert talk.protocol.farewell.retry_after == 3


def test_a_reply_that_does_not_come_ends_the_connection() -> None:
    talk = Talk()
    talk.clock.advance(25)  # silence before the command does not count
    talk.send()
    talk.turn()
    talk.clock.pump([5] * 5)
    assert not talk.transport.aborted
    talk.clock.advance(5)
    assert talk.transport.aborted


def test_a_slow_server_that_still_talks_is_waited_for() -> None:
    talk = Talk()
    outcome = talk.send()
    talk.turn()
    for _ in range(10):
        talk.clock.pump([5] * 4)
        talk.hear(MESSAGE)
    talk.hear(ok(1))
    assert len(outcome) == 1
    assert not talk.transport.aborted


def test_a_silent_connection_is_asked_whether_it_lives() -> None:
    talk = Talk()
    talk.clock.pump([5] * 12)
    assert [command["do"] for command in talk.turn()] == ["hello"]
    talk.clock.pump([5] * 6)
    assert talk.transport.aborted
    talk.lose()


def test_closing_sends_what_was_asked_and_aborts_what_hangs() -> None:
    talk = Talk()
    talk.send()
    talk.protocol.close()
    talk.protocol.close()
    assert len(talk.transport.writes) == 1
    assert talk.transport.disconnecting
    talk.clock.advance(5)
    assert talk.transport.aborted
    talk.lose()


def test_a_cancelled_request_does_not_disturb_the_next() -> None:
    talk = Talk()
    cancelled: Deferred[Sent] = talk.protocol.request(Send(to="messi", text="1"), Sent)
    cancelled.addErrback(lambda failure: None)
    outcome = talk.send("2")
    talk.turn()
    cancelled.cancel()
    talk.hear(ok(1), ok(2, "alpha/2"))
    assert outcome == [Sent(mid="alpha/2", seq=3)]
