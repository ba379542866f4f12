"""Groups between realms: what is said at home comes to each copy, once, in order, and nothing holds it up."""

from __future__ import annotations

from typing import Any

import pytest

from chatproto.errors import StoreFailed
from chatproto.federation.bounds import DIGEST_PERIOD, ENTRY_ITEMS
from chatproto.frames import Ack, Ask, Digest, Entry, Frame, Goodbye, PeerLimits, Ready, Start
from chatproto.limits import Limits
from chatproto.records import MemberRow, SubscriptionRow
from tests.federation.copies import CLUB, NAMES, ROOM, GroupTown
from tests.federation.town import BETA, Wire


@pytest.fixture
def town() -> GroupTown:
    return GroupTown()


def heard(wire: Wire, name: str, kind: type[Frame]) -> list[Frame]:
    return [frame for frame in wire.ports[name].heard if isinstance(frame, kind)]


def make_entry(number: int, group: str = "room@alpha") -> Entry:
    """Return an entry as nobody at home has made it."""
    return Entry(stream=group, number=number, mid=f"alpha/{number}", from_="messi@alpha", text="", at=1)


def check_copy(town: GroupTown, *texts: str, group: str = "room@alpha") -> None:
    """Check that a copy has exactly these texts, in order, and told them once."""
    log = [row for row in town.beta.copied.log(group) if row.gseq]
    assert [row.text for row in log if row.kind == "text"] == list(texts)
    numbers = [row.gseq for row in log]
    assert numbers == list(range(numbers[0], numbers[0] + len(numbers)))


class TestACopy:
    def test_it_begins_with_the_one_who_joins(self, town: GroupTown) -> None:
        town.join(ROOM, "messi@alpha")
        town.post(ROOM, "before")
        town.connect()
        town.join(ROOM, "amsal@beta")
        town.post(ROOM, "one", "two")
        check_copy(town, "one", "two")
        assert [row.kind for row in town.beta.copied.log()] == ["joined", "text", "text"]
        assert town.alpha.homes.rows["beta", ROOM].number == 5

    def test_it_learns_who_had_joined_before(self, town: GroupTown) -> None:
        town.join(ROOM, "messi@alpha", "henderson@alpha", "lineker@alpha")
        town.connect()
        town.join(ROOM, "amsal@beta")
        town.turn(10)
        assert town.beta.copied.roles["room@alpha"] == town.alpha.homes.roles[ROOM]
        assert town.beta.copied.digests

    def test_it_begins_when_there_is_a_link(self, town: GroupTown) -> None:
        town.join(ROOM, "amsal@beta")
        town.post(ROOM, *"abc")
        wire = town.connect()
        check_copy(town, *"abc")
        assert heard(wire, "alpha", Ready) == [Ready()]

    def test_it_goes_on_where_it_stands(self, town: GroupTown) -> None:
        town.join(ROOM, "amsal@beta")
        town.join(CLUB, "amsal@beta")
        first = town.connect()
        town.post(ROOM, *"abc")
        first.cut()
        town.post(ROOM, *"def")
        town.post(CLUB, "x")
        wire = town.connect()
        check_copy(town, *"abcdef")
        check_copy(town, "x", group="club@alpha")
        told = [frame for frame in heard(wire, "alpha", Ready) if isinstance(frame, Ready)]
        assert [(frame.stream, frame.last) for frame in told] == [
            ("items", False),
            ("room@alpha", False),
            ("club@alpha", True),
        ]
        assert len(heard(wire, "beta", Entry)) == 4

    def test_it_ends_with_the_entry_that_removes_its_last_member(self, town: GroupTown) -> None:
        town.connect()
        town.join(ROOM, "amsal@beta", "lineker@beta")
        town.post(ROOM, "one")
        town.alpha.homes.post(ROOM, "", "left", "amsal@beta")
        town.post(ROOM, "two")
        town.alpha.homes.post(ROOM, "", "left", "lineker@beta")
        town.post(ROOM, "three")
        check_copy(town, "one", "two")
        assert town.beta.copied.log()[-1].kind == "left"
        assert not town.alpha.rows(SubscriptionRow)

    def test_and_does_so_when_the_link_is_back(self, town: GroupTown) -> None:
        wire = town.connect()
        town.join(ROOM, "amsal@beta")
        wire.cut()
        town.post(ROOM, "one")
        town.alpha.homes.post(ROOM, "", "left", "amsal@beta")
        town.post(ROOM, *map(str, range(100)))
        town.connect()
        check_copy(town, "one")
        assert not town.alpha.rows(SubscriptionRow)

    def test_a_rejoin_is_a_new_one(self, town: GroupTown) -> None:
        wire = town.connect()
        town.join(ROOM, "amsal@beta")
        town.post(ROOM, "one")
        town.alpha.homes.post(ROOM, "", "left", "amsal@beta")
        town.post(ROOM, "hidden")
        town.join(ROOM, "amsal@beta")
        town.post(ROOM, "two")
        assert [row.text for row in town.beta.copied.log() if row.text] == ["one", "two"]
        starts = [frame for frame in heard(wire, "beta", Start) if isinstance(frame, Start)]
        assert [frame.first for frame in starts if frame.stream != "items"] == [1, 0, 5]  # 0: over

    def test_a_rejoin_while_the_end_is_under_way(self, town: GroupTown) -> None:
        wire = town.connect()
        town.join(ROOM, "amsal@beta")
        wire.ports["beta"].held = True  # no acks
        town.post(ROOM, "one")
        town.alpha.homes.post(ROOM, "", "left", "amsal@beta")
        town.post(ROOM, "hidden")
        town.join(ROOM, "amsal@beta")
        town.post(ROOM, "two")
        wire.ports["beta"].release()
        town.turn()
        assert [row.text for row in town.beta.copied.log() if row.text] == ["one", "two"]
        assert town.alpha.homes.rows["beta", ROOM].number == 6

    def test_what_the_home_does_not_know_is_over(self, town: GroupTown) -> None:
        town.connect().cut()
        town.join(ROOM, "amsal@beta")
        town.connect()
        town.post(ROOM, "one")
        town.alpha.wait(town.alpha.realm.writer.save(removes=[town.alpha.homes.rows.pop(("beta", ROOM))]))
        town.alpha.crash()
        town.connect()
        assert town.beta.copied.rows["room@alpha"].over
        town.check_up()


