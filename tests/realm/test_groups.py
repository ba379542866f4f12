"""Groups: one home, one order, and for each member what was said while it was one."""

from __future__ import annotations

import pytest

from chatproto import commands, events
from chatproto.commands import Send
from chatproto.errors import (
    AlreadyMember,
    BadName,
    ChatError,
    GroupExists,
    NoSuchGroup,
    NotMember,
    StoreFull,
)
from chatproto.records import GroupRow, MessageRow
from tests.realm.house import Client, House


@pytest.fixture
def messi(house: House) -> Client:
    messi = house.client("messi")
    messi.ask(commands.Create(group="Tim"))
    return messi


@pytest.fixture
def henderson(house: House, messi: Client) -> Client:
    return house.client("henderson")


def texts(client: Client, group: str = "tim") -> list[str]:
    return [item.text for item in client.history(group).messages if item.kind == "text"]


def members(client: Client, after: str = "") -> list[str]:
    found: list[str] = client.ask(commands.Members(group="tim", after=after)).members
    return found


class TestMembership:
    def test_who_makes_a_group_is_its_owner_and_first_member(self, house: House, messi: Client) -> None:
        assert members(messi) == ["messi@alpha"]
        (row,) = house.rows(GroupRow)
        assert (row.name, row.shown, row.owner) == ("tim", "Tim", "messi")

    def test_replies_name_the_full_address_as_registered(self, messi: Client, henderson: Client) -> None:
        for command in (commands.Join(group="TIM"), commands.Leave(group="tim@alpha")):
            assert henderson.ask(command) == events.GroupChanged(group="Tim@alpha")

    def test_a_taken_name_is_refused(self, messi: Client, henderson: Client) -> None:
        for name in ("tim", "TIM", "messi"):
            with pytest.raises(GroupExists):
                henderson.ask(commands.Create(group=name))
        for name in ("", "a b", "tim@alpha", "x" * 65):
            with pytest.raises(BadName):
                henderson.ask(commands.Create(group=name))

    def test_nobody_joins_twice_or_leaves_what_it_is_not_in(self, messi: Client, henderson: Client) -> None:
        with pytest.raises(NotMember):
            henderson.ask(commands.Leave(group="tim"))
        henderson.ask(commands.Join(group="tim"))
        with pytest.raises(AlreadyMember):
            henderson.ask(commands.Join(group="tim"))
        henderson.ask(commands.Leave(group="tim"))
        with pytest.raises(NotMember):
            henderson.ask(commands.Leave(group="tim"))

    def test_two_joins_at_once_are_one(self, house: House, messi: Client, henderson: Client) -> None:
        twin = house.client("henderson")
        answers = [client.begin(commands.Join(group="tim")) for client in (henderson, twin)]
        house.turn()
        assert [type(answer) for (answer,) in answers] == [events.GroupChanged, AlreadyMember]

    @pytest.mark.parametrize("group", ["nobody", "not a name", "henderson", "tim@alpha@beta"])
    def test_an_unknown_group_is_told_so(self, messi: Client, henderson: Client, group: str) -> None:
        for command in (
            commands.Join(group=group),
            commands.Leave(group=group),
            commands.Members(group=group),
        ):
            with pytest.raises(NoSuchGroup):
                messi.ask(command)

    def test_members_are_told_to_members_only_by_name_in_pages(self, house: House, messi: Client) -> None:
        with pytest.raises(NotMember):
            house.client("stranger").ask(commands.Members(group="tim"))
        for name in ("Zoe", "ani", "Budi", "a-b"):
            house.client(name).ask(commands.Join(group="tim"))
        everybody = members(messi)
        assert sorted(everybody, key=str.lower) == everybody
        assert set(everybody) == {"Zoe@alpha", "ani@alpha", "Budi@alpha", "a-b@alpha", "messi@alpha"}
        page = messi.ask(commands.Members(group="tim", limit=2))
        assert (page.members, page.complete) == (everybody[:2], False)
        page = messi.ask(commands.Members(group="tim", limit=3, after=page.members[-1]))
        assert (page.members, page.complete) == (everybody[2:], True)
        assert members(messi, after="BUDI") == members(messi, after="budi@alpha") == everybody[3:]

    def test_all_stays_over_a_restart(self, house: House, messi: Client, henderson: Client) -> None:
        henderson.ask(commands.Join(group="tim"))
        messi.send("tim", "a")
        house.restart()
        messi, henderson = house.client("messi"), house.client("henderson")
        assert members(henderson) == ["henderson@alpha", "messi@alpha"]
        messi.send("tim", "b")
        assert texts(henderson) == ["a", "b"]
        assert [(row.gseq, row.kind) for row in house.rows(MessageRow)] == [
            (1, "joined"),
            (2, "text"),
            (3, "text"),
        ]

    def test_it_is_told_when_it_is_durable(self, house: House, messi: Client, henderson: Client) -> None:
        house.faults.hold()
        answers = henderson.begin(commands.Join(group="tim"))
        house.turn()
        assert answers == []
        house.faults.release()
        house.turn()
        assert answers == [events.GroupChanged(group="Tim@alpha")]

    def test_what_was_refused_did_not_happen(self, house: House, messi: Client, henderson: Client) -> None:
        house.faults.refuse_next()
        with pytest.raises(StoreFull):
            messi.ask(commands.Leave(group="tim"))
        assert members(messi) == ["messi@alpha"]
        house.faults.refuse_next()
        with pytest.raises(StoreFull):
            henderson.ask(commands.Create(group="tam"))
        henderson.ask(commands.Create(group="tam"))


