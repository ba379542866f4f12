"""The older clients' boxes: everything once, durably taken before it is told, never too much at a time."""

from __future__ import annotations

import pytest

from chatproto import commands, events
from chatproto.errors import NoSuchGroup, NotMember, StoreFull
from chatproto.realm import inboxes
from chatproto.wire.text import TextDialect
from tests.realm.house import Client, House


@pytest.fixture
def messi(house: House) -> Client:
    house.wait(house.realm.add_user("messi", "surabaya", "Lionel Messi", "Argentina"))
    house.wait(house.realm.add_user("henderson", "surabaya", "Jordan Henderson", "Inggris"))
    return house.client("messi")


@pytest.fixture
def henderson(house: House, messi: Client) -> Client:
    return house.client("henderson")


def texts(entries: list[events.InboxEntry]) -> list[str]:
    return [entry.msg for entry in entries]


def group_box(client: Client, group: str = "tim") -> list[events.InboxEntry]:
    taken: events.InboxTaken = client.ask(commands.InboxGroup(group=group))
    return taken.entries


class TestContent:
    def test_names_are_the_ones_to_show(self, messi: Client, henderson: Client) -> None:
        messi.send("henderson", "halo")
        assert henderson.inbox() == [
            events.InboxEntry(sender="messi", msg_from="Lionel Messi", msg_to="Jordan Henderson", msg="halo")
        ]

    def test_what_one_wrote_to_others_is_no_mail(self, messi: Client, henderson: Client) -> None:
        messi.send("henderson", "a")
        henderson.send("messi", "b")
        assert texts(messi.inbox()) == ["b"]

    def test_a_message_to_oneself_is_one_entry(self, messi: Client) -> None:
        messi.send("messi", "note")
        assert texts(messi.inbox()) == ["note"]

    def test_all_of_a_group_is_mail_also_what_one_wrote(self, messi: Client, henderson: Client) -> None:
        messi.ask(commands.Create(group="Tim"))
        henderson.ask(commands.Join(group="tim"))
        messi.send("tim", "rapat")
        for client, name in ((messi, "Lionel Messi"), (henderson, "Jordan Henderson")):
            assert client.inbox() == [
                events.InboxEntry(
                    sender="messi", msg_from="Lionel Messi", msg_to=name, msg="rapat", group="Tim"
                )
            ]

    def test_messages_of_many_come_in_their_order(
        self, house: House, messi: Client, henderson: Client
    ) -> None:
        lineker = house.client("lineker")
        messi.send("henderson", "1")
        lineker.send("henderson", "2")
        messi.send("henderson", "3")
        assert texts(henderson.inbox()) == ["1", "2", "3"]


class TestTaking:
    def test_it_is_taken_once(self, messi: Client, henderson: Client) -> None:
        messi.send("henderson", "a")
        assert texts(henderson.inbox()) == ["a"]
        assert henderson.inbox() == []
        messi.send("henderson", "b")
        assert texts(henderson.inbox()) == ["b"]

    @pytest.mark.parametrize("stop", ["restart", "crash"])
    def test_it_stays_taken_and_what_was_not_stays_there(
        self, house: House, messi: Client, henderson: Client, stop: str
    ) -> None:
        messi.send("henderson", "a")
        henderson.inbox()
        messi.send("henderson", "b")
        getattr(house, stop)()
        assert texts(house.client("henderson").inbox()) == ["b"]

    def test_history_still_has_it(self, messi: Client, henderson: Client) -> None:
        messi.send("henderson", "a")
        henderson.inbox()
        assert [item.text for item in henderson.history("messi").messages] == ["a"]

    def test_it_is_told_when_that_is_durable_and_not_before(
        self, house: House, messi: Client, henderson: Client
    ) -> None:
        messi.send("henderson", "a")
        house.faults.hold()
        answers = henderson.begin(commands.Inbox())
        house.turn()
        assert answers == []
        house.faults.release()
        house.turn()
        assert isinstance(answers[0], events.InboxTaken)

    def test_what_could_not_be_taken_durably_is_still_there(
        self, house: House, messi: Client, henderson: Client
    ) -> None:
        messi.send("henderson", "a")
        house.faults.refuse_next()
        with pytest.raises(StoreFull):
            henderson.inbox()
        assert texts(henderson.inbox()) == ["a"]

    def test_taking_nothing_costs_no_write(self, house: House, henderson: Client) -> None:
        before = house.realm.writer.committed
        assert henderson.inbox() == []
        assert house.realm.writer.committed == before

    def test_two_who_take_at_once_do_not_both_get_it(
        self, house: House, messi: Client, henderson: Client
    ) -> None:
        twin = house.client("henderson")
        for text in "abc":
            messi.send("henderson", text)
        house.slow.slow = True
        answers = [
            henderson.begin(commands.Inbox()),
            twin.begin(commands.Inbox()),
            twin.begin(commands.Inbox()),
        ]
        while not all(answers):
            house.turn()
            if house.slow.calls:
                house.slow.tell_oldest()
        taken = [answer.entries for (answer,) in answers if isinstance(answer, events.InboxTaken)]
        assert [texts(entries) for entries in taken] == [["a", "b", "c"], [], []]

    def test_one_that_fails_lets_the_next_one_in(
        self, house: House, messi: Client, henderson: Client
    ) -> None:
        messi.send("henderson", "a")
        house.faults.refuse_next()
        answers = [henderson.begin(commands.Inbox()) for _ in range(2)]
        house.turn()
        assert isinstance(answers[0][0], StoreFull)
        assert isinstance(answers[1][0], events.InboxTaken)
        assert texts(answers[1][0].entries) == ["a"]