class TestTheWindow:
    def test_it_is_never_passed(self) -> None:
        town = GroupTown(peer_limits=PeerLimits(entries=20, bytes=2000))
        town.join(ROOM, "amsal@beta")
        town.join(CLUB, "amsal@beta")
        for number in range(150):
            town.post(ROOM if number % 3 else CLUB, f"{number:0{1 + number * 7 % 300}}")
        wire = town.connect_held()
        sent = most = 0
        while wire.step():
            end = town.alpha.link.end
            assert end is not None
            assert end.groups is not None
            items, size = end.groups.sender.under_way
            most = max(most, items)
            assert items <= 20
            assert size < 2000 + 300
            assert town.beta.link.groups.under_way[0] <= 20
            sent += 1
        assert most >= 10
        assert town.beta.copied.number("room@alpha") == town.alpha.homes.newest[ROOM]
        assert town.beta.copied.number("club@alpha") == town.alpha.homes.newest[CLUB]
        assert not heard(wire, "alpha", Goodbye)

    def test_a_group_that_is_far_behind_delays_no_other(self) -> None:
        limits = PeerLimits(entries=4 * ENTRY_ITEMS)
        town = GroupTown(peer_limits=limits)
        wire = town.connect()
        town.join(ROOM, "amsal@beta")
        town.join(CLUB, "amsal@beta")
        wire.cut()
        town.post(ROOM, *map(str, range(2000)))
        wire = town.connect_held()
        for _ in range(200):
            assert wire.step()
        town.post(CLUB, "now")
        behind = heard(wire, "beta", Entry)
        while not town.beta.copied.log("club@alpha")[1:]:
            assert wire.step()
        assert len(heard(wire, "beta", Entry)) - len(behind) <= limits.entries
        assert town.beta.copied.number("room@alpha") < 1000
        for port in wire.ports.values():
            port.release()
        town.turn()
        check_copy(town, *map(str, range(2000)))

    def test_what_is_said_all_the_time_does_not_hold_up_who_is_behind(self) -> None:
        town = GroupTown(peer_limits=PeerLimits(entries=16))
        town.join(ROOM, "amsal@beta")
        town.join(CLUB, "amsal@beta")
        town.post(ROOM, *map(str, range(300)))
        wire = town.connect_held()
        for _ in range(4000):
            town.alpha.homes.post(CLUB, "x")  # more than the window lets through
            assert wire.step()
        assert town.beta.copied.number("room@alpha") == 301

    def test_a_connection_that_is_full_gets_no_more(self, town: GroupTown) -> None:
        town.join(ROOM, "amsal@beta")
        wire = town.connect()
        port = wire.ports["alpha"]
        port.room = 1
        town.post(ROOM, *"abc")
        town.post(ROOM, *"def")
        assert town.beta.copied.number("room@alpha") == 4
        port.drain()
        town.turn()
        check_copy(town, *"abcdef")


