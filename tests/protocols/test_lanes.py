"""Turns of many who share one connection."""

from __future__ import annotations

from chatproto.protocols.lanes import Lanes

KIB = 1024


def all_of(lanes: Lanes) -> list[bytes]:
    taken = []
    while piece := lanes.take():
        taken.append(piece)
    return taken


def test_each_lane_keeps_its_order() -> None:
    lanes = Lanes()
    lanes.put(1, [b"a", b"b"])
    lanes.put(2, [b"c"])
    lanes.put(1, [b"d"])
    assert lanes.size == 4
    assert all_of(lanes) == [b"a", b"b", b"d", b"c"]
    assert lanes.size == 0


def test_who_has_much_lets_others_in_between() -> None:
    lanes = Lanes()
    lanes.put(1, [b"x" * 64 * KIB] * 6)
    lanes.put(2, [b"short"])
    lanes.put(3, [b"y" * 64 * KIB] * 3)
    assert [piece[:1] for piece in all_of(lanes)] == [
        b"x",
        b"x",
        b"s",
        b"y",
        b"y",
        b"x",
        b"x",
        b"y",
        b"x",
        b"x",
    ]


def test_what_is_dropped_does_not_come() -> None:
    lanes = Lanes()
    lanes.put(1, [b"a" * 100 * KIB, b"b"])
    lanes.put(2, [b"c" * 100 * KIB, b"d"])
    lanes.take()
    lanes.drop(1)
    lanes.drop(7)
    assert lanes.size == 100 * KIB + 1
    assert [piece[:1] for piece in all_of(lanes)] == [b"c", b"d"]
    assert lanes.size == 0
