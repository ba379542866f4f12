"""Two realms and the link between them: what one says arrives once, and its sender hears of it."""

from __future__ import annotations

import pytest

from chatproto import commands
from chatproto.errors import (
    DiskFull,
    StoreFailed,
    Unavailable,
)
from chatproto.federation.link import State
from chatproto.frames import Goodbye
from chatproto.records import AppliedRow, DeadRow, OutboxRow, RefusalRow, StreamRow
from tests.conftest import LoggedFailures
from tests.federation.town import Town, make_item

DAY = 86400


@pytest.fixture
def town() -> Town:
    return Town()


class TestSending:
    def test_a_message_arrives_once_and_is_settled(self, town: Town) -> None:
        town.connect()
        town.check_up()
        messi, amsal = town.alpha.person("messi"), town.beta.person("amsal")
        amsal.listen()
        reply = messi.send("amsal@beta", "halo")
        assert [message.text for message in amsal.messages("text")] == ["halo"]
        assert amsal.messages("text")[0].mid == reply.mid
        (applied,) = town.beta.rows(AppliedRow)
        (stream,) = town.alpha.rows(StreamRow)
        assert (applied.number, applied.mid, applied.epoch) == (1, reply.mid, stream.epoch)
        assert (stream.settled, stream.offered) == (1, 1)
        assert town.alpha.link.outgoing.waiting_items == 0

    def test_what_was_sent_while_there_was_no_link_follows(self, town: Town) -> None:
        messi = town.alpha.person("messi")
        for number in range(600):
            messi.send("amsal@beta", str(number))
        assert town.alpha.link.outgoing.waiting_items == 600
        assert town.alpha.rows(StreamRow) == []
        town.connect()
        assert town.beta.texts() == [str(number) for number in range(600)]
        assert town.alpha.link.outgoing.settled == 600
        assert town.alpha.link.outgoing.waiting_bytes == 0

    def test_a_refusal_becomes_a_bounce_and_the_next_ones_go_on(self, town: Town) -> None:
        town.connect()
        messi = town.alpha.person("messi")
        messi.listen()
        mid = messi.send("nobody@beta", "one").mid
        messi.send("amsal@beta", "two")
        assert town.beta.texts() == ["two"]
        (bounce,) = messi.messages("bounce")
        assert (bounce.text, bounce.about) == ("no-such-user", mid) or mid in str(bounce)
        assert [row.mid for row in town.alpha.rows(DeadRow)] == [mid]
        assert [row.code for row in town.beta.rows(RefusalRow)] == ["no-such-user"]
        assert min(town.alpha.rows(OutboxRow), key=lambda row: row.number).seq == 0
        assert town.alpha.link.outgoing.waiting_items == 0


class TestCrashes:
    @pytest.mark.parametrize("who", ["alpha", "beta"])
    def test_nothing_is_lost_or_doubled_if_one_crashes_at_any_frame(self, who: str) -> None:
        for frames in range(40):
            town = Town()
            messi = town.alpha.person("messi")
            for number in range(6):
                messi.send("nobody@beta" if number == 3 else "amsal@beta", str(number))
            wire = town.connect_held()
            for _ in range(frames):
                wire.step()
            getattr(town, who).crash()
            town.turn()
            town.connect()
            assert town.beta.texts() == ["0", "1", "2", "4", "5"], frames
            assert len(town.alpha.texts("bounce")) == 1
            assert town.alpha.link.outgoing.settled == 6

    @pytest.mark.parametrize("who", ["alpha", "beta"])
    @pytest.mark.parametrize("stored", [False, True])
    def test_a_crash_at_any_commit(self, who: str, stored: bool, logged_failures: LoggedFailures) -> None:
        for commits in range(8):
            town = Town()
            messi = town.alpha.person("messi")
            for number in range(6):
                messi.send("nobody@beta" if number == 3 else "amsal@beta", str(number))
            place = getattr(town, who)
            place.fail_at(commits, stored=stored)
            town.connect()
            if place.realm.writer.failure is not None:
                place.crash()
                town.connect()
            assert town.beta.texts() == ["0", "1", "2", "4", "5"], commits
            assert len(town.alpha.texts("bounce")) == 1
            assert town.alpha.link.outgoing.settled == 6
        logged_failures.take(StoreFailed)

    def test_a_connection_that_is_lost_at_any_frame_is_resumed_on_the_next(self) -> None:
        for frames in range(30):
            town = Town()
            messi = town.alpha.person("messi")
            for number in range(6):
                messi.send("nobody@beta" if number == 3 else "amsal@beta", str(number))
            wire = town.connect_held()
            for _ in range(frames):
                wire.step()
            wire.cut()
            town.turn()
            town.connect()
            assert town.beta.texts() == ["0", "1", "2", "4", "5"], frames
            assert len(town.alpha.texts("bounce")) == 1


