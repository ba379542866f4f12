"""What senders hear of messages to other realms."""

from __future__ import annotations

import pytest

from chatproto import commands
from chatproto.events import ConversationState
from chatproto.records import DeadRow, MessageRow
from tests.realm.house import PASSWORD, Client, House
from tests.realm.links import BETA, linked, outgoing, tell


@pytest.fixture
def messi(house: House) -> Client:
    linked(house, "beta")
    return house.client("messi")


def conversation(client: Client) -> ConversationState:
    (state,) = client.ask(commands.Conversations()).conversations
    assert isinstance(state, ConversationState)
    return state


def test_a_bounce_is_a_message_from_whom_it_was_to(house: House, messi: Client) -> None:
    other = house.client("messi", device="phone")
    messi.listen()
    other.listen()
    sent = messi.send("nobody@beta")
    (waiting,) = outgoing(house, BETA)
    tell(house, lambda: house.realm.bounces.bounce(waiting, "no-such-user"))
    for client in (messi, other):
        (told,) = client.messages("bounce")
        assert (told.from_, told.to) == ("nobody@beta", "messi@alpha")
        assert (told.text, told.about, told.mid) == ("no-such-user", sent.mid, f"{sent.mid}.bounce")
    assert [(each.kind, each.about) for each in messi.history("nobody@beta").messages] == [
        ("text", None),
        ("bounce", sent.mid),
    ]
    assert conversation(messi).unread == 1


def test_it_leaves_a_dead_letter(house: House, messi: Client) -> None:
    sent = messi.send("nobody@beta")
    (waiting,) = outgoing(house, BETA)
    tell(house, lambda: house.realm.bounces.bounce(waiting, "expired"))
    at = int(house.clock.seconds() * 1000)
    assert house.rows(DeadRow) == [
        DeadRow(sent.mid, "beta", 1, sent.seq, "messi@alpha", "nobody@beta", "expired", at)
    ]


@pytest.mark.parametrize("code", ["", "No Such User", "a b", "x" * 65, "\u202ecode", "-x"])
def test_a_code_is_one_word(house: House, messi: Client, code: str) -> None:
    sent = messi.send("nobody@beta")
    (waiting,) = outgoing(house, BETA)
    tell(house, lambda: house.realm.bounces.bounce(waiting, code))
    bounce = messi.history("nobody@beta").messages[1]
    assert (bounce.text, bounce.about) == ("unknown", sent.mid)


def test_a_message_that_still_waits_is_no_news_to_count(house: House, messi: Client) -> None:
    messi.listen()
    sent = messi.send("amsal@beta")
    (waiting,) = outgoing(house, BETA)
    tell(house, lambda: house.realm.bounces.delayed(waiting))
    (told,) = messi.messages("delayed")
    assert (told.from_, told.text, told.about) == ("amsal@beta", "", sent.mid)
    assert conversation(messi).unread == 0
    assert house.rows(DeadRow) == []


def test_told_twice_it_has_the_same_mid(house: House, messi: Client) -> None:
    messi.send("amsal@beta")
    (waiting,) = outgoing(house, BETA)
    for _ in range(2):
        tell(house, lambda: house.realm.bounces.delayed(waiting))
    one, two = messi.history("amsal@beta").messages[1:]
    assert one.mid == two.mid
    assert one.seq < two.seq


def test_bounces_of_a_deleted_account_are_stored(house: House, messi: Client) -> None:
    messi.send("nobody@beta")
    (waiting,) = outgoing(house, BETA)
    messi.ask(commands.DeleteAccount(password=PASSWORD))
    tell(house, lambda: house.realm.bounces.bounce(waiting, "no-such-user"))
    assert [row.kind for row in house.rows(MessageRow)] == ["text", "bounce"]


def test_an_older_client_finds_it_in_its_box(house: House, messi: Client) -> None:
    messi.send("nobody@beta")
    (waiting,) = outgoing(house, BETA)
    tell(house, lambda: house.realm.bounces.delayed(waiting))
    tell(house, lambda: house.realm.bounces.bounce(waiting, "no-such-user"))
    (entry,) = messi.inbox()
    assert (entry.sender, entry.msg) == ("nobody@beta", "(not delivered: no-such-user)")
