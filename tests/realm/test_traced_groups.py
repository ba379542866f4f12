"""What the realms that have a group tell of what was said in it, and to whom."""

from __future__ import annotations

from typing import Any

import pytest

from chatproto import commands
from chatproto.errors import BadName, NotAllowed
from chatproto.frames import Ask
from chatproto.names import RealmName
from chatproto.records import AuditRow
from tests.realm.circle import ALPHA, BETA, GAMMA, Circle
from tests.realm.house import Client
from tests.realm.test_far_groups import act, join

GROUP = "Fans@alpha"


@pytest.fixture
def circle() -> Circle:
    return Circle()


@pytest.fixture
def messi(circle: Circle) -> Client:
    client = circle.client("messi@alpha")
    client.ask(commands.Create(group="Fans"))
    return client


@pytest.fixture
def amsal(circle: Circle, messi: Client) -> Client:
    client = circle.client("amsal@beta")
    join(circle, client)
    return client


def say(circle: Circle, client: Client, to: str, text: str) -> str:
    mid = client.send(to, text).mid
    circle.carry()
    return str(mid)


def steps(circle: Circle, realm: RealmName, mid: str) -> list[tuple[str, str, int]]:
    house = circle.houses[realm]
    return [(step.realm, step.event, step.number) for step in house.wait(house.realm.tracing.trace(mid))]


def answer(circle: Circle, peer: RealmName, mid: str, place: str = "") -> Any:
    house = circle.houses[ALPHA]
    return house.wait(house.realm.answer(peer, Ask(number=1, about="trace", name=mid, after=place)))["rows"]


@pytest.mark.usefixtures("amsal")
def test_what_is_said_at_home_is_found_there_by_what_a_copy_noted(circle: Circle, messi: Client) -> None:
    for number in range(2, 12):
        mid = say(circle, messi, "fans", f"text {number}")
        expected = [("alpha", "entry", number), ("beta", "entry", number)]
        assert steps(circle, ALPHA, mid) == steps(circle, BETA, mid) == expected
    assert not [row for row in circle.houses[ALPHA].rows(AuditRow) if row.event == "entry"]
    circle.away = {BETA}
    assert steps(circle, ALPHA, mid) == []


def test_what_is_said_elsewhere_has_an_entry_at_home_and_in_each_copy(circle: Circle, amsal: Client) -> None:
    join(circle, circle.client("budi@gamma"))
    mid = say(circle, amsal, GROUP, "halo")
    # Nothing settles what this circle carries.
    expected = [
        ("beta", "sent", 2),
        ("beta", "entry", 3),
        ("alpha", "entry", 3),
        ("gamma", "entry", 3),
    ]
    assert steps(circle, BETA, mid) == expected
    assert sorted(steps(circle, ALPHA, mid)) == sorted(expected)


def test_only_who_gets_an_entry_is_told_of_it(circle: Circle, messi: Client, amsal: Client) -> None:
    first = say(circle, messi, "fans", "one")
    act(circle, amsal, commands.Leave(group=GROUP))
    join(circle, circle.client("budi@gamma"))
    second = say(circle, messi, "fans", "two")
    assert [row[:1] for row in answer(circle, BETA, first, f"2 {GROUP}")] == [["entry"]]
    assert [row[:1] for row in answer(circle, GAMMA, second, f"5 {GROUP}")] == [["entry"]]
    for peer, mid, place in (
        (GAMMA, first, f"2 {GROUP}"),
        (BETA, second, f"5 {GROUP}"),
        (BETA, second, f"2 {GROUP}"),
        (BETA, first, ""),
        (BETA, first, f"9999999999999999999 {GROUP}"),
        (BETA, first, "2 nothing@alpha"),
        (BETA, first, "two"),
    ):
        with pytest.raises(NotAllowed):
            answer(circle, peer, mid, place)


@pytest.mark.parametrize("mid", ["zzz", "", "alpha/", "/1", "AL PHA/1"])
def test_what_is_no_mid_is_not_asked_for(circle: Circle, mid: str) -> None:
    with pytest.raises(BadName):
        steps(circle, ALPHA, mid)
