"""Disks: what is on them after crashes and older copies, whichever kind they are."""

from __future__ import annotations

import random
from pathlib import Path
from typing import Any

import pytest
from twisted.internet.defer import Deferred

from chatproto.errors import DiskFull, StoreFailed
from chatproto.interfaces import IStore
from chatproto.names import RealmName
from chatproto.records import AccountRow, Batch, Entry, StoreState
from chatproto.testing.clock import ProcessClock, Time
from chatproto.testing.disks import Disk, InMemory, OnSqlite, Troubles, UnsteadyStore, rows_of

ALPHA = RealmName("alpha")


@pytest.fixture(params=["memory", "sqlite"])
def disk(request: pytest.FixtureRequest, tmp_path: Path) -> Disk:
    return InMemory() if request.param == "memory" else OnSqlite(tmp_path / "alpha")


def now(deferred: Deferred[Any]) -> Any:
    """Return what has to be there already."""
    results: list[Any] = []
    deferred.addBoth(results.append)
    (result,) = results
    if hasattr(result, "raiseException"):
        result.raiseException()
    return result


class Life:
    """One life of a store."""

    def __init__(self, disk: Disk) -> None:
        self.time = Time()
        self.store: IStore = disk.open(ProcessClock(self.time, "alpha"))
        self.state: StoreState = now(self.store.open(ALPHA))

    def add(self, number: int, name: str) -> None:
        now(self.store.commit(Batch(number, 0, 0, [Entry([account(name)])])))

    def names(self) -> list[str]:
        return [row.name for row in now(self.store.accounts("", 100))]


def account(name: str) -> AccountRow:
    return AccountRow(name=name, shown=name, display=name, country="", created=0, deleted=0)


def test_a_crash_leaves_what_was_committed(disk: Disk) -> None:
    life = Life(disk)
    life.add(1, "messi")
    disk.crash()
    assert Life(disk).names() == ["messi"]
    with pytest.raises(StoreFailed):
        life.add(2, "too late")
    disk.crash()
    assert Life(disk).names() == ["messi"]
    disk.crash()


def test_an_older_copy_is_noticed_unless_nothing_remembers(disk: Disk) -> None:
    life = Life(disk)
    life.add(1, "messi")
    copy = disk.copy()
    life.time.wait_until(life.time.seconds() + 10)
    life.add(2, "henderson")
    disk.crash()
    disk.put_back(copy, unnoticed=False)
    life = Life(disk)
    assert (life.names(), life.state.batch, life.state.older) == (["messi"], 1, 2)
    disk.crash()
    disk.put_back(copy, unnoticed=True)
    life = Life(disk)
    assert (life.names(), life.state.batch, life.state.older) == (["messi"], 1, 0)
    disk.crash()


class Unsteady:
    """A store over a disk with troubles."""

    def __init__(self) -> None:
        self.time = Time()
        self.clock = ProcessClock(self.time, "alpha")
        self.disk = InMemory()
        self.troubles = Troubles()
        self.told: list[int] = []
        store = self.disk.open(self.clock)
        self.store: Any = UnsteadyStore(store, self.clock, random.Random(1), self.troubles, self._committed)
        now(self.store.open(ALPHA))

    def _committed(self, batch: Batch, failed: object) -> None:
        self.told.append(batch.number)

    def commit(self, name: str) -> list[Any]:
        results: list[Any] = []
        self.store.commit(Batch(1, 0, 0, [Entry([account(name)])])).addBoth(results.append)
        return results

    def names(self) -> list[str]:
        results: list[Any] = []
        self.store.accounts("", 100).addBoth(results.append)
        while not results:
            assert self.time.step() is not None
        return [row.name for row in results[0]]


@pytest.fixture
def unsteady() -> Unsteady:
    return Unsteady()


def test_a_full_disk_stores_nothing_until_there_is_room(unsteady: Unsteady) -> None:
    unsteady.troubles.full = True
    refused = unsteady.commit("messi")
    while not refused:
        assert unsteady.time.step() is not None
    assert refused[0].check(DiskFull)
    unsteady.troubles.full = False
    assert unsteady.commit("messi") == [[]]
    assert (unsteady.names(), unsteady.told) == (["messi"], [1])


@pytest.mark.parametrize(("stored", "names"), [(False, []), (True, ["messi"])])
def test_a_failing_disk_has_stored_or_not(unsteady: Unsteady, stored: bool, names: list[str]) -> None:
    unsteady.troubles.break_next = stored
    (failure,) = unsteady.commit("messi")
    assert failure.check(StoreFailed)
    assert unsteady.names() == names
    assert len(unsteady.told) == len(names)


@pytest.mark.parametrize(("point", "names"), [("end_before", []), ("end_after", ["messi"])])
def test_a_process_can_end_in_the_middle_of_a_commit(
    unsteady: Unsteady, point: str, names: list[str]
) -> None:
    ends: list[str] = []
    setattr(unsteady.troubles, point, lambda: ends.append(point))
    assert unsteady.commit("messi") == []
    assert ends == [point]
    assert unsteady.names() == names


def test_a_slow_disk_takes_its_time(unsteady: Unsteady) -> None:
    unsteady.troubles.commit_seconds = unsteady.troubles.read_seconds = (1.0, 2.0)
    results = unsteady.commit("messi")
    assert results == []
    assert unsteady.names() == []  # asked before it was stored
    while not results:
        assert unsteady.time.step() is not None
    assert unsteady.names() == ["messi"]
    assert unsteady.time.seconds() > 1_700_000_003


def test_the_rows_of_a_batch_are_those_that_were_stored() -> None:
    one, two, three = (account(name) for name in ("messi", "henderson", "lineker"))
    batch = Batch(1, 0, 0, [Entry([one], otherwise=[three]), Entry([two])])
    assert rows_of(batch, []) == [one, two]
    assert rows_of(batch, [0]) == [three, two]
