"""Sending to other realms."""

from __future__ import annotations

import pytest

from chatproto import commands
from chatproto.commands import Send
from chatproto.errors import (
    Blocked,
    ChatError,
    NoSuchRealm,
    NoSuchUser,
    PeerBlocked,
    QueueFull,
    StoreFull,
    TextTooLong,
    Unavailable,
)
from chatproto.events import Sent
from chatproto.records import ConversationRow, MemberRow, MessageRow, OutboxRow, Outcome, StreamRow
from tests.realm.house import Client, House
from tests.realm.links import BETA, Links, linked, outgoing


@pytest.fixture
def links(house: House) -> Links:
    return linked(house, "beta", "gamma")


@pytest.fixture
def messi(house: House) -> Client:
    return house.client("messi")


def test_a_message_to_another_realm_is_stored_here_and_waits(
    house: House, links: Links, messi: Client
) -> None:
    sent = messi.send("amsal@beta", "halo")
    (row,) = house.rows(OutboxRow)
    assert (row.realm, row.number, row.mid, row.seq, row.size) == ("beta", 1, sent.mid, sent.seq, 4)
    (waiting,) = outgoing(house, "beta")
    assert waiting.message is not None
    assert (waiting.message.text, waiting.to) == ("halo", "amsal@beta")
    assert [item.text for item in messi.history("amsal@beta").messages] == ["halo"]
    assert house.rows(StreamRow)[0].offered == 1


def test_it_goes_when_it_is_durable_and_not_before(house: House, links: Links, messi: Client) -> None:
    house.slow.slow = True
    answers = messi.begin(Send(to="amsal@beta", text="halo"))
    house.turn()
    assert (answers, links.woken) == ([], [])
    for _ in range(10):
        if house.slow.calls:
            house.slow.tell_oldest()
            house.turn()
    (sent,) = answers
    assert isinstance(sent, Sent)
    assert links.woken == [(BETA, sent.seq)]


def test_only_the_one_here_is_a_member_of_the_conversation(house: House, links: Links, messi: Client) -> None:
    messi.send("amsal@beta")
    (row,) = house.rows(ConversationRow)
    assert (row.a, row.b) == ("amsal@beta", "messi@alpha")
    assert [member.member for member in house.rows(MemberRow)] == ["messi@alpha"]


def test_ones_other_devices_hear_of_it(house: House, links: Links, messi: Client) -> None:
    other = house.client("messi", device="phone")
    other.listen()
    sent = messi.send("amsal@beta", "halo")
    (told,) = other.messages()
    assert (told.from_, told.to, told.seq) == ("messi@alpha", "amsal@beta", sent.seq)


def test_a_list_to_several_realms_is_one_transaction(house: House, links: Links, messi: Client) -> None:
    house.add("henderson")
    batch = house.realm.writer.committed
    sent = messi.send(["amsal@beta", "henderson", "budi@beta", "siti@gamma"])
    assert house.realm.writer.committed == batch + 1
    assert len({result.mid for result in sent.results}) == 4
    assert [(row.realm, row.number) for row in house.rows(OutboxRow)] == [
        ("beta", 1),
        ("beta", 2),
        ("gamma", 1),
    ]
    assert sorted((row.realm, row.offered) for row in house.rows(StreamRow)) == [("beta", 2), ("gamma", 1)]
    assert [realm for realm, _ in links.woken] == ["beta", "gamma"]


def test_the_same_cid_again_makes_no_second_item(house: House, links: Links, messi: Client) -> None:
    first = messi.send("amsal@beta", "halo", "abc:1")
    assert messi.send("amsal@beta", "halo", "abc:1") == first
    house.restart()
    links = linked(house, "beta")
    links.numbers = {BETA: 1}
    again = house.client("messi").send("amsal@beta", "halo", "abc:1")
    assert again == first
    assert len(house.rows(OutboxRow)) == 1


@pytest.mark.parametrize(
    ("to", "kind"),
    [
        ("amsal@delta", NoSuchRealm),
        (["budi@beta", "amsal@delta"], NoSuchRealm),
        ("not a name@beta", NoSuchUser),
        ("amsal@no realm", NoSuchUser),
    ],
)
def test_what_cannot_go_is_refused_and_nothing_is_stored(
    house: House, links: Links, messi: Client, to: str | list[str], kind: type[ChatError]
) -> None:
    with pytest.raises(kind):
        messi.send(to)
    assert not house.rows(MessageRow)
    assert not house.rows(OutboxRow)


def test_a_realm_without_links_knows_no_other(house: House, messi: Client) -> None:
    with pytest.raises(NoSuchRealm):
        messi.send("amsal@beta")


@pytest.mark.parametrize("error", [PeerBlocked(), Unavailable()])
def test_where_nothing_goes_now_the_command_is_refused(
    house: House, links: Links, messi: Client, error: ChatError
) -> None:
    links.error = error
    with pytest.raises(type(error)):
        messi.send("amsal@beta")
    links.error = None
    messi.send("amsal@beta")


@pytest.mark.parametrize("known", [False, True])
@pytest.mark.parametrize(("change", "kind"), [({"room": 0}, QueueFull), ({"most": 3}, TextTooLong)])
def test_bounds_are_looked_at_before_anything_is_stored(
    house: House, links: Links, messi: Client, change: dict[str, int], kind: type[ChatError], known: bool
) -> None:
    house.add("henderson")
    if known:
        messi.send("amsal@beta", "hi")
    before = len(house.rows(MessageRow))
    for name, value in change.items():
        setattr(links, name, value)
    for to in ("amsal@beta", ["henderson", "amsal@beta"]):
        with pytest.raises(kind):
            messi.send(to)
    assert len(house.rows(MessageRow)) == before
    assert len(house.rows(OutboxRow)) == known


