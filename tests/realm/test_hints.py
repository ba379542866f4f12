"""Receipts and typing: told to those whom they concern, who asked for them, and stored nowhere."""

from __future__ import annotations

import pytest

from chatproto import commands
from chatproto.errors import Blocked, NotMember
from chatproto.events import IsTyping, Receipt
from chatproto.limits import HINTED_MEMBERS
from tests.realm.house import Client, House


@pytest.fixture
def messi(house: House) -> Client:
    """Who sends, and wants to know."""
    house.add("henderson")
    messi = house.client("messi")
    messi.listen(receipts=True, typing=True)
    return messi


@pytest.fixture
def henderson(house: House, messi: Client) -> Client:
    henderson = house.client("henderson")
    henderson.listen(receipts=True, typing=True)
    return henderson


def hints(client: Client) -> list[tuple[str, str, int | None, int | None]]:
    """Return the receipts that a client was told, and forget them."""
    found = [e for e in client.pushed if isinstance(e, Receipt)]
    client.pushed.clear()
    return [(event.with_, event.by, event.delivered, event.read) for event in found]


def typing(client: Client) -> list[tuple[str, str]]:
    found = [(event.from_, event.to) for event in client.pushed if isinstance(event, IsTyping)]
    client.pushed.clear()
    return found


def ack(client: Client, seq: int) -> None:
    client.ask(commands.Ack(seq=seq))


def read(client: Client, with_: str, seq: int) -> None:
    client.ask(commands.Read(with_=with_, seq=seq))


class TestDelivered:
    def test_an_ack_is_told_to_the_sender_once(self, messi: Client, henderson: Client) -> None:
        for text in "abc":
            last = messi.send("henderson", text).seq
        assert hints(messi) == []
        for _ in range(2):
            ack(henderson, last)
        assert hints(messi) == [("henderson@alpha", "henderson@alpha", last, None)]
        assert hints(henderson) == []

    def test_it_covers_what_came_before_and_never_says_less(self, messi: Client, henderson: Client) -> None:
        first, second, third = (messi.send("henderson", text).seq for text in "abc")
        for seq in (first, third, second, first):
            ack(henderson, seq)
        assert [delivered for _, _, delivered, _ in hints(messi)] == [first, third]

    def test_each_conversation_has_its_own(self, house: House, messi: Client, henderson: Client) -> None:
        lineker = house.client("lineker")
        lineker.listen(receipts=True)
        ours = messi.send("henderson").seq
        theirs = lineker.send("henderson").seq
        ack(henderson, ours)
        assert hints(messi) == [("henderson@alpha", "henderson@alpha", ours, None)]
        assert hints(lineker) == []
        ack(henderson, theirs)
        assert hints(messi) == []
        assert hints(lineker) == [("henderson@alpha", "henderson@alpha", theirs, None)]

    def test_nothing_reaches_beyond_what_is_durable(self, messi: Client, henderson: Client) -> None:
        seq = messi.send("henderson").seq
        ack(henderson, 2**53 - 1)
        assert hints(messi) == [("henderson@alpha", "henderson@alpha", seq, None)]

    def test_what_was_replayed_counts_too(self, house: House, messi: Client) -> None:
        seq = messi.send("henderson").seq
        henderson = house.client("henderson")
        henderson.listen(after=0)
        ack(henderson, seq)
        assert hints(messi) == [("henderson@alpha", "henderson@alpha", seq, None)]

    def test_only_those_who_asked_are_told(self, house: House, messi: Client, henderson: Client) -> None:
        deaf = house.client("messi", "deaf")
        deaf.listen()
        read(henderson, "messi", messi.send("henderson").seq)
        assert hints(deaf) == []
        assert len(hints(messi)) == 1

    def test_who_missed_it_finds_it_in_the_list(self, house: House, messi: Client, henderson: Client) -> None:
        first, second = messi.send("henderson").seq, messi.send("henderson").seq
        ack(henderson, second)
        read(henderson, "messi", first)
        (state,) = messi.ask(commands.Conversations()).conversations
        assert (state.delivered, state.seen) == (second, first)
        house.turn(2)
        house.restart()
        (state,) = house.client("messi").ask(commands.Conversations()).conversations
        assert (state.delivered, state.seen) == (second, first)
        (state,) = house.client("henderson").ask(commands.Conversations()).conversations
        assert (state.delivered, state.seen) == (0, 0)

    def test_very_many_conversations_are_not_all_told_again_at_each_ack(
        self, house: House, messi: Client, henderson: Client
    ) -> None:
        early = messi.send("henderson").seq
        late = house.client("lineker")
        late.listen(receipts=True)
        seqs = [late.send("henderson").seq for _ in range(10)]
        ack(henderson, early)
        for seq in seqs:
            ack(henderson, seq)
        assert hints(messi) == [("henderson@alpha", "henderson@alpha", early, None)]
        assert [delivered for _, _, delivered, _ in hints(late)] == [seqs[0], seqs[-1]]