class TestCrashes:
    @pytest.mark.parametrize("commits", range(0, 24, 3))
    @pytest.mark.parametrize("stored", [False, True])
    @pytest.mark.parametrize("who", ["alpha", "beta"])
    def test_at_any_commit(self, who: str, commits: int, stored: bool, logged_failures: Any) -> None:
        town = GroupTown()
        town.connect()
        town.join(ROOM, "messi@alpha", "amsal@beta")
        place = town.alpha if who == "alpha" else town.beta
        place.fail_at(commits, stored=stored)
        for number in range(30):
            if place.realm.writer.failure is not None:
                place.crash()
                town.connect()
            town.post(ROOM, str(number))
        town.turn(100)
        if place.realm.writer.failure is not None:
            place.crash()
            town.connect()
        home = [row for row in town.alpha.copied.log() if row.gseq >= 2]
        copy = town.beta.copied.log()
        assert [(row.gseq, row.mid) for row in home] == [(row.gseq, row.mid) for row in copy]
        assert len(home) >= 29
        assert town.beta.copied.roles["room@alpha"] == town.alpha.homes.roles[ROOM]
        assert logged_failures.take(StoreFailed)

    def test_a_home_that_is_restored_goes_on_where_both_were(self, town: GroupTown) -> None:
        town.join(ROOM, "messi@alpha", "amsal@beta")
        wire = town.connect()
        town.post(ROOM, "one")
        old = town.alpha.disk.backup()
        town.post(ROOM, "lost")
        wire.cut()
        town.alpha.end()
        town.alpha.disk.restore(old)
        town.alpha.open()
        town.post(ROOM, "two", "three")
        town.connect()
        assert [row.text for row in town.beta.copied.log() if row.gseq and row.text] == [
            "one",
            "two",
            "three",
        ]
        assert [row.text for row in town.beta.copied.log() if not row.gseq] == ["lost"]

    def test_a_store_that_refuses_for_a_while(self, town: GroupTown) -> None:
        town.join(ROOM, "amsal@beta")
        town.connect()
        town.beta.faults.refuse_next()
        town.post(ROOM, *"abc")
        town.turn(10)
        check_copy(town, *"abc")


