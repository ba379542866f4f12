"""Leaves to register: each for one account, within its time, whoever is quick and whatever fails."""

from __future__ import annotations

from typing import Any

import pytest

from chatproto import commands
from chatproto.errors import (
    BadField,
    BadInvite,
    BadName,
    NotAllowed,
    QuotaReached,
    RateLimited,
    StoreFull,
    UserExists,
)
from chatproto.events import InviteMade, LoggedIn
from chatproto.limits import SERVER_LINE_BYTES, Limits
from chatproto.realm import Policy, Registration
from chatproto.records import AccountRow, InviteRow
from chatproto.wire.json import JsonDialect
from tests.realm.house import Client, House

DAY = 86400


class Door:
    """A realm in which one needs an invitation, and its operator."""

    def __init__(self, house: House) -> None:
        self.house = house
        house.policy = Policy(limits=house.policy.limits, registration=Registration.INVITE)
        self.restart()

    def restart(self) -> None:
        self.house.restart()
        self.operator = Client(self.house, administrator=True)

    def make(self, seconds: int = DAY, note: str | None = None) -> InviteMade:
        made: InviteMade = self.operator.ask(commands.InviteAdd(seconds=seconds, note=note))
        return made

    def register(self, user: str, token: str | None, password: str = "surabaya") -> Any:
        return self.house.client().ask(commands.Register(user=user, password=password, invite=token))

    def begin(self, user: str, token: str) -> list[Any]:
        command = commands.Register(user=user, password="surabaya", invite=token)
        return self.house.client().begin(command)

    def numbers(self) -> list[int]:
        return [invite.number for invite in self.operator.ask(commands.InviteList()).invites]

    def accounts(self) -> list[str]:
        return sorted(row.name for row in self.house.rows(AccountRow))


@pytest.fixture
def door(house: House) -> Door:
    return Door(house)


class TestUse:
    def test_each_is_for_one_account(self, door: Door) -> None:
        token = door.make().token
        assert door.register("messi", token).address == "messi@alpha"
        for _ in range(2):
            with pytest.raises(BadInvite):
                door.register("henderson", token)
            door.restart()
        assert (door.accounts(), door.house.rows(InviteRow)) == (["messi"], [])

    def test_it_holds_over_a_restart(self, door: Door) -> None:
        token = door.make().token
        door.restart()
        door.register("messi", token)

    @pytest.mark.parametrize("token", [None, "", "nonsense"])
    def test_without_one_nobody_registers(self, door: Door, token: str | None) -> None:
        door.make()
        with pytest.raises(BadInvite):
            door.register("messi", token)
        assert door.accounts() == []

    def test_it_expires(self, door: Door) -> None:
        token = door.make(seconds=60).token
        door.house.turn(59)
        door.register("messi", token)
        token = door.make(seconds=60).token
        door.house.turn(60)
        with pytest.raises(BadInvite):
            door.register("henderson", token)
        door.restart()
        with pytest.raises(BadInvite):
            door.register("henderson", token)

    def test_who_fails_otherwise_may_try_again(self, door: Door) -> None:
        door.register("messi", door.make().token)
        token = door.make().token
        with pytest.raises(UserExists):
            door.register("messi", token)
        with pytest.raises(BadName):
            door.register("no name", token)
        with pytest.raises(BadField):
            door.register("henderson", token, password="")
        door.register("henderson", token)

    def test_where_everybody_may_register_none_is_spent(self, house: House) -> None:
        door = Door(house)
        token = door.make().token
        house.policy = Policy(registration=Registration.OPEN)
        door.restart()
        door.register("messi", token)
        assert len(door.numbers()) == 1

    def test_an_operator_needs_none(self, door: Door) -> None:
        door.operator.ask(commands.UserAdd(user="messi", password="x"))
        assert door.accounts() == ["messi"]


def test_who_has_no_invitation_keeps_nobody_out() -> None:
    limits = Limits(registrations_per_hour=5, registrations_per_hour_in_all=2)
    door = Door(House(limits=limits, rates=True))
    for number in range(4):
        with pytest.raises(BadInvite):
            door.register(f"user{number}", "none")
    assert isinstance(door.register("messi", door.make().token), LoggedIn)
    with pytest.raises(RateLimited):
        door.register("henderson", door.make().token)


