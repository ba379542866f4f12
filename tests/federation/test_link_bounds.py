"""Two realms and the link between them: its bounds, its operators, and what passes."""

from __future__ import annotations

import pytest
from msgspec.structs import replace

from chatproto import commands, events
from chatproto.errors import (
    NoSuchRealm,
    NoSuchUser,
    PeerBlocked,
    QueueFull,
    RefusedByPeer,
    Unavailable,
)
from chatproto.federation.link import State
from chatproto.federation.standing import Standing
from chatproto.frames import Goodbye, Item, PeerLimits, Ready, Skip, Start
from chatproto.limits import Limits
from chatproto.names import RealmName
from chatproto.realm.policy import PeerPolicy
from chatproto.records import AppliedRow, KeyRow, PeerRow
from tests.federation.town import BETA, Town, make_item
from tests.realm.house import watch

DAY = 86400


@pytest.fixture
def town() -> Town:
    return Town()


class TestTwoConnections:
    def test_of_one_side_s_two_the_newer_stays(self, town: Town) -> None:
        old, new = town.connect(town.beta), town.connect(town.beta)
        assert old.ports["alpha"].closed
        assert not new.ports["alpha"].closed
        town.check_up()

    def test_the_one_that_the_lower_name_dialled_stays(self, town: Town) -> None:
        for first, second in ((town.alpha, town.beta), (town.beta, town.alpha)):
            one, other = town.connect(first), town.connect(second)
            stays, goes = (one, other) if first is town.alpha else (other, one)
            assert goes.ports["alpha"].closed
            assert goes.ports["beta"].closed
            assert not stays.ports["alpha"].closed
            town.check_up()
            stays.cut()
            town.turn()

    def test_one_that_does_not_answer_makes_room(self, town: Town) -> None:
        old = town.connect(town.alpha)
        for port in old.ports.values():
            port.held = True
        new = town.connect(town.beta)
        assert not old.ports["alpha"].closed
        town.turn(6)
        assert old.ports["alpha"].closed
        assert not new.ports["alpha"].closed
        town.check_up()

    def test_items_of_the_older_one_on_their_way_to_the_disk_are_told_first(self, town: Town) -> None:
        town.connect(town.alpha)
        messi = town.alpha.person("messi")
        messi.send("amsal@beta", "zero")
        town.beta.faults.hold(stored=True)
        messi.send("amsal@beta", "one")
        messi.send("amsal@beta", "two")
        new = town.connect(town.alpha)
        assert [type(frame) for frame in new.ports["alpha"].heard] == []  # beta is not ready
        town.beta.faults.release()
        town.turn()
        ready = new.ports["alpha"].heard[0]
        assert isinstance(ready, Ready)
        assert ready.number >= 2
        assert town.beta.texts() == ["zero", "one", "two"]


