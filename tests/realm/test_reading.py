"""Reading the log: pages in both directions, who may read what, and how much is unread."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from chatproto import commands, events
from chatproto.commands import Send
from chatproto.errors import NoSuchUser, NotMember
from chatproto.limits import PAGE_ITEMS, SERVER_LINE_BYTES, TEXT_BYTES, UNREAD
from chatproto.wire.json import JsonDialect
from tests.realm.house import Client, House


@pytest.fixture
def messi(house: House) -> Client:
    house.add("henderson")
    return house.client("messi")


@pytest.fixture
def henderson(house: House, messi: Client) -> Client:
    return house.client("henderson")


def texts(page: events.HistoryPage) -> list[str]:
    return [item.text for item in page.messages]


def write(client: Client, count: int, to: str = "henderson", text: str = "{}") -> list[int]:
    """Send numbered messages, and return their numbers in the log."""
    answers = [client.begin(Send(to=to, text=text.format(number))) for number in range(count)]
    client.house.turn()
    return [answer.seq or 0 for (answer,) in answers if isinstance(answer, events.Sent)]


class TestHistory:
    def test_without_a_position_it_is_the_newest_page_oldest_first(self, messi: Client) -> None:
        write(messi, 5)
        page = messi.history("henderson", limit=3)
        assert (texts(page), page.complete) == (["2", "3", "4"], False)
        assert (texts(messi.history("henderson")), messi.history("henderson").complete) == ([*"01234"], True)

    def test_backwards_page_by_page(self, messi: Client, henderson: Client) -> None:
        write(messi, 5)
        page = henderson.history("messi", limit=2)
        seen = [texts(page)]
        while not page.complete:
            page = henderson.history("messi", before=page.messages[0].seq, limit=2)
            seen.append(texts(page))
        assert seen == [["3", "4"], ["1", "2"], ["0"]]

    def test_forwards_page_by_page(self, messi: Client) -> None:
        write(messi, 5)
        page = messi.history("henderson", after=0, limit=2)
        seen = [texts(page)]
        while not page.complete:
            page = messi.history("henderson", after=page.messages[-1].seq, limit=2)
            seen.append(texts(page))
        assert seen == [["0", "1"], ["2", "3"], ["4"]]

    def test_a_page_that_ends_exactly_is_complete(self, messi: Client) -> None:
        write(messi, 4)
        assert messi.history("henderson", limit=4).complete
        assert messi.history("henderson", after=0, limit=4).complete

    def test_between_two_positions(self, messi: Client) -> None:
        seqs = write(messi, 5)
        page = messi.history("henderson", after=seqs[0], before=seqs[4], limit=2)
        assert (texts(page), page.complete) == (["1", "2"], False)

    def test_only_of_this_conversation(self, house: House, messi: Client) -> None:
        house.add("lineker")
        messi.send("lineker", "other")
        messi.send("henderson", "this")
        assert texts(messi.history("henderson")) == ["this"]

    def test_items_look_the_same_to_both(self, messi: Client, henderson: Client) -> None:
        sent = messi.send("henderson")
        (item,) = messi.history("henderson").messages
        assert [item] == henderson.history("messi").messages
        assert (item.mid, item.seq) == (sent.mid, sent.seq)
        assert (item.from_, item.to) == ("messi@alpha", "henderson@alpha")

    def test_a_conversation_with_oneself_has_one_entry_a_message(self, messi: Client) -> None:
        messi.send("messi", "note")
        (item,) = messi.history("messi@alpha").messages
        assert (item.from_, item.to) == ("messi@alpha", "messi@alpha")

    def test_whoever_never_wrote_is_an_empty_page(self, messi: Client, henderson: Client) -> None:
        assert messi.history("henderson") == events.HistoryPage(messages=[], complete=True)
        assert henderson.history("henderson").complete

    def test_a_conversation_that_is_only_beginning_is_an_empty_page(
        self, house: House, messi: Client, henderson: Client
    ) -> None:
        house.faults.hold()
        sent = messi.begin(Send(to="henderson", text="halo"))
        house.turn()
        assert henderson.history("messi") == events.HistoryPage(messages=[], complete=True)
        henderson.ask(commands.Read(with_="messi", seq=1))
        house.faults.release()
        house.turn()
        assert len(sent) == 1
        assert texts(henderson.history("messi")) == ["halo"]

    @pytest.mark.parametrize(
        ("name", "kind"),
        [("nobody", NoSuchUser), ("not a name", NoSuchUser), ("amsal@", NoSuchUser), ("tim", NotMember)],
    )
    def test_an_impossible_address_is_refused(
        self, messi: Client, henderson: Client, name: str, kind: type[Exception]
    ) -> None:
        henderson.ask(commands.Create(group="tim"))
        with pytest.raises(kind):
            messi.history(name)
        with pytest.raises(kind):
            messi.ask(commands.Read(with_=name, seq=1))

    def test_a_page_fits_into_a_line_and_nothing_is_left_out(self, messi: Client) -> None:
        write(messi, 60, text="{}" + '"' * (TEXT_BYTES - 10))  # each takes twice that in JSON
        page = messi.history("henderson", limit=PAGE_ITEMS)
        assert 0 < len(page.messages) < 60
        assert not page.complete
        seen = texts(page)
        while not page.complete:
            assert len(JsonDialect().encode_reply(page, "x" * 64)) <= SERVER_LINE_BYTES
            page = messi.history("henderson", before=page.messages[0].seq, limit=PAGE_ITEMS)
            seen = texts(page) + seen
        forward = messi.history("henderson", after=0, limit=PAGE_ITEMS)
        assert not forward.complete
        assert [text.strip('"') for text in seen] == [str(number) for number in range(60)]
        assert texts(forward) == seen[: len(forward.messages)]


@given(st.data())
def test_any_walk_through_a_log_sees_all_of_it(data: st.DataObject) -> None:
    house = House()
    house.add("henderson", "lineker")
    messi = house.client("messi")
    to = data.draw(st.lists(st.sampled_from(["henderson", "lineker"]), max_size=12))
    for number, name in enumerate(to):
        messi.begin(Send(to=name, text=str(number)))
    house.turn()
    expected = [str(number) for number, name in enumerate(to) if name == "henderson"]
    backwards: list[str] = []
    fields: dict[str, int] = {}
    while True:
        page = messi.history("henderson", limit=data.draw(st.integers(1, 5)), **fields)
        backwards = texts(page) + backwards
        if page.complete:
            break
        fields = {"before": page.messages[0].seq}
    forwards: list[str] = []
    after = 0
    while True:
        page = messi.history("henderson", limit=data.draw(st.integers(1, 5)), after=after)
        forwards += texts(page)
        if page.complete:
            break
        after = page.messages[-1].seq
    assert backwards == forwards == expected


class TestConversations:
    def listed(self, client: Client, **fields: int) -> list[tuple[str, int]]:
        page = client.ask(commands.Conversations(**fields))
        return [(state.with_, state.unread) for state in page.conversations]

    def test_those_with_the_oldest_news_come_first(
        self, house: House, messi: Client, henderson: Client
    ) -> None:
        lineker = house.client("Lineker")
        messi.ask(commands.Create(group="Tim"))
        messi.ask(commands.Create(group="empty"))
        henderson.send("messi")
        lineker.send("messi")
        messi.send("tim")
        messi.send("messi")
        henderson.send("messi")
        assert self.listed(messi) == [
            ("Lineker@alpha", 1),
            ("Tim@alpha", 0),
            ("messi@alpha", 1),
            ("henderson@alpha", 2),
        ]

    def test_only_those_with_news_since(self, messi: Client, henderson: Client) -> None:
        seq = henderson.send("messi").seq
        assert self.listed(messi, since=seq - 1) == [("henderson@alpha", 1)]
        assert self.listed(messi, since=seq) == []

    def test_they_come_in_pages(self, house: House, messi: Client) -> None:
        names = [f"user{number}" for number in range(5)]
        house.add(*names)
        for name in names:
            messi.send(name)
        page = messi.ask(commands.Conversations(limit=3))
        assert ([state.with_ for state in page.conversations], page.complete) == (
            ["user0@alpha", "user1@alpha", "user2@alpha"],
            False,
        )
        page = messi.ask(commands.Conversations(limit=3, since=page.conversations[-1].seq))
        assert (len(page.conversations), page.complete) == (2, True)

    def test_reading_moves_the_count(self, messi: Client, henderson: Client) -> None:
        seqs = write(henderson, 5, "messi")
        assert self.listed(messi) == [("henderson@alpha", 5)]
        messi.ask(commands.Read(with_="henderson", seq=seqs[2]))
        assert self.listed(messi) == [("henderson@alpha", 2)]
        messi.ask(commands.Read(with_="henderson", seq=seqs[0]))
        (state,) = messi.ask(commands.Conversations()).conversations
        assert (state.unread, state.read, state.seq) == (2, seqs[2], seqs[-1])
        assert self.listed(henderson) == [("messi@alpha", 0)]  # what one wrote is read

    def test_a_message_to_oneself_is_unread(self, messi: Client) -> None:
        seq = messi.send("messi").seq
        assert self.listed(messi) == [("messi@alpha", 1)]
        messi.ask(commands.Read(with_="messi", seq=seq))
        assert self.listed(messi) == [("messi@alpha", 0)]

    def test_a_group_counts_from_the_join_and_up_to_the_leave(self, messi: Client, henderson: Client) -> None:
        messi.ask(commands.Create(group="tim"))
        messi.send("tim", "before")
        henderson.ask(commands.Join(group="tim"))
        for text in "ab":
            messi.send("tim", text)
        henderson.ask(commands.Leave(group="tim"))
        messi.send("tim", "after")
        assert self.listed(henderson) == [("tim@alpha", 2)]

    def test_counts_stop_at_a_thousand(self, messi: Client, henderson: Client) -> None:
        write(henderson, UNREAD + 5, "messi")
        assert self.listed(messi) == [("henderson@alpha", UNREAD)]
