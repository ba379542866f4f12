"""Sessions that are over are removed, with what only they needed; the others are not."""

from __future__ import annotations

import pytest

from chatproto import commands
from chatproto.limits import Limits
from chatproto.records import CursorRow, LoginRow
from tests.realm.house import House

DAY = 86400.0


@pytest.fixture
def house() -> House:
    return House(
        limits=Limits(session_idle_seconds=10 * DAY, session_seconds=90 * DAY, sessions_per_account=0)
    )


def sessions(house: House) -> int:
    return len(house.rows(LoginRow))


def test_ended_and_expired_sessions_are_removed_a_day_later(house: House) -> None:
    ended, idle, kept = house.client("messi"), house.client("messi"), house.client("messi")
    number = kept.login.row.login
    ended.ask(commands.Logout())
    for client in (idle, kept):
        client.session.closed()
    house.turn(DAY - 7200)
    assert sessions(house) == 3
    house.turn(10800)
    assert sessions(house) == 2
    for _ in range(11):
        house.turn(DAY)
        client = house.client()
        client.ask(commands.Resume(token=kept.token))
        client.session.closed()
    assert [row.login for row in house.rows(LoginRow)] == [number]


def test_the_cursor_of_a_device_without_a_name_goes_with_it(house: House) -> None:
    henderson = house.client("henderson")
    for device in (None, "phone"):
        messi = house.client("messi", device)
        seq = henderson.send("messi").seq
        messi.ask(commands.Ack(seq=seq))
        house.turn(2)
        messi.ask(commands.Logout())
    kinds = [row.scope for row in house.rows(CursorRow) if row.kind == "device"]
    assert len(kinds) == 2
    house.turn(2 * DAY)
    phone = house.client("messi", "phone")
    (left,) = [row.scope for row in house.rows(CursorRow) if row.kind == "device"]
    assert left == phone.login.device


def test_many_are_removed_in_portions_and_not_in_one_batch(house: House) -> None:
    client = house.client("messi")
    account = house.wait(house.realm.accounts.find("messi"))
    assert account is not None
    for _ in range(450):
        house.wait(house.realm.logins.begin(account, None, compact=False))
    client.ask(commands.Logout(everywhere=True))
    house.turn(DAY + 3600)
    assert sessions(house) == 251
    house.turn(1)
    assert sessions(house) == 51
    house.turn(1)
    assert sessions(house) == 0


def test_a_store_that_takes_nothing_is_asked_again(house: House) -> None:
    house.client("messi").ask(commands.Logout())
    house.turn(DAY)
    house.faults.refuse_next()
    house.turn(3600)
    assert sessions(house) == 1
    house.turn(3600)
    assert sessions(house) == 0


def test_a_closed_realm_looks_no_more(house: House) -> None:
    house.client("messi").session.closed()
    house.wait(house.realm.close())
    assert house.clock.getDelayedCalls() == []