@pytest.mark.parametrize(("code", "kind"), [("no-such-user", NoSuchUser), ("refused", Blocked)])
def test_while_a_refusal_is_remembered_the_next_message_is_refused_at_once(
    house: House, links: Links, messi: Client, code: str, kind: type[ChatError]
) -> None:
    messi.send("Nobody@beta")
    links.remembered["nobody@beta"] = code
    for to in ("Nobody@beta", ["amsal@beta", "NOBODY@beta"]):
        with pytest.raises(kind, match=r"(?i)nobody@beta"):
            messi.send(to)
    assert len(house.rows(OutboxRow)) == 1
    links.remembered.clear()
    messi.send("Nobody@beta")


def test_after_a_lost_batch_numbers_are_prepared_again(house: House, links: Links, messi: Client) -> None:
    messi.send("amsal@beta", "one")
    house.faults.refuse_next()
    with pytest.raises(Unavailable):
        messi.send("amsal@beta", "two")
    assert not links.ready(BETA)
    links.numbers[BETA] = 1
    messi.send("amsal@beta", "three")
    assert [row.number for row in house.rows(OutboxRow)] == [1, 2]


def test_a_number_whose_message_breaks_a_constraint_is_kept_and_skipped(
    house: House, links: Links, messi: Client
) -> None:
    messi.send("amsal@beta", "one")
    taken = house.rows(MessageRow)[0].seq
    house.realm.writer._seq = taken - 1  # as if a seq were given twice
    with pytest.raises(Unavailable):
        messi.send("amsal@beta", "two")
    assert [(row.number, row.seq) for row in house.rows(OutboxRow)] == [(1, taken), (2, 0)]


class TestWaiting:
    """Older clients hear what the other realm says, within reason."""

    def test_a_refusal_is_the_answer(self, house: House, links: Links, messi: Client) -> None:
        answers = messi.begin(Send(to="nobody@beta", text="halo", wait=True))
        house.turn()
        assert answers == []
        links.verdicts[BETA, 1].callback(Outcome("no-such-user"))
        (answer,) = answers
        assert isinstance(answer, NoSuchUser)
        house.turn(10)
        assert len(answers) == 1

    def test_what_is_taken_is_a_success(self, house: House, links: Links, messi: Client) -> None:
        answers = messi.begin(Send(to="amsal@beta", text="halo", wait=True))
        house.turn(2)
        links.verdicts[BETA, 1].callback(Outcome())
        assert [type(answer) for answer in answers] == [Sent]
        assert not house.clock.getDelayedCalls() or all(
            call.getTime() > house.clock.seconds() for call in house.clock.getDelayedCalls()
        )

    def test_after_some_seconds_it_is_a_success_too(self, house: House, links: Links, messi: Client) -> None:
        answers = messi.begin(Send(to="amsal@beta", text="halo", wait=True))
        house.turn()
        house.turn(2.9)
        assert answers == []
        house.turn(0.2)
        assert [type(answer) for answer in answers] == [Sent]

    def test_one_of_a_list_that_is_taken_is_enough(self, house: House, links: Links, messi: Client) -> None:
        command = commands.SendGroup(to="amsal@beta,nobody@beta,siti@gamma", text="halo")
        answers = messi.begin(command)
        house.turn()
        links.verdicts[BETA, 2].callback(Outcome("no-such-user"))
        links.verdicts[BETA, 1].callback(Outcome())
        (answer,) = answers
        assert not isinstance(answer, ChatError)

    def test_if_all_of_a_list_are_refused_so_is_it(self, house: House, links: Links, messi: Client) -> None:
        answers = messi.begin(commands.SendGroup(to="amsal@beta,nobody@beta", text="halo"))
        house.turn()
        links.verdicts[BETA, 2].callback(Outcome("no-such-user"))
        assert answers == []
        links.verdicts[BETA, 1].callback(Outcome("over-there-only"))
        (answer,) = answers
        assert isinstance(answer, ChatError)
        assert answer.code == "realm-refused"

    def test_nobody_waits_if_somebody_here_has_it(self, house: House, links: Links, messi: Client) -> None:
        house.add("henderson")
        answers = messi.begin(commands.SendGroup(to="amsal@beta,henderson", text="halo"))
        house.turn()
        assert len(answers) == 1
        assert links.verdicts == {}

    def test_names_that_are_known_to_be_nobodys_are_skipped(
        self, house: House, links: Links, messi: Client
    ) -> None:
        links.remembered["nobody@beta"] = "no-such-user"
        messi.begin(commands.SendGroup(to="amsal@beta,nobody@beta,x@delta", text="halo"))
        house.turn()
        assert [each.to for each in outgoing(house, "beta")] == ["amsal@beta"]

    def test_a_command_without_wait_is_answered_at_once(
        self, house: House, links: Links, messi: Client
    ) -> None:
        assert messi.send("amsal@beta").seq
        assert links.verdicts == {}

    def test_what_is_not_stored_is_refused_at_once(self, house: House, links: Links, messi: Client) -> None:
        messi.send("amsal@beta")
        house.faults.refuse_next()
        answers = messi.begin(Send(to="amsal@beta", text="halo", wait=True))
        house.turn()
        assert [type(answer) for answer in answers] == [StoreFull]


def test_a_realm_is_linked_once(house: House, links: Links) -> None:
    with pytest.raises(RuntimeError):
        house.realm.link(links)
