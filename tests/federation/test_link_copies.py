"""Links: stores that are replaced by older copies, and the epochs that follow from it."""

from __future__ import annotations

import pytest

from chatproto import commands
from chatproto.frames import Item, Ready
from chatproto.records import RefusalRow, StreamRow
from tests.federation.town import Town
from tests.realm.house import watch


@pytest.fixture
def town() -> Town:
    return Town()


def test_a_settlement_that_a_restored_sender_forgot_is_noticed(town: Town) -> None:
    """All that it has fits: but the other side need not remember refusals that were settled."""
    messi = town.alpha.person("messi")
    messi.send("nobody@beta", "one")
    texts = ["two", "three", "four", "five", "six"]
    for text in texts:
        messi.send("amsal@beta", text)
    wire = town.connect_held()
    wire.step_until("beta", Item)
    copy = town.alpha.disk.backup()
    while wire.step():
        pass
    assert town.beta.texts() == texts
    town.alpha.end()
    town.alpha.disk.restore(copy)
    town.alpha.open()
    town.beta.crash()
    town.connect()
    assert town.alpha.link.outgoing.renewals == 1
    assert len(town.alpha.texts("bounce")) == 1
    assert town.beta.texts() == texts


def test_a_refusal_that_a_restored_sender_forgot_is_told_again(town: Town) -> None:
    """All that it has fits, and on the connection before it said that it knew the refusal."""
    town.alpha.person("messi").send("nobody@beta", "one")
    wire = town.connect_held()
    wire.step_until("beta", Item)
    copy = town.alpha.disk.backup()
    while wire.step():
        pass
    town.connect()  # it tells here that it knows; that is not on the other side's disk
    town.alpha.end()
    town.alpha.disk.restore(copy)
    town.alpha.open()
    town.connect()
    assert len(town.alpha.texts("bounce")) == 1
    assert town.alpha.link.outgoing.renewals == 0


def test_numbers_that_were_given_twice_are_told_apart_by_their_mids(town: Town) -> None:
    town.connect()
    messi = town.alpha.person("messi")
    messi.send("amsal@beta", "one")
    copy = town.alpha.disk.backup()
    messi.send("amsal@beta", "two")
    for text in ("another two", "three"):
        town.alpha.end()
        town.alpha.disk.restore(copy)
        town.alpha.open()
        town.alpha.person("messi").send("amsal@beta", text)
        copy = town.alpha.disk.backup() if text != "three" else copy
    town.alpha.end()
    town.alpha.disk.restore(copy)
    town.alpha.open()  # it counts its second item as sent, as the other side has one of that number
    assert town.alpha.link.outgoing.offered == 2
    town.connect()
    assert town.beta.texts() == ["one", "two", "another two"]


def test_a_refusal_stays_one_though_it_would_be_taken_now(town: Town) -> None:
    messi = town.alpha.person("messi")
    messi.send("nobody@beta", "one")
    copy = town.alpha.disk.backup()
    wire = town.connect_held()
    wire.step_until("beta", Item)
    assert len(town.beta.rows(RefusalRow)) == 1
    town.beta.add("nobody")
    town.alpha.end()
    town.alpha.disk.restore(copy)
    town.alpha.open()
    town.connect()
    assert (town.beta.texts(), len(town.alpha.texts("bounce"))) == ([], 1)


def test_an_epoch_that_begins_while_items_are_on_their_way_to_the_disk(town: Town) -> None:
    town.connect()
    messi = town.alpha.person("messi")
    copy = town.beta.disk.backup()
    messi.send("amsal@beta", "one")
    town.beta.end()
    town.beta.disk.restore(copy)
    town.beta.open()
    town.alpha.faults.hold()
    messi.begin(commands.Send(to="amsal@beta", text="two"))
    town.turn()
    messi.begin(commands.Send(to="amsal@beta", text="three"))
    town.connect()
    messi.begin(commands.Send(to="amsal@beta", text="four"))
    town.turn()
    town.alpha.faults.release()
    town.turn(1)
    messi.send("amsal@beta", "five")
    assert town.beta.texts() == ["one", "two", "three", "four", "five"]
    assert town.alpha.realm.meters.broken == 0


def test_an_epoch_is_on_disk_when_it_is_told_though_an_older_connection_began_one(town: Town) -> None:
    town.alpha.person("messi").send("amsal@beta", "one")
    town.connect().cut()
    town.turn()
    stream = town.alpha.link.outgoing
    connections = ["older", "newer"]
    told = []

    async def resume(name: str) -> None:
        await stream.resume(Ready(epoch=name, number=5, mid="x"), lambda: name in connections)
        told.append((name, town.alpha.rows(StreamRow) == [stream.row]))

    for other in ("newer", "older"):  # whoever comes first
        town.alpha.slow.slow = True
        watch(resume("older" if other == "newer" else "newer"))
        watch(resume(other))
        for _ in range(2):
            town.alpha.slow.tell_oldest()
        connections[:] = ["newer"]
        town.alpha.slow.rush()
        town.turn()
        connections[:] = ["older", "newer"]
    assert told == [("newer", True)] * 2


def test_who_has_sent_nothing_begins_an_epoch_for_who_says_that_it_has(town: Town) -> None:
    stream = town.alpha.link.outgoing
    assert watch(stream.resume(Ready(epoch="0" * 16, number=5, mid="x"), lambda: True)) == []
    town.turn()
    assert town.alpha.rows(StreamRow) == [stream.row]
    assert stream.row.previous == "0" * 16
