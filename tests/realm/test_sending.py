"""Sending: nothing is answered or told before it is durable; what may be repeated is stored once."""

from __future__ import annotations

from random import Random

import pytest

from chatproto import commands, events
from chatproto.commands import Request, Send
from chatproto.errors import (
    BadName,
    ChatError,
    CidReused,
    NoSuchGroup,
    NoSuchRealm,
    NoSuchUser,
    NotMember,
    StoreFull,
    TextTooLong,
)
from chatproto.limits import TEXT_BYTES, Limits
from chatproto.realm.sending import check_text
from chatproto.records import CidRow, MessageRow
from tests.realm.house import Client, House


def texts(house: House) -> list[str]:
    return [row.text for row in house.rows(MessageRow)]


@pytest.fixture
def messi(house: House) -> Client:
    house.add("henderson", "lineker")
    return house.client("messi")


class TestOne:
    def test_the_reply_names_the_message_and_its_place(self, messi: Client) -> None:
        first, second = messi.send("henderson"), messi.send("henderson@alpha")
        assert first.mid.startswith("alpha/")
        assert first.mid != second.mid
        assert first.seq < second.seq

    def test_nothing_is_answered_or_told_before_it_is_durable(self, house: House, messi: Client) -> None:
        henderson = house.client("henderson")
        henderson.listen()
        messi.send("henderson", "to have the route")
        house.faults.hold(stored=True)
        answers = messi.begin(Send(to="henderson", text="halo"))
        house.turn()
        assert house.faults.held == 1
        assert texts(house)[-1] == "halo"  # on the disk, but nobody knows that yet
        assert (answers, henderson.texts) == ([], ["to have the route"])
        house.faults.release()
        house.turn()
        assert [type(answer) for answer in answers] == [events.Sent]
        assert henderson.texts == ["to have the route", "halo"]

    def test_the_sender_is_answered_before_anybody_is_told(self, house: House, messi: Client) -> None:
        henderson = house.client("henderson")
        henderson.listen()
        messi.send("henderson", "before")
        told: list[list[str]] = []
        house.realm.sending.send(
            messi.login,
            Send(to="henderson", text="halo"),
            lambda _: told.append(henderson.texts),
            messi.session.gate,
        )
        house.turn()
        assert told == [["before"]]
        assert henderson.texts == ["before", "halo"]

    def test_the_known_parts_cost_no_coroutine(self, messi: Client) -> None:
        messi.send("henderson", cid="c:1")
        for send in (Send(to="henderson", text="x"), Send(to="henderson", text="x", cid="c:2")):
            assert messi.session.handle(Request(send), lambda _: None) is None
        messi.house.turn()

    @pytest.mark.parametrize(
        ("to", "kind"),
        [
            ("nobody", NoSuchUser),
            ("nobody@alpha", NoSuchUser),
            ("not a name", NoSuchUser),
            ("", NoSuchUser),
            ("amsal@beta", NoSuchRealm),
            ("tim", NotMember),
        ],
    )
    def test_an_impossible_recipient_is_refused_by_name(
        self, house: House, messi: Client, to: str, kind: type[ChatError]
    ) -> None:
        house.client("henderson").ask(commands.Create(group="tim"))
        with pytest.raises(kind) as raised:
            messi.send(to)
        assert type(raised.value) is kind
        assert raised.value.text.endswith(f": {to}")
        assert texts(house) == []

    def test_names_are_compared_without_regard_to_case_and_shown_as_registered(self, house: House) -> None:
        messi = house.client("Messi")
        henderson = house.client("Henderson")
        henderson.listen()
        messi.send("HENDERSON@ALPHA")
        (message,) = henderson.pushed
        assert isinstance(message, events.Message)
        assert (message.from_, message.to) == ("Messi@alpha", "Henderson@alpha")

    def test_a_message_says_when_it_was_stored(self, house: House, messi: Client) -> None:
        henderson = house.client("henderson")
        henderson.listen()
        house.turn(0.25)
        messi.send("henderson")
        (message,) = henderson.pushed
        assert isinstance(message, events.Message)
        assert message.at == "2023-11-14T22:13:20.250Z"


