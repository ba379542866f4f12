"""Decisions about another realm that meet what is under way at that moment."""

from __future__ import annotations

from random import Random

import pytest

from chatproto import commands
from chatproto.errors import Unavailable
from chatproto.federation import dialing
from chatproto.federation.bounds import OVERDUE_PERIOD
from chatproto.federation.link import PeerLink, State
from chatproto.federation.standing import Standing
from chatproto.names import RealmName
from tests.federation.town import BETA, Place, Town, Wire
from tests.realm.house import watch

KEY = "ab" * 32
GAMMA = RealmName("gamma")


@pytest.fixture
def town() -> Town:
    return Town()


def dialled(place: Place) -> dialing.State:
    return place.peers.dialer.state_of(place.other)[0]


def test_what_is_sent_while_its_realm_is_dropped_comes_back(town: Town) -> None:
    messi = town.alpha.person("messi")
    town.connect()
    messi.send("amsal@beta", "one")
    town.alpha.faults.hold()
    dropping = watch(town.alpha.peers.drop(BETA))
    town.turn()
    messi.begin(commands.Send(to="amsal@beta", text="two"))  # into the batch behind the decision
    town.turn()
    town.alpha.faults.release()
    town.turn(1)
    assert dropping == [1]
    assert len(town.alpha.texts()) == 2
    assert [text.partition(" ")[0] for text in town.alpha.texts("bounce")] == ["outcome-unknown"]


def test_a_realm_that_proves_itself_to_a_link_that_ended_can_be_dialled_later(town: Town) -> None:
    town.alpha.wait(town.alpha.peers.drop(BETA))
    wire = Wire(town, town.beta)
    wire.ports["beta"].closed = True
    # Its proof was on its way when the link was dropped.
    assert town.alpha.peers.authenticated(BETA, wire.ports["alpha"]) is None
    assert dialled(town.alpha) is dialing.State.IDLE
    assert town.alpha.link.state is State.CLOSED


def test_another_key_ends_what_was_proved_by_the_old_one(town: Town) -> None:
    town.connect()
    town.check_up()
    town.alpha.wait(town.alpha.peers.approve(BETA, KEY))
    assert town.alpha.link.state is State.DOWN
    assert town.alpha.peers.standings.of(BETA) is Standing.OPEN
    town.connect()
    town.alpha.wait(town.alpha.peers.approve(BETA, KEY))
    town.check_up()
    town.alpha.wait(town.alpha.peers.add(BETA, "", f"ed25519:{'cd' * 32}"))
    assert town.alpha.link.state is State.DOWN


def test_a_decision_and_a_first_contact_at_once_are_both_kept(town: Town) -> None:
    town.alpha.faults.hold()
    blocking = watch(town.alpha.peers.block(BETA))
    town.turn()
    town.alpha.peers.approved(BETA, KEY)
    assert town.alpha.peers.standings.of(BETA) is Standing.OPEN  # it is not decided yet
    town.alpha.faults.release()
    town.turn()
    assert blocking == [None]
    for _ in range(2):
        row = town.alpha.peers.standings.row(BETA)
        assert (row.state, row.key) == ("blocked", KEY)
        town.alpha.crash()


def test_a_decision_that_is_not_stored_is_none(town: Town) -> None:
    town.alpha.faults.refuse_next()
    with pytest.raises(Unavailable):
        town.alpha.wait(town.alpha.peers.block(BETA))
    town.alpha.peers.approved(BETA, KEY)
    town.turn()
    for _ in range(2):
        row = town.alpha.peers.standings.row(BETA)
        assert (row.state, row.key) == ("open", KEY)
        town.alpha.crash()


def test_a_drop_that_the_store_interrupts_is_finished_later(town: Town) -> None:
    town.alpha.start()
    town.alpha.person("messi").send("amsal@beta", "one")
    town.alpha.faults.hold()
    dropping = watch(town.alpha.peers.drop(BETA))
    town.turn()
    town.alpha.faults.refuse_next()  # the bounces, not the decision
    town.alpha.faults.release()
    town.turn()
    assert dropping[0].check(Unavailable)
    assert town.alpha.texts("bounce") == []
    town.turn(2 * OVERDUE_PERIOD)
    assert len(town.alpha.texts("bounce")) == 1
    assert town.alpha.link.outgoing.waiting_items == 0


def test_a_realm_that_is_added_twice_at_once_has_one_link(town: Town) -> None:
    slow = town.alpha.slow
    slow.slow = True
    added = [watch(town.alpha.peers.add(GAMMA)) for _ in range(2)]
    links: list[PeerLink] = []
    town.turn()
    while slow.calls:
        slow.go_on(Random(0))
        town.turn()
        links += town.alpha.peers.links.values()
    assert added == [[Standing.PENDING]] * 2
    assert len({id(link) for link in links if link.realm == GAMMA}) == 1
