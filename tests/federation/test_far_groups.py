"""Groups between realms that reach each other by a gateway, which keeps nothing of them."""

from __future__ import annotations

from typing import Any

import pytest

from chatproto.client import ChatClient
from chatproto.events import LiveChange
from chatproto.federation.groups_routed import RoutedGroups
from chatproto.names import RealmName
from chatproto.records import ReplicaRow, SubscriptionRow
from tests.federation.country import Country


@pytest.fixture
def country() -> Country:
    """Alpha and beta, which know each other by gamma."""
    country = Country("alpha", "gamma", "beta")
    country.start()
    return country


class Room:
    """A group of alpha in which there are messi, and amsal of beta."""

    def __init__(self, country: Country) -> None:
        self._country = country
        self.messi: ChatClient = country.client("messi", "alpha")
        self.amsal: ChatClient = country.client("amsal", "beta")
        self.ask(self.messi.groups.create("room"))
        self.ask(self.amsal.groups.join("room@alpha"))
        country.network.run(20)

    def ask(self, answer: Any) -> Any:
        return self._country.network.wait(answer)

    def said(self, realm: str) -> list[str]:
        """What stands in the log of the group in a realm, by its numbers."""
        mirror = self._country.mirrors[realm]
        log = mirror.logs.get(mirror.groups.get("room@alpha", 0), {})
        return [log[number].text for number in sorted(log) if log[number].kind == "text"]


def talk(country: Country, realm: str, other: str) -> RoutedGroups:
    links = country.hosts[realm].links
    assert links is not None
    assert links.peers.routes is not None
    return links.peers.routes._ends[RealmName(other)].groups


def test_members_of_both_realms_read_the_same(country: Country) -> None:
    room = Room(country)
    room.ask(room.messi.send("room", "one"))
    room.ask(room.amsal.send("room@alpha", "two"))
    country.network.run(20)
    room.ask(room.messi.send("room", "three"))
    country.network.run(20)
    assert room.said("alpha") == room.said("beta") == ["one", "two", "three"]
    assert set(room.ask(room.amsal.groups.members("room@alpha")).members) == {"messi@alpha", "amsal@beta"}
    assert not country.rows("gamma", ReplicaRow)


def test_it_goes_on_when_the_gateway_is_back(country: Country) -> None:
    room = Room(country)
    country.hosts["gamma"].crash()
    for number in range(100):
        room.ask(room.messi.send("room", f"number {number}"))
    country.network.run(60)
    assert room.said("beta") == []
    country.network.wait(country.hosts["gamma"].start())
    country.network.run(300)
    assert room.said("beta") == [f"number {number}" for number in range(100)]
    (row,) = country.rows("alpha", SubscriptionRow)
    assert row.number == 101


@pytest.mark.parametrize("who", ["alpha", "beta"])
def test_it_goes_on_after_a_crash_at_either_end(country: Country, who: str) -> None:
    room = Room(country)
    room.ask(room.messi.send("room", "one"))
    country.hosts[who].crash()
    country.network.run(5)
    country.network.wait(country.hosts[who].start())
    country.network.run(60)
    room.ask(room.messi.send("room", "two"))
    country.network.run(120)
    assert room.said("alpha") == room.said("beta") == ["one", "two"]


def test_what_is_lost_on_the_way_is_said_again(country: Country, monkeypatch: pytest.MonkeyPatch) -> None:
    room = Room(country)
    links = country.hosts["gamma"].links
    assert links is not None
    relaying = links.peers.routes.relaying
    passing = relaying.passing
    count = 0

    def lossy(hop: Any, frame: Any) -> None:
        nonlocal count
        count += 1
        if count % 5:
            passing(hop, frame)

    monkeypatch.setattr(relaying, "passing", lossy)
    for number in range(20):
        room.ask(room.messi.send("room", f"number {number}"))
        country.network.run(5)
    monkeypatch.setattr(relaying, "passing", passing)
    country.network.run(8000)
    assert room.said("beta") == [f"number {number}" for number in range(20)]
    assert talk(country, "beta", "alpha").begun > 1


def test_what_comes_twice_is_said_once(country: Country, monkeypatch: pytest.MonkeyPatch) -> None:
    room = Room(country)
    links = country.hosts["gamma"].links
    assert links is not None
    relaying = links.peers.routes.relaying
    passing = relaying.passing
    old: list[Any] = []

    def again(hop: Any, frame: Any) -> None:
        passing(hop, frame)
        old.append((hop, frame))
        passing(*old[len(old) // 2])

    monkeypatch.setattr(relaying, "passing", again)
    for number in range(20):
        room.ask(room.messi.send("room", f"number {number}"))
        country.network.run(1)
    country.network.run(300)
    assert room.said("beta") == [f"number {number}" for number in range(20)]


def test_a_long_text_fits(country: Country) -> None:
    room = Room(country)
    texts = ["\x01" * 10_000, "x" * 16_000, "short"]
    for text in texts:
        room.ask(room.messi.send("room", text))
    country.network.run(300)
    assert room.said("beta") == texts


def test_who_lost_a_group_with_its_store_says_so(country: Country) -> None:
    before = country.first.copy()
    room = Room(country)
    room.ask(room.messi.send("room", "one"))
    country.network.run(20)
    country.first.put_back(before)
    country.network.wait(country.first.start())
    country.network.run(60)
    (row,) = country.rows("beta", ReplicaRow)
    assert row.over


def test_realms_without_groups_say_nothing_more_of_them(
    country: Country, monkeypatch: pytest.MonkeyPatch
) -> None:
    country.network.run(60)
    passed: list[Any] = []
    links = country.hosts["gamma"].links
    assert links is not None
    monkeypatch.setattr(links.peers.routes.relaying, "passing", lambda *frame: passed.append(frame))
    begun = talk(country, "alpha", "beta").begun
    country.network.run(4000)
    assert talk(country, "alpha", "beta").begun == begun <= 2
    assert not passed


def test_an_answer_that_is_lost_with_what_followed_it_is_given_again(country: Country) -> None:
    room = Room(country)
    network = country.network
    network.partition("gamma", "alpha", one_way=True)
    talk(country, "alpha", "beta")._call()
    network.run(2)
    for transport in network.machine("alpha").transports():
        transport.cut()
    network.heal()
    network.wait(room.messi.connect())
    room.ask(room.messi.send("room", "one"))
    network.until(lambda: room.said("beta") == ["one"], within=30)


def test_who_is_live_is_told_by_the_route(country: Country) -> None:
    room = Room(country)
    heard: list[tuple[str, bool]] = []
    room.messi.on_hint(
        lambda hint: heard.append((hint.from_, hint.on)) if isinstance(hint, LiveChange) else None
    )
    room.ask(room.messi.groups.live("room"))
    country.network.run(5)
    assert room.ask(room.amsal.groups.live("room@alpha")).live == ["amsal@beta", "messi@alpha"]
    country.network.run(5)
    room.ask(room.amsal.groups.live("room@alpha", on=False))
    country.network.run(5)
    assert heard == [("amsal@beta", True), ("amsal@beta", False)]