class TestWhatCannotBeAnEntry:
    @pytest.mark.parametrize("verdict", ["text-too-long", ValueError("a secret")])
    def test_it_becomes_a_placeholder(
        self, town: GroupTown, verdict: str | Exception, logged_failures: Any
    ) -> None:
        town.join(ROOM, "amsal@beta")
        town.connect()
        town.beta.copied.codes["bad"] = verdict
        town.post(ROOM, "one", "bad", "two")
        assert [row.kind for row in town.beta.copied.log()][1:] == ["text", "void", "text"]
        assert town.beta.link.groups.placeholders == 1
        assert town.alpha.homes.rows["beta", ROOM].number == 4
        logged_failures.take(ValueError)

    def test_also_if_it_cannot_be_read_what_is_needed(self, town: GroupTown) -> None:
        town.join(ROOM, "amsal@beta")
        town.connect()
        town.beta.copied.codes["bad"] = None
        town.post(ROOM, "one", "bad", "two")
        assert [row.kind for row in town.beta.copied.log()][1:] == ["text", "void", "text"]

    def test_also_if_it_breaks_a_constraint(self, town: GroupTown) -> None:
        town.join(ROOM, "amsal@beta")
        town.connect()
        town.post(ROOM, "one")
        rows = town.beta.copied.log()
        mid = f"alpha/{town.alpha.realm.lives.epoch}.{ROOM}.3"
        before = type(rows[0])(
            town.beta.realm.writer.next_seq(), ROOM, mid, "messi@alpha", -1, 1, "text", 0, "before"
        )
        town.beta.wait(town.beta.realm.writer.save([before]))
        town.post(ROOM, "two", "three")
        town.turn(1)
        log = [row for row in town.beta.copied.log() if row.gseq]
        assert [(row.gseq, row.kind) for row in log] == [(1, "joined"), (2, "text"), (3, "void"), (4, "text")]
        assert town.beta.copied.suspected

    def test_a_group_that_is_not_wanted_is_sent_no_more(self, town: GroupTown) -> None:
        town.beta.copied.refuse = "no-such-group"
        wire = town.connect()
        town.join(ROOM, "amsal@beta")
        town.post(ROOM, *map(str, range(1000)))
        assert not town.beta.copied.log()
        assert town.beta.link.groups.under_way == (0, 0)
        end = town.alpha.link.end
        assert end is not None
        assert end.groups is not None
        assert end.groups.sender.under_way == (0, 0)
        town.check_up()
        assert len(heard(wire, "beta", Entry)) <= 2
        town.beta.copied.refuse = ""
        town.join(CLUB, "amsal@beta")
        town.post(CLUB, "x")
        check_copy(town, "x", group="club@alpha")


class TestWhatAGroupIs:
    def test_a_copy_that_came_to_differ_is_corrected(self, town: GroupTown) -> None:
        town.join(ROOM, "messi@alpha", "henderson@alpha", "amsal@beta")
        wire = town.connect()
        town.turn(10)
        drifted = town.alpha.homes.member(ROOM, "lineker@alpha", "admin")
        town.alpha.wait(town.alpha.realm.writer.save(puts=[drifted]))
        town.alpha.homes.changed[ROOM] = town.alpha.homes.newest[ROOM]
        asked = len(heard(wire, "alpha", Ask))
        town.turn(DIGEST_PERIOD)
        assert town.beta.copied.roles["room@alpha"] == town.alpha.homes.roles[ROOM]
        assert len(heard(wire, "alpha", Ask)) == asked + 2  # two members in an answer, in this town
        town.turn(3 * DIGEST_PERIOD)
        assert len(heard(wire, "alpha", Ask)) == asked + 2
        assert {row.member for row in town.beta.rows(MemberRow) if row.conversation == ROOM} == {
            "messi@alpha",
            "henderson@alpha",
            "amsal@beta",
            "lineker@alpha",
        }

    def test_a_digest_comes_with_its_number(self, town: GroupTown) -> None:
        town.join(ROOM, "amsal@beta")
        town.post(ROOM, *map(str, range(100)))
        wire = town.connect()
        frames = wire.ports["beta"].heard
        place = next(i for i, frame in enumerate(frames) if isinstance(frame, Digest))
        entry = frames[place - 1]
        digest = frames[place]
        assert isinstance(entry, Entry)
        assert isinstance(digest, Digest)
        assert entry.number == digest.number == 101

    def test_members_that_change_meanwhile_are_asked_for_again(self, town: GroupTown) -> None:
        town.join(ROOM, *(f"user{number}@alpha" for number in range(5)), "amsal@beta")
        wire = town.connect_held()
        while not heard(wire, "alpha", Ask):
            if not wire.step():
                town.turn(1)
        town.alpha.homes.post(ROOM, "", "joined", "late@alpha")
        for port in wire.ports.values():
            port.release()
        town.turn(10)
        assert town.beta.copied.roles["room@alpha"] == town.alpha.homes.roles[ROOM]

    def test_what_is_answered_may_be_nonsense(self, town: GroupTown) -> None:
        town.join(ROOM, "messi@alpha", "amsal@beta")

        async def members(*_: object) -> object:
            return {"members": 7}

        homes: object = town.alpha.homes
        homes.members = members  # type: ignore[attr-defined]
        town.connect()
        town.turn(100)
        town.check_up()


