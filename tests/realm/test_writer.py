"""Group commit: who is told what, and when, if the store is slow, refuses or fails."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from twisted.python.failure import Failure

from chatproto import commands, events
from chatproto.commands import Send
from chatproto.errors import ChatError, Conflict, DiskFull, StoreFailed, StoreFull, StoreRefused, Unavailable
from chatproto.limits import Limits
from chatproto.realm.writer import Work, Writer
from chatproto.records import CidRow, MessageRow, NameRow
from tests.conftest import LoggedFailures
from tests.realm.house import Client, House, watch


class Told(Work):
    """An entry that notes what it was told."""

    def __init__(self, seen: list[str], name: str, *rows: Any, size: int = 0) -> None:
        super().__init__(rows, size=size)
        self.seen = seen
        self.name = name

    def committed(self) -> None:
        self.seen.append(self.name)

    def failed(self, error: ChatError) -> None:
        self.seen.append(f"{self.name} {error.code}")


@pytest.fixture
def writer(house: House) -> Writer:
    return house.realm.writer


@pytest.fixture
def seen() -> list[str]:
    return []


def name(text: str) -> NameRow:
    return NameRow(text, "user")


class TestBatches:
    def test_all_of_one_turn_is_one_batch_in_order(
        self, house: House, writer: Writer, seen: list[str]
    ) -> None:
        before = writer.committed
        for text in "abc":
            writer.append(Told(seen, text, name(text)))
        assert (seen, house.rows(NameRow)) == ([], [])
        house.turn()
        assert (seen, writer.committed) == (["a", "b", "c"], before + 1)

    def test_what_comes_during_a_commit_is_the_next_batch(
        self, house: House, writer: Writer, seen: list[str]
    ) -> None:
        before = writer.committed
        house.faults.hold(stored=True)
        writer.append(Told(seen, "a"))
        house.turn()
        assert writer.open_number == before + 2
        for text in "bcd":
            writer.append(Told(seen, text))
        house.turn()
        assert (seen, house.faults.held) == ([], 1)
        house.faults.release()
        assert (seen, writer.committed) == (["a", "b", "c", "d"], before + 2)

    def test_a_batch_carries_the_newest_numbers(self, house: House, writer: Writer) -> None:
        seq, serial = [writer.next_seq() for _ in range(3)][-1], writer.next_serial()
        watch(writer.save())
        house.turn()
        assert (house.disk.tables.seq, house.disk.tables.serial) == (seq, serial)

    def test_what_follows_a_commit_at_once_may_go_on_for_ever(self, house: House, writer: Writer) -> None:
        """A store that answers at once must not make the writer recurse."""

        class Chain(Work):
            left = 3000

            def committed(self) -> None:
                Chain.left -= 1
                if Chain.left:
                    writer.append(Chain())

        before = writer.committed
        writer.append(Chain())
        house.turn()
        assert writer.committed - before == 3000

    def test_who_is_refused_hears_why(self, house: House, writer: Writer, seen: list[str]) -> None:
        house.faults.fail_next(StoreRefused("the database is away"))
        writer.append(Told(seen, "a"))
        house.turn()
        house.faults.fail_next(DiskFull("no room"))
        writer.append(Told(seen, "b"))
        house.turn()
        assert seen == ["a unavailable", "b store-full"]

    def test_one_that_cannot_be_told_does_not_stop_the_others(
        self, house: House, writer: Writer, seen: list[str], logged_failures: LoggedFailures
    ) -> None:
        class Broken(Work):
            def committed(self) -> None:
                raise ZeroDivisionError

        for work in (Told(seen, "a"), Broken(), Told(seen, "b")):
            writer.append(work)
        house.turn()
        assert seen == ["a", "b"]
        assert len(logged_failures.take(ZeroDivisionError)) == 1

    def test_who_broke_a_constraint_is_told_apart(self, house: House, writer: Writer) -> None:
        errors: list[ChatError] = []

        class Heard(Work):
            def failed(self, error: ChatError) -> None:
                errors.append(error)

        house.faults.hold()
        writer.append(Heard([name("messi")]))
        writer.append(Heard([name("messi")]))
        house.turn()
        writer.append(Heard([name("henderson")]))  # is lost with the open batch
        house.faults.release()
        house.turn()
        assert [type(error) for error in errors] == [Conflict, Unavailable]

    def test_links_have_room_when_clients_have_not(self) -> None:
        house = House(limits=Limits(open_rows=8))
        writer = house.realm.writer
        writer.append(Told([], "a", *[name(str(number)) for number in range(7)]))
        assert (writer.full, writer.links_full) == (True, False)
        writer.append(Told([], "b", name("b")))
        assert writer.links_full
        house.turn()
        assert not writer.full

    def test_when_idle_waits_for_all_that_was_appended(self, house: House, writer: Writer) -> None:
        assert watch(writer.when_idle()) == [None]
        house.faults.hold()
        watch(writer.save())
        idle = watch(writer.when_idle())
        house.turn()
        watch(writer.save())
        house.turn()
        assert idle == []
        house.faults.release()
        house.turn()
        assert idle == [None]


class TestRefused:
    def test_a_refused_batch_refuses_all_that_stood_on_it_and_forgets_it(
        self, house: House, writer: Writer, seen: list[str]
    ) -> None:
        resets: list[int] = []
        writer.on_reset(lambda: resets.append(len(seen)))
        house.faults.hold()
        house.faults.refuse_next()
        writer.append(Told(seen, "a", name("a")))
        house.turn()
        writer.append(Told(seen, "b", name("b")))
        house.faults.release()
        house.turn()
        assert resets == [0]  # before anybody hears of it
        assert seen == ["a store-full", "b store-full"]
        assert house.rows(NameRow) == []
        writer.append(Told(seen, "c", name("c")))
        house.turn()
        assert seen[2:] == ["c"]

    def test_who_is_refused_hears_why(self, house: House, writer: Writer, seen: list[str]) -> None:
        house.faults.fail_next(StoreRefused("the database is away"))
        writer.append(Told(seen, "a"))
        house.turn()
        house.faults.fail_next(DiskFull("no room"))
        writer.append(Told(seen, "b"))
        house.turn()
        assert seen == ["a unavailable", "b store-full"]

    def test_one_that_cannot_be_told_does_not_stop_the_others(
        self, house: House, writer: Writer, seen: list[str], logged_failures: LoggedFailures
    ) -> None:
        class Broken(Work):
            def failed(self, error: ChatError) -> None:
                raise ZeroDivisionError

        house.faults.refuse_next()
        for work in (Told(seen, "a"), Broken(), Told(seen, "b")):
            writer.append(work)
        house.turn()
        assert seen == ["a store-full", "b store-full"]
        assert len(logged_failures.take(ZeroDivisionError)) == 1

    def test_numbers_are_never_given_twice(self, house: House, writer: Writer) -> None:
        house.faults.refuse_next()
        seq = writer.next_seq()
        watch(writer.save())
        house.turn()
        assert writer.next_seq() > seq

    def test_what_was_in_memory_is_read_again(self, house: House) -> None:
        """A member that joined in the lost batch is none, and its conversation was never begun."""
        messi, henderson = house.client("messi"), house.client("henderson")
        messi.ask(commands.Create(group="tim"))
        house.faults.refuse_next()
        joined = henderson.begin(commands.Join(group="tim"))
        sent = henderson.begin(Send(to="messi", text="lost"))
        to_group = henderson.begin(Send(to="tim", text="lost"))
        house.turn()
        assert [type(answer) for (answer,) in (joined, sent, to_group)] == [StoreFull] * 3
        assert messi.ask(commands.Members(group="tim")).members == ["messi@alpha"]
        henderson.send("messi", "kept")
        henderson.ask(commands.Join(group="tim"))
        henderson.send("tim", "kept")
        assert [row.text for row in house.rows(MessageRow)] == ["kept", "", "kept"]
        assert [row.gseq for row in house.rows(MessageRow)] == [0, 1, 2]


class TestConstraints:
    def test_a_broken_constraint_hits_its_own_entry_and_the_open_batch(
        self, house: House, writer: Writer, seen: list[str]
    ) -> None:
        house.faults.hold()
        for text in ("a", "b", "a", "c"):
            writer.append(Told(seen, text, name(text)))
        house.turn()
        writer.append(Told(seen, "d", name("d")))
        house.faults.release()
        house.turn()
        assert sorted(seen) == ["a", "a unavailable", "b", "c", "d unavailable"]
        assert sorted(row.name for row in house.rows(NameRow)) == ["a", "b", "c"]

    def test_the_number_of_a_group_message_is_kept_by_a_void_one(self, house: House) -> None:
        messi = house.client("messi")
        messi.ask(commands.Create(group="tim"))
        messi.send("tim", "one")
        messi.send("tim", "two", cid="c:9")
        posting = messi.begin(Send(to="tim", text="three", cid="c:1"))
        again = messi.begin(Send(to="tim", text="four"))
        # Whatever breaks it: here a cid that is on the disk already.
        house.disk.tables.store([CidRow("messi", "c:1", 0, False, b"other", [("alpha/x", 1)])], ())
        house.turn()
        assert isinstance(posting[0], Unavailable)
        assert isinstance(again[0], events.Sent)
        rows = [(row.gseq, row.kind, row.text) for row in house.rows(MessageRow)]
        assert rows == [(1, "text", "one"), (2, "text", "two"), (3, "void", ""), (4, "text", "four")]
        assert [item.text for item in messi.history("tim").messages] == ["one", "two", "four"]


class TestFailed:
    @pytest.mark.parametrize("stored", [True, False])
    def test_nobody_is_answered_and_the_realm_is_told(
        self, house: House, writer: Writer, seen: list[str], logged_failures: LoggedFailures, stored: bool
    ) -> None:
        failed = watch(house.realm.when_failed())
        house.faults.hold()
        house.faults.fail_next(stored=stored)
        writer.append(Told(seen, "a"))
        house.turn()
        writer.append(Told(seen, "b"))
        idle = watch(writer.when_idle())
        house.faults.release()
        writer.append(Told(seen, "c"))
        house.turn()
        assert seen == []
        assert failed[0].check(StoreFailed)
        assert writer.failure is not None
        assert idle == [None]
        assert watch(writer.when_idle()) == [None]
        assert logged_failures.take(StoreFailed)

    def test_a_store_that_failed_a_reader_has_failed(
        self, house: House, writer: Writer, seen: list[str], logged_failures: LoggedFailures
    ) -> None:
        failed = watch(house.realm.when_failed())
        house.faults.hold()
        writer.append(Told(seen, "a"))
        house.turn()
        writer.fail(Failure(StoreFailed()))
        writer.fail(Failure(StoreFailed()))
        assert len(failed) == 1
        assert failed[0].check(StoreFailed)
        house.faults.release()
        house.turn()
        assert seen == []
        assert len(logged_failures.take(StoreFailed)) == 1

    def test_a_fault_of_the_store_that_nobody_foresaw_counts_as_failed(
        self, house: House, writer: Writer, seen: list[str], logged_failures: LoggedFailures
    ) -> None:
        house.faults.fail_next(ZeroDivisionError())
        writer.append(Told(seen, "a"))
        house.turn()
        assert (seen, writer.failure is None) == ([], False)
        assert logged_failures.take(ZeroDivisionError)

    def test_who_saves_is_told_and_whoever_comes_later_at_once(
        self, house: House, writer: Writer, seen: list[str], logged_failures: LoggedFailures
    ) -> None:
        house.faults.hold()
        house.faults.fail_next()
        committing = watch(writer.save())
        house.turn()
        open_batch = watch(writer.save())
        house.faults.release()
        late = watch(writer.save())
        assert [outcome[0].type for outcome in (committing, open_batch, late)] == [StoreFailed] * 3
        assert logged_failures.take(StoreFailed)


class TestClosed:
    def test_what_was_appended_is_stored_and_what_comes_later_is_refused(
        self, house: House, writer: Writer, seen: list[str]
    ) -> None:
        house.faults.hold()
        writer.append(Told(seen, "a", name("a")))
        closed = watch(writer.close())
        writer.append(Told(seen, "b", name("b")))
        house.turn()
        assert (seen, closed) == (["b unavailable"], [])
        house.faults.release()
        house.turn()
        assert seen == ["b unavailable", "a"]
        assert [row.name for row in house.rows(NameRow)] == ["a"]
        assert closed == [None]


class TestRoom:
    def test_rows_and_bytes_are_bounded_and_room_is_told_once(self) -> None:
        for limits, work in (
            (Limits(open_rows=8), lambda seen: Told(seen, "a", *[name(str(number)) for number in range(7)])),
            (Limits(open_bytes=80), lambda seen: Told(seen, "a", size=70)),
            (Limits(open_rows=1), lambda seen: Told(seen, "a", name("a"))),
            (Limits(open_bytes=1), lambda seen: Told(seen, "a", size=1)),
        ):
            self.check(House(limits=limits), work)

    def check(self, house: House, work: Callable[[list[str]], Work]) -> None:
        writer = house.realm.writer
        seen: list[str] = []
        assert not writer.full
        house.faults.hold()
        writer.append(work(seen))
        assert writer.full
        writer.when_room(lambda: seen.append("room"))
        house.turn()
        assert (writer.full, seen) == (True, [])
        house.faults.release()
        house.turn()
        assert (writer.full, seen) == (False, ["a", "room"])
        watch(writer.save())
        house.turn()
        assert seen == ["a", "room"]

    def test_who_takes_the_room_leaves_the_others_waiting(self) -> None:
        house = House(limits=Limits(open_rows=1))
        writer = house.realm.writer
        seen: list[str] = []
        for text in "ab":
            writer.when_room(lambda text=text: writer.append(Told(seen, text, name(text))))  # type: ignore[misc]
        writer.append(Told(seen, "first", name("first")))
        house.slow.slow = True
        for expected in (["first"], ["first", "a"], ["first", "a", "b"]):
            house.turn()
            assert [call.name for call in house.slow.calls] == ["commit"]
            house.slow.rush()
            house.slow.slow = True
            assert seen == expected

    def test_one_who_cannot_go_on_does_not_stop_the_others(
        self, house: House, writer: Writer, seen: list[str], logged_failures: LoggedFailures
    ) -> None:
        def broken() -> None:
            raise ZeroDivisionError

        writer.when_room(broken)
        writer.when_room(lambda: seen.append("room"))
        writer.append(Told(seen, "a"))
        house.turn()
        assert (seen, writer.failure) == (["a", "room"], None)
        assert len(logged_failures.take(ZeroDivisionError)) == 1

    def test_refused_rows_make_room_too(self) -> None:
        house = House(limits=Limits(open_rows=8))
        writer = house.realm.writer
        seen: list[str] = []
        house.faults.refuse_next()
        writer.append(Told(seen, "a", *[name(str(number)) for number in range(8)]))
        writer.when_room(lambda: seen.append("room"))
        house.turn()
        assert seen == ["a store-full", "room"]


def test_clients_are_told_as_when_the_store_is_slow(house: House) -> None:
    messi: Client = house.client("messi")
    house.add("henderson")
    messi.send("henderson")
    house.slow.slow = True
    answers = messi.begin(Send(to="henderson", text="halo"))
    house.turn()
    assert (answers, [call.name for call in house.slow.calls]) == ([], ["commit"])
    house.slow.rush()
    assert isinstance(answers[0], events.Sent)
