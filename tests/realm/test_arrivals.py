"""Items of other realms: what becomes a message, and why another does not."""

from __future__ import annotations

from pathlib import Path

import pytest

from chatproto import commands, events
from chatproto.executors import InlineExecutor
from chatproto.limits import TEXT_BYTES, Limits
from chatproto.realm.policy import Acceptance, PeerPolicy
from chatproto.records import ARRIVED, ConversationRow, MemberRow, MessageRow, RemoteRow
from chatproto.store.sql import SqlStore
from chatproto.store.sqlite import SqliteDatabase
from chatproto.testing.faults import FaultyStore
from tests.realm.house import PASSWORD, Client, House, watch
from tests.realm.links import BETA, arrive, item, linked, outgoing, tell

NOW = 1_700_000_000_000
DAY = 86400 * 1000


@pytest.fixture
def messi(house: House) -> Client:
    linked(house, "beta")
    return house.client("messi")


def test_an_item_becomes_a_message(house: House, messi: Client) -> None:
    messi.listen()
    assert arrive(house, BETA, item()) == ""
    (row,) = house.rows(MessageRow)
    assert (row.mid, row.sender, row.device, row.text) == (item().mid, "amsal@beta", ARRIVED, "halo")
    (told,) = messi.messages()
    assert (told.seq, told.mid, told.from_, told.to) == (row.seq, row.mid, "amsal@beta", "messi@alpha")
    assert messi.history("amsal@beta").messages[0].mid == row.mid
    (conversation,) = messi.ask(commands.Conversations()).conversations
    assert (conversation.with_, conversation.unread, conversation.name) == ("amsal@beta", 1, "Amsal")


def test_it_is_told_when_it_is_durable(house: House, messi: Client) -> None:
    messi.listen()
    house.faults.hold()
    arrive(house, BETA, item())
    assert messi.messages() == []
    house.faults.release()
    house.turn()
    assert len(messi.messages()) == 1


def test_one_who_was_away_hears_it_later(house: House, messi: Client) -> None:
    arrive(house, BETA, item())
    house.restart()
    again = house.client("messi")
    again.listen(after=0)
    assert again.texts == ["halo"]


def test_the_answer_goes_into_the_same_conversation(house: House, messi: Client) -> None:
    arrive(house, BETA, item())
    messi.send("amsal@beta", "hai")
    assert [each.text for each in messi.history("amsal@beta").messages] == ["halo", "hai"]
    assert len(house.rows(ConversationRow)) == len(house.rows(MemberRow)) == 1


