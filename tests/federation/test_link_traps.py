"""Links: what goes wrong only if several things happen in one order."""

from __future__ import annotations

import pytest
from msgspec.structs import replace

from chatproto import commands
from chatproto.errors import StoreFull
from chatproto.federation.bounds import REFUSALS, WINDOW_ITEMS
from chatproto.federation.errand import Step
from chatproto.federation.rules import Arrival, Arrivals
from chatproto.frames import Ack, Chunk, Frame, Freight, Goodbye, Item, PeerLimits, Ready, Start
from chatproto.names import RealmName
from chatproto.records import AppliedRow, ConversationRow, DeadRow, DialRow, KeyRow, RefusalRow, StreamRow
from tests.conftest import LoggedFailures
from tests.federation.town import BETA, Port, Town, Wire, make_item
from tests.realm.house import watch


@pytest.fixture
def town() -> Town:
    return Town()


def test_a_mark_does_not_carry_a_settlement_that_broke(town: Town) -> None:
    wire = town.connect()
    messi = town.alpha.person("messi")
    messi.send("amsal@beta", "one")
    wire.ports["beta"].held = True
    mid = messi.send("nobody@beta", "two").mid
    dead = DeadRow(mid, "beta", 2, 1, "messi@alpha", "nobody@beta", "x", 1)
    assert town.alpha.disk.tables.store([dead], ())
    town.alpha.faults.hold()
    messi.begin(commands.Send(to="amsal@beta", text="three"))
    town.turn()
    wire.ports["beta"].release()  # its verdict goes into the open batch
    town.turn()
    messi.begin(commands.Send(to="amsal@beta", text="four"))  # and so does this, with its mark
    town.alpha.faults.after_broken = lambda: town.alpha.disk.tables.remove([dead])
    town.alpha.faults.release()
    town.turn(5)
    assert town.alpha.texts("bounce") == [f"no-such-user {mid}"]
    (stream,) = town.alpha.rows(StreamRow)
    assert stream.settled == stream.offered == town.alpha.link.outgoing.newest == 4


def test_what_is_offered_while_it_is_found_to_be_late_is_not_withdrawn(town: Town) -> None:
    messi = town.alpha.person("messi")
    messi.send("amsal@beta", "one")
    town.turn(8 * 86400)
    town.alpha.slow.slow = True
    looking = watch(town.alpha.peers.chores.overdue[BETA].look())
    town.alpha.slow.tell_oldest("outgoing")  # nothing that was sent is late
    town.alpha.link.outgoing.begin_marking()
    town.alpha.slow.rush()
    town.turn()
    assert looking
    assert town.alpha.texts("bounce") == []


def test_an_entry_of_an_older_connection_that_is_lost_comes_again_by_the_newer(town: Town) -> None:
    town.connect()
    messi = town.alpha.person("messi")
    messi.send("amsal@beta", "one")
    town.beta.faults.refuse_next()
    town.beta.faults.hold()
    messi.send("amsal@beta", "two")
    newer = town.connect()
    town.beta.faults.release()
    town.turn(2)
    town.check_up()
    assert not newer.ports["beta"].closed
    assert town.beta.texts() == ["one", "two"]


def test_no_more_is_in_memory_than_may_be_unsettled() -> None:
    town = Town(peer_limits=PeerLimits(items=1000))
    messi = town.alpha.person("messi")
    for number in range(600):
        messi.send("amsal@beta", str(number))
    wire = town.connect_held()
    wire.step_until("beta", Item)
    town.alpha.faults.hold()
    for port in wire.ports.values():
        port.release()
    town.turn()
    end = town.alpha.link.end
    assert end is not None
    assert end.sender is not None
    assert end.sender.under_way[0] == len(town.beta.texts()) == WINDOW_ITEMS
    town.alpha.faults.release()
    town.turn()
    assert len(town.beta.texts()) == 600


def test_a_refusal_is_kept_until_its_sender_knows_it(town: Town) -> None:
    messi = town.alpha.person("messi")
    mid = messi.send("nobody@beta", "one").mid
    wire = town.connect_held()
    wire.step_until("beta", Item)
    wire.cut()
    town.turn()
    town.turn(100 * 86400)
    town.beta.wait(town.beta.peers.chores.tidy())
    town.beta.crash()
    wire = town.connect()
    assert town.alpha.texts("bounce") == [f"no-such-user {mid}"]
    town.alpha.person("messi").send("amsal@beta", "two")  # which tells that it knows
    wire.cut()
    town.turn(100 * 86400)
    town.beta.wait(town.beta.peers.chores.tidy())
    assert town.beta.rows(RefusalRow) == []


class Poisonous:
    """Rules that make of some texts what no store takes, or fail at them."""

    def __init__(self, rules: Arrivals) -> None:
        self._rules = rules

    def judge(self, peer: RealmName, item: Item) -> Arrival | str | None:
        if item.text == "broken":
            raise ZeroDivisionError
        verdict = self._rules.judge(peer, item)
        if verdict is not None and not isinstance(verdict, str) and item.text == "poison":
            verdict.inserts.append(KeyRow("realm", b"", 1))  # type: ignore[attr-defined]
        return verdict

    async def prepare(self, peer: RealmName, item: Item) -> None:
        await self._rules.prepare(peer, item)


