"""Times on the wire are RFC 3339 in UTC, to the millisecond."""

from __future__ import annotations

from datetime import UTC, datetime

from hypothesis import given
from hypothesis import strategies as st

from chatproto.realm.times import Timestamps


@given(st.lists(st.integers(0, 4_000_000_000_000), min_size=1, max_size=5))
def test_every_time_can_be_read_again(times: list[int]) -> None:
    timestamps = Timestamps()
    for milliseconds in times:
        text = timestamps.text(milliseconds)
        assert text.endswith("Z")
        assert len(text) == 24
        moment = datetime.fromisoformat(text)
        assert moment.tzinfo == UTC
        assert round(moment.timestamp() * 1000) == milliseconds


def test_times_of_one_second_differ_in_the_fraction() -> None:
    timestamps = Timestamps()
    assert [timestamps.text(milliseconds) for milliseconds in (0, 7, 999, 1000, 5)] == [
        "1970-01-01T00:00:00.000Z",
        "1970-01-01T00:00:00.007Z",
        "1970-01-01T00:00:00.999Z",
        "1970-01-01T00:00:01.000Z",
        "1970-01-01T00:00:00.005Z",
    ]
