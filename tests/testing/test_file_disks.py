"""Contents of files on disks that are slow, full or broken, and what a loss of power leaves."""

from __future__ import annotations

from random import Random
from typing import Any

import pytest
from twisted.internet.defer import Deferred
from twisted.python.failure import Failure

from chatproto.errors import StoreError, StoreFull, Unavailable, WrongContent
from chatproto.files import MemoryFileDisk, MemoryFileStore
from chatproto.testing.clock import ProcessClock, Time
from chatproto.testing.disks import Troubles
from chatproto.testing.file_disks import UnsteadyFiles


class Life:
    """One life of the files on a disk."""

    def __init__(self, disk: MemoryFileDisk | None = None) -> None:
        self.time = Time()
        self.disk = disk or MemoryFileDisk()
        self.troubles = Troubles()
        clock = ProcessClock(self.time, "alpha")
        store = MemoryFileStore(self.disk, now=clock.seconds)
        self.files: Any = UnsteadyFiles(store, clock, Random(1), self.troubles)
        self.wait(self.files.open())

    def wait(self, deferred: Deferred[Any]) -> Any:
        """Return what comes in time, or raise it."""
        results: list[Any] = []
        deferred.addBoth(results.append)
        while not results:
            assert self.time.step() is not None
        if isinstance(results[0], Failure):
            results[0].raiseException()
        return results[0]


@pytest.fixture
def life() -> Life:
    return Life()


def test_a_full_disk_takes_nothing_until_there_is_room(life: Life) -> None:
    part = life.wait(life.files.part("alpha/1"))
    life.troubles.full = True
    first, second = part.write(b"halo"), part.write(b"dunia")
    for refused in (first, second, life.files.put(b"x")):
        with pytest.raises(StoreFull):
            life.wait(refused)
    assert part.size == 0
    life.troubles.full = False
    assert life.wait(part.write(b"halo")) == 4


def test_what_waits_behind_a_failure_is_not_written_in_its_place(life: Life) -> None:
    part = life.wait(life.files.part("alpha/1"))
    life.troubles.commit_seconds = (1.0, 2.0)
    life.troubles.failing_writes = 1
    first, second = part.write(b"halo"), part.write(b"dunia")
    with pytest.raises(Unavailable):
        life.wait(first)
    with pytest.raises(StoreFull):
        life.wait(second)
    writing = [part.write(b"%d" % number) for number in range(9)]
    assert [life.wait(each) for each in writing] == list(range(1, 10))
    found = life.wait(part.keep(9, ""))
    life.wait(part.drop())
    assert life.wait(life.files.read(found, 0, 9)) == b"012345678"
    assert life.time.seconds() > 1_700_000_010


def test_a_crash_keeps_what_was_written_and_a_loss_of_power_only_what_was_kept(life: Life) -> None:
    part = life.wait(life.files.part("alpha/1"))
    life.wait(part.write(b"halo dunia"))
    kept = life.wait(life.files.put(b"small"))
    life.disk.crash()
    with pytest.raises(StoreError):
        life.wait(part.write(b"!"))
    assert bytes(life.disk.parts["alpha/1"].data) == b"halo dunia"
    seen = set()
    for seed in range(40):
        disk = MemoryFileDisk()
        disk.restore(life.disk.backup())
        disk.crash(Random(seed))
        seen.add(bytes(disk.parts["alpha/1"].data))
        assert disk.contents[kept].data == b"small"
    assert b"halo" in seen
    assert b"halo" + bytes(6) in seen
    again = Life(life.disk)
    life.disk.parts["alpha/1"].data[4:] = bytes(6)
    part = again.wait(again.files.part("alpha/1"))
    assert part.size == 10
    with pytest.raises(WrongContent):
        again.wait(part.keep(10, "0" * 64))
