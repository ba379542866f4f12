"""The connections of a listener: a bound in all, a share for each address, and the end of the last one."""

from __future__ import annotations

from typing import Any

import pytest
from twisted.internet.address import IPv4Address
from twisted.internet.task import Clock
from twisted.logger import ILogObserver, LogEvent, LogLevel, formatEvent, globalLogPublisher
from zope.interface import implementer

from chatproto.endpoints import network_of
from chatproto.errors import TooManyConnections
from chatproto.limits import Limits
from chatproto.protocols.connections import Connections, Refusing
from tests.protocols.wires import Served, Wire
from tests.realm.house import watch

NOW = 1_700_000_000.0


class Connection:
    def __init__(self) -> None:
        self.said: list[str] = []

    def goodbye(self, reason: str) -> None:
        self.said.append(reason)

    def abort(self) -> None:
        self.said.append("aborted")


def connections_of(**limits: Any) -> tuple[Connections, Clock]:
    """Return no connections yet, with a bound in all and for each address only if they are given."""
    clock = Clock()
    clock.advance(NOW)
    no_bounds: dict[str, Any] = {"connections_per_address": 0, "connects_per_ten_minutes": 0}
    return Connections(Limits(**{**no_bounds, **limits}), clock), clock


def has_room(connections: Connections, address: str) -> bool:
    try:
        connections.check_room(address)
    except TooManyConnections:
        return False
    return True


def opened(connections: Connections, address: str) -> Connection:
    """Return one more, for which there has to be room."""
    connections.check_room(address)
    connection = Connection()
    connections.add(connection, address)
    return connection


def test_there_is_room_for_so_many_in_all() -> None:
    connections, _ = connections_of(connections=2)
    first = opened(connections, "192.0.2.1")
    opened(connections, "192.0.2.1")
    assert not has_room(connections, "192.0.2.9")
    connections.remove(first)
    assert has_room(connections, "192.0.2.9")


class TestAddresses:
    def test_each_has_its_share(self) -> None:
        connections, _ = connections_of(connections_per_address=2)
        first = opened(connections, "192.0.2.1")
        opened(connections, "192.0.2.1")
        assert not has_room(connections, "192.0.2.1")
        assert has_room(connections, "192.0.2.2")
        connections.remove(first)
        assert has_room(connections, "192.0.2.1")

    @pytest.mark.parametrize(
        ("address", "network"),
        [
            ("192.0.2.1", "192.0.2.1"),
            ("::ffff:192.0.2.1", "192.0.2.1"),
            ("2001:db8:1:2:3:4:5:6", "2001:db8:1:2::/64"),
            ("2001:db8:1:2::", "2001:db8:1:2::/64"),
            ("fe80::1%eth0", "fe80::/64"),
            ("", ""),
            ("/run/socket", "/run/socket"),
        ],
    )
    def test_of_ipv6_a_network_counts_as_one(self, address: str, network: str) -> None:
        assert network_of(address) == network

    def test_whoever_has_a_network_of_ipv6_has_one_share(self) -> None:
        connections, _ = connections_of(connections_per_address=2)
        opened(connections, "2001:db8::1")
        opened(connections, "2001:db8::2")
        assert not has_room(connections, "2001:db8::3")
        assert has_room(connections, "2001:db8:0:1::1")

    def test_each_may_connect_so_often(self) -> None:
        connections, clock = connections_of(connects_per_ten_minutes=3)
        for _ in range(3):
            connections.remove(opened(connections, "192.0.2.1"))
        with pytest.raises(TooManyConnections) as raised:
            connections.check_room("192.0.2.1")
        assert raised.value.retry_after == pytest.approx(200)
        opened(connections, "192.0.2.2")
        clock.advance(200)
        opened(connections, "192.0.2.1")
        assert not has_room(connections, "192.0.2.1")

    def test_who_is_refused_is_not_counted(self) -> None:
        connections, _ = connections_of(connections_per_address=1, connects_per_ten_minutes=2)
        first = opened(connections, "192.0.2.1")
        assert [has_room(connections, "192.0.2.1") for _ in range(50)] == [False] * 50
        connections.remove(first)
        opened(connections, "192.0.2.1")

    def test_one_that_is_known_later_is_counted_then(self) -> None:
        connections, _ = connections_of(connections_per_address=1)
        both = [opened(connections, "") for _ in range(2)]
        connections.move(both[0], "192.0.2.1")
        with pytest.raises(TooManyConnections):
            connections.move(both[1], "192.0.2.1")
        for connection in both:
            connections.remove(connection)
        assert has_room(connections, "192.0.2.1")