class TestRead:
    def test_it_is_told_to_the_other_one_and_to_the_own_devices(
        self, house: House, messi: Client, henderson: Client
    ) -> None:
        phone = house.client("henderson", "phone")
        phone.listen(receipts=True)
        seq = messi.send("henderson").seq
        for _ in range(2):
            read(henderson, "messi", seq)
        assert hints(messi) == [("henderson@alpha", "henderson@alpha", None, seq)]
        assert hints(phone) == [("messi@alpha", "henderson@alpha", None, seq)]
        assert hints(henderson) == []

    def test_it_never_goes_back(self, messi: Client, henderson: Client) -> None:
        first, second = messi.send("henderson").seq, messi.send("henderson").seq
        for seq in (second, first):
            read(henderson, "messi", seq)
        assert [seq for *_, seq in hints(messi)] == [second]

    def test_of_a_conversation_with_oneself_only_the_own_devices_hear(
        self, house: House, messi: Client, henderson: Client
    ) -> None:
        phone = house.client("messi", "phone")
        phone.listen(receipts=True)
        read(messi, "messi", messi.send("messi").seq)
        assert len(hints(phone)) == 1
        assert hints(messi) == hints(henderson) == []

    def test_whom_one_blocks_hears_nothing_of_it(
        self, house: House, messi: Client, henderson: Client
    ) -> None:
        seq = messi.send("henderson").seq
        silent = house.client("henderson", "silent")
        henderson.ask(commands.Block(address="messi"))
        ack(henderson, seq)
        read(silent, "messi", seq)
        assert hints(messi) == []
        again = henderson.send("messi").seq
        ack(messi, again)
        read(messi, "henderson", again)
        assert [by for _, by, *_ in hints(henderson)] == ["henderson@alpha"]  # its own other device