class TestStores:
    @pytest.mark.parametrize("who", ["alpha", "beta"])
    def test_a_full_disk_only_delays(self, town: Town, who: str) -> None:
        town.connect()
        messi = town.alpha.person("messi")
        messi.send("amsal@beta", "one")
        place = getattr(town, who)
        for _ in range(3):
            place.faults.refuse_next()
        if who == "alpha":
            for _ in range(3):  # the command is refused; nothing of it may be numbered
                with pytest.raises(Unavailable):
                    messi.send("amsal@beta", "lost")
        for number in range(5):
            messi.send("nobody@beta" if number == 2 else "amsal@beta", str(number))
        town.turn(5)
        assert town.beta.texts() == ["one", "0", "1", "3", "4"]
        assert sorted(row.number for row in town.alpha.rows(OutboxRow)) == [1, 2, 3, 4, 5, 6]
        assert town.alpha.link.outgoing.settled == 6
        assert town.alpha.link.outgoing.waiting_items == 0

    def test_a_bounce_that_breaks_a_constraint_takes_nothing_along(self, town: Town) -> None:
        """What is numbered meanwhile must not carry the mark of what was not stored."""
        messi = town.alpha.person("messi")
        mids = [messi.send(f"{name}@beta", name).mid for name in ("amsal", "nobody", "noone", "amsal")]
        dead = DeadRow(mids[1], "beta", 2, 1, "messi@alpha", "nobody@beta", "x", 1)
        assert town.alpha.disk.tables.store([dead], ())
        town.alpha.faults.hold()
        wire = town.connect()
        for _ in range(20):
            messi.begin(commands.Send(to="amsal@beta", text="more"))
            town.turn()
            town.alpha.faults.release()
            town.turn()
            town.alpha.faults.hold()
        town.alpha.faults.release()
        town.turn()
        assert wire.ports["alpha"].closed is False
        # The bounce of the one that cannot be stored is missing; that of the other one is there.
        assert town.alpha.texts("bounce") == [f"no-such-user {mids[2]}"]
        (stream,) = town.alpha.rows(StreamRow)
        assert stream.settled == stream.offered == town.alpha.link.outgoing.newest
        assert len(town.beta.texts()) == 2 + town.beta.texts().count("more")

    def test_an_item_that_is_there_already_is_found_by_the_constraint(self, town: Town) -> None:
        """A peer that forgets what it sent, and says that it does not repeat."""
        wire = town.connect()
        messi = town.alpha.person("messi")
        mid = messi.send("amsal@beta", "one").mid
        wire.ports["beta"].held = True  # our own side knows better, and would complain of the acks
        port = wire.ports["alpha"]
        for number in (2, 3, 4):
            again = mid if number != 3 else "alpha/x1"
            port.send(make_item(number, again))
        town.turn()
        assert town.beta.texts() == ["one", "halo"]
        assert town.beta.rows(AppliedRow)[0].number == 4
        assert town.beta.rows(RefusalRow) == []


class TestOlderCopies:
    def test_a_receiver_with_an_older_copy_gets_what_it_lost(self, town: Town) -> None:
        town.connect()
        messi = town.alpha.person("messi")
        messi.send("amsal@beta", "one")
        copy = town.beta.disk.backup()
        messi.send("amsal@beta", "two")
        messi.send("nobody@beta", "three")
        town.beta.end()
        town.beta.disk.restore(copy)
        town.beta.open()
        town.connect()
        messi.send("amsal@beta", "four")
        assert town.beta.texts() == ["one", "two", "four"]
        assert len(town.alpha.texts("bounce")) == 1
        assert (town.alpha.link.outgoing.renewals, town.beta.link.incoming.renewals) == (1, 1)
        assert town.alpha.link.outgoing.settled == 4

    def test_a_sender_with_an_older_copy_doubles_nothing(self, town: Town) -> None:
        town.connect()
        messi = town.alpha.person("messi")
        messi.send("amsal@beta", "one")
        copy = town.alpha.disk.backup()
        messi.send("amsal@beta", "two")
        town.alpha.end()
        town.alpha.disk.restore(copy)
        town.alpha.open()
        messi = town.alpha.person("messi")
        messi.send("amsal@beta", "three")
        messi.send("nobody@beta", "four")
        town.connect()
        messi.send("amsal@beta", "five")
        assert town.beta.texts() == ["one", "two", "three", "five"]
        assert len(town.alpha.texts("bounce")) == 1
        town.beta.crash()
        town.connect()
        messi.send("amsal@beta", "six")
        assert town.beta.texts()[-2:] == ["five", "six"]
        assert town.alpha.link.outgoing.renewals == 1

    def test_a_refusal_that_a_restored_sender_forgot_is_told_again(self, town: Town) -> None:
        messi = town.alpha.person("messi")
        messi.send("nobody@beta", "one")
        copy = town.alpha.disk.backup()
        town.connect()
        messi.send("amsal@beta", "two")  # which tells that the first is settled
        town.alpha.end()
        town.alpha.disk.restore(copy)
        town.alpha.open()
        town.connect()
        assert len(town.alpha.texts("bounce")) == 1
        assert town.beta.texts() == ["two"]

    def test_a_new_epoch_may_be_cut_off_anywhere(self) -> None:
        for frames in range(24):
            town = Town()
            town.connect()
            messi = town.alpha.person("messi")
            for number in range(3):
                messi.send("amsal@beta", str(number))
            copy = town.beta.disk.backup()
            messi.send("amsal@beta", "3")
            town.beta.end()
            town.beta.disk.restore(copy)
            town.beta.open()
            wire = town.connect_held()
            for _ in range(frames):
                wire.step()
            messi.send("amsal@beta", "4")
            (town.beta if frames % 2 else town.alpha).crash()
            town.connect()
            assert town.beta.texts() == ["0", "1", "2", "3", "4"], frames

    def test_what_a_restored_store_may_have_sent_is_not_withdrawn(self, town: Town) -> None:
        messi = town.alpha.person("messi")
        messi.send("amsal@beta", "one")
        copy = town.alpha.disk.backup()
        town.connect()
        town.alpha.end()
        town.alpha.disk.restore(copy)
        town.alpha.open()
        town.alpha.start()
        town.turn(8 * DAY)
        assert town.alpha.texts("bounce") == []
        assert len(town.alpha.texts("delayed")) == 1
        town.connect()
        assert town.alpha.texts("bounce") == []
        assert town.beta.texts() == ["one"]