class TestBounds:
    def test_the_window_is_all_that_is_in_memory(self) -> None:
        town = Town(peer_limits=PeerLimits(items=16))
        messi = town.alpha.person("messi")
        for number in range(100):
            messi.send("amsal@beta", str(number))
        town.beta.faults.hold()
        wire = town.connect()
        sent = [frame for frame in wire.ports["beta"].heard if isinstance(frame, Item)]
        assert len(sent) == 1  # a probe
        for _ in range(200):
            town.beta.faults.release()
            town.beta.faults.hold()
            town.turn()
            end = town.alpha.link.end
            assert end is not None
            assert end.sender is None or end.sender.under_way[0] <= 256
            assert town.beta.link.incoming.under_way[0] <= 16
        assert town.beta.texts() == [str(number) for number in range(100)]

    def test_who_sends_more_than_the_credit_is_sent_away(self) -> None:
        town = Town(peer_limits=PeerLimits(items=4))
        wire = town.connect()
        town.beta.faults.hold()
        port = wire.ports["alpha"]
        for number in range(1, 7):
            port.send(make_item(number, f"alpha/x{number}"))
        town.turn()
        assert Goodbye(reason="credit-exceeded") in port.heard
        town.beta.faults.release()
        town.turn()

    @pytest.mark.parametrize(
        ("frame", "reason"),
        [
            (Skip(number=3, mid="alpha/1"), "gap"),
            (Skip(number=1, mid="alpha/1", settled=7), "bad-settled"),
            (Start(epoch="x", first=1, next=1), "unexpected-frame"),
            (Ready(), "unexpected-frame"),
        ],
    )
    def test_who_breaks_the_rules_is_sent_away(self, town: Town, frame: Skip, reason: str) -> None:
        wire = town.connect()
        wire.ports["alpha"].send(frame)
        town.turn()
        assert Goodbye(reason=reason) in wire.ports["alpha"].heard
        assert town.beta.link.state is State.DOWN

    def test_a_full_connection_gets_nothing_more_until_it_has_drained(self, town: Town) -> None:
        wire = town.connect()
        port = wire.ports["alpha"]
        port.room = 0
        messi = town.alpha.person("messi")
        messi.send("amsal@beta", "one")
        for number in range(20):
            messi.send("amsal@beta", str(number))
        assert len(town.beta.texts()) <= 1
        port.drain()
        town.turn()
        assert len(town.beta.texts()) == 21

    def test_a_full_outbox_refuses(self) -> None:
        town = Town(limits=Limits(outbox_items=3))
        messi = town.alpha.person("messi")
        for _ in range(3):
            messi.send("amsal@beta")
        with pytest.raises(QueueFull):
            messi.send("amsal@beta")
        town.connect()
        messi.send("amsal@beta")
        assert len(town.beta.texts()) == 4

    def test_a_peer_that_is_slowed_down_waits(self, town: Town) -> None:
        town.beta.setting = replace(town.beta.setting, messages=10.0)
        town.beta.crash()
        messi = town.alpha.person("messi")
        for number in range(100):
            messi.send("amsal@beta", str(number))
        town.connect()
        assert len(town.beta.texts()) < 50
        town.turn(30)
        assert town.beta.texts() == [str(number) for number in range(100)]

    def test_a_text_that_the_other_side_takes_no_more_comes_back(self, town: Town) -> None:
        messi = town.alpha.person("messi")
        long, short = messi.send("amsal@beta", "x" * 200).mid, messi.send("amsal@beta", "short").mid
        town.beta.peer_limits = PeerLimits(text=100)
        town.beta.crash()
        town.connect()
        assert town.alpha.texts("bounce") == [f"text-too-long {long}"]
        assert town.beta.texts() == ["short"]
        assert town.beta.rows(AppliedRow)[0].mid == short


class TestOperator:
    def test_who_writes_to_a_realm_that_is_not_approved_is_not_to_try_again(self, town: Town) -> None:
        town.alpha.wait(town.alpha.peers.add(RealmName("gamma")))
        with pytest.raises(NoSuchRealm):
            town.alpha.person("messi").send("amsal@gamma")

    def test_why_the_other_side_refused_us_is_told_in_its_words(self, town: Town) -> None:
        town.alpha.peers.refused(BETA, "ab" * 32, RefusedByPeer("wrong-key"))
        assert town.alpha.peers.standings.shown(BETA)[1] == "wrong-key"

    def test_a_realm_that_is_not_approved_is_not_by_being_parked_or_blocked_for_a_while(
        self, town: Town
    ) -> None:
        peers, gamma = town.alpha.peers, RealmName("gamma")
        town.alpha.wait(peers.add(gamma))
        town.alpha.wait(peers.park(gamma))
        town.alpha.wait(peers.retry(gamma))
        assert peers.standings.of(gamma) is Standing.PENDING
        town.alpha.wait(peers.block(gamma))
        town.alpha.wait(peers.unblock(gamma))
        assert peers.standings.of(gamma) is Standing.PENDING

    def test_a_dropped_realm_ends_what_waits_and_begins_anew(self, town: Town) -> None:
        wire = town.connect()
        messi = town.alpha.person("messi")
        messi.send("amsal@beta", "one")
        wire.cut()
        town.turn()
        mids = [messi.send("amsal@beta", text).mid for text in ("two", "three")]
        assert town.alpha.wait(town.alpha.peers.drop(BETA)) == 2
        assert town.alpha.texts("bounce") == [f"outcome-unknown {mid}" for mid in mids]
        with pytest.raises(NoSuchRealm):
            messi.send("amsal@beta")
        town.alpha.crash()
        messi = town.alpha.person("messi")
        with pytest.raises(NoSuchRealm):
            messi.send("amsal@beta")
        town.alpha.wait(town.alpha.peers.add(BETA))
        messi.send("amsal@beta", "four")
        town.connect()
        assert town.beta.texts() == ["one", "four"]
        assert town.alpha.link.outgoing.renewals == 0

    def test_a_blocked_realm_s_items_are_refused(self, town: Town) -> None:
        town.beta.wait(town.beta.peers.block(town.beta.other))
        town.connect()
        mid = town.alpha.person("messi").send("amsal@beta").mid
        assert town.alpha.texts("bounce") == [f"blocked {mid}"]
        with pytest.raises(PeerBlocked):
            town.beta.person("amsal").send("messi@alpha")
        town.beta.wait(town.beta.peers.unblock(town.beta.other))
        town.alpha.person("messi").send("amsal@beta", "again")
        assert town.beta.texts() == ["again"]

    def test_decisions_and_the_key_stay(self, town: Town) -> None:
        town.alpha.wait(town.alpha.peers.park(BETA))
        key = town.alpha.peers.identity.key
        town.alpha.crash()
        assert town.alpha.link.standing is Standing.PARKED
        assert town.alpha.peers.identity.key == key
        assert [row.state for row in town.alpha.rows(PeerRow)] == ["parked"]
        assert len(town.alpha.rows(KeyRow)) == 1


