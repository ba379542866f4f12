"""Virtual time: order, and clocks of processes that end, stop, and are wrong."""

from __future__ import annotations

import math

import pytest
from twisted.internet.error import AlreadyCalled, AlreadyCancelled

from chatproto.testing.clock import START, ProcessClock, Time


class Happened(list[str]):
    """What happened, in order."""

    def note(self, what: str) -> None:
        self.append(what)


@pytest.fixture
def time() -> Time:
    return Time()


@pytest.fixture
def happened() -> Happened:
    return Happened()


def run(time: Time) -> None:
    while time.step() is not None:
        pass


def test_calls_are_made_in_order_of_time_and_then_of_planning(time: Time, happened: Happened) -> None:
    clock = ProcessClock(time, "alpha")
    for delay, what in ((2, "c"), (1, "a"), (1, "b"), (0, "first")):
        clock.callLater(delay, happened.note, what)
    run(time)
    assert happened == ["first", "a", "b", "c"]
    assert clock.seconds() == START + 2
    assert time.steps == 4


def test_a_call_can_be_moved_and_cancelled(time: Time, happened: Happened) -> None:
    clock = ProcessClock(time, "alpha")
    early, late, never = (clock.callLater(1, happened.note, what) for what in ("late", "early", "never"))
    late.delay(4)
    early.reset(6)
    never.cancel()
    assert [call.getTime() - START for call in clock.getDelayedCalls()] == [5, 6]
    run(time)
    assert happened == ["early", "late"]
    with pytest.raises(AlreadyCalled):
        early.cancel()
    with pytest.raises(AlreadyCancelled):
        never.reset(1)


def test_what_is_cancelled_does_not_stay(time: Time, happened: Happened) -> None:
    clock = ProcessClock(time, "alpha")
    clock.callLater(1e6, happened.note, "kept")
    for _ in range(10_000):
        clock.callLater(1e6, happened.note, "cancelled").cancel()
    assert len(time._heap) < 1000
    run(time)
    assert happened == ["kept"]


def test_a_process_that_ended_makes_no_calls(time: Time, happened: Happened) -> None:
    clock, other = ProcessClock(time, "alpha"), ProcessClock(time, "beta")
    call = clock.callLater(1, happened.note, "ended")
    other.callLater(1, happened.note, "other")
    clock.end()
    assert clock.callLater(1, happened.note, "too late").active()
    call.cancel()
    run(time)
    assert happened == ["other"]


def test_a_process_that_was_stopped_makes_its_calls_when_it_goes_on(time: Time, happened: Happened) -> None:
    clock, other = ProcessClock(time, "alpha"), ProcessClock(time, "beta")
    clock.callLater(1, happened.note, "held")
    clock.callLater(5, happened.note, "later")
    other.callLater(2, clock.go_on)
    clock.stop()
    run(time)
    assert happened == ["held", "later"]
    assert time.seconds() == START + 5


@pytest.mark.parametrize(("jump", "when"), [(60, 40), (-60, 160), (3600, 0)])
def test_a_clock_that_is_set_moves_what_is_planned(time: Time, jump: float, when: float) -> None:
    clock = ProcessClock(time, "alpha")
    clock.callLater(100, lambda: None)
    clock.jump(jump)
    assert clock.seconds() == START + jump
    run(time)
    assert time.seconds() == START + when


def test_who_comes_too_early_by_a_rounding_error_does_not_do_so_without_end(time: Time) -> None:
    clock = ProcessClock(time, "alpha", offset=2**-23)
    until = math.nextafter(clock.seconds(), math.inf)
    for _ in range(3):
        clock.callLater(until - clock.seconds(), lambda: None)
        time.step()
    assert clock.seconds() >= until


def test_an_error_is_told_with_its_call(time: Time) -> None:
    clock = ProcessClock(time, "alpha")
    errors = []
    time.on_error = lambda timer, error: errors.append((timer.clock.name, str(error)))
    clock.callLater(0, [].pop)
    run(time)
    assert errors == [("alpha", "pop from empty list")]
