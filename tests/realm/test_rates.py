"""Token buckets: what passes, what waits, and that the memory for them stays small."""

from __future__ import annotations

import gc
from collections import deque

import pytest
from hypothesis import given
from hypothesis import strategies as st

from chatproto.realm.rates import Allowances, Buckets, Rate

NOW = 1_700_000_000.0


class TestRate:
    def test_a_burst_passes_then_one_at_a_time(self) -> None:
        buckets: Buckets[str] = Buckets(10)
        rate = Rate(1, 5.0, burst=5)
        assert [buckets.take("a", rate, NOW) for _ in range(5)] == [0.0] * 5
        assert buckets.take("a", rate, NOW) == 5.0
        assert buckets.take("a", rate, NOW + 4) == 1.0
        assert buckets.take("a", rate, NOW + 5) == 0.0
        assert buckets.take("a", rate, NOW + 5) == 5.0

    def test_what_is_refused_costs_nothing(self) -> None:
        buckets: Buckets[str] = Buckets(10)
        rate = Rate(10, burst=10)
        assert buckets.take("a", rate, NOW, 10) == 0.0
        for _ in range(1000):
            assert buckets.take("a", rate, NOW, 5) == pytest.approx(0.5)
        assert buckets.take("a", rate, NOW + 0.5, 5) == 0.0

    def test_what_costs_more_than_there_ever_is_passes_a_full_bucket_and_is_owed(self) -> None:
        buckets: Buckets[str] = Buckets(10)
        rate = Rate(1, burst=2)
        assert buckets.take("a", rate, NOW, 64) == 0.0
        assert buckets.take("a", rate, NOW) == pytest.approx(63.0)
        assert buckets.take("a", rate, NOW, 64) == pytest.approx(64.0)
        assert buckets.take("a", rate, NOW + 64, 64) == 0.0

    def test_zero_is_no_bound_and_keeps_nothing(self) -> None:
        buckets: Buckets[str] = Buckets(10)
        assert [buckets.take("a", Rate(0), NOW, 1000) for _ in range(100)] == [0.0] * 100
        assert len(buckets) == 0

    def test_one_bucket_is_asked_by_two_rules(self) -> None:
        buckets: Buckets[str] = Buckets(10)
        tight, loose, off = Rate(1, burst=2), Rate(10, burst=100), Rate(0)
        for _ in range(50):
            assert buckets.take("a", loose, NOW) == 0.0
        assert buckets.take("a", tight, NOW) == pytest.approx(4.0, abs=0.001)
        assert buckets.take("a", off, NOW) == 0.0
        assert buckets.take("a", loose, NOW) == 0.0

    def test_a_clock_that_goes_back_an_hour_stops_nobody_for_an_hour(self) -> None:
        buckets: Buckets[str] = Buckets(10)
        rate = Rate(100, burst=200)
        buckets.take("a", rate, NOW, 200)
        assert buckets.take("a", rate, NOW - 3600, 200) == 0.0
        assert buckets.take("a", rate, NOW - 3600) == pytest.approx(0.01)

    def test_a_whole_burst_passes_whatever_the_numbers(self) -> None:
        for count in (0.3, 3, 7, 50, 100, 2**21):
            for burst in (1, 3, 200):
                buckets: Buckets[str] = Buckets(10)
                rate = Rate(count, burst=burst)
                assert [buckets.take("a", rate, NOW + 0.1) for _ in range(burst)] == [0.0] * burst

    @given(
        st.floats(0.5, 50),
        st.integers(1, 20),
        st.lists(st.tuples(st.floats(0, 2), st.integers(1, 8)), max_size=60),
    )
    def test_no_more_passes_in_any_time_than_burst_and_rate(
        self, count: float, burst: int, asked: list[tuple[float, int]]
    ) -> None:
        buckets: Buckets[str] = Buckets(10)
        rate = Rate(count, burst=burst)
        passed: deque[tuple[float, int]] = deque()
        now = NOW
        for pause, cost in asked:
            now += pause
            wait = buckets.take("a", rate, now, cost)
            if wait:
                # Waiting as long as told is enough, but for rounding.
                assert rate.wait(buckets.full("a"), now + wait + 1e-6, cost) == 0.0
                continue
            passed.append((now, cost))
            for start, _ in passed:
                within = [each for at, each in passed if at >= start]
                # The last one may have been larger than the bucket, and is owed.
                assert sum(within) <= max(burst, within[-1]) + count * (now - start + 0.001) + 1e-6

    def test_a_bucket_that_was_asked_by_nobody_is_full(self) -> None:
        assert Buckets[str](10).full("a") == 0.0


class TestBuckets:
    def test_there_are_never_more_than_their_number(self) -> None:
        buckets: Buckets[int] = Buckets(100)
        rate = Rate(1, 3600.0, burst=5)
        for key in range(10_000):
            buckets.take(key, rate, NOW)
            assert len(buckets) <= 100

    def test_full_ones_go_first(self) -> None:
        buckets: Buckets[str] = Buckets(3)
        fast, slow = Rate(1), Rate(1, 1000.0)
        buckets.take("slow", slow, NOW)
        buckets.take("fast", fast, NOW)
        buckets.take("slow too", slow, NOW)
        buckets.take("new", slow, NOW + 2)
        assert [buckets.full(key) > NOW + 2 for key in ("slow", "fast", "slow too", "new")] == [
            True,
            False,
            True,
            True,
        ]

    def test_without_a_full_one_that_goes_which_was_asked_longest_ago(self) -> None:
        buckets: Buckets[str] = Buckets(3)
        rate = Rate(1, 1000.0, burst=5)
        for key in ("a", "b", "c", "a", "d"):
            buckets.take(key, rate, NOW)
        assert [buckets.full(key) > NOW for key in "abcd"] == [True, False, True, True]

    def test_a_bucket_that_is_full_is_not_kept(self) -> None:
        buckets: Buckets[str] = Buckets(3)
        buckets.put("a", NOW + 1, NOW)
        buckets.put("a", NOW, NOW)
        assert len(buckets) == 0


class TestAllowances:
    def test_an_account_has_one_however_it_logs_in_and_out(self) -> None:
        allowances = Allowances(2)
        held = allowances.of("messi")
        held.messages = 7.0
        for name in ("a", "b", "c", "d"):
            allowances.of(name)
        assert allowances.of("messi") is held
        allowances.of("a").messages = 8.0
        gc.collect()
        assert allowances.of("a").messages == 8.0

    def test_those_that_nobody_holds_are_forgotten_when_there_are_many(self) -> None:
        allowances = Allowances(2)
        allowances.of("a").messages = 8.0
        for name in ("b", "c", "d"):
            allowances.of(name)
        gc.collect()
        assert allowances.of("a").messages == 0.0
