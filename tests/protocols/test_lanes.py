"""Turns of many who share one connection."""

from __future__ import annotations

import json

from chatproto.limits import INBOX_BYTES
from chatproto.protocols import front_link
from chatproto.protocols.lanes import Lanes
from chatproto.wire.front import parts_of

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


def test_lines_that_are_begun_at_once_have_a_bound() -> None:
    lanes = Lanes(most_begun=5)
    lanes.put(1, [b"a1", b"a2"])
    lanes.put(2, [b"b" * 128 * KIB, b"b2"])
    lanes.put(3, [b"c1", b"c2"])
    lanes.put(3, [b"c3"])
    lanes.put(4, [b"whole"])
    lanes.put(3, [b"c4", b"c5"])
    # The second one is larger than all there is: it comes when nothing else is begun, and has its turns with
    # who sends whole lines; the third does not overtake it.
    assert [piece[:2] for piece in all_of(lanes)] == [
        b"a1",
        b"a2",
        b"bb",
        b"wh",
        b"b2",
        b"c1",
        b"c2",
        b"c3",
        b"c4",
        b"c5",
    ]
    assert lanes.size == 0


def test_a_line_that_is_dropped_makes_room_for_others() -> None:
    lanes = Lanes(most_begun=1)
    lanes.put(1, [b"a" * 128 * KIB, b"a2"])
    lanes.put(2, [b"b1", b"b2"])
    lanes.put(3, [b"c1", b"c2"])
    lanes.put(4, [b"d1", b"d2"])
    lanes.put(5, [b"whole"])
    assert lanes.take()[:2] == b"aa"
    assert lanes.take() == b"whole"  # the others wait
    lanes.drop(3)
    lanes.drop(1)
    assert all_of(lanes) == [b"b1", b"b2", b"d1", b"d2"]
    assert lanes.size == 0


def test_large_boxes_of_many_clients_fit_into_what_a_front_takes() -> None:
    lanes = Lanes()
    line = b"x" * INBOX_BYTES
    for channel in range(1, 25):
        lanes.put(channel, parts_of(channel, line))
    begun: dict[int, int] = {}
    most = count = 0
    while piece := lanes.take():
        head = json.loads(piece[: piece.index(b"\n")])
        begun[head["channel"]] = begun.get(head["channel"], 0) + head["size"]
        most = max(most, sum(begun.values()))
        if head.get("last"):
            assert begun.pop(head["channel"]) == INBOX_BYTES
            count += 1
    assert count == 24
    assert most <= front_link._ASSEMBLED_BYTES // 2
