"""Realms that are linked by others: what is sent arrives once, whoever passes it on."""

from __future__ import annotations

import pytest

from chatproto.client import ChatClient
from chatproto.names import RealmName
from chatproto.records import AuditRow, DeadRow, OutboxRow
from chatproto.records.audit import HELD
from tests.federation.country import Country


@pytest.fixture
def country() -> Country:
    country = Country("alpha", "gamma", "beta")
    country.start()
    return country


def send(country: Country, client: ChatClient, *texts: str, to: str = "amsal@beta") -> list[str]:
    return [country.network.wait(client.send(to, text)).mid for text in texts]


class TestOneGateway:
    def test_a_message_arrives_and_is_settled(self, country: Country) -> None:
        messi, _ = country.client("messi", "alpha"), country.client("amsal", "beta")
        send(country, messi, "one", "two", "three")
        country.network.run(5)
        assert country.seen["amsal@beta"] == ["one", "two", "three"]
        assert country.stream("alpha", "beta").settled == 3
        assert country.held("gamma") == []
        assert country.verdicts("gamma") == []

    def test_a_refusal_becomes_a_bounce(self, country: Country) -> None:
        messi = country.client("messi", "alpha")
        send(country, messi, "one", "two", to="nobody@beta")
        send(country, messi, "three")
        country.network.run(5)
        assert country.texts("beta") == ["three"]
        assert country.seen["messi@alpha"] == ["no-such-user"] * 2
        assert len(country.rows("alpha", DeadRow)) == 2

    def test_many_go_in_both_directions(self, country: Country) -> None:
        messi, amsal = country.client("messi", "alpha"), country.client("amsal", "beta")
        for number in range(300):
            messi.send("amsal@beta", str(number))
            amsal.send("messi@alpha", str(-number))
        country.network.run(30)
        assert country.seen["amsal@beta"] == [str(number) for number in range(300)]
        assert country.seen["messi@alpha"] == [str(-number) for number in range(300)]
        assert country.settled("alpha", "beta")
        assert country.settled("beta", "alpha")

    def test_receipts_and_questions_go_by_the_route(self, country: Country) -> None:
        messi, _ = country.client("messi", "alpha", receipts=True), country.client("amsal", "beta")
        told: list[object] = []
        messi.on_hint(told.append)
        send(country, messi, "one")
        country.network.run(5)
        assert told
        assert country.first.links is not None
        there, _ = country.network.wait(country.first.links.peers.remotes.active(RealmName("beta")))
        assert [name for name, _ in there] == ["amsal"]


@pytest.mark.parametrize("away", ["alpha", "gamma", "beta"])
def test_what_waits_goes_on_when_who_was_away_is_back(country: Country, away: str) -> None:
    messi = country.client("messi", "alpha")
    send(country, messi, "zero")
    country.network.run(5)
    country.hosts[away].crash()
    if away != "alpha":
        send(country, messi, "one", "two")
        country.network.run(20)
    assert country.held("gamma") == ([2, 3] if away == "beta" else [])
    country.network.wait(country.hosts[away].start())
    country.network.run(400)
    country.client("messi", "alpha") if away == "alpha" else None
    assert country.texts("beta") == (["zero"] if away == "alpha" else ["zero", "one", "two"])
    assert country.settled("alpha", "beta")
    assert country.held("gamma") == []


def test_origin_and_destination_need_never_be_there_at_once(country: Country) -> None:
    messi = country.client("messi", "alpha")
    country.last.crash()
    send(country, messi, "one", "two", to="nobody@beta")
    country.network.run(60)
    assert country.held("gamma") == [1, 2]
    country.first.crash()
    country.network.wait(country.last.start())
    country.network.run(400)
    assert country.held("gamma") == []
    assert [row.number for row in country.verdicts("gamma")] == [2]
    country.last.crash()
    country.network.run(10)
    country.network.wait(country.first.start())
    country.network.run(400)
    assert country.settled("alpha", "beta")
    assert len(country.texts("alpha", "bounce")) == 2
    assert country.verdicts("gamma") == []


def test_a_row_of_gateways_carries_as_one_does() -> None:
    country = Country("alpha", "gamma", "delta", "beta")
    country.start()
    messi, amsal = country.client("messi", "alpha"), country.client("amsal", "beta")
    for number in range(50):
        messi.send("amsal@beta", str(number))
        amsal.send("nobody@alpha", str(number))
    country.network.run(30)
    heard = [text for text in country.seen["amsal@beta"] if text != "no-such-user"]
    assert heard == [str(number) for number in range(50)]
    assert len(country.texts("beta", "bounce")) == 50
    assert [country.held(name) + country.verdicts(name) for name in ("gamma", "delta")] == [[], []]


class TestDirectLinks:
    @pytest.fixture
    def country(self) -> Country:
        country = Country("alpha", "gamma", "beta", direct=True)
        country.start()
        return country

    def test_a_direct_link_is_used_if_there_is_one(self, country: Country) -> None:
        messi = country.client("messi", "alpha")
        send(country, messi, "one")
        country.network.run(5)
        assert country.texts("beta") == ["one"]
        assert not any(row for row in country.mirrors["gamma"].every(AuditRow) if row.event == HELD)

    def test_the_route_takes_over_and_gives_back(self, country: Country) -> None:
        messi = country.client("messi", "alpha")
        sent = []
        for round_ in range(6):
            if round_ % 2:
                country.network.partition("alpha", "beta")
            else:
                country.network.heal()
            for number in range(10):
                text = f"{round_}.{number}"
                sent.append(text)
                send(country, messi, text)
                country.network.run(20)
        country.network.heal()
        country.network.run(1000)
        assert country.texts("beta") == sent
        assert country.settled("alpha", "beta")
        assert country.held("gamma") == []
        assert any(row for row in country.mirrors["gamma"].every(AuditRow) if row.event == HELD)


