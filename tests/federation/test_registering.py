"""Accounts that a main server of system A is asked for in another realm: the neighbour makes them."""

from __future__ import annotations

import msgspec
import pytest

from chatproto import commands
from chatproto.errors import (
    BadField,
    BadName,
    ChatError,
    LoginFailed,
    NameTaken,
    NoSuchRealm,
    Unavailable,
)
from chatproto.federation.setting import PeerSetting
from chatproto.frames import Ask
from chatproto.realm import Registration
from chatproto.realm.registering import REGISTER
from tests.federation.town import Place, Town
from tests.realm.house import Client


@pytest.fixture
def town() -> Town:
    town = Town()
    town.connect()
    town.check_up()
    return town


def register(place: Place, user: str, realm: str = "beta", password: str = "rahasia") -> None:
    Client(place).ask(commands.RegisterAt(user=user, realm=realm, password=password))


def test_a_neighbour_makes_the_account(town: Town) -> None:
    register(town.alpha, "Ani")
    client = Client(town.beta)
    assert client.ask(commands.Login(user="ani", password="rahasia")).address == "Ani@beta"
    with pytest.raises(LoginFailed):
        Client(town.alpha).ask(commands.Login(user="ani", password="rahasia"))
    with pytest.raises(NameTaken):
        register(town.alpha, "ani")
    register(town.alpha, "ani", "Alpha")


@pytest.mark.parametrize(
    ("user", "realm", "password", "error"),
    [
        ("a b", "beta", "x", BadName),
        ("ani", "beta", "x" * 129, BadField),
        ("ani", "beta", "", Unavailable),
        ("ani", "gamma", "x", NoSuchRealm),
        ("ani", "a b", "x", NoSuchRealm),
        ("messi", "alpha", "x", NameTaken),
    ],
)
def test_what_is_refused(town: Town, user: str, realm: str, password: str, error: type[ChatError]) -> None:
    with pytest.raises(error):
        register(town.alpha, user, realm, password)
    town.check_up()
    assert town.beta.wait(town.beta.realm.accounts.find("ani")) is None


def test_a_neighbour_that_is_away(town: Town) -> None:
    town.wires[-1].cut()
    with pytest.raises(Unavailable):
        register(town.alpha, "ani")


class Closed(Place):
    """A realm in which nobody may register."""

    def open(self) -> None:
        self.policy = msgspec.structs.replace(self.policy, registration=Registration.CLOSED)
        super().open()


class ClosedTown(Town):
    place = Closed


def test_a_neighbour_that_lets_nobody_in() -> None:
    town = ClosedTown()
    town.connect()
    with pytest.raises(Unavailable):
        register(town.alpha, "ani")


class Distant(Place):
    """A realm with a linked one that is no neighbour."""

    def furnish(self) -> None:
        self.setting = PeerSetting(realm=self.other, trust=self.setting.trust, neighbour=False)


class DistantTown(Town):
    place = Distant


def test_a_password_goes_to_neighbours_only() -> None:
    town = DistantTown()
    town.connect()
    town.check_up()
    with pytest.raises(NoSuchRealm):
        register(town.alpha, "ani")
    asked = town.alpha.peers.links["beta"].ask(REGISTER, "ani", "rahasia")  # type: ignore[index]
    with pytest.raises(Unavailable):
        town.alpha.wait(asked)


def test_a_password_is_in_no_repr() -> None:
    assert "rahasia" not in repr(Ask(number=1, about=REGISTER, name="ani", after="rahasia"))