class TestGroups:
    def test_members_hear_of_each_other(self, house: House, messi: Client, henderson: Client) -> None:
        lineker = house.client("Lineker")
        lineker.listen(receipts=True)
        messi.ask(commands.Create(group="Tim"))
        for client in (henderson, lineker):
            client.ask(commands.Join(group="tim"))
        seq = messi.send("tim").seq
        for client in (messi, henderson, lineker):
            hints(client)
        ack(henderson, seq)
        read(lineker, "tim", seq)
        delivered = ("Tim@alpha", "henderson@alpha", seq, None)
        seen = ("Tim@alpha", "Lineker@alpha", None, seq)
        assert hints(messi) == [delivered, seen]
        assert (hints(henderson), hints(lineker)) == ([seen], [delivered])

    def test_outside_of_a_group_nothing_is_told_in_either_direction(
        self, house: House, messi: Client, henderson: Client
    ) -> None:
        messi.ask(commands.Create(group="tim"))
        henderson.ask(commands.Join(group="tim"))
        seq = messi.send("tim").seq
        henderson.ask(commands.Leave(group="tim"))
        for client in (messi, henderson):
            hints(client)
        ack(henderson, seq)
        read(henderson, "tim", seq)
        read(messi, "tim", seq)
        ack(messi, seq + 2)
        assert hints(messi) == hints(henderson) == []

    def test_large_groups_have_none(self, house: House, messi: Client, henderson: Client) -> None:
        messi.ask(commands.Create(group="tim"))
        henderson.ask(commands.Join(group="tim"))
        for number in range(HINTED_MEMBERS - 2):
            house.client(f"u{number}").ask(commands.Join(group="tim"))
        seq = messi.send("tim").seq
        read(henderson, "tim", seq)
        assert len(hints(messi)) == 1
        house.client("onemore").ask(commands.Join(group="tim"))
        read(henderson, "tim", messi.send("tim").seq)
        henderson.ask(commands.Typing(to="tim"))
        assert hints(messi) == []
        assert typing(messi) == []

    def test_a_blocked_member_is_not_heard(self, messi: Client, henderson: Client) -> None:
        messi.ask(commands.Create(group="tim"))
        henderson.ask(commands.Join(group="tim"))
        messi.ask(commands.Block(address="henderson"))
        messi.pushed.clear()
        henderson.ask(commands.Typing(to="tim"))
        read(henderson, "tim", messi.send("tim").seq)
        assert messi.pushed == []


class TestTyping:
    def test_it_is_told_to_the_other_one(self, messi: Client, henderson: Client) -> None:
        messi.ask(commands.Typing(to="henderson"))
        assert typing(henderson) == [("messi@alpha", "henderson@alpha")]
        assert typing(messi) == []

    def test_it_is_told_to_a_group(self, messi: Client, henderson: Client) -> None:
        messi.ask(commands.Create(group="Tim"))
        henderson.ask(commands.Join(group="tim"))
        messi.ask(commands.Typing(to="tim"))
        assert typing(henderson) == [("messi@alpha", "Tim@alpha")]
        assert typing(messi) == []

    def test_more_of_it_within_two_seconds_is_no_news(
        self, house: House, messi: Client, henderson: Client
    ) -> None:
        for seconds in (0, 1.9, 0.2, 0.5):
            house.turn(seconds)
            messi.ask(commands.Typing(to="henderson"))
        assert len(typing(henderson)) == 2

    def test_it_goes_where_a_message_would(self, house: House, messi: Client, henderson: Client) -> None:
        henderson.ask(commands.Create(group="tim"))
        with pytest.raises(NotMember):
            messi.ask(commands.Typing(to="tim"))
        henderson.ask(commands.Block(address="messi"))
        with pytest.raises(Blocked):
            messi.ask(commands.Typing(to="henderson"))

    def test_only_those_who_asked_are_told(self, house: House, messi: Client) -> None:
        deaf = house.client("henderson")
        deaf.listen(receipts=True)
        messi.ask(commands.Typing(to="henderson"))
        assert typing(deaf) == []


class TestNoRoom:
    def test_a_full_connection_misses_them_and_no_message(self, house: House, messi: Client) -> None:
        henderson = house.client("henderson")
        henderson.room = 1
        henderson.listen(typing=True)
        messi.send("henderson", "a")
        messi.ask(commands.Typing(to="henderson"))
        messi.send("henderson", "b")
        henderson.drain()
        house.turn()
        assert henderson.texts == ["a", "b"]
        assert typing(henderson) == []

    def test_one_that_fills_it_is_the_last(self, house: House, messi: Client) -> None:
        henderson = house.client("henderson")
        henderson.room = 1
        henderson.listen(typing=True)
        messi.ask(commands.Typing(to="henderson"))
        messi.send("henderson", "a")
        assert len(henderson.pushed) == 1
        henderson.drain()
        house.turn()
        assert henderson.texts == ["a"]
