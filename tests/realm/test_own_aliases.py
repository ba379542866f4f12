"""Names of a lab that came with an account: stored with it, in no link's way, and no more than fit."""

from __future__ import annotations

import pytest

from chatproto import commands
from chatproto.errors import BadName, NameTaken, RateLimited, RealmExists, UnknownCommand
from chatproto.limits import Limits
from chatproto.realm import Policy, Registration
from chatproto.records import AliasRow
from tests.realm.house import Client, House
from tests.realm.links import ALPHA, BETA


class Lab:
    """Lets users add links."""

    def open(self) -> bool:
        return True


@pytest.fixture
def lab(house: House) -> House:
    house.policy = Policy(
        limits=Limits(registrations_per_hour=3, commands=1, commands_burst=3), registration=Registration.OPEN
    )
    house.restart()
    house.realm.older.adding = Lab()  # type: ignore[assignment]
    return house


def register(house: House, user: str, realm: str) -> None:
    Client(house, address="10.0.0.1").ask(commands.RegisterAt(user=user, realm=realm, password="rahasia"))


def words(house: House) -> list[str]:
    return [row.shown for row in house.rows(AliasRow)]


def test_a_name_is_stored_with_an_account_or_not_at_all(lab: House) -> None:
    lab.add("messi")
    with pytest.raises(NameTaken):
        register(lab, "messi", "r2")
    assert (words(lab), lab.realm.older.aliases.find("r2")) == ([], None)
    register(lab, "ani", "R2")
    assert (words(lab), lab.realm.older.aliases.find("r2")) == (["R2"], ALPHA)
    register(lab, "budi", "r2")
    with pytest.raises(RateLimited):
        register(lab, "citra", "r3")
    assert words(lab) == ["R2"]


def test_a_link_takes_it(lab: House) -> None:
    register(lab, "ani", "r2")
    aliases = lab.realm.older.aliases
    lab.wait(aliases.add("r2", BETA))
    assert aliases.find("r2") == BETA
    with pytest.raises(RealmExists):
        lab.wait(aliases.add("r2", ALPHA))
    lab.restart()
    assert lab.realm.older.aliases.find("r2") == BETA


def test_who_has_many_leaves_room_for_others(lab: House) -> None:
    aliases = lab.realm.older.aliases
    for realm in (ALPHA, BETA):
        for number in range(256):
            lab.wait(aliases.add(f"{realm}{number}", realm))
        with pytest.raises(BadName):
            lab.wait(aliases.add(f"{realm}x", realm))
    with pytest.raises(BadName):
        register(lab, "ani", "gamma")
    assert lab.wait(lab.realm.accounts.find("ani")) is None


def test_words_of_servers_pass_the_gate_by_address(lab: House) -> None:
    class Known:
        def realm_at(self, address: str) -> str | None:
            return "old" if address == "10.0.0.1" else None

        def is_open(self) -> bool:
            return False

        async def hand_out(self, *_: str) -> list[object]:
            return []

    lab.realm.older.originals = Known()  # type: ignore[assignment]
    ask = commands.GetRealmChat(realm="r2", user="amsal")
    for _ in range(3):
        Client(lab, address="10.0.0.1").ask(ask)
    with pytest.raises(RateLimited):
        Client(lab, address="10.0.0.1").ask(ask)
    with pytest.raises(UnknownCommand):
        Client(lab, address="10.0.0.2").ask(ask)
