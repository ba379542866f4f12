"""Cursors: they only move forward, are written at most once a second, and are never behind what was said."""

from __future__ import annotations

from typing import Any

import pytest
from twisted.internet.defer import Deferred

from chatproto import commands
from chatproto.limits import Limits
from chatproto.records import Batch, CursorRow
from tests.realm.house import Client, House, watch


@pytest.fixture
def messi(house: House) -> Client:
    """A client with ten messages to himself."""
    messi = house.client("messi", "phone")
    for number in range(10):
        messi.send("messi", str(number))
    return messi


@pytest.fixture
def written(house: House) -> list[int]:
    """Every position that is written, in order."""
    seqs: list[int] = []
    commit = house.faults.store.commit

    def noted(batch: Batch) -> Deferred[Any]:
        rows = [row for entry in batch.entries for row in entry.puts if isinstance(row, CursorRow)]
        seqs.extend(row.seq for row in rows)
        return commit(batch)  # type: ignore[no-any-return]  # a proxy's attribute

    house.faults.store.commit = noted
    return seqs


def device_cursor(house: House, client: Client) -> int:
    """Return what is on the disk."""
    seq: int = house.wait(house.faults.cursor("messi", "device", client.login.device))
    return seq


def test_positions_are_written_at_most_once_a_second(house: House, messi: Client, written: list[int]) -> None:
    for seq in (2, 3, 5):
        messi.ask(commands.Ack(seq=seq))
    house.turn(0.9)
    assert written == []
    house.turn(0.1)
    assert (written, device_cursor(house, messi)) == ([5], 5)
    messi.ask(commands.Ack(seq=6))
    messi.ask(commands.Read(with_="messi", seq=6))
    house.turn(1)
    assert written == [5, 6, 6]


def test_they_never_go_back(house: House, messi: Client, written: list[int]) -> None:
    for seq in (5, 3):
        messi.ask(commands.Ack(seq=seq))
    house.turn(1)
    for seq in (4, 5, 0):
        messi.ask(commands.Ack(seq=seq))
    house.turn(1)
    house.restart()
    again = house.client("messi", "phone")
    again.ask(commands.Ack(seq=2))
    house.turn(1)
    assert (written, device_cursor(house, again)) == ([5], 5)


def test_they_do_not_pass_what_there_is(house: House, messi: Client, written: list[int]) -> None:
    messi.ask(commands.Ack(seq=2**53 - 1))
    messi.ask(commands.Read(with_="messi", seq=2**53 - 1))
    house.turn(1)
    assert written == [10, 10]


def test_closing_writes_them(house: House, messi: Client) -> None:
    messi.ask(commands.Ack(seq=7))
    house.restart()
    assert device_cursor(house, house.client("messi", "phone")) == 7


def test_nothing_is_written_after_the_close_though_the_last_write_was_refused(
    house: House, messi: Client
) -> None:
    messi.ask(commands.Ack(seq=7))
    house.faults.refuse_next()
    house.wait(house.realm.close())
    messi.begin(commands.Ack(seq=8))
    assert house.clock.getDelayedCalls() == []


def test_each_device_has_its_own(house: House, messi: Client) -> None:
    laptop = house.client("messi", "laptop")
    messi.ask(commands.Ack(seq=7))
    laptop.ask(commands.Ack(seq=3))
    house.turn(1)
    assert (device_cursor(house, messi), device_cursor(house, laptop)) == (7, 3)


def test_what_could_not_be_written_is_written_later(house: House, messi: Client) -> None:
    messi.ask(commands.Ack(seq=7))
    house.faults.refuse_next()
    house.turn(1)
    assert device_cursor(house, messi) == 0
    messi.ask(commands.Ack(seq=6))  # and is not forgotten meanwhile
    house.turn(1)
    assert device_cursor(house, messi) == 7


def test_a_position_counts_from_the_moment_it_was_said(house: House, messi: Client) -> None:
    """Before it is written, while it is being written, and after."""

    def unread() -> tuple[int, int]:
        (state,) = messi.ask(commands.Conversations()).conversations
        return state.read, state.unread

    messi.ask(commands.Read(with_="messi", seq=4))
    assert unread() == (4, 6)
    house.faults.hold()
    house.turn(1)
    assert house.faults.held == 1
    assert unread() == (4, 6)
    messi.ask(commands.Read(with_="messi", seq=5))
    assert unread() == (5, 5)
    house.turn(1)
    assert unread() == (5, 5)
    house.faults.release()
    house.turn()
    assert unread() == (5, 5)


def test_a_move_that_is_read_again_before_it_is_durable_is_not_undone() -> None:
    house = House(limits=Limits(cached_names=1))
    messi = house.client("messi", "phone")
    for _ in range(10):
        messi.send("messi")
    messi.ask(commands.Ack(seq=7))
    house.faults.hold()
    house.turn(1)
    for name in ("a", "b"):  # pushes others out
        watch(house.realm.cursors.load((name, "device", 1)))
    messi.begin(commands.Ack(seq=5))
    house.turn(1)
    house.faults.release()
    house.turn(1)
    assert device_cursor(house, messi) == 7


def test_only_so_many_wait_to_be_written(written: list[int], house: House) -> None:
    house = House(limits=Limits(cached_names=2))
    cursors = house.realm.cursors
    before = house.realm.writer.committed
    for number in range(4):
        house.wait(cursors.load(("messi", "read", number)))
        cursors.move(("messi", "read", number), 1)
        house.turn()
    assert house.realm.writer.committed == before + 2
    assert len(house.rows(CursorRow)) == 4