class TestGroups:
    def test_a_groups_box_is_apart_from_the_inbox(self, messi: Client, henderson: Client) -> None:
        for group in ("tim", "tam"):
            messi.ask(commands.Create(group=group))
            henderson.ask(commands.Join(group=group))
        messi.send("tim", "a")
        messi.send("tam", "b")
        messi.send("henderson", "c")
        assert texts(group_box(henderson)) == ["a"]
        assert group_box(henderson) == []
        assert texts(henderson.inbox()) == ["a", "b", "c"]
        assert texts(group_box(henderson, "TAM")) == ["b"]
        assert henderson.inbox() == []

    def test_it_begins_at_the_join_and_ends_at_the_leave(self, messi: Client, henderson: Client) -> None:
        messi.ask(commands.Create(group="tim"))
        messi.send("tim", "before")
        henderson.ask(commands.Join(group="tim"))
        messi.send("tim", "during")
        henderson.ask(commands.Leave(group="tim"))
        messi.send("tim", "after")
        assert texts(group_box(henderson)) == texts(henderson.inbox()) == ["during"]

    def test_who_never_joined_is_told_so(self, messi: Client, henderson: Client) -> None:
        messi.ask(commands.Create(group="tim"))
        messi.send("tim", "a")
        with pytest.raises(NotMember):
            group_box(henderson)

    def test_an_unknown_group_is_an_error(self, henderson: Client) -> None:
        with pytest.raises(NoSuchGroup):
            group_box(henderson, "nobody")
        with pytest.raises(NoSuchGroup):
            group_box(henderson, "not a name")


class TestBounds:
    @pytest.mark.parametrize("text", ["x" * 1000, "é" * 1000, "\U0001f600" * 1000, '"\\' * 500])
    def test_a_reply_takes_the_oldest_and_the_rest_waits(
        self, messi: Client, henderson: Client, monkeypatch: pytest.MonkeyPatch, text: str
    ) -> None:
        bound = 40_000
        monkeypatch.setattr(inboxes, "INBOX_BYTES", bound)
        sent = [f"{number} {text}" for number in range(50)]
        for each in sent:
            messi.send("henderson", each)
        got: list[str] = []
        for _ in range(60):
            taken = henderson.ask(commands.Inbox())
            assert len(TextDialect().encode_reply(taken, None)) <= bound
            got += texts(taken.entries)
            if not taken.entries:
                break
        assert got == sent

    def test_the_longest_names_count_too(
        self, house: House, messi: Client, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        bound = 40_000
        monkeypatch.setattr(inboxes, "INBOX_BYTES", bound)
        wide = "\U0001f600" * 64
        for name in ("x" * 64, "y" * 64):
            house.wait(house.realm.add_user(name, "surabaya", wide))
        sender, reader = house.client("x" * 64), house.client("y" * 64)
        for number in range(60):
            sender.send("y" * 64, str(number))
        taken = reader.ask(commands.Inbox())
        assert 5 < len(taken.entries) < 60
        assert len(TextDialect().encode_reply(taken, None)) <= bound

    def test_one_message_above_the_bound_comes_alone(
        self, messi: Client, henderson: Client, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr(inboxes, "INBOX_BYTES", 100)
        messi.send("henderson", "a" * 1000)
        messi.send("henderson", "b")
        assert [texts(henderson.inbox()) for _ in range(3)] == [["a" * 1000], ["b"], []]

    def test_many_pages_are_one_reply(self, messi: Client, henderson: Client) -> None:
        for number in range(450):
            messi.begin(commands.Send(to="henderson", text=str(number)))
        messi.house.turn()
        assert texts(henderson.inbox()) == [str(number) for number in range(450)]
