"""Leaves to register: each is for one account, within its time, and nobody else reads its token."""

from __future__ import annotations

from typing import Any

import pytest

from chatproto import commands
from chatproto.errors import (
    BadInvite,
    BadName,
    NotSupported,
    QuotaReached,
    RegistrationClosed,
    StoreFull,
    UserExists,
)
from chatproto.realm import Policy, Registration
from chatproto.records import AccountRow, InviteRow
from tests.realm.house import Client, House

DAY = 86_400


@pytest.fixture
def house() -> House:
    """Return a realm where one registers by invitation."""
    return with_registration(House(), Registration.INVITE)


def with_registration(house: House, registration: Registration) -> House:
    house.policy = Policy(limits=house.policy.limits, registration=registration)
    house.restart()
    return house


def operator(house: House) -> Client:
    return Client(house, administrator=True)


def invite(house: House, seconds: int = DAY, note: str | None = None) -> Any:
    return operator(house).ask(commands.InviteAdd(seconds=seconds, note=note))


def register(house: House, token: str | None, user: str = "ani") -> Any:
    return house.client().ask(commands.Register(user=user, password="x", invite=token))


def test_one_token_makes_one_account(house: House) -> None:
    token = invite(house).token
    assert register(house, token).address == "ani@alpha"
    for _ in range(2):
        with pytest.raises(BadInvite):
            register(house, token, "budi")
        house.restart()
    assert house.rows(InviteRow) == []


def test_two_who_register_by_it_at_once_do_not_both(house: House) -> None:
    token = invite(house).token
    house.slow.slow = True
    answers = [
        house.client().begin(commands.Register(user=user, password="x", invite=token))
        for user in ("ani", "budi", "cici")
    ]
    while not all(answers):
        house.turn()
        if house.slow.calls:
            house.slow.tell_oldest()
    house.slow.rush()
    assert sorted(getattr(answer, "code", "OK") for (answer,) in answers) == [
        "OK",
        "bad-invite",
        "bad-invite",
    ]
    assert len(house.rows(AccountRow)) == 1


def test_one_that_made_no_account_holds_on(house: House) -> None:
    house.add("messi")
    token = invite(house).token
    with pytest.raises(UserExists):
        register(house, token, "Messi")
    with pytest.raises(BadName):
        register(house, token, "no name")
    house.faults.refuse_next()
    with pytest.raises(StoreFull):
        register(house, token)
    register(house, token)


def test_it_holds_for_its_time_and_over_restarts(house: House) -> None:
    first, second = invite(house, 60), invite(house, 120)
    assert (first.expires, second.expires) == ("2023-11-14T22:14:20.000Z", "2023-11-14T22:15:20.000Z")
    house.turn(60)
    with pytest.raises(BadInvite):
        register(house, first.token)
    house.restart()
    register(house, second.token)


def test_without_one_an_older_client_is_told_whom_to_ask(house: House) -> None:
    for token in (None, ""):
        with pytest.raises(BadInvite, match="ask the operator of this realm"):
            register(house, token)
    with pytest.raises(BadInvite):
        register(house, "none")


def test_the_operator_lists_them_and_takes_them_back(house: House) -> None:
    made = [invite(house, note=note) for note in (None, "for Ani", "for Budi")]
    asker = operator(house)
    listed = asker.ask(commands.InviteList()).invites
    assert [(each.number, each.note) for each in listed] == [
        (made[0].number, ""),
        (made[1].number, "for Ani"),
        (made[2].number, "for Budi"),
    ]
    asker.ask(commands.InviteRevoke(number=made[1].number))
    with pytest.raises(BadInvite):
        register(house, made[1].token)
    with pytest.raises(BadInvite, match="there is no invitation of that number"):
        asker.ask(commands.InviteRevoke(number=made[1].number))
    assert [each.note for each in asker.ask(commands.InviteList()).invites] == ["", "for Budi"]
    with pytest.raises(BadName):
        invite(house, note="a\nb")


def test_only_so_many_are_open(house: House) -> None:
    for _ in range(500):
        invite(house)
    with pytest.raises(QuotaReached):
        invite(house)


def test_the_store_does_not_know_the_token(house: House) -> None:
    token = invite(house).token
    assert token not in repr(house.rows(InviteRow))
    assert token.encode() not in house.rows(InviteRow)[0].token_hash


@pytest.mark.parametrize("registration", [Registration.OPEN, Registration.CLOSED])
def test_where_they_would_be_of_no_use_there_are_none(house: House, registration: Registration) -> None:
    token = invite(house).token
    with_registration(house, registration)
    with pytest.raises(NotSupported, match=f"registration is {registration.value} here"):
        invite(house)
    if registration is Registration.CLOSED:
        with pytest.raises(RegistrationClosed):
            register(house, token)
    else:
        register(house, token)
        assert len(house.rows(InviteRow)) == 1  # nobody asked for it