class TestOlderCopies:
    def restore(self, country: Country, name: str, copy: object) -> None:
        host = country.hosts[name]
        host.put_back(copy)
        country.mirrors[name].roll_back(self.mark)
        country.network.wait(host.start())

    def copy(self, country: Country, name: str) -> object:
        self.mark = country.mirrors[name].mark()
        return country.hosts[name].copy()

    @pytest.mark.parametrize("seconds", [0.05, 0.8, 2.0])
    def test_a_destination_gets_again_what_it_lost(self, country: Country, seconds: float) -> None:
        """However long an answer takes: it has to be one to a question that still counts."""
        messi = country.client("messi", "alpha")
        send(country, messi, "one", "two")
        country.network.run(5)
        copy = self.copy(country, "beta")
        send(country, messi, "three", "four")
        country.network.run(5)
        for here, there in (("alpha", "gamma"), ("gamma", "beta")):
            for path in (country.network.path(here, there), country.network.path(there, here)):
                path.shortest = path.longest = seconds
        self.restore(country, "beta", copy)
        country.network.run(300)
        assert country.texts("beta") == ["one", "two", "three", "four"]
        send(country, messi, "five")
        country.network.run(120)
        assert country.texts("beta")[-1] == "five"
        assert country.settled("alpha", "beta")

    @pytest.mark.parametrize("more", [1, 2, 5])
    def test_an_origin_doubles_nothing_and_loses_nothing_new(self, country: Country, more: int) -> None:
        messi = country.client("messi", "alpha")
        send(country, messi, "one")
        country.network.run(5)
        copy = self.copy(country, "alpha")
        send(country, messi, "two", "three")
        country.network.run(5)
        self.restore(country, "alpha", copy)
        messi = country.client("messi", "alpha", device="other")
        texts = [f"new {number}" for number in range(more)]
        send(country, messi, *texts)
        country.network.run(300)
        assert country.texts("beta") == ["one", "two", "three", *texts]
        assert country.settled("alpha", "beta")

    def test_new_items_do_not_follow_what_an_older_life_left_at_a_gateway(self, country: Country) -> None:
        messi = country.client("messi", "alpha")
        send(country, messi, "one")
        country.network.run(5)
        country.last.crash()
        copy = self.copy(country, "alpha")
        send(country, messi, "two", "three")
        country.network.run(5)
        self.restore(country, "alpha", copy)
        messi = country.client("messi", "alpha", device="other")
        texts = [f"new {number}" for number in range(4)]
        send(country, messi, *texts)
        country.network.run(30)
        country.network.wait(country.last.start())
        country.network.run(1000)
        assert len(set(country.texts("beta"))) == len(country.texts("beta"))
        assert [text for text in country.texts("beta") if text in texts] == texts
        assert country.settled("alpha", "beta")

    def test_both_ends_may_be_older_than_the_gateway(self, country: Country) -> None:
        copies = [
            (name, country.hosts[name].copy(), country.mirrors[name].mark()) for name in ("alpha", "beta")
        ]
        messi = country.client("messi", "alpha")
        send(country, messi, "one", "two")
        country.network.run(5)
        for name, copy, mark in copies:
            country.hosts[name].put_back(copy)
            country.mirrors[name].roll_back(mark)
        for name, _, _ in copies:
            country.network.wait(country.hosts[name].start())
        send(country, country.client("messi", "alpha", device="other"), "new")
        country.network.run(1000)
        assert country.texts("beta") == ["new"]
        assert country.settled("alpha", "beta")

    @pytest.mark.parametrize("away", [False, True])
    def test_a_gateway_may_forget(self, country: Country, away: bool) -> None:
        messi = country.client("messi", "alpha")
        send(country, messi, "one")
        country.network.run(5)
        copy = self.copy(country, "gamma")
        if away:
            country.last.crash()
        send(country, messi, "two", "three")
        country.network.run(5)
        self.restore(country, "gamma", copy)
        send(country, messi, "four")
        if away:
            country.network.wait(country.last.start())
        country.network.run(1000)
        assert country.texts("beta") == ["one", "two", "three", "four"]
        assert country.settled("alpha", "beta")
        assert country.held("gamma") == []


def test_a_realm_that_is_no_gateway_says_so_and_nothing_counts_as_sent() -> None:
    country = Country("alpha", "gamma", "beta")
    country.hosts["gamma"].relay = False
    country.start()
    send(country, country.client("messi", "alpha"), "one")
    country.network.run(30)
    assert country.stream("alpha", "beta").offered == 0
    assert country.first.links is not None
    assert country.first.links.peers.routes.error(RealmName("beta")) == "no-route"
    country.network.run(8 * 86400)
    assert country.texts("alpha", "bounce") == [f"expired {country.rows('alpha', OutboxRow)[0].mid}"]


def test_an_idle_route_costs_nothing(country: Country) -> None:
    send(country, country.client("messi", "alpha"), "one")
    country.network.run(5 * 3600)  # for so long a realm that was started says so
    frames: list[str] = []
    for transport in country.hosts["gamma"].machine.transports():
        transport.taps.append(lambda data: frames.append(data.decode()))
    country.network.run(7200)
    assert {frame.split('"')[3] for frame in frames} <= {"ping", "pong"}