class TestOthers:
    def test_who_cannot_is_told_nothing(self, town: GroupTown) -> None:
        town.join(ROOM, "amsal@beta")
        town.beta.peers.identity.capabilities = ()
        wire = town.connect()
        town.post(ROOM, "one")
        assert not heard(wire, "beta", Entry)
        assert heard(wire, "alpha", Ready) == [Ready()]
        town.check_up()

    def test_who_is_blocked_gets_nothing_until_that_ends(self, town: GroupTown) -> None:
        town.join(ROOM, "amsal@beta")
        wire = town.connect()
        town.alpha.wait(town.alpha.peers.block(BETA))
        town.post(ROOM, "one")
        assert len(heard(wire, "beta", Entry)) == 1
        town.alpha.wait(town.alpha.peers.unblock(BETA))
        town.turn()
        check_copy(town, "one")

    def test_nothing_is_taken_of_who_is_blocked(self, town: GroupTown) -> None:
        town.join(ROOM, "amsal@beta")
        town.connect()
        town.beta.wait(town.beta.peers.block(town.beta.other))
        town.post(ROOM, *map(str, range(1000)))
        check_copy(town)
        town.beta.wait(town.beta.peers.unblock(town.beta.other))
        town.turn()
        check_copy(town, *map(str, range(1000)))

    @pytest.mark.parametrize(
        ("frames", "reason"),
        [
            ([Start(stream="room@gamma", epoch="e", first=1, next=1)], "bad-start"),
            ([Start(stream="room@alpha", epoch="e", first=1, next=0)], "bad-start"),
            ([3], "gap"),
            ([1, 2, 3, 4, 5], "credit-exceeded"),
        ],
    )
    def test_who_breaks_the_rules_is_left(self, frames: list[Frame | int], reason: str) -> None:
        town = GroupTown(peer_limits=PeerLimits(entries=4))
        wire = town.connect()
        end = town.beta.link.end
        assert end is not None
        end.received(Start(stream="room@alpha", epoch="e", first=1, next=1))
        for frame in frames:
            end.received(make_entry(frame) if isinstance(frame, int) else frame)
        town.turn()
        assert heard(wire, "alpha", Goodbye) == [Goodbye(reason=reason)]

    def test_what_comes_again_is_passed_over(self, town: GroupTown) -> None:
        town.connect()
        end = town.beta.link.end
        assert end is not None
        end.received(Start(stream="room@alpha", epoch="e", first=1, next=1))
        for number in (1, 1, 2, 1):
            end.received(make_entry(number))
        end.received(make_entry(7, "none@alpha"))
        town.turn()
        assert [row.gseq for row in town.beta.copied.log()] == [1, 2]
        assert town.beta.link.groups.repeated == 2
        town.check_up()

    def test_an_ack_of_what_was_not_sent_ends_the_connection(self, town: GroupTown) -> None:
        town.join(ROOM, "amsal@beta")
        wire = town.connect()
        end = town.alpha.link.end
        assert end is not None
        end.received(Ack(stream=NAMES[ROOM], epoch="e", number=9))
        town.turn()
        assert [frame.reason for frame in heard(wire, "beta", Goodbye) if isinstance(frame, Goodbye)] == [
            "bad-ack"
        ]

    def test_a_connection_that_ends_while_it_opens_does_not_disturb_the_next(self, town: GroupTown) -> None:
        town.join(ROOM, "amsal@beta")
        town.connect()
        town.alpha.person("messi").send("amsal@beta")
        town.beta.crash()
        town.beta.slow.slow = True
        wire = town.connect()
        assert town.beta.slow.calls, "it reads what was refused"
        wire.cut()
        town.beta.slow.slow = False
        town.connect()
        town.beta.slow.rush()
        town.post(ROOM, "one")
        check_copy(town, "one")

    def test_a_full_writer_is_waited_for(self) -> None:
        town = GroupTown(Limits(open_rows=8))
        town.join(ROOM, "amsal@beta")
        town.connect()
        town.post(ROOM, *map(str, range(50)))
        check_copy(town, *map(str, range(50)))
