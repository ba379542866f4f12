"""Two realms that write to each other: receipts, names, presence, and what passes."""

from __future__ import annotations

import pytest

from chatproto import commands, events
from chatproto.commands import Ack, Conversations, Read
from chatproto.errors import NoSuchRealm, NoSuchUser, NotSupported
from chatproto.frames import Ask, Receipt
from chatproto.limits import SERVER_LINE_BYTES
from chatproto.names import RealmName
from chatproto.realm.others import _MIDS, Progress
from chatproto.realm.router import Router
from chatproto.records import MessageRow, RemoteRow
from chatproto.wire.json import JsonDialect
from tests.realm.house import Client, House
from tests.realm.links import ALPHA, BETA, Pair, arrive, item, linked


@pytest.fixture
def pair() -> Pair:
    return Pair()


@pytest.fixture
def messi(pair: Pair) -> Client:
    return pair.alpha.client("messi")


@pytest.fixture
def amsal(pair: Pair) -> Client:
    pair.beta.wait(pair.beta.realm.add_user("amsal", "surabaya", "Amsal Bin Amsal"))
    return pair.beta.client("amsal")


def with_other(client: Client) -> events.ConversationState:
    state: events.ConversationState
    (state,) = client.ask(Conversations()).conversations
    return state


def receipts(client: Client) -> list[events.Receipt]:
    return [event for event in client.pushed if isinstance(event, events.Receipt)]


def test_a_talk(pair: Pair, messi: Client, amsal: Client) -> None:
    messi.listen(own=True)
    amsal.listen(own=True)
    messi.send("amsal@beta", "halo")
    pair.carry()
    amsal.send("messi@alpha", "hai")
    pair.carry()
    assert messi.texts == amsal.texts == ["halo", "hai"]
    assert [each.mid for each in messi.messages()] == [each.mid for each in amsal.messages()]


def test_a_refusal_bounces(pair: Pair, messi: Client) -> None:
    messi.send("nobody@beta")
    pair.carry()
    assert [each.text for each in messi.history("nobody@beta").messages if each.kind == "bounce"] == [
        "no-such-user"
    ]


def test_an_older_client_is_answered_with_the_refusal(pair: Pair, messi: Client) -> None:
    answers = messi.begin(commands.Send(to="nobody@beta", text="halo", wait=True))
    pair.alpha.turn()
    pair.carry()
    assert [type(answer) for answer in answers] == [NoSuchUser]


def test_receipts_are_in_the_seqs_of_whoever_hears_them(pair: Pair, messi: Client, amsal: Client) -> None:
    arrive(pair.beta, RealmName("gamma"), item(mid="gamma/1", from_="x@gamma", to="amsal@beta"))
    messi.listen(receipts=True)
    amsal.listen(receipts=True)
    first, second = messi.send("amsal@beta", "one"), messi.send("amsal@beta", "two")
    pair.carry()
    assert [receipt.stored for receipt in receipts(messi)] == [first.seq, second.seq]
    theirs = amsal.seqs
    assert theirs != [first.seq, second.seq]
    amsal.ask(Ack(seq=theirs[-1]))
    pair.carry()
    amsal.ask(Read(with_="messi@alpha", seq=theirs[0]))
    pair.carry()
    got = receipts(messi)[2:]
    assert [(each.with_, each.by, each.delivered, each.read) for each in got] == [
        ("amsal@beta", "amsal@beta", second.seq, None),
        ("amsal@beta", "amsal@beta", None, first.seq),
    ]
    state = with_other(messi)
    assert (state.stored, state.delivered, state.seen) == (second.seq, second.seq, first.seq)


def test_an_ack_between_two_messages_tells_the_first(pair: Pair, messi: Client, amsal: Client) -> None:
    amsal.listen()
    first = messi.send("amsal@beta", "one")
    messi.send("amsal@beta", "two")
    pair.carry()
    amsal.ask(Ack(seq=amsal.seqs[0]))
    pair.carry()
    assert with_other(messi).delivered == first.seq


def test_after_a_restart_only_what_is_told_anew_is_known(pair: Pair, messi: Client, amsal: Client) -> None:
    messi.send("amsal@beta", "one")
    pair.carry()
    assert with_other(messi).stored
    pair.alpha.restart()
    pair.to_beta = linked(pair.alpha, "beta")
    pair.to_beta.numbers[BETA] = 1
    again = pair.alpha.client("messi")
    assert (with_other(again).stored, with_other(again).seen) == (0, 0)
    sent = again.send("amsal@beta", "two")
    pair.carry()
    assert with_other(again).stored == sent.seq


