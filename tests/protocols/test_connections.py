"""The connections of a listener: a bound in all, a share for each address, and the end of the last one."""

from __future__ import annotations

from chatproto.limits import Limits
from chatproto.protocols.connections import Connections, Refusing
from tests.protocols.wires import Wire
from tests.realm.house import watch


class Connection:
    def __init__(self, address: str = "192.0.2.1") -> None:
        self.address = address
        self.said: list[str] = []

    def goodbye(self, reason: str) -> None:
        self.said.append(reason)

    def abort(self) -> None:
        self.said.append("aborted")


def test_there_is_room_for_so_many_in_all() -> None:
    connections = Connections(Limits(connections=2, connections_per_address=0))
    first, second = Connection(), Connection()
    connections.add(first)
    assert connections.has_room("192.0.2.1")
    connections.add(second)
    assert not connections.has_room("192.0.2.9")
    connections.remove(first)
    assert connections.has_room("192.0.2.9")


def test_each_address_has_its_share() -> None:
    connections = Connections(Limits(connections_per_address=1))
    first = Connection()
    connections.add(first)
    assert not connections.has_room(first.address)
    assert connections.has_room("192.0.2.2")
    connections.remove(first)
    assert connections.has_room(first.address)


def test_it_says_when_none_is_left() -> None:
    connections = Connections(Limits())
    assert watch(connections.when_empty()) == [None]
    both = [Connection(), Connection()]
    for connection in both:
        connections.add(connection)
    waiting = [watch(connections.when_empty()) for _ in range(2)]
    connections.remove(both[0])
    assert waiting == [[], []]
    connections.remove(both[1])
    assert waiting == [[None], [None]]


def test_all_are_aborted_though_that_ends_them_at_once() -> None:
    connections = Connections(Limits())

    class Ending(Connection):
        def abort(self) -> None:
            super().abort()
            connections.remove(self)

    every = [Ending() for _ in range(3)]
    for connection in every:
        connections.add(connection)
    connections.abort()
    assert [connection.said for connection in every] == [["aborted"]] * 3
    assert list(connections) == []


def test_one_for_which_there_is_no_room_is_told_and_closed() -> None:
    wire = Wire()
    Refusing(b"full\r\n").makeConnection(wire)
    assert (wire.taken, wire.disconnecting) == (b"full\r\n", True)
