"""Rates on a connection: refused in either dialect, and who only goes on is left unread for a while."""

from __future__ import annotations

from typing import Any

import pytest

from chatproto.limits import RATES, Limits
from tests.protocols.wires import Peer, Served
from tests.realm.house import PASSWORD


def served(**limits: Any) -> Served:
    """Return a realm with these rates and no others."""
    served = Served(Limits(**{**dict.fromkeys(RATES, 0.0), **limits}), rates=True)
    served.house.add("messi", "henderson")
    return served


def send(number: int) -> dict[str, Any]:
    return {"do": "send", "id": number, "to": "henderson", "text": "halo", "cid": f"c:{number}"}


def test_a_flood_is_refused_with_a_time_to_wait_and_then_goes_on() -> None:
    house = served(messages=10, messages_burst=20)
    messi = house.peer("messi")
    messi.say(*[send(number) for number in range(30)])
    replies = messi.heard()
    assert [reply["status"] for reply in replies] == ["OK"] * 20 + ["ERROR"] * 10
    assert {reply["code"] for reply in replies[20:]} == {"rate-limited"}
    assert replies[20]["retry_after"] == pytest.approx(0.1)
    house.house.turn(1)
    messi.say(*[send(number) for number in range(20, 30)])
    assert [reply["status"] for reply in messi.heard()] == ["OK"] * 10


def test_who_goes_on_is_not_read_for_a_second() -> None:
    house = served(messages=10, messages_burst=20)
    messi, henderson = house.peer("messi"), house.peer("henderson")
    messi.say(*[send(number) for number in range(1000)])
    assert len(messi.heard()) == 20 + 64
    assert messi.wire.paused
    henderson.ask({"do": "hello"})
    house.house.turn(1)
    messi.settle()
    replies = messi.heard()
    assert [reply["status"] for reply in replies] == ["OK"] * 10 + ["ERROR"] * 64
    messi.protocol.connectionLost()
    house.house.turn(1)


BAD = ['{"do":"nope"}', '{"do":"send"}', "{", "nope", "x" * 70_000, '{"do":"user-list"}']


@pytest.mark.parametrize("line", BAD)
def test_who_only_sends_what_is_refused_before_it_is_counted_is_not_read_either(line: str) -> None:
    house = served(commands=50)
    messi = house.peer("messi")
    for _ in range(200):
        messi.say(line)
    assert messi.wire.paused
    assert len(messi.heard()) <= 64 + 1
    house.house.turn(1)
    messi.settle()
    assert messi.heard()


def test_nor_is_a_stranger_who_only_asks_for_what_is_for_users() -> None:
    stranger = served(commands=50).peer()
    stranger.say(*[{"do": "conversations"}] * 1000)
    assert stranger.wire.paused
    assert len(stranger.heard()) == 64


@pytest.mark.parametrize("line", BAD)
def test_without_a_rate_of_commands_they_are_all_answered(line: str) -> None:
    messi = served().peer("messi")
    for _ in range(100):
        messi.say(line)
    assert not messi.wire.paused


def test_an_older_client_is_told_the_code_in_its_own_dialect() -> None:
    house = served(messages=10, messages_burst=1, logins_per_minute=12)
    peer = house.peer()
    token = peer.ask(f"auth messi {PASSWORD}")["tokenid"]
    assert peer.ask(f"send {token} henderson halo")["status"] == "OK"
    reply = peer.ask(f"send {token} henderson halo")
    assert reply == {
        "status": "ERROR",
        "message": "too many messages",
        "code": "rate-limited",
        "retry_after": 0.1,
    }
    for _ in range(5):
        assert peer.ask("auth messi wrong")["code"] == "login-failed"
    assert peer.ask(f"auth messi {PASSWORD}")["code"] == "rate-limited"


def test_an_idle_connection_stays_small() -> None:
    """Objects of a class share their keys up to 29 attributes, and there may be ten thousand connections."""
    peer = Served().peer("messi")
    peer.ask({"do": "listen"})
    server: Any = peer.protocol
    for each in (server, server.session, server.session.listener):
        assert len(vars(each)) < 30


class TestDelayedLogins:
    """An attempt that the realm delays does not end for the time that it takes."""

    @pytest.fixture
    def served(self) -> Served:
        served_realm = served(failures_per_minute=0.1, login_seconds=10)
        for number in range(11):  # nothing of it is forgiven soon
            self.begin(served_realm, "wrong", f"192.0.2.{number}")
            served_realm.house.turn(30)
        return served_realm

    def begin(self, served: Served, password: str, address: str) -> Peer:
        peer = Peer(served, address)
        peer.say({"do": "login", "user": "messi", "password": password})
        return peer

    def test_it_is_answered_after_the_deadline_of_a_stranger(self, served: Served) -> None:
        late = self.begin(served, PASSWORD, "192.0.2.99")
        served.house.turn(25)
        assert late.heard() == []
        assert late.wire.paused
        served.house.turn(5)
        assert [reply["status"] for reply in late.heard()] == ["OK"]
        served.house.turn(60)
        late.settle()
        assert not late.closed

    def test_who_fails_after_a_delay_has_no_more_time(self, served: Served) -> None:
        late = self.begin(served, "wrong", "192.0.2.99")
        served.house.turn(30)
        served.house.turn(1)
        late.settle()
        assert [reply["code"] for reply in late.heard()] == ["login-failed", "login-timeout"]
        assert late.closed

    def test_nobody_stays_a_stranger_for_more_than_a_minute(self) -> None:
        house = served(login_seconds=10, login_total_seconds=60)
        house.house.slow.slow = True  # the realm takes its time
        peer = self.begin(house, PASSWORD, "192.0.2.9")
        for _ in range(59):
            house.house.turn(1)
        assert peer.heard() == []
        assert not peer.closed
        house.house.turn(1)
        house.house.slow.rush()
        house.house.turn()
        peer.settle()
        assert [reply.get("code") for reply in peer.heard()] == [None, "login-timeout"]
        assert peer.closed

    def test_who_goes_away_leaves_nothing_behind(self, served: Served) -> None:
        before = list(served.house.clock.getDelayedCalls())
        waiting = self.begin(served, "wrong", "192.0.2.99")
        assert len(served.house.clock.getDelayedCalls()) == len(before) + 2
        waiting.protocol.connectionLost()
        assert served.house.clock.getDelayedCalls() == before