def test_it_says_when_none_is_left() -> None:
    connections, _ = connections_of()
    assert watch(connections.when_empty()) == [None]
    both = [opened(connections, "192.0.2.1") for _ in range(2)]
    waiting = [watch(connections.when_empty()) for _ in range(2)]
    connections.remove(both[0])
    assert waiting == [[], []]
    connections.remove(both[1])
    assert waiting == [[None], [None]]


def test_all_are_aborted_though_that_ends_them_at_once() -> None:
    connections, _ = connections_of()

    class Ending(Connection):
        def abort(self) -> None:
            super().abort()
            connections.remove(self)

    every = [Ending() for _ in range(3)]
    for connection in every:
        connections.add(connection, "192.0.2.1")
    connections.abort()
    assert [connection.said for connection in every] == [["aborted"]] * 3
    assert list(connections) == []


class TestRefusing:
    def test_one_for_which_there_is_no_room_is_told_and_closed(self) -> None:
        wire, clock, gone = Wire(), Clock(), []
        refusing = Refusing(b"full\r\n", clock, lambda: gone.append(True))
        refusing.makeConnection(wire)
        assert (wire.taken, wire.disconnecting) == (b"full\r\n", True)
        refusing.dataReceived(b"x")
        refusing.connectionLost()
        assert gone == [True]
        assert clock.getDelayedCalls() == []

    def test_one_that_does_not_go_is_cut(self) -> None:
        wire, clock = Wire(), Clock()
        Refusing(b"full\r\n", clock, lambda: None).makeConnection(wire)
        clock.advance(5)
        assert wire.aborted

    def test_so_many_are_told_at_a_time_and_the_others_closed(self) -> None:
        served = Served(Limits(connections=1))
        served.peer()
        address = IPv4Address("TCP", "192.0.2.1", 40000)
        refusing = [served.factory.buildProtocol(address) for _ in range(70)]
        assert [type(each) for each in refusing] == [Refusing] * 64 + [type(None)] * 6
        for each in refusing[:2]:
            assert isinstance(each, Refusing)
            each.connectionLost()
        again = [served.factory.buildProtocol(address) for _ in range(3)]
        assert [type(each) for each in again] == [Refusing] * 2 + [type(None)]


class TestLog:
    """Whoever looks for who was turned away finds it there, and nobody fills a disk with it."""

    def test_it_has_a_line_in_ten_seconds_with_how_many_had_none(self) -> None:
        served = Served(Limits(connections_per_address=1, connects_per_ten_minutes=2), rates=True)
        lines: list[str] = []

        @implementer(ILogObserver)
        def observe(event: LogEvent) -> None:
            if event["log_level"] is LogLevel.info:
                lines.append(formatEvent(event))

        served.peer(address="192.0.2.1")
        globalLogPublisher.addObserver(observe)
        try:
            for host in ("192.0.2.1", "192.0.2.1", "192.0.2.1"):
                served.factory.buildProtocol(IPv4Address("TCP", host, 40000))
            assert lines == [
                "turned away 192.0.2.1: too many connections from your address; "
                "0 more since the last such line"
            ]
            served.house.clock.advance(11)
            served.peer(address="192.0.2.2").lose()
            served.peer(address="192.0.2.2").lose()
            served.factory.buildProtocol(IPv4Address("TCP", "192.0.2.2", 40000))
        finally:
            globalLogPublisher.removeObserver(observe)
        assert lines[1:] == [
            "turned away 192.0.2.2: your address connects too often; 2 more since the last such line"
        ]
        assert served.factory.traffic.turned_away == 4


class TestBehindAProxy:
    def test_the_address_is_the_one_that_the_proxy_tells(self) -> None:
        served = Served(Limits(connections_per_address=2), proxied=True)
        peers = [served.peer(address="127.0.0.1") for _ in range(4)]
        for peer, host in zip(peers, ("192.0.2.1", "192.0.2.1", "192.0.2.1", "192.0.2.2"), strict=True):
            peer.wire.peerAddr = IPv4Address("TCP", host, 40000)
        replies = [peer.ask({"do": "hello"}) for peer in peers]
        assert [reply.get("code") for reply in replies] == [None, None, "too-many-connections", None]
        assert [peer.closed for peer in peers] == [False, False, True, False]
