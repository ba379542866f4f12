"""A realm as a whole: its lives, its positions, and its end."""

from __future__ import annotations

import pytest
from twisted.internet.task import Clock

from chatproto import commands, events
from chatproto.commands import Send
from chatproto.errors import BadName, StoreError, StoreFailed, StoreFull, StoreInUse
from chatproto.executors import InlineExecutor
from chatproto.names import RealmName
from chatproto.realm import PasswordHasher, Realm
from chatproto.records import EpochRow
from chatproto.store.memory import MemoryDisk, MemoryStore
from chatproto.testing.faults import FaultyStore
from tests.conftest import LoggedFailures
from tests.realm.house import Client, House, watch


def opening(disk: MemoryDisk, name: str = "alpha", clock: Clock | None = None) -> list[object]:
    """Begin to open a realm, and return what gets the outcome."""
    clock = clock or Clock()
    outcome = watch(
        Realm.open(name, MemoryStore(disk), clock, hasher=PasswordHasher(InlineExecutor(), cheap=True))
    )
    clock.advance(0)
    return outcome


class TestOpening:
    def test_every_start_is_a_new_epoch_that_is_on_disk_first(self, house: House) -> None:
        assert house.realm.lives.epoch == house.rows(EpochRow)[-1].epoch
        first = house.realm.lives.epoch
        house.client("messi").send("messi")
        house.restart()
        assert house.realm.lives.epoch != first
        rows = house.rows(EpochRow)
        assert [row.number for row in rows] == [1, 2]
        assert [row.first for row in rows] == [1, 2]

    def test_a_store_in_use_is_not_opened(self, house: House) -> None:
        (outcome,) = opening(house.disk)
        assert outcome.check(StoreInUse)  # type: ignore[attr-defined]  # a Failure

    def test_another_realms_store_is_not_opened_and_stays_free(self) -> None:
        disk = MemoryDisk()
        disk.tables.realm = RealmName("beta")
        (outcome,) = opening(disk)
        assert outcome.check(StoreError)  # type: ignore[attr-defined]  # a Failure
        assert not disk.locked

    def test_a_name_that_is_none_is_refused(self) -> None:
        disk = MemoryDisk()
        (outcome,) = opening(disk, "Not A Realm")
        assert outcome.check(BadName)  # type: ignore[attr-defined]  # a Failure
        assert not disk.locked

    def test_a_store_that_takes_nothing_is_closed_again(self) -> None:
        disk, clock = MemoryDisk(), Clock()
        store = FaultyStore(MemoryStore(disk))
        store.refuse_next()
        hasher = PasswordHasher(InlineExecutor(), cheap=True)
        outcome = watch(Realm.open("alpha", store, clock, hasher=hasher))
        clock.advance(0)
        assert outcome[0].check(StoreFull)
        assert not disk.locked

    def test_a_store_that_fails_is_closed_again(self, logged_failures: LoggedFailures) -> None:
        disk, clock = MemoryDisk(), Clock()
        store = FaultyStore(MemoryStore(disk))
        store.fail_next()
        hasher = PasswordHasher(InlineExecutor(), cheap=True)
        outcome = watch(Realm.open("alpha", store, clock, hasher=hasher))
        clock.advance(0)
        assert outcome[0].check(StoreFailed)
        assert not disk.locked
        assert logged_failures.take(StoreFailed)

    def test_mids_of_two_lives_differ(self, house: House) -> None:
        first = house.client("messi").send("messi").mid
        house.restart()
        second = house.client("messi").send("messi").mid
        assert first != second
        assert first.startswith("alpha/")