class TestWindows:
    def test_only_members_write(self, messi: Client, henderson: Client) -> None:
        with pytest.raises(NotMember):
            henderson.send("tim")
        henderson.ask(commands.Join(group="tim"))
        henderson.send("tim")
        henderson.ask(commands.Leave(group="tim"))
        with pytest.raises(NotMember):
            henderson.send("tim")

    def test_members_read_from_their_join_up_to_their_leave(self, messi: Client, henderson: Client) -> None:
        messi.send("tim", "before")
        henderson.ask(commands.Join(group="tim"))
        messi.send("tim", "a")
        henderson.send("tim", "b")
        assert texts(henderson) == ["a", "b"]
        henderson.ask(commands.Leave(group="tim"))
        messi.send("tim", "after")
        assert texts(henderson) == ["a", "b"]
        assert texts(messi) == ["before", "a", "b", "after"]

    def test_a_second_join_begins_a_new_window(self, messi: Client, henderson: Client) -> None:
        henderson.ask(commands.Join(group="tim"))
        messi.send("tim", "first")
        henderson.ask(commands.Leave(group="tim"))
        messi.send("tim", "between")
        henderson.ask(commands.Join(group="tim"))
        messi.send("tim", "second")
        assert texts(henderson) == ["second"]

    def test_the_edges_hold_within_one_batch(self, house: House, messi: Client, henderson: Client) -> None:
        henderson.listen()
        messi.send("tim", "to have the route")
        house.faults.hold()
        messi.begin(Send(to="tim", text="before"))
        henderson.begin(commands.Join(group="tim"))
        messi.begin(Send(to="tim", text="during"))
        messi.begin(Send(to="tim", text="during too"))
        house.turn()
        henderson.begin(commands.Leave(group="tim"))
        messi.begin(Send(to="tim", text="after"))
        house.faults.release()
        house.turn()
        assert texts(henderson) == henderson.texts == ["during", "during too"]

    def test_a_group_of_one_who_left_can_be_joined_again(self, messi: Client, henderson: Client) -> None:
        messi.ask(commands.Leave(group="tim"))
        henderson.ask(commands.Join(group="tim"))
        assert members(henderson) == ["henderson@alpha"]


class TestOrder:
    def test_numbers_of_a_group_have_no_gaps(self, house: House, messi: Client, henderson: Client) -> None:
        henderson.ask(commands.Join(group="tim"))
        for client in (messi, henderson, messi):
            client.send("tim")
            client.send("henderson")
        assert [row.gseq for row in house.rows(MessageRow) if row.gseq] == [1, 2, 3, 4]

    def test_all_members_have_the_same_order(self, house: House, messi: Client, henderson: Client) -> None:
        henderson.ask(commands.Join(group="tim"))
        listeners = [house.client(name, "ear") for name in ("messi", "henderson")]
        for listener in listeners:
            listener.listen()
        for number in range(20):
            (messi, henderson)[number % 2].begin(Send(to="tim", text=str(number)))
        house.turn()
        assert listeners[0].seqs == listeners[1].seqs
        assert listeners[0].texts == [str(number) for number in range(20)]


def test_a_refusal_is_a_chat_error_with_a_code(messi: Client) -> None:
    with pytest.raises(ChatError) as raised:
        messi.ask(commands.Join(group="nobody"))
    assert raised.value.code == "no-such-group"
