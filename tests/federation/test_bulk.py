"""The lane for bytes of files: whose turn it is, and that it waits for everything else."""

from __future__ import annotations

from collections import Counter
from typing import Any

import pytest

from chatproto.federation.bounds import PIECE_BYTES
from chatproto.federation.bulk import Bulk, Piece
from chatproto.frames import CHUNK_BYTES, Chunk, Ping
from tests.federation.town import Port, Town


class Supply:
    """Somebody who always has something to send, until it has sent it all."""

    def __init__(self, name: str, size: int, pieces: int) -> None:
        self.name = name
        self._size = size
        self._left = pieces
        self.asked: list[int] = []

    @property
    def ready(self) -> bool:
        return self._left > 0

    async def next(self, most: int) -> Piece | None:
        self._left -= 1
        self.asked.append(most)
        size = min(self._size, most)
        return Chunk(mid=f"alpha/{self.name}", offset=0, size=size), bytes(size)


class Lane:
    """The lane of alpha's end of a connection that nobody reads."""

    def __init__(self) -> None:
        self.town = Town()
        wire = self.town.connect()
        self.port: Port = wire.ports["alpha"]
        self.port.held = True
        realm = self.town.alpha.realm
        connection: Any = self.port
        self.bulk = Bulk(connection, realm.writer, self.town.alpha.clock)

    def sent(self) -> Counter[str]:
        """How many bytes each has sent."""
        sent: Counter[str] = Counter()
        for each in self.port.queue:
            if isinstance(each, tuple):
                sent[each[0].mid.partition("/")[2]] += len(each[1])
        return sent


@pytest.fixture
def lane() -> Lane:
    return Lane()


def test_turns_are_by_bytes(lane: Lane) -> None:
    for supply in (Supply("large", CHUNK_BYTES, 1000), Supply("small", 1000, 100_000)):
        lane.bulk.add(supply)
    lane.port.room = 3000
    lane.town.turn()
    sent = lane.sent()
    assert sent.total() == lane.bulk.sent
    small = sent["small"] // 1000 * (1000 + PIECE_BYTES)
    large = sent["large"] // CHUNK_BYTES * (CHUNK_BYTES + PIECE_BYTES)
    assert abs(large - small) <= 2 * CHUNK_BYTES


def test_who_is_alone_goes_on_to_the_end(lane: Lane) -> None:
    lane.bulk.add(Supply("large", CHUNK_BYTES, 300))
    lane.town.turn()
    assert lane.bulk.sent > 290 * CHUNK_BYTES


def test_nobody_waits_for_many_tiny_pieces(lane: Lane) -> None:
    lane.bulk.add(Supply("tiny", 1, 100_000))
    lane.bulk.add(Supply("large", CHUNK_BYTES, 1000))
    lane.port.room = 200
    lane.town.turn()
    sent = lane.sent()
    assert sent["tiny"] <= 4 * CHUNK_BYTES // PIECE_BYTES
    assert sent["large"] >= CHUNK_BYTES


def test_who_has_nothing_is_in_nobodys_way(lane: Lane) -> None:
    for supply in (Supply("empty", 1000, 0), Supply("one", 1000, 5), Supply("other", 1000, 5)):
        lane.bulk.add(supply)
    lane.town.turn()
    assert lane.sent() == Counter(one=5000, other=5000)


def test_it_waits_until_nothing_else_does(lane: Lane) -> None:
    lane.port.room = 1
    lane.port.send(Ping(number=1))
    supply = Supply("one", CHUNK_BYTES, 5)
    lane.bulk.add(supply)
    lane.town.turn(20)
    assert not lane.sent()
    assert len(supply.asked) == 1  # no more than one is at hand
    lane.port.room = 1
    lane.bulk.drained()
    lane.town.turn(20)
    assert len(supply.asked) == 1
    assert len(lane.sent()) == 1
    lane.port.room = 100
    lane.bulk.drained()
    lane.town.turn()
    assert len(supply.asked) == 5


def test_pieces_are_as_large_as_the_line_is_fast(lane: Lane) -> None:
    fast = Supply("fast", CHUNK_BYTES, 6)
    lane.bulk.add(fast)
    lane.town.turn()
    assert fast.asked == [16384, 32768, 65536, 65536, 65536, 65536]
    slow = Supply("slow", CHUNK_BYTES, 8)
    lane.port.room = 1
    lane.bulk.add(slow)
    lane.town.turn()
    for _ in range(8):
        lane.town.turn(0.1)
        lane.port.room = 1
        lane.bulk.drained()
        lane.town.turn()
    assert slow.asked == [65536, 32768, 16384, 8192, 4096, 4096, 4096, 4096]


def test_nothing_goes_after_its_end(lane: Lane) -> None:
    lane.port.room = 0
    lane.bulk.add(Supply("one", CHUNK_BYTES, 5))
    lane.town.turn()
    lane.bulk.close()
    lane.port.room = 100
    lane.bulk.drained()
    lane.town.turn(20)
    assert not lane.sent()


def test_it_does_not_spin_while_a_connection_ends(lane: Lane) -> None:
    lane.bulk.add(Supply("one", CHUNK_BYTES, 5))
    lane.port.closed = True
    lane.town.turn(5)
    assert not lane.sent()