@pytest.mark.parametrize(
    ("fields", "code"),
    [
        ({"to": "nobody@alpha"}, "no-such-user"),
        ({"to": "not a name@alpha"}, "no-such-user"),
        ({"to": "messi"}, "no-such-user"),
        ({"to": "tim@alpha"}, "not-member"),
        ({"to": "messi@gamma"}, "no-such-realm"),
        ({"from_": "amsal@gamma"}, "not-yours"),
        ({"from_": "messi@alpha"}, "not-yours"),
        ({"from_": "amsal"}, "not-yours"),
        ({"from_": "not a name@beta"}, "not-yours"),
        ({"mid": "gamma/1"}, "not-yours"),
        ({"mid": "alpha/1"}, "not-yours"),
        ({"mid": "beta/"}, "not-yours"),
        ({"mid": "beta"}, "not-yours"),
        ({"mid": "beta/1 2"}, "not-yours"),
        ({"mid": "beta/\u202e"}, "not-yours"),
        ({"kind": "file"}, "not-supported"),
        ({"text": "x" * (TEXT_BYTES + 1)}, "text-too-long"),
        ({"text": "ö" * (TEXT_BYTES // 2 + 1)}, "text-too-long"),
        ({"text": "a\0b"}, "text-too-long"),
        ({"expires": NOW - 1}, "expired"),
        ({"expires": NOW - 30 * DAY}, "expired"),
        ({"expires": NOW - 30 * DAY - 1}, "outcome-unknown"),
        ({"expires": 0}, "outcome-unknown"),
    ],
)
def test_others_are_refused_with_a_code(
    house: House, messi: Client, fields: dict[str, object], code: str
) -> None:
    messi.ask(commands.Create(group="tim"))
    before = house.realm.writer.committed
    assert arrive(house, BETA, item(**fields)) == code
    assert arrive(house, BETA, item(**fields)) == code
    assert house.rows(MessageRow) == []
    assert house.realm.writer.committed == before


def test_the_longest_text_arrives(house: House, messi: Client) -> None:
    assert arrive(house, BETA, item(text="ö" * (TEXT_BYTES // 2))) == ""


def test_who_gets_an_account_can_be_written_to(house: House, messi: Client) -> None:
    assert arrive(house, BETA, item(to="budi@alpha")) == "no-such-user"
    house.add("budi")
    assert arrive(house, BETA, item(to="budi@alpha")) == ""


def test_items_for_a_deleted_account_are_refused(house: House, messi: Client) -> None:
    assert arrive(house, BETA, item()) == ""
    messi.ask(commands.DeleteAccount(password=PASSWORD))
    assert arrive(house, BETA, item(mid="beta/2")) == "no-such-user"


def test_a_sender_who_is_blocked_is_refused_until_unblocked(house: House, messi: Client) -> None:
    assert arrive(house, BETA, item(mid="beta/1")) == ""
    messi.ask(commands.Block(address="AMSAL@beta"))
    assert messi.ask(commands.Blocks()).addresses == ["AMSAL@beta"]
    assert arrive(house, BETA, item(mid="beta/2")) == "refused"
    assert arrive(house, BETA, item(mid="beta/3", from_="budi@beta")) == ""
    messi.ask(commands.Unblock(address="amsal@beta"))
    assert arrive(house, BETA, item(mid="beta/4")) == ""


def test_rules_that_change_while_they_are_read_are_read_again(house: House, messi: Client) -> None:
    house.restart()
    linked(house, "beta")
    messi = house.client("messi")
    messi.listen()
    house.slow.slow = True
    done = watch(house.realm.arrivals.prepare(BETA, item()))
    house.turn()
    blocking = messi.begin(commands.Block(address="amsal@beta"))
    house.slow.rush()
    house.turn()
    assert (done, blocking) == ([None], [events.Done()])
    assert house.realm.arrivals.judge(BETA, item()) == "refused"


def test_names_are_kept_and_renewed(house: House, messi: Client) -> None:
    arrive(house, BETA, item(mid="beta/1"))
    assert house.rows(RemoteRow) == [RemoteRow("amsal@beta", "amsal@beta", "Amsal")]
    arrive(house, BETA, item(mid="beta/2", name="Amsal B."))
    assert house.rows(RemoteRow) == [RemoteRow("amsal@beta", "amsal@beta", "Amsal B.")]
    arrive(house, BETA, item(mid="beta/3", name="\u202eevil"))
    assert house.rows(RemoteRow) == [RemoteRow("amsal@beta", "amsal@beta", "")]


def test_a_name_that_did_not_change_is_not_written_again(house: House, messi: Client) -> None:
    arrive(house, BETA, item(mid="beta/1"))
    arrived = house.realm.arrivals.judge(BETA, item(mid="beta/2"))
    assert arrived is not None
    assert not isinstance(arrived, str)
    assert arrived.puts == []
    assert len(arrived.inserts) == 1


def test_the_sender_is_shown_as_its_realm_spells_it(house: House, messi: Client) -> None:
    messi.send("AMSAL@beta")
    assert arrive(house, BETA, item(from_="Amsal@beta")) == ""
    house.restart()
    again = house.client("messi")
    (conversation,) = again.ask(commands.Conversations()).conversations
    assert conversation.with_ == "Amsal@beta"
    assert {each.to for each in again.history("amsal@beta").messages} == {"Amsal@beta", "messi@alpha"}


def test_a_time_to_come_is_now(house: House, messi: Client) -> None:
    assert arrive(house, BETA, item(at=2**53 - 1)) == ""
    assert house.rows(MessageRow)[0].at == NOW
    assert messi.history("amsal@beta").messages[0].at.startswith("2023-")


def test_after_a_lost_batch_it_is_judged_anew(house: House, messi: Client) -> None:
    house.faults.refuse_next()
    arrive(house, BETA, item())
    assert house.rows(MessageRow) == []
    assert arrive(house, BETA, item()) == ""
    assert len(house.rows(MessageRow)) == len(house.rows(RemoteRow)) == len(house.rows(ConversationRow)) == 1


class TestPolicy:
    """What is taken from a realm."""

    @pytest.fixture
    def messi(self, house: House) -> Client:
        linked(house, "beta")
        self.policy = PeerPolicy()
        house.realm.arrivals.policy_of = lambda realm: self.policy
        return house.client("messi")

    def test_nothing(self, house: House, messi: Client) -> None:
        assert arrive(house, BETA, item(mid="beta/1")) == ""
        self.policy = PeerPolicy(accept=Acceptance.BLOCK)
        assert arrive(house, BETA, item(mid="beta/2")) == "blocked"

    def test_answers_and_those_who_are_listed(self, house: House, messi: Client) -> None:
        self.policy = PeerPolicy(accept=Acceptance.ALLOW, addresses=frozenset({"budi@beta"}))
        assert arrive(house, BETA, item(mid="beta/1", from_="Budi@beta")) == ""
        assert arrive(house, BETA, item(mid="beta/2")) == "refused"
        assert arrive(house, BETA, item(mid="beta/3")) == "refused"
        messi.send("amsal@beta")
        assert arrive(house, BETA, item(mid="beta/4")) == ""
        assert arrive(house, BETA, item(mid="beta/5")) == ""
        assert arrive(house, BETA, item(mid="beta/6", from_="siti@beta")) == "refused"

    def test_to_be_written_to_is_not_to_write(self, house: House, messi: Client) -> None:
        assert arrive(house, BETA, item(mid="beta/1")) == ""
        self.policy = PeerPolicy(accept=Acceptance.ALLOW)
        assert arrive(house, BETA, item(mid="beta/2")) == "refused"
        messi.send("amsal@beta")
        assert arrive(house, BETA, item(mid="beta/3")) == ""

    def test_so_many_bytes_a_day(self, house: House, messi: Client) -> None:
        self.policy = PeerPolicy(bytes_a_day=100)
        assert arrive(house, BETA, item(mid="beta/1", text="x" * 60)) == ""
        assert arrive(house, BETA, item(mid="beta/2", text="x" * 60)) == "quota-reached"
        assert arrive(house, BETA, item(mid="beta/3", text="x" * 40)) == ""
        house.turn(86400)
        assert arrive(house, BETA, item(mid="beta/4", text="x" * 60)) == ""


def test_a_small_memory_is_enough(house: House) -> None:
    house = House(limits=Limits(cached_names=1))
    linked(house, "beta")
    house.add("messi", "henderson")
    for number in range(20):
        to = ("messi", "henderson")[number % 2]
        arrived = item(mid=f"beta/{number}", from_=f"amsal{number % 5}@beta", to=f"{to}@alpha")
        assert arrive(house, BETA, arrived) == ""
    assert len(house.rows(MessageRow)) == 20


def test_it_is_the_same_on_sqlite(tmp_path: Path) -> None:
    class OnSqlite(House):
        def make_store(self) -> FaultyStore:
            at_once = InlineExecutor()
            return FaultyStore(
                SqlStore(SqliteDatabase(tmp_path / "store.db", 1, self.clock), at_once, at_once)
            )

    house = OnSqlite()
    linked(house, "beta")
    messi = house.client("messi")
    sent = messi.send("AMSAL@beta")
    (waiting,) = outgoing(house, BETA)
    assert (waiting.row.mid, waiting.to) == (sent.mid, "AMSAL@beta")
    assert arrive(house, BETA, item(from_="Amsal@beta")) == ""
    tell(house, lambda: house.realm.bounces.bounce(waiting, "refused"))
    house.restart()
    again = house.client("messi")
    (conversation,) = again.ask(commands.Conversations()).conversations
    assert (conversation.with_, conversation.name, conversation.unread) == ("Amsal@beta", "Amsal", 2)
    assert [each.kind for each in again.history("amsal@beta").messages] == ["text", "text", "bounce"]
    house.wait(house.realm.close())