def test_who_blocks_somebody_tells_nothing(pair: Pair, messi: Client, amsal: Client) -> None:
    amsal.listen()
    messi.send("amsal@beta")
    pair.carry()
    amsal.ask(commands.Block(address="messi@alpha"))
    amsal.ask(Ack(seq=amsal.seqs[-1]))
    amsal.ask(Read(with_="messi@alpha", seq=amsal.seqs[-1]))
    assert pair.to_alpha.receipts == []


@pytest.mark.parametrize(
    "fields",
    [
        {"by": "budi@beta"},
        {"to": "henderson@alpha"},
        {"by": "amsal@gamma"},
        {"delivered": "alpha/none", "read": ""},
        {"to": "messi@gamma"},
    ],
)
def test_a_receipt_for_what_somebody_else_sent_or_got_is_none(
    pair: Pair, messi: Client, amsal: Client, fields: dict[str, str]
) -> None:
    messi.listen(receipts=True)
    mid = messi.send("amsal@beta").mid
    given = {"by": "amsal@beta", "to": "messi@alpha", "delivered": mid, "read": mid, **fields}
    pair.alpha.realm.bounces.receipt(BETA, Receipt(**given))
    assert receipts(messi) == []
    pair.alpha.realm.bounces.receipt(RealmName("gamma"), Receipt(**{**given, **fields}))
    assert receipts(messi) == []


def test_bounces_cause_no_receipts(pair: Pair, messi: Client, amsal: Client) -> None:
    messi.listen()
    messi.send("nobody@beta")
    pair.carry()
    messi.ask(Ack(seq=messi.seqs[-1]))
    messi.ask(Read(with_="nobody@beta", seq=messi.seqs[-1]))
    assert pair.to_beta.receipts == []


def test_ones_own_devices_hear_what_was_read(pair: Pair, messi: Client, amsal: Client) -> None:
    messi.send("amsal@beta")
    pair.carry()
    phone = pair.beta.client("amsal", device="phone")
    phone.listen(receipts=True)
    seq = amsal.history("messi@alpha").messages[0].seq
    amsal.ask(Read(with_="messi@alpha", seq=seq))
    (receipt,) = receipts(phone)
    assert (receipt.with_, receipt.by, receipt.read) == ("messi@alpha", "amsal@beta", seq)
    assert with_other(amsal).unread == 0


def test_a_local_namesake_hears_and_tells_nothing(pair: Pair, amsal: Client) -> None:
    """Only the realm tells messi in alpha from messi in beta; and so with groups."""
    house = pair.beta
    namesake = house.client("messi")
    namesake.listen(receipts=True, typing=True)
    house.client("henderson").ask(commands.Create(group="tim"))
    arrive(house, ALPHA, item(mid="alpha/1", from_="messi@alpha", to="amsal@beta"))
    arrive(house, ALPHA, item(mid="alpha/2", from_="tim@alpha", to="amsal@beta"))
    amsal.listen(after=0)
    amsal.ask(commands.Typing(to="messi@alpha"))
    amsal.send("messi@alpha")
    amsal.ask(commands.Typing(to="messi@alpha"))
    amsal.ask(Ack(seq=amsal.seqs[-1]))
    for name in ("messi@alpha", "tim@alpha"):
        amsal.ask(Read(with_=name, seq=amsal.seqs[-1]))
    assert namesake.pushed == []
    assert {receipt.to for receipt in pair.to_alpha.receipts} == {"messi@alpha", "tim@alpha"}
    namesake.ask(Ack(seq=1000))
    assert [state.seen for state in amsal.ask(Conversations()).conversations] == [0, 0]


def test_typing_to_another_realm_is_dropped(pair: Pair, messi: Client) -> None:
    for name in ("amsal@beta", "amsal@nowhere"):
        assert messi.ask(commands.Typing(to=name)) == events.Done()


def test_the_name_to_show_travels_with_the_message(pair: Pair, messi: Client, amsal: Client) -> None:
    pair.alpha.add("amsal")  # who has the same name here, and another one to show
    amsal.send("messi@alpha", "hai")
    pair.carry()
    assert with_other(messi).name == "Amsal Bin Amsal"
    (entry,) = messi.inbox()
    assert (entry.sender, entry.msg_from) == ("amsal@beta", "amsal")  # as system D has it


def test_a_page_of_conversations_fits_into_a_line(house: House) -> None:
    linked(house, "beta")
    messi = house.client("messi")
    for number in range(700):
        sender = f"{'x' * 60}{number:04}@{'b' * 63}"
        arrived = item(mid=f"{'b' * 63}/{number}", from_=sender, name="𝔵" * 64)
        assert arrive(house, RealmName("b" * 63), arrived) == ""
    page = messi.ask(Conversations())
    assert not page.complete
    assert len(JsonDialect().encode_reply(page, 1)) <= SERVER_LINE_BYTES
    rest = messi.ask(Conversations(since=page.conversations[-1].seq))
    assert rest.complete
    assert len(page.conversations) + len(rest.conversations) == 700