class TestTexts:
    @pytest.mark.parametrize("character", ["x", "é", "€", "\U0001f600"])
    def test_up_to_16_kib_of_utf_8_are_fine_and_no_more(self, character: str) -> None:
        full = character * (TEXT_BYTES // len(character.encode()))
        check_text(full)
        with pytest.raises(TextTooLong):
            check_text(full + character)

    def test_an_empty_text_is_fine_and_a_nul_is_not(self) -> None:
        check_text("")
        with pytest.raises(TextTooLong):
            check_text("a\0b")

    def test_a_bad_text_is_refused_with_and_without_a_known_route(self, house: House, messi: Client) -> None:
        for _ in range(2):
            with pytest.raises(TextTooLong):
                messi.send("henderson", "\0")
            messi.send("henderson")


class TestLists:
    def test_each_gets_a_message_of_its_own(self, house: House, messi: Client) -> None:
        reply = messi.send(["henderson", "lineker@alpha"])
        assert [result.to for result in reply.results] == ["henderson", "lineker@alpha"]
        assert len({result.mid for result in reply.results}) == 2
        assert len({result.seq for result in reply.results}) == 2
        assert len(texts(house)) == 2
        assert len(house.client("lineker").history("messi").messages) == 1

    def test_a_list_of_one_is_a_list(self, messi: Client) -> None:
        assert isinstance(messi.send(["henderson"]), events.SentEach)

    def test_one_impossible_recipient_stops_all_and_is_named(self, house: House, messi: Client) -> None:
        messi.send("henderson", "before")
        with pytest.raises(NoSuchUser, match="nobody"):
            messi.send(["henderson", "nobody", "lineker"])
        assert texts(house) == ["before"]

    def test_every_impossible_recipient_is_named(self, messi: Client) -> None:
        with pytest.raises(NoSuchUser) as raised:
            messi.send(["nobody", "henderson", "noone", "amsal@beta"])
        assert raised.value.text == (
            "there is no such user or group: nobody, noone; there is no link to that realm: amsal@beta"
        )

    def test_a_list_is_one_transaction(self, house: House, messi: Client) -> None:
        house.faults.refuse_next()
        with pytest.raises(StoreFull):
            messi.send(["henderson", "lineker"])
        assert texts(house) == []


class TestKnownRecipients:
    """The targets of an older client's ``sendgroup``."""

    def ask(self, client: Client, target: str) -> events.Reply:
        reply: events.Reply = client.ask(commands.SendGroup(to=target, text="halo"))
        return reply

    def test_unknown_names_in_a_list_are_skipped(self, house: House, messi: Client) -> None:
        self.ask(messi, "nobody,henderson,,amsal@beta,henderson,not a name")
        assert len(texts(house)) == 1

    def test_none_known_is_an_error(self, messi: Client) -> None:
        with pytest.raises(NoSuchGroup):
            self.ask(messi, "nobody,noone")
        with pytest.raises(NoSuchGroup):
            self.ask(messi, "nobody")

    def test_one_known_user_is_a_list(self, house: House, messi: Client) -> None:
        self.ask(messi, "henderson")
        assert len(texts(house)) == 1

    def test_a_group_comes_first(self, messi: Client) -> None:
        messi.ask(commands.Create(group="tim"))
        self.ask(messi, "tim")
        assert messi.history("tim").messages[0].to == "tim@alpha"

    def test_a_long_list_goes_out(self, house: House, messi: Client) -> None:
        names = [f"user{number}" for number in range(100)]
        house.add(*names)
        self.ask(messi, ",".join(names))
        assert len(texts(house)) == 100


class TestCids:
    def test_a_repeat_gets_the_first_reply_again(self, house: House, messi: Client) -> None:
        for cid in ("c:7", "random", "c:5"):
            first = messi.send("henderson", cid=cid)
            assert messi.send("henderson", cid=cid) == first
        assert len(texts(house)) == 3

    def test_a_repeat_gets_it_from_any_connection_of_the_account(self, house: House, messi: Client) -> None:
        first = messi.send("henderson", cid="c:7")
        assert house.client("messi").send("henderson", cid="c:7") == first

    def test_another_account_has_cids_of_its_own(self, house: House, messi: Client) -> None:
        first = messi.send("lineker", cid="c:7")
        assert house.client("henderson").send("lineker", cid="c:7") != first
        assert len(texts(house)) == 2

    def test_a_repeat_in_the_open_batch_shares_the_result(self, house: House, messi: Client) -> None:
        messi.send("henderson", cid="c:1")
        house.faults.hold()
        cids = ("c:2", "c:2", "x", "x")
        answers = [messi.begin(Send(to="henderson", text="halo", cid=cid)) for cid in cids]
        house.turn()
        answers.append(messi.begin(Send(to="henderson", text="halo", cid="c:2")))  # it is being committed
        house.turn()
        assert answers == [[]] * 5
        house.faults.release()
        house.turn()
        assert answers[0] == answers[1] == answers[4]
        assert answers[2] == answers[3] != answers[0]
        assert [len(answer) for answer in answers] == [1] * 5
        assert len(texts(house)) == 3

    @pytest.mark.parametrize("stop", ["restart", "crash"])
    def test_a_repeat_gets_the_first_reply_after_a_restart(
        self, house: House, messi: Client, stop: str
    ) -> None:
        cids = ["c:10", "c:9", "c:11", "random", "random:x", "d:0"]
        first = [messi.send("henderson", cid=cid) for cid in cids]
        getattr(house, stop)()
        again = house.client("messi")
        assert [again.send("henderson", cid=cid) for cid in reversed(cids)] == first[::-1]
        assert again.send("henderson", cid="c:12").seq > max(sent.seq for sent in first)
        assert len(texts(house)) == len(cids) + 1

    def test_other_content_under_the_same_cid_is_refused(self, house: House, messi: Client) -> None:
        for cid in ("c:1", "random"):
            messi.send("henderson", "a", cid=cid)
            for to, text in (("henderson", "b"), ("lineker", "a")):
                with pytest.raises(CidReused):
                    messi.send(to, text, cid=cid)
        house.faults.hold()
        first = messi.begin(Send(to="henderson", text="a", cid="c:2"))
        assert isinstance(messi.begin(Send(to="henderson", text="b", cid="c:2"))[0], CidReused)
        house.faults.release()
        house.turn()
        assert isinstance(first[0], events.Sent)
        assert len(texts(house)) == 3

    def test_a_list_is_repeated_as_a_list(self, messi: Client) -> None:
        first = messi.send(["henderson", "lineker"], cid="c:1")
        assert messi.send(["henderson", "lineker"], cid="c:1") == first
        with pytest.raises(CidReused):
            messi.send(["lineker", "henderson"], cid="c:1")

    def test_a_list_of_one_is_another_content_than_its_name(self, messi: Client) -> None:
        for cid in ("c:1", "random"):
            messi.send("henderson", cid=cid)
            with pytest.raises(CidReused):
                messi.send(["henderson"], cid=cid)

    def test_refused_sends_are_not_remembered(self, house: House, messi: Client) -> None:
        messi.send("henderson", cid="c:1")
        with pytest.raises(NoSuchUser):
            messi.send("ani", cid="c:2")
        house.faults.refuse_next()
        with pytest.raises(StoreFull):
            messi.send("henderson", cid="c:3")
        house.add("ani")
        messi.send("ani", cid="c:2")
        messi.send("henderson", "another text", cid="c:3")
        assert len(texts(house)) == 3

    def test_a_repeat_is_answered_though_the_rules_have_changed(self, house: House, messi: Client) -> None:
        messi.ask(commands.Create(group="tim"))
        first = messi.send("tim", cid="c:1")
        messi.ask(commands.Leave(group="tim"))
        assert messi.send("tim", cid="c:1") == first

    @pytest.mark.parametrize("seed", range(40))
    def test_repeats_that_race_through_a_slow_store_are_stored_once(self, house: House, seed: int) -> None:
        """A client came back and repeats its commands while its old connections' are still looking."""
        random = Random(seed)
        house.add("henderson")
        connections = [house.client("messi") for _ in range(3)]
        connections[0].send("henderson", cid="c:5")
        house.slow.slow = True
        cids = ["c:3", "c:7", "d:1", "random"]
        asked: list[tuple[str, list[events.Reply | ChatError]]] = []
        for _ in range(20):
            cid = random.choice(cids)
            asked.append((cid, random.choice(connections).begin(Send(to="henderson", text=cid, cid=cid))))
            for _ in range(random.randrange(6)):
                random.choice([house.turn, lambda: house.slow.go_on(random)])()
        while house.slow.calls or not all(answers for _, answers in asked):
            house.turn()
            house.slow.go_on(random)
        for cid in cids:
            assert len({repr(answers) for asked_for, answers in asked if asked_for == cid}) <= 1
        assert len(texts(house)) == 1 + len({cid for cid, _ in asked})

    def test_a_lower_counter_that_is_looked_up_while_a_batch_is_lost_is_stored_once(
        self, house: House, messi: Client
    ) -> None:
        """What the look-up went by is forgotten with the batch; the route is known again before it ends."""
        other = house.client()
        other.ask(commands.Resume(token=messi.token))
        messi.send("henderson", "to have the route")
        house.faults.hold()
        house.faults.refuse_next()
        lost = messi.begin(Send(to="henderson", text="ten", cid="p:10"))
        house.turn()
        house.slow.slow = True
        looking = other.begin(Send(to="henderson", text="five", cid="p:5"))
        house.turn()
        house.slow.tell_oldest("cid")
        house.turn()
        house.slow.slow = False
        house.faults.release()
        house.turn()
        assert isinstance(lost[0], StoreFull)
        messi.send("henderson", "another")
        house.slow.rush()
        house.turn()
        (first,) = looking
        assert messi.send("henderson", "five", cid="p:5") == first
        assert texts(house) == ["to have the route", "another", "five"]

    @pytest.mark.parametrize("cid", ["with blank", "é", "a/b", "c:\u0667"])
    def test_a_malformed_cid_is_refused(self, messi: Client, cid: str) -> None:
        messi.send("henderson", cid="c:1")
        with pytest.raises(BadName):
            messi.send("henderson", cid=cid)

    def test_counters_out_of_order_are_told_apart(self, house: House, messi: Client) -> None:
        counters = [5, 3, 9, 4, 8, 10, 0]
        first = [messi.send("henderson", cid=f"c:{counter}") for counter in counters]
        assert [messi.send("henderson", cid=f"c:{counter}") for counter in counters] == first
        assert len(texts(house)) == len(counters)

    def test_a_counter_of_any_length_is_only_a_name(self, house: House, messi: Client) -> None:
        """A store packs counters; one that its columns cannot hold must not get there."""
        messi.send("henderson", cid="c:1")
        first = messi.send("henderson", cid="c:" + "9" * 60)
        assert messi.send("henderson", cid="c:" + "9" * 60) == first
        assert [row.counter for row in house.rows(CidRow)] == [1, 0]

    @pytest.mark.parametrize("cid", ["c:01", "c:", ":1", "1", "c:1:x"])
    def test_what_only_looks_like_a_counter_is_a_name(self, house: House, messi: Client, cid: str) -> None:
        messi.send("henderson", cid="c:1")
        first = messi.send("henderson", cid=cid)
        house.restart()
        assert house.client("messi").send("henderson", cid=cid) == first
        assert len(texts(house)) == 2


def test_sends_that_had_to_be_read_for_wait_for_room_too() -> None:
    house = House(limits=Limits(open_rows=24, connections_per_account=0, sessions_per_account=0))
    house.add("henderson")
    clients = [house.client("messi") for _ in range(100)]
    clients[0].send("henderson")
    writer = house.realm.writer
    before = writer.newest_seq
    house.faults.hold()
    house.slow.slow = True
    answers = [client.begin(Send(to="henderson", text="halo")) for client in clients[1:]]
    while house.slow.calls:  # their routes are read while there is room, but that is soon gone
        house.slow.tell_oldest()
    house.turn()
    assert writer.full
    assert writer.newest_seq - before == 21  # seven eighths of the bound
    house.faults.release()
    house.slow.rush()
    house.turn()
    assert all(isinstance(answer[0], events.Sent) for answer in answers)
    assert writer.newest_seq - before == 99