class TestTime:
    def test_what_was_never_sent_expires_here(self, town: Town) -> None:
        messi = town.alpha.person("messi")
        mid = messi.send("amsal@beta", "one").mid
        town.alpha.crash()
        town.alpha.start()
        town.turn(7 * DAY + 120)
        assert town.alpha.texts("bounce") == [f"expired {mid}"]
        town.connect()
        assert town.beta.texts() == []
        assert town.beta.rows(AppliedRow)[0].number == 1  # a number that is skipped
        assert town.alpha.link.outgoing.waiting_items == 0

    def test_what_may_have_been_sent_is_late_until_the_other_side_says(self, town: Town) -> None:
        messi = town.alpha.person("messi")
        wire = town.connect_held()
        for _ in range(4):
            wire.step()
        town.check_up()
        messi.send("amsal@beta", "one")
        wire.cut()
        town.alpha.start()
        town.turn(7 * DAY + 120)
        town.alpha.crash()
        town.alpha.start()
        town.turn(DAY)
        assert (len(town.alpha.texts("delayed")), town.alpha.texts("bounce")) == (1, [])
        town.connect()
        assert [row.code for row in town.beta.rows(RefusalRow)] == ["expired"]
        assert len(town.alpha.texts("bounce")) == 1

    def test_settled_rows_go_after_a_week_but_for_the_last(self, town: Town) -> None:
        town.alpha.start()
        town.connect()
        messi = town.alpha.person("messi")
        for number in range(5):
            messi.send("nobody@beta" if number == 0 else "amsal@beta", str(number))
        town.turn(6 * DAY)
        assert len(town.alpha.rows(OutboxRow)) == 5
        town.turn(2 * DAY)
        assert [row.number for row in town.alpha.rows(OutboxRow)] == [5]
        town.alpha.crash()
        town.connect()
        town.alpha.person("messi").send("amsal@beta", "last")
        assert town.beta.texts()[-1] == "last"
        assert town.alpha.link.outgoing.renewals == 0

    def test_a_silent_connection_is_asked_and_then_ended(self, town: Town) -> None:
        wire = town.connect()
        wire.ports["beta"].held = True
        town.turn(80)
        assert town.alpha.link.state is State.UP
        assert [frame for frame in wire.ports["beta"].heard if type(frame).__name__ == "Ping"]
        town.turn(40)
        assert town.alpha.link.last_reason == "silent"
        assert town.alpha.link.end is None

    def test_one_that_speaks_and_never_says_where_it_stands_is_ended(self, town: Town) -> None:
        town.connect()
        town.beta.faults.hold()
        town.alpha.person("messi").send("amsal@beta")
        wire = town.connect()  # beta still has to store what came before
        town.turn(80)
        assert town.alpha.link.state is State.OPENING
        assert not wire.ports["alpha"].closed
        town.turn(40)
        assert "not-ready" in town.alpha.link.last_reason
        assert town.alpha.link.end is None
        town.beta.faults.release()
        town.connect()
        assert town.beta.texts() == ["halo"]


def test_goodbye_at_the_end(town: Town) -> None:
    wire = town.connect()
    town.alpha.stop()
    assert Goodbye(reason="shutdown") in wire.ports["beta"].heard
    assert town.beta.link.last_reason == "goodbye shutdown"


def test_a_full_disk_answers_its_own_way(town: Town) -> None:
    town.connect()
    town.alpha.faults.fail_next(DiskFull())
    with pytest.raises(Unavailable) as raised:
        town.alpha.person("messi").send("amsal@beta")
    assert raised.value.code == "store-full"