def test_one_poisonous_item_stops_nobody(town: Town, logged_failures: LoggedFailures) -> None:
    judge = town.beta.link.incoming._judge
    judge._arrivals = Poisonous(judge._arrivals)
    messi = town.alpha.person("messi")
    texts = ["0", "1", "poison", "2", "broken", "3", "4", "5"]
    mids = [messi.send("amsal@beta", text).mid for text in texts]
    town.connect()
    assert town.beta.texts() == ["0", "1", "2", "3", "4", "5"]
    assert town.alpha.texts("bounce") == [f"internal-error {mids[2]}", f"internal-error {mids[4]}"]
    assert logged_failures.take(ZeroDivisionError)


class Deaf:
    """The end of a realm for which a test speaks."""

    def received(self, frame: Frame) -> None:
        """Pass over it."""

    def raw_received(self, frame: Chunk | Freight, data: bytes) -> None:
        """Pass over it."""

    def drained(self) -> None:
        """Pass over it."""

    def lost(self, reason: str) -> None:
        """Pass over it."""


def speak(town: Town, number: int = 0) -> Port:
    """Connect, and return the end of alpha, for which only the test speaks: of what follows a number."""
    wire = Wire(town, town.alpha)
    town.wires.append(wire)
    wire.connect()
    port = wire.ports["alpha"]
    port.end = Deaf()
    port.send(Start(epoch="e", first=1, next=number + 1))
    town.turn()
    return port


def test_one_mid_may_go_to_several_recipients(town: Town) -> None:
    """This realm makes a mid for each of them. Another one may not; a repeat is known by both."""
    port = speak(town)
    amsal, lineker = make_item(1, "alpha/a"), replace(make_item(2, "alpha/a"), to="lineker@beta")
    nobody = replace(make_item(3, "alpha/a"), to="nobody@beta")
    port.send(amsal, lineker, nobody, replace(amsal, number=4))
    town.turn()
    rows = town.beta.rows(ConversationRow)
    assert sorted(row.recipient("messi@alpha") for row in rows) == ["amsal@beta", "lineker@beta"]
    assert len(town.beta.texts()) == 2
    assert [row.recipient for row in town.beta.rows(RefusalRow)] == ["nobody@beta"]
    assert [frame.number for frame in port.heard if isinstance(frame, Ack)][-1] == 4


def test_no_realm_takes_the_place_of_what_is_recorded_of_another(town: Town) -> None:
    of_gamma = RefusalRow("gamma/a", "amsal@beta", "gamma", "e", 7, "refused", 2**52)
    assert town.beta.disk.tables.store([of_gamma], ())
    speak(town).send(make_item(1, "gamma/a"))
    town.turn()
    assert of_gamma in town.beta.rows(RefusalRow)
    assert sorted(row.code for row in town.beta.rows(RefusalRow)) == ["not-yours", "refused"]


def test_a_verdict_on_an_item_of_another_realm_is_none_on_this_one(town: Town) -> None:
    of_gamma = RefusalRow("alpha/a", "amsal@beta", "gamma", "e", 7, "not-yours", 2**52)
    assert town.beta.disk.tables.store([of_gamma], ())
    port = speak(town)
    town.beta.link.incoming._judge.suspects = True
    port.send(make_item(1, "alpha/a"))
    town.turn()
    assert town.beta.texts() == ["halo"]


def test_all_refusals_are_told_also_to_who_settles_late(town: Town) -> None:
    port = speak(town)
    for number in range(1, REFUSALS + WINDOW_ITEMS - 1):
        port.send(replace(make_item(number, f"alpha/{number}"), to="nobody@beta"))
        if number == REFUSALS - 1 or (number < REFUSALS and number % 100 == 0):
            town.turn()
    town.turn()
    assert port.heard[-1] == Goodbye(reason="not-settled")
    town.beta.crash()
    port = speak(town, town.beta.rows(AppliedRow)[0].number)
    (ready,) = (frame for frame in port.heard if isinstance(frame, Ready))
    (ack,) = (frame for frame in port.heard if isinstance(frame, Ack))
    assert ack.number == len(ack.refused) == ready.number


def test_what_is_withdrawn_as_too_long_is_not_sent_on_the_next_connection(town: Town) -> None:
    town.alpha.person("messi").send("amsal@beta", "halo, halo")
    wire = town.connect_held()
    wire.step_until("alpha", Ready)
    wire.cut()
    assert town.alpha.link.outgoing.offered == 1
    town.alpha.faults.hold()
    town.beta.peers.identity.limits = PeerLimits(text=5)
    town.connect().cut()
    town.turn()
    assert town.alpha.faults.held == 1
    town.beta.peers.identity.limits = PeerLimits()
    town.connect()
    town.alpha.faults.release()
    town.turn(2)
    town.check_up()
    assert len(town.alpha.texts("bounce")) + len(town.beta.texts()) == 1


def test_a_store_that_refuses_is_not_asked_without_end(town: Town) -> None:
    """What was appended is lost, and who waited for it to come to rest would only append more."""
    writer = town.alpha.realm.writer
    for _ in range(2):
        town.alpha.faults.refuse_next()
        writer.append(Step(puts=[DialRow("beta", 1, 1, 1)]))
        outcome = watch(town.alpha.link.outgoing.load())  # the first time it is known
        town.turn()
    assert isinstance(outcome[0].value, StoreFull)
    assert watch(town.alpha.link.outgoing.load()) == [None]