def test_what_was_not_stored_takes_nothing_of_the_day_s_quota(town: Town) -> None:
    town.beta.setting = replace(town.beta.setting, policy=PeerPolicy(bytes_a_day=100))
    town.beta.crash()
    for _ in range(3):
        town.beta.faults.refuse_next()
    messi = town.alpha.person("messi")
    messi.send("amsal@beta", "x" * 60)
    town.connect()
    town.turn(10)
    assert (len(town.beta.texts()), town.alpha.texts("bounce")) == (1, [])
    messi.send("amsal@beta", "x" * 60)
    assert (len(town.beta.texts()), len(town.alpha.texts("bounce"))) == (1, 1)


class TestPassing:
    def test_who_is_there_is_asked_and_kept_for_a_moment(self, town: Town) -> None:
        with pytest.raises(Unavailable):
            town.alpha.wait(town.alpha.peers.remotes.active(BETA))
        town.connect()
        town.beta.person("amsal")
        users, _ = town.alpha.wait(town.alpha.peers.remotes.active(BETA))
        assert [name for name, _ in users] == ["amsal"]
        town.beta.person("lineker")
        assert len(town.alpha.wait(town.alpha.peers.remotes.active(BETA))[0]) == 1
        town.turn(6)
        assert len(town.alpha.wait(town.alpha.peers.remotes.active(BETA))[0]) == 2

    def test_a_question_that_is_not_answered_ends(self, town: Town) -> None:
        wire = town.connect()
        assert town.alpha.wait(town.alpha.peers.remotes.user(BETA, "AMSAL"))["user"] == "amsal"
        with pytest.raises(NoSuchUser):
            town.alpha.wait(town.alpha.peers.remotes.user(BETA, "nobody"))
        wire.ports["beta"].held = True
        outcome = watch(town.alpha.peers.remotes.user(BETA, "amsal"))
        town.turn(11)
        assert outcome[0].check(Unavailable)

    def test_receipts_reach_the_sender(self, town: Town) -> None:
        town.connect()
        messi, amsal = town.alpha.person("messi"), town.beta.person("amsal")
        messi.listen(receipts=True)
        amsal.listen()
        messi.send("amsal@beta", "halo")
        amsal.ask(commands.Ack(seq=amsal.seqs[-1]))
        town.turn(2)
        assert [event for event in messi.pushed if isinstance(event, events.Receipt)]

    def test_an_older_client_is_told_the_verdict(self, town: Town) -> None:
        town.connect()
        messi = town.alpha.person("messi")
        with pytest.raises(NoSuchUser):
            messi.ask(commands.Send(to="nobody@beta", text="halo", wait=True))
        assert messi.ask(commands.Send(to="amsal@beta", text="halo", wait=True)).mid