class TestAtOnce:
    def test_of_two_one_registers(self, door: Door) -> None:
        token = door.make().token
        answers = [door.begin(user, token) for user in ("messi", "henderson")]
        door.house.turn()
        assert [type(answer) for (answer,) in answers] == [LoggedIn, BadInvite]
        assert door.accounts() == ["messi"]

    def test_a_lost_batch_meanwhile_does_not_let_in_two(self, door: Door) -> None:
        """It makes everything forgotten that was remembered; not that somebody is registering."""
        house = door.house
        house.add("lineker")
        token = door.make().token
        house.slow.slow = True
        first = door.begin("messi", token)
        while house.slow.calls[0].name != "name":  # the leave is taken, and it is looked whether the name is
            house.slow.tell_oldest()
        house.faults.refuse_next()
        lost = door.operator.begin(commands.UserPasswd(user="lineker", password="y"))
        while not lost:
            house.turn()
            house.slow.tell_oldest(house.slow.calls[-1].name)
        assert isinstance(lost[0], StoreFull)
        second = door.begin("henderson", token)
        house.slow.rush()
        house.turn()
        house.slow.slow = False
        assert [type(answers[0]) for answers in (first, second)] == [LoggedIn, BadInvite]

    def test_one_whose_account_is_not_stored_holds_on(self, door: Door) -> None:
        token = door.make().token
        door.house.faults.refuse_next()
        with pytest.raises(StoreFull):
            door.register("messi", token)
        assert (door.accounts(), len(door.house.rows(InviteRow))) == ([], 1)
        door.register("messi", token)
        assert (door.accounts(), door.house.rows(InviteRow)) == (["messi"], [])

    def test_a_crash_lets_in_nobody_or_one(self, door: Door) -> None:
        for stored in (False, True):
            made = door.make()
            door.house.faults.hold(stored=stored)
            door.begin("messi", made.token)
            door.house.turn()
            door.house.crash()
            assert door.accounts() == (["messi"] if stored else [])
            left = [row.number for row in door.house.rows(InviteRow)]
            assert (made.number in left) is not stored
            door.operator = Client(door.house, administrator=True)


class TestOperators:
    def test_they_see_what_is_open_without_its_secret(self, door: Door) -> None:
        made = door.make(note="for the new goalkeeper")
        (listed,) = door.operator.ask(commands.InviteList()).invites
        assert (listed.number, listed.note, listed.expires) == (
            made.number,
            "for the new goalkeeper",
            "2023-11-15T22:13:20.000Z",
        )
        assert made.token not in repr(made) + repr(listed) + repr(door.house.rows(InviteRow))
        assert made.token.encode() not in b"".join(row.token_hash for row in door.house.rows(InviteRow))

    def test_they_take_one_back(self, door: Door) -> None:
        made, other = door.make(), door.make()
        door.operator.ask(commands.InviteRevoke(number=made.number))
        with pytest.raises(BadInvite):
            door.register("messi", made.token)
        assert door.numbers() == [other.number]
        with pytest.raises(BadInvite):
            door.operator.ask(commands.InviteRevoke(number=made.number))
        door.register("messi", other.token)

    def test_one_that_is_taken_back_in_the_open_batch_is_taken_back(self, door: Door) -> None:
        made = door.make()
        door.house.faults.hold()
        door.operator.begin(commands.InviteRevoke(number=made.number))
        answers = door.begin("messi", made.token)
        door.house.turn()
        assert isinstance(answers[0], BadInvite)
        door.house.faults.release()
        door.house.turn()

    def test_one_that_is_taken_back_while_somebody_fails_stays_taken_back(self, door: Door) -> None:
        door.house.add("messi")
        made = door.make()
        door.restart()
        door.house.slow.slow = True
        answers = door.begin("messi", made.token)
        while door.house.slow.calls[0].name == "invite":
            door.house.slow.tell_oldest()
        assert [call.name for call in door.house.slow.calls] == ["name"]
        door.house.slow.slow = False
        door.operator.ask(commands.InviteRevoke(number=made.number))
        door.house.slow.rush()
        door.house.turn()
        assert isinstance(answers[0], UserExists)
        with pytest.raises(BadInvite):
            door.register("henderson", made.token)

    def test_the_list_fits_into_a_line_and_has_room_again(self, door: Door) -> None:
        first = door.make(seconds=60, note="\U0001f600" * 128)
        for _ in range(399):
            door.make(note="\U0001f600" * 128)
        listed = door.operator.ask(commands.InviteList())
        assert len(listed.invites) == 400
        assert len(JsonDialect().encode_reply(listed, "x" * 64)) <= SERVER_LINE_BYTES
        with pytest.raises(QuotaReached):
            door.make()
        door.house.turn(61)
        assert first.number not in door.numbers()
        door.make()
        assert len(door.house.rows(InviteRow)) == 400  # what has expired is gone

    def test_only_they_make_them(self, door: Door) -> None:
        door.house.add("messi")
        for command in (
            commands.InviteAdd(seconds=60),
            commands.InviteList(),
            commands.InviteRevoke(number=1),
        ):
            with pytest.raises(NotAllowed):
                door.house.client("messi").ask(command)