class TestClosing:
    def test_what_was_appended_is_durable_first(self, house: House) -> None:
        messi = house.client("messi")
        messi.send("messi")
        answers = messi.begin(Send(to="messi", text="last"))
        house.wait(house.realm.close())
        assert isinstance(answers[0], events.Sent)
        assert not house.disk.locked
        house.open()
        assert house.client("messi").history("messi").messages[-1].text == "last"

    def test_nothing_is_left_on_the_clock(self, house: House) -> None:
        messi = house.client("messi")
        messi.send("messi")
        messi.ask(commands.Ack(seq=1))
        house.wait(house.realm.close())
        house.turn()
        assert house.clock.getDelayedCalls() == []

    def test_a_failed_store_can_be_closed(self, house: House, logged_failures: LoggedFailures) -> None:
        failed = watch(house.realm.when_failed())
        house.faults.fail_next()
        watch(house.realm.add_user("ani", "x"))
        house.turn()
        assert failed[0].check(StoreFailed)
        house.wait(house.realm.close())
        assert logged_failures.take(StoreFailed)


@pytest.fixture
def lives(house: House) -> list[EpochRow]:
    """Three lives of a log: 1 to 3, 4 to 6, 7 to 9."""
    house.add("messi")
    for life in range(3):
        if life:
            house.restart()
        messi = house.client("messi")
        for number in range(3):
            messi.send("messi", f"{life}.{number}")
    return house.rows(EpochRow)


class TestPositions:
    def position(
        self, house: House, after: int | None, epoch: str | None, device: int = 0
    ) -> tuple[int, bool]:
        return house.realm.lives.position(after, epoch, house.realm.router.published, device)

    def test_without_one_it_is_now(self, house: House, lives: list[EpochRow]) -> None:
        assert self.position(house, None, None) == (9, False)
        assert self.position(house, None, "unknown") == (9, False)

    def test_without_an_epoch_it_is_believed_up_to_the_newest(
        self, house: House, lives: list[EpochRow]
    ) -> None:
        assert self.position(house, 4, None) == (4, False)
        assert self.position(house, 12, None) == (9, False)

    @pytest.mark.parametrize(
        ("life", "after", "expected"),
        [
            (0, 0, (0, False)),
            (0, 3, (3, False)),  # the last of that life
            (0, 4, (3, True)),  # that life had no such message
            (1, 2, (2, False)),  # heard in a later life, of an earlier one
            (1, 6, (6, False)),
            (1, 9, (6, True)),
            (2, 9, (9, False)),
            (2, 10, (9, False)),
        ],
    )
    def test_an_epoch_that_ended_before_the_position_is_a_reset(
        self, house: House, lives: list[EpochRow], life: int, after: int, expected: tuple[int, bool]
    ) -> None:
        assert self.position(house, after, lives[life].epoch) == expected

    def test_an_unknown_epoch_is_a_reset_to_the_devices_cursor_or_to_now(
        self, house: House, lives: list[EpochRow]
    ) -> None:
        assert self.position(house, 4, "unknown", 5) == (5, True)
        assert self.position(house, 4, "unknown") == (9, True)

    def test_a_client_hears_of_a_reset(self, house: House, lives: list[EpochRow]) -> None:
        messi = house.client("messi", "phone")
        messi.ask(commands.Ack(seq=8))
        listening = messi.listen(after=2, epoch="unknown", own=True)
        assert (listening.seq, listening.after, listening.reset) == (9, 8, True)
        assert listening.epoch == lives[-1].epoch
        assert messi.texts == ["2.2"]

    def test_after_an_older_copy_was_put_back_the_lost_part_is_known(
        self, house: House, lives: list[EpochRow]
    ) -> None:
        backup = house.disk.backup()
        messi = house.client("messi", "phone")
        lost = messi.send("messi", "lost").seq
        epoch = house.realm.lives.epoch
        house.disk.crash()
        house.file_disk.crash()
        house.disk.restore(backup)
        house.open()
        messi, other = house.client("messi", "phone"), house.client("messi")
        other.send("messi", "new")
        listening = messi.listen(after=lost, epoch=epoch)
        assert listening.reset
        assert messi.texts == ["new"]


def test_an_administrator_works_without_an_account(house: House) -> None:
    administrator = Client(house, administrator=True)
    administrator.ask(commands.UserAdd(user="messi", password="x", name="Lionel Messi", country="Argentina"))
    (user,) = administrator.ask(commands.UserList()).users
    assert (user.user, user.name, user.country) == ("messi", "Lionel Messi", "Argentina")
