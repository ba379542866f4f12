"""When realms are dialled, and above all when not."""

from __future__ import annotations

from itertools import pairwise
from typing import Any

import pytest
from twisted.internet.defer import Deferred
from twisted.internet.error import ConnectionRefusedError
from twisted.internet.task import Clock

from chatproto.errors import BadProof, LinkError, RefusedByPeer
from chatproto.federation.dialing import Dialer, State
from chatproto.names import RealmName
from chatproto.records import DialRow
from tests.realm.house import House

BETA = RealmName("beta")


class WallClock:
    """A clock that somebody sets, over one that only runs."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self.offset = 0.0

    def seconds(self) -> float:
        return self._clock.seconds() + self.offset

    def callLater(self, *arguments: Any) -> Any:
        return self._clock.callLater(*arguments)


class Phone:
    """A dialer over a realm, and endpoints whose outcome the test decides."""

    def __init__(
        self, house: House, *names: str, longest: float = 300.0, clock: WallClock | None = None
    ) -> None:
        self.house = house
        self.clock: Any = clock or house.clock
        self.longest = longest
        self.dials: list[tuple[float, str]] = []
        self.waiting: list[Deferred[Any]] = []
        self.failed: list[Any] = []
        self.parked: list[tuple[str, str]] = []
        self.names = names
        self.refuses = True
        self.start()

    def start(self) -> None:
        self.dialer = Dialer(
            self.house.realm.writer,
            self.clock,
            lambda: 0.5,
            self.house.rows(DialRow),
            lambda realm, reason: self.parked.append((realm, reason)),
            self.longest,
        )
        for name in self.names:
            self.dialer.add(RealmName(name), name)
        self.dialer.start(lambda name: Endpoint(self, name), self.make_factory)  # type: ignore[arg-type,return-value]

    def make_factory(self, realm: RealmName, failed: Any) -> Any:
        self.failed.append(failed)
        return object()

    def gaps(self) -> list[float]:
        """The seconds between the dials of one realm."""
        times = [time for time, _ in self.dials]
        return [round(later - sooner, 2) for sooner, later in pairwise(times)]


class Endpoint:
    def __init__(self, phone: Phone, name: str) -> None:
        self.phone = phone
        self.name = name

    def connect(self, factory: Any) -> Deferred[Any]:
        phone = self.phone
        phone.dials.append((phone.house.clock.seconds(), self.name))
        done: Deferred[Any] = Deferred()
        if phone.refuses:
            done.errback(ConnectionRefusedError())
        else:
            phone.waiting.append(done)
        return done


@pytest.fixture
def house() -> House:
    return House()


@pytest.fixture
def phone(house: House) -> Phone:
    return Phone(house, "beta")


def wait(phone: Phone, seconds: float) -> None:
    """Let time pass in small steps, as a clock does."""
    for _ in range(int(seconds * 4)):
        phone.house.turn(0.25)


class TestDelays:
    def test_they_double_to_a_longest_one(self, house: House, phone: Phone) -> None:
        wait(phone, 1500)
        gaps = phone.gaps()
        # With this jitter three quarters of 1, 2, 4 ... seconds, and steps of a quarter.
        assert gaps[:4] == [0.75, 1.5, 3.0, 6.0]
        assert max(gaps) == 225.0
        (row,) = house.rows(DialRow)
        assert row.failures == len(phone.dials)

    def test_after_a_day_it_is_longer(self, house: House) -> None:
        phone = Phone(house, "beta", longest=30.0)
        for _ in range(3000):
            house.turn(30.0)
        assert phone.gaps()[-1] == 270.0

    def test_a_restart_does_not_begin_anew(self, house: House, phone: Phone) -> None:
        wait(phone, 40)
        phone.dialer.stop()
        count = len(phone.dials)
        phone.start()
        wait(phone, 3)
        assert len(phone.dials) == count

    def test_an_inbound_link_clears_them(self, house: House, phone: Phone) -> None:
        wait(phone, 100)
        phone.dialer.linked(BETA, False)
        house.turn()
        assert house.rows(DialRow) == []
        count = len(phone.dials)
        wait(phone, 100)
        assert len(phone.dials) == count
        phone.dialer.lost(BETA, "closed", 0)
        wait(phone, 1)
        assert len(phone.dials) == count + 1

    def test_only_a_link_that_stood_for_a_minute_clears_them(self, house: House, phone: Phone) -> None:
        phone.refuses = False
        wait(phone, 1)
        for _ in range(4):
            phone.waiting.pop().callback(None)
            phone.dialer.linked(BETA, True)
            phone.dialer.up(BETA)
            wait(phone, 50)
            phone.dialer.lost(BETA, "closed", 0)
            wait(phone, 20)
        assert len(phone.gaps()) == 4
        assert house.rows(DialRow)[0].failures == 4
        phone.waiting.pop().callback(None)
        phone.dialer.linked(BETA, True)
        phone.dialer.up(BETA)
        wait(phone, 61)
        assert house.rows(DialRow) == []

    def test_who_says_when_to_come_again_is_heeded(self, house: House, phone: Phone) -> None:
        phone.dialer.linked(BETA, True)
        phone.dialer.lost(BETA, "goodbye", 90)
        wait(phone, 89)
        assert phone.dials == []
        wait(phone, 2)
        assert len(phone.dials) == 1

    def test_retry_dials_now(self, house: House, phone: Phone) -> None:
        wait(phone, 100)
        count = len(phone.dials)
        phone.dialer.retry(BETA)
        house.turn(0.1)
        assert len(phone.dials) == count + 1
        assert house.rows(DialRow)[0].failures == 1


class TestMany:
    def test_eight_at_once_and_twenty_a_second(self, house: House) -> None:
        phone = Phone(house, *(f"realm{number}" for number in range(50)))
        phone.refuses = False
        wait(phone, 10)
        assert len(phone.dials) == 8
        while phone.waiting:
            phone.waiting.pop(0).errback(ConnectionRefusedError())
            house.turn(0.05)
            assert len(phone.waiting) <= 8
            if len(phone.dials) >= 40:
                break
        assert min(phone.gaps()) >= 0.05
        phone.dialer.stop()

    def test_the_first_ones_are_spread(self, house: House) -> None:
        phone = Phone(house, *(f"realm{number}" for number in range(200)))
        phone.refuses = False
        house.turn(0.5)
        assert phone.dials == []
        wait(phone, 10)
        assert phone.dials

    def test_a_clock_that_is_set_back_stops_nothing(self, house: House) -> None:
        clock = WallClock(house.clock)
        phone = Phone(house, "beta", "gamma", clock=clock)
        phone.refuses = False
        house.turn(0.11)  # the first is dialled, the second is about to be
        clock.offset = -3600
        house.turn(1)
        house.turn(1)
        assert [name for _, name in phone.dials] == ["beta", "gamma"]


class TestFailures:
    @pytest.mark.parametrize("error", [RefusedByPeer("not-linked", 50.0), LinkError()])
    def test_one_without_a_proof_is_one(self, house: House, phone: Phone, error: LinkError) -> None:
        phone.refuses = False
        wait(phone, 1)
        phone.waiting.pop().callback(None)
        phone.failed[-1](error)
        assert phone.dialer.state_of(BETA)[0] is State.WAITING
        assert house.clock.seconds() * 1000 < phone.dialer.state_of(BETA)[1].next
        wait(phone, 60)
        assert len(phone.dials) == 2

    def test_a_final_one_parks(self, house: House, phone: Phone) -> None:
        phone.refuses = False
        wait(phone, 1)
        phone.failed[-1](BadProof())
        assert phone.parked == [("beta", "bad-proof")]
        wait(phone, 1000)
        assert len(phone.dials) == 1

    def test_one_without_an_outcome_ends(self, house: House, phone: Phone) -> None:
        phone.refuses = False
        wait(phone, 1)
        wait(phone, 61)
        assert phone.dialer.state_of(BETA)[2] == "timeout"
        wait(phone, 2)
        assert len(phone.dials) == 2

    def test_an_inbound_link_ends_a_dial(self, house: House, phone: Phone) -> None:
        cancelled: list[object] = []
        phone.refuses = False
        wait(phone, 1)
        phone.waiting[-1].addErrback(cancelled.append)
        phone.dialer.linked(BETA, False)
        assert phone.dialer.state_of(BETA)[0] is State.LINKED
        phone.failed[-1](LinkError())
        wait(phone, 100)
        assert len(phone.dials) == 1

    def test_a_bad_endpoint_is_a_failure_like_another(
        self, house: House, phone: Phone, monkeypatch: pytest.MonkeyPatch, logged_failures: Any
    ) -> None:
        def broken(endpoint: Endpoint, factory: Any) -> Deferred[Any]:
            raise ValueError

        monkeypatch.setattr(Endpoint, "connect", broken)
        wait(phone, 3)
        assert phone.dialer.state_of(BETA)[2] == "bad-endpoint"
        assert logged_failures.take(ValueError)

    def test_a_stopped_one_dials_no_more(self, house: House, phone: Phone) -> None:
        wait(phone, 10)
        count = len(phone.dials)
        phone.dialer.stop()
        wait(phone, 100)
        assert len(phone.dials) == count
        assert phone.dialer.state_of(BETA)[0] is State.IDLE