def test_an_older_copy_with_messages_of_another_realm_resets_listeners(
    pair: Pair, messi: Client, amsal: Client
) -> None:
    messi.send("amsal@beta", "one")
    pair.carry()
    first = amsal.listen(after=0)
    copy = pair.beta.disk.backup()
    messi.send("amsal@beta", "two")
    pair.carry()
    newest = amsal.seqs[-1]
    pair.beta.wait(pair.beta.realm.close())
    pair.beta.disk.restore(copy)
    pair.beta.open()
    linked(pair.beta, "alpha")
    pair.to_beta.forget()
    again = pair.beta.client("amsal")
    # What came later is sent again by the other side; the mid tells that it is the same.
    pair._carried["beta"] = 1
    pair.carry()
    listening = again.listen(after=newest, epoch=first.epoch)
    assert listening.reset
    assert again.texts == ["two"]
    assert again.messages()[0].mid == amsal.messages()[-1].mid


class TestPresence:
    """Who is there, in another realm and for it."""

    def test_another_realm_is_asked(self, pair: Pair, messi: Client) -> None:
        now = int(pair.alpha.clock.seconds() * 1000)
        pair.to_beta.present = ([("herbert", "H"), ("Amsal", "A"), ("not a name", "")], now - 3000)
        page = messi.ask(commands.Active(realm="Beta"))
        assert page.users == ["Amsal@beta", "herbert@beta"]
        assert page.as_of == "2023-11-14T22:13:17.000Z"
        assert page.complete
        page = messi.ask(commands.Active(realm="beta", limit=1))
        assert (page.users, page.complete) == (["Amsal@beta"], False)
        page = messi.ask(commands.Active(realm="beta", after="amsal@beta"))
        assert (page.users, page.complete) == (["herbert@beta"], True)

    def test_a_time_that_is_none_does_no_harm(self, pair: Pair, messi: Client) -> None:
        pair.to_beta.present = ([], 2**60)
        assert messi.ask(commands.Active(realm="beta")).as_of == "2023-11-14T22:13:20.000Z"

    @pytest.mark.parametrize("name", ["gamma", "no realm"])
    def test_there_has_to_be_a_link(self, pair: Pair, messi: Client, name: str) -> None:
        with pytest.raises(NoSuchRealm):
            messi.ask(commands.Active(realm=name))

    def test_another_realm_is_answered(self, pair: Pair, messi: Client) -> None:
        house = pair.alpha
        now = int(house.clock.seconds() * 1000)
        answer = house.wait(house.realm.answer(BETA, Ask(number=1, about="active")))
        assert answer == {"users": [["messi", "messi"]], "as_of": now, "complete": True}

    def test_an_answer_is_bounded(self, pair: Pair) -> None:
        house = pair.alpha
        for number in range(501):
            house.add(f"u{number:03}")
            house.realm.present.enter(f"u{number:03}", house.client())  # type: ignore[arg-type]
        answer = house.wait(house.realm.answer(BETA, Ask(number=1, about="active")))
        assert (len(answer["users"]), answer["complete"]) == (500, False)

    def test_whether_there_is_a_user_is_told(self, pair: Pair, messi: Client) -> None:
        house = pair.alpha
        for name in ("MESSI", "messi@alpha"):
            answer = house.wait(house.realm.answer(BETA, Ask(number=1, about="user", name=name)))
            assert answer == {"user": "messi", "name": "messi"}
        for name in ("nobody", "not a name", "", "messi@beta"):
            with pytest.raises(NoSuchUser):
                house.wait(house.realm.answer(BETA, Ask(number=1, about="user", name=name)))

    def test_other_questions_are_not_known(self, pair: Pair) -> None:
        with pytest.raises(NotSupported):
            pair.alpha.wait(pair.alpha.realm.answer(BETA, Ask(number=1, about="secrets")))


def test_what_is_known_of_receipts_is_bounded() -> None:
    progress = Progress(Router(0), 10)
    for number in range(_MIDS + 10):
        row = MessageRow(number, number, f"alpha/{number}", "messi@alpha", 1, 0, "text", 0, "")
        progress.sent(row, "amsal@beta")
        progress.stored([(row, "amsal@beta")])
    assert len(progress._messages) == _MIDS
    assert len(progress._reached) == 10


def test_rows_of_names_have_folded_keys(house: House) -> None:
    linked(house, "beta")
    house.add("messi")
    arrive(house, BETA, item(from_="AmSal@beta"))
    assert [row.address for row in house.rows(RemoteRow)] == ["amsal@beta"]
