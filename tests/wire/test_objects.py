"""Objects out of a stream, wherever it is cut and whatever is wrong in it."""

from __future__ import annotations

import itertools
import json
import sys
from typing import Any

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from chatproto.wire.objects import _BRACKETS, ObjectCutter

LIMIT = 64 * 1024
VALUES = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(max_size=20),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner, max_size=3),
    max_leaves=6,
)
OBJECTS = st.dictionaries(st.text(max_size=8), VALUES, max_size=5)


def pieces(*reads: bytes, limit: int = LIMIT) -> list[bytes]:
    cutter, found = ObjectCutter(), []
    for read in reads:
        cutter.add(read)
        while (piece := cutter.next(limit)) is not None:
            found.append(piece)
    return found


@given(st.data(), st.lists(OBJECTS, max_size=6), st.booleans(), st.sampled_from(["", " ", "\r\n"]))
def test_objects_come_out_as_they_went_in(
    data: st.DataObject, objects: list[dict[str, Any]], ascii_only: bool, between: str
) -> None:
    texts = [json.dumps(each, ensure_ascii=ascii_only).encode(errors="replace") for each in objects]
    stream = between.encode().join(texts)
    sizes = itertools.cycle(data.draw(st.lists(st.integers(1, 300), min_size=1, max_size=8)))
    reads = []
    while stream:
        size = next(sizes)
        reads.append(stream[:size])
        stream = stream[size:]
    assert pieces(*reads) == texts


@given(st.lists(st.binary(max_size=30)))
def test_any_bytes_are_taken_and_what_follows_a_whole_line_of_them_is_found(reads: list[bytes]) -> None:
    # Whatever is open after them is ended by what no string and no object may have.
    assert pieces(*reads, b"\n\x00", b'{"a": 1}')[-1] == b'{"a": 1}'


@pytest.mark.parametrize(
    ("reads", "found"),
    [
        ([b'{rusak{"a":1}'], [b"{rusak", b'{"a":1}']),
        ([b"{rusak", b'{"a":1}'], [b"{rusak", b'{"a":1}']),
        ([b'halo {"a":1}'], [b"halo ", b'{"a":1}']),
        ([b'{"a" = {"b": 1}}{"c":1}'], [b'{"a" = {"b": 1}}', b'{"c":1}']),
        ([b'{"tipe": "lo', b'{"tipe": "login"}'], [b'{"tipe": "lo', b'{"tipe": "login"}']),
        ([b'{"tipe": "login", ', b'{"tipe": "login"}'], [b'{"tipe": "login", ', b'{"tipe": "login"}']),
        ([b'{"a": tr', b'ue}{"a":', b"-1.5e3}"], [b'{"a": true}', b'{"a":-1.5e3}']),
        ([b'[1]{"a":[1,{"b":"}{"}]}'], [b"[1]", b'{"a":[1,{"b":"}{"}]}']),
        ([b'{"a":"\\', b'"}"}'], [b'{"a":"\\"}"}']),
        ([b'{"a":1]{}'], [b'{"a":1]', b"{}"]),
        ([b'{"a":"line\n{}'], [b'{"a":"line\n', b"{}"]),
        ([b'{"a":"\\\n"}{}'], [b'{"a":"\\\n"}', b"{}"]),
        ([b'{"a":' + b"1" * 65 + b"}{}"], [b'{"a":' + b"1" * 65 + b"}", b"{}"]),
    ],
)
def test_what_is_wrong_is_a_piece_of_its_own(reads: list[bytes], found: list[bytes]) -> None:
    assert pieces(*reads) == found


@pytest.mark.parametrize("size", [1, 7, 500])
def test_an_object_above_the_limit_is_told_once_and_dropped(size: int) -> None:
    stream = b'{"a":"' + b"x" * 400 + b'{","b":[1]}{"c":1}'
    reads = [stream[start : start + size] for start in range(0, len(stream), size)]
    assert pieces(*reads, limit=100) == [stream[:101], b'{"c":1}']


def test_nothing_is_kept_of_what_is_dropped() -> None:
    cutter = ObjectCutter()
    cutter.add(b'{"a":"')
    told = 0
    for _ in range(100):
        cutter.add(b"x" * 1000)
        told += cutter.next(5000) is not None
        assert len(cutter._buffer) <= 7000
    assert told == 1
    assert cutter.partial


def test_depth_and_tokens_are_bounded() -> None:
    deep = b'{"a":' * 20 + b"1" + b"}" * 20
    assert pieces(deep, b"{}") == [deep, b"{}"]
    many = b'{"a":[' + b"1," * 600 + b"1]}"
    assert b"".join(pieces(many))[:256] == many[:256]
    assert pieces(many, b'{"b":1}')[-1] == b'{"b":1}'


def test_several_broken_ones_in_a_read_are_found_out() -> None:
    wrong, whole = b'{"a" = {"b": 1}}', b'{"tipe": "terima"}'
    assert pieces(b"{rusak" + (wrong + whole) * 100) == [b"{rusak", *[wrong, whole] * 100]
    half = b'{"tipe": "lo'
    assert pieces(half * 3 + whole) == [*[half] * 3, whole]


class CountingCutter(ObjectCutter):
    """It counts the bytes over which it goes."""

    def __init__(self) -> None:
        self.passed = 0
        super().__init__()

    def _scan(self) -> bool | None:
        begun = self._at
        done = super()._scan()
        self.passed += self._at - begun
        return done


def effort(data: bytes, read: int) -> tuple[int, int]:
    """Return over how many bytes it goes for a stream, and how many functions are called for it."""
    cutter, calls = CountingCutter(), 0

    def count(frame: object, event: str, arg: object) -> None:
        nonlocal calls
        calls += "call" in event

    profile = sys.getprofile()
    sys.setprofile(count)
    try:
        for start in range(0, len(data), read):
            cutter.add(data[start : start + read])
            while cutter.next(LIMIT) is not None:
                pass
    finally:
        sys.setprofile(profile)
    return cutter.passed, calls


WORDS = [*b'{}[]":, \\1a\x00\n', b'{"a":', b'{"":[', b'{"a', b"{}", b'{"a":1}', b'\\"', b'{ "', b'","', b"{x"]
STREAMS = st.lists(st.sampled_from([word if isinstance(word, bytes) else bytes([word]) for word in WORDS]))


@given(STREAMS, STREAMS.filter(bool), st.sampled_from([2000, 100, 1]))
@settings(deadline=None, max_examples=40)
@example([], [b"{"], 2000)
@example([], [b'{"a":'], 2000)
@example([], [b'{"":['], 1)
@example([b'{"'], [b'\\"'], 100)
@example([], [b'{"\\"'], 2000)
@example([b'{"":['], [b'{",":[",","{",'], 2000)
def test_whatever_comes_costs_no_more_than_its_length(
    start: list[bytes], then: list[bytes], read: int
) -> None:
    size = 2000
    data = (b"".join(start) + b"".join(then) * size)[:size]
    passed, calls = effort(data, read)
    assert passed <= 3 * size
    assert calls <= 60 * size


def test_a_string_that_is_cut_off_behind_a_backslash_is_passed_once() -> None:
    # Each of its quotes would otherwise be tried for the beginning of one, and each try goes to the end.
    data = b'{x"' + b'\\"' * 20_000
    match = _BRACKETS.match(data, 2, len(data) - 1)
    assert match is not None
    assert match.end() == len(data) - 1
