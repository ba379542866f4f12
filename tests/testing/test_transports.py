"""Connections in memory: they do what those of a kernel do, at its worst."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from twisted.internet.error import (
    ConnectionAborted,
    ConnectionDone,
    ConnectionLost,
    ConnectionRefusedError,
    TimeoutError,
)
from twisted.internet.protocol import Factory, Protocol, connectionDone
from twisted.python.failure import Failure

from chatproto.testing.network import Network
from chatproto.testing.shaping import Shape


class Recorder(Protocol):
    """Keeps what it hears."""

    def __init__(self) -> None:
        self.reads: list[bytes] = []
        self.ends: list[type[BaseException] | None] = []
        self.full: list[bool] = []

    @property
    def wire(self) -> Any:
        return self.transport

    @property
    def heard(self) -> bytes:
        return b"".join(self.reads)

    def dataReceived(self, data: bytes) -> None:
        self.reads.append(data)

    def connectionLost(self, reason: Failure = connectionDone) -> None:
        self.ends.append(reason.type)

    # As a producer.
    def pauseProducing(self) -> None:
        self.full.append(True)

    def resumeProducing(self) -> None:
        self.full.append(False)

    def stopProducing(self) -> None:
        self.full.append(False)


class Two:
    """A client here and a server there, connected."""

    def __init__(self, shape: Callable[[Network], Shape] | None = None) -> None:
        self.network = network = Network(1)
        if shape is not None:
            made = shape(network)
            network.shape = lambda: made
        self.here, self.there = network.machine("here"), network.machine("there")
        self.here.begin()
        self.there.begin()
        self.accepted: list[Recorder] = []
        self.there.listen("port", Factory.forProtocol(self._accept))
        self.client = self.connect()
        self.server = self.accepted[0]

    def _accept(self) -> Recorder:
        self.accepted.append(Recorder())
        return self.accepted[-1]

    def connect(self) -> Any:
        endpoint = self.network.endpoint(self.here, "there", "port")
        return self.network.wait(endpoint.connect(Factory.forProtocol(Recorder)))

    def run(self, seconds: float = 1.0) -> None:
        self.network.run(seconds)


def test_bytes_arrive_in_order_in_other_pieces() -> None:
    two = Two(lambda network: Shape(network.random("test"), shred=True))
    for number in range(100):
        two.client.wire.write(b"%04d" % number)
    two.run()
    assert two.server.heard == b"".join(b"%04d" % number for number in range(100))
    assert len(two.server.reads) > 1
    assert two.server.wire.getPeer().host == two.client.wire.getHost().host


def test_a_writer_waits_for_a_reader_that_does_not_read() -> None:
    two = Two()
    two.server.wire.pauseProducing()
    two.client.wire.registerProducer(two.client, True)
    two.client.wire.write(b"x" * 200_000)
    two.run()
    assert two.client.full == [True]
    assert two.client.wire.unsent > 100_000
    assert two.server.reads == []
    two.server.wire.resumeProducing()
    two.run()
    assert len(two.server.heard) == 200_000
    assert two.client.full == [True, False]


def test_a_slow_reader_takes_its_time() -> None:
    two = Two(lambda network: Shape(network.random("test"), slow=10_000))
    two.client.wire.write(b"x" * 50_000)
    two.run(2)
    assert two.server.heard == b""
    two.run(10)
    assert len(two.server.heard) == 50_000


def test_a_connection_closes_after_everything_is_sent_and_no_producer_is_left() -> None:
    two = Two()
    two.client.wire.registerProducer(two.client, True)
    two.client.wire.write(b"last")
    two.client.wire.loseConnection()
    two.run()
    assert (two.server.heard, two.client.ends) == (b"last", [])
    two.client.wire.unregisterProducer()
    two.run()
    assert (two.client.ends, two.server.ends) == ([ConnectionDone], [ConnectionDone])


def test_an_abort_takes_what_was_not_read() -> None:
    two = Two()
    two.server.wire.pauseProducing()
    two.client.wire.write(b"never read")
    two.run()
    two.client.wire.abortConnection()
    assert two.client.ends == []  # it is told in a later turn
    two.run()
    two.server.wire.resumeProducing()
    two.run()
    assert (two.client.ends, two.server.ends) == ([ConnectionAborted], [ConnectionLost])
    assert two.server.heard == b""


def test_a_partition_keeps_bytes_until_it_heals_and_tells_nobody() -> None:
    two = Two()
    two.network.partition("here", "there", one_way=True)
    two.client.wire.write(b"late")
    two.server.wire.write(b"on time")
    two.run(1000)
    assert (two.server.heard, two.client.heard) == (b"", b"on time")
    two.network.heal()
    two.run()
    assert two.server.heard == b"late"


def test_who_is_killed_closes_its_connections() -> None:
    two = Two()
    two.there.end()
    two.run()
    assert (two.client.ends, two.server.ends) == ([ConnectionDone], [])


def test_a_machine_without_power_says_nothing_until_it_is_back() -> None:
    two = Two()
    two.there.end(power=True)
    two.client.wire.write(b"is anybody there")
    two.run(1000)
    assert two.client.ends == []
    two.there.begin()
    two.run(1000)
    assert two.client.ends == []  # nothing was sent since
    two.client.wire.write(b"and now")
    two.run()
    assert two.client.ends == [ConnectionLost]


def test_a_cut_comes_in_the_middle() -> None:
    two = Two(lambda network: Shape(network.random("test"), shred=True))
    two.client.wire.write(b"x" * 60_000)
    two.network.until(lambda: len(two.server.heard) > 10_000)
    two.server.wire.cut()
    two.run()
    assert 10_000 < len(two.server.heard) < 60_000
    assert (two.client.ends, two.server.ends) == ([ConnectionLost], [ConnectionLost])


def test_nobody_listens() -> None:
    two = Two()
    endpoint = two.network.endpoint(two.here, "there", "another port")
    with pytest.raises(ConnectionRefusedError):
        two.network.wait(endpoint.connect(Factory.forProtocol(Recorder)))


@pytest.mark.parametrize("one_way", [("here", "there"), ("there", "here")])
def test_nobody_answers(one_way: tuple[str, str]) -> None:
    two = Two()
    two.network.partition(*one_way, one_way=True)
    endpoint = two.network.endpoint(two.here, "there", "port")
    connecting = endpoint.connect(Factory.forProtocol(Recorder))
    with pytest.raises(TimeoutError):
        two.network.wait(connecting)
    two.network.heal()
    two.run(100)
    # Who was accepted without hearing of it is left alone again.
    assert all(server.ends for server in two.accepted[1:])


def test_a_dial_can_be_cancelled() -> None:
    two = Two()
    connecting = two.network.endpoint(two.here, "there", "port").connect(Factory.forProtocol(Recorder))
    failures: list[Failure] = []
    connecting.addErrback(failures.append)
    connecting.cancel()
    two.run(100)
    assert len(failures) == 1
    assert all(server.ends for server in two.accepted[1:])


def test_a_stopped_process_accepts_when_it_goes_on() -> None:
    two = Two()
    two.there.clock.stop()
    client = two.connect()
    client.wire.write(b"waiting")
    two.run()
    assert len(two.accepted) == 1
    two.there.clock.go_on()
    two.run()
    assert two.accepted[1].heard == b"waiting"
