"""Listening: every listener gets the log past its position, in order, without a gap and without a repeat."""

from __future__ import annotations

from random import Random

import pytest
from twisted.internet.defer import Deferred, fail

from chatproto import commands, events
from chatproto.commands import Send
from chatproto.errors import ChatError, StoreFailed
from chatproto.limits import PAGE_ITEMS
from chatproto.names import fold
from chatproto.realm.listening import State
from chatproto.records import MemberRow, MessageRow
from tests.conftest import LoggedFailures
from tests.realm.house import Client, House


@pytest.fixture
def messi(house: House) -> Client:
    house.add("henderson")
    return house.client("messi")


@pytest.fixture
def henderson(house: House, messi: Client) -> Client:
    return house.client("henderson")


def readable(house: House, address: str) -> list[int]:
    """Return the numbers of all messages that an address may read."""
    windows = {row.conversation: row for row in house.rows(MemberRow) if row.member == address}
    return [
        row.seq
        for row in sorted(house.rows(MessageRow), key=lambda row: row.seq)
        if row.conversation in windows and windows[row.conversation].since < row.seq
    ]


class TestFromWhere:
    def test_without_a_position_it_starts_now(self, messi: Client, henderson: Client) -> None:
        last = messi.send("henderson", "before").seq
        listening = henderson.listen()
        assert (listening.seq, listening.reset) == (last, False)
        messi.send("henderson", "after")
        assert henderson.texts == ["after"]

    def test_with_a_position_it_first_tells_what_was_missed(self, messi: Client, henderson: Client) -> None:
        heard = messi.send("henderson", "heard").seq
        messi.send("henderson", "missed")
        assert henderson.listen(after=heard).reset is False
        messi.send("henderson", "live")
        assert henderson.texts == ["missed", "live"]

    def test_from_the_start_it_tells_all_over_many_pages(self, messi: Client, henderson: Client) -> None:
        for number in range(2 * PAGE_ITEMS + 1):
            messi.begin(Send(to="henderson", text=str(number)))
        messi.house.turn()
        henderson.listen(after=0)
        assert henderson.texts == [str(number) for number in range(2 * PAGE_ITEMS + 1)]

    @pytest.mark.parametrize("stop", ["restart", "crash"])
    def test_a_restart_of_the_server_is_no_gap(self, house: House, messi: Client, stop: str) -> None:
        heard = messi.send("henderson", "heard").seq
        epoch = house.client("henderson").listen().epoch
        messi.send("henderson", "missed")
        getattr(house, stop)()
        house.client("messi").send("henderson", "missed too")
        henderson = house.client("henderson")
        listening = henderson.listen(after=heard, epoch=epoch)
        assert (listening.reset, listening.epoch == epoch) == (False, False)
        assert henderson.texts == ["missed", "missed too"]

    def test_a_position_beyond_the_newest_is_the_newest(self, messi: Client, henderson: Client) -> None:
        henderson.listen(after=2**53 - 1)
        messi.send("henderson", "after")
        assert henderson.texts == ["after"]

    def test_listening_again_on_a_connection_replaces_the_first(
        self, messi: Client, henderson: Client
    ) -> None:
        henderson.listen()
        messi.send("henderson", "a")
        henderson.listen(after=0)
        messi.send("henderson", "b")
        assert henderson.texts == ["a", "a", "b"]


class TestWhat:
    def test_an_event_is_what_history_says_whether_live_or_replayed(
        self, messi: Client, henderson: Client
    ) -> None:
        henderson.listen()
        messi.send("henderson")
        live = list(henderson.pushed)
        henderson.listen(after=0)
        assert henderson.pushed == live * 2
        (item,) = henderson.history("messi").messages
        (event,) = live
        assert isinstance(event, events.Message)
        assert (event.seq, event.mid, event.from_, event.to, event.text, event.at) == (
            item.seq,
            item.mid,
            item.from_,
            item.to,
            item.text,
            item.at,
        )

    def test_the_own_messages_of_a_device_are_left_out_and_those_of_others_are_not(
        self, house: House
    ) -> None:
        house.add("henderson")
        phone, same_phone = house.client("messi", "phone"), house.client("messi", "Phone")
        laptop, nameless = house.client("messi", "laptop"), house.client("messi")
        listeners = [phone, same_phone, laptop, nameless]
        for client in listeners:
            client.listen()
        phone.send("henderson", "live")
        assert [client.texts for client in listeners] == [[], [], ["live"], ["live"]]
        for client in listeners:
            client.listen(after=0)
        assert [client.texts for client in listeners] == [[], [], ["live"] * 2, ["live"] * 2]

    def test_own_messages_are_told_on_request(self, messi: Client) -> None:
        messi.send("henderson", "before")
        messi.listen(after=0, own=True)
        messi.send("henderson", "live")
        assert messi.texts == ["before", "live"]

    def test_only_those_concerned_are_told(self, house: House, messi: Client, henderson: Client) -> None:
        lineker = house.client("lineker")
        henderson.listen()
        lineker.listen()
        messi.send("henderson")
        assert (henderson.texts, lineker.texts) == (["halo"], [])

    def test_a_message_to_oneself_is_told_once_to_each_other_device(self, house: House) -> None:
        phone, laptop = house.client("messi", "phone"), house.client("messi", "laptop")
        laptop.listen()
        phone.send("messi", "note")
        assert laptop.texts == ["note"]

    def test_a_group_is_heard_from_the_join_up_to_the_leave(self, messi: Client, henderson: Client) -> None:
        messi.ask(commands.Create(group="tim"))
        henderson.listen()
        messi.send("tim", "not yet")
        henderson.ask(commands.Join(group="tim"))
        messi.send("tim", "now")
        henderson.ask(commands.Leave(group="tim"))
        messi.send("tim", "no more")
        assert henderson.texts == ["now"]
        henderson.listen(after=0)
        assert henderson.texts == ["now", "now"]

    def test_a_join_by_one_connection_is_heard_by_all_of_the_account(
        self, house: House, messi: Client
    ) -> None:
        messi.ask(commands.Create(group="tim"))
        listener = house.client("henderson")
        listener.listen()
        house.client("henderson").ask(commands.Join(group="tim"))
        messi.send("tim")
        assert listener.texts == ["halo"]

    def test_a_closed_connection_is_told_nothing(self, messi: Client, henderson: Client) -> None:
        henderson.listen()
        henderson.session.closed()
        messi.send("henderson")
        assert henderson.pushed == []


class TestFull:
    def test_a_full_connection_is_told_no_more_until_it_has_room_and_then_all(
        self, messi: Client, henderson: Client
    ) -> None:
        henderson.listen()
        henderson.room = 2
        for text in "abcde":
            messi.send("henderson", text)
        assert henderson.texts == ["a", "b"]
        henderson.drain(2)
        assert henderson.texts == ["a", "b", "c", "d"]
        henderson.drain()
        messi.send("henderson", "f")
        assert henderson.texts == [*"abcdef"]

    def test_what_comes_while_it_catches_up_is_told_after(self, messi: Client, henderson: Client) -> None:
        store = messi.house.slow
        henderson.listen()
        henderson.room = 1
        for text in "ab":
            messi.send("henderson", text)
        store.slow = True
        henderson.drain()
        (page,) = store.calls
        page.make()
        store.slow = False
        messi.send("henderson", "c")  # after the page was read, before it is told
        store.rush()
        assert henderson.texts == ["a", "b", "c"]

    def test_more_than_is_kept_meanwhile_is_read_from_the_log(self, messi: Client, henderson: Client) -> None:
        store = messi.house.slow
        store.slow = True
        answers = henderson.begin(commands.Listen(after=0))
        while not answers:
            store.tell_oldest()
        (page,) = store.calls
        page.make()
        store.slow = False
        for number in range(300):
            messi.send("henderson", str(number))
        store.rush()
        assert henderson.texts == [str(number) for number in range(300)]

    def test_a_message_that_is_on_disk_unheard_is_told_when_the_realm_hears_of_it(
        self, messi: Client, henderson: Client
    ) -> None:
        """Told before, a client would know of more than there is if it came back at once."""
        messi.send("henderson", "published")
        messi.house.faults.hold(stored=True)
        messi.begin(Send(to="henderson", text="on disk"))
        messi.house.turn()
        henderson.listen(after=0)
        assert henderson.texts == ["published"]
        messi.house.faults.release()
        assert henderson.texts == ["published", "on disk"]

    def test_a_log_that_cannot_be_read_ends_the_connection(
        self, messi: Client, henderson: Client, logged_failures: LoggedFailures
    ) -> None:
        broken: Deferred[None] = fail(StoreFailed())
        messi.house.slow.replay = lambda *_: broken
        henderson.listen()
        assert henderson.goodbyes == ["unavailable"]
        assert logged_failures.take(StoreFailed)

    def test_a_listener_that_is_closed_while_it_reads_stays_closed(
        self, messi: Client, henderson: Client
    ) -> None:
        messi.send("henderson")
        store = messi.house.slow
        store.slow = True
        henderson.begin(commands.Listen(after=0))
        while store.calls[0].name != "replay":
            store.tell_oldest()
        listener = henderson.session.listener
        assert listener is not None
        henderson.session.closed()
        store.rush()
        listener.drained()
        listener.close()
        assert (henderson.pushed, listener.state) == ([], State.CLOSED)


def test_a_connection_lost_while_it_starts_to_listen_is_told_nothing(
    messi: Client, henderson: Client
) -> None:
    store = messi.house.slow
    store.slow = True
    answers = henderson.begin(commands.Listen())
    henderson.session.closed()
    store.rush()
    assert len(answers) <= 1
    messi.send("henderson")
    assert henderson.pushed == []
    assert messi.house.realm.router.account("henderson").subscribers == []


def until_it_reads_its_groups(house: House, answers: list[events.Reply | ChatError]) -> None:
    while not answers and [call.name for call in house.slow.calls][:1] != ["memberships"]:
        house.slow.tell_oldest()
        house.turn()


def test_listening_begins_though_others_join_and_leave_all_the_time(
    house: House, messi: Client, henderson: Client
) -> None:
    messi.ask(commands.Create(group="tim"))
    house.slow.slow = True
    answers = henderson.begin(commands.Listen())
    lineker = house.client()
    for change in [commands.Join(group="tim"), commands.Leave(group="tim")] * 5:
        until_it_reads_its_groups(house, answers)
        house.slow.slow = False
        if not lineker.session.logins:
            house.add("lineker")
            lineker.log_in("lineker")
        lineker.ask(change)
        if answers:
            break
        house.slow.slow = True
        house.slow.tell_oldest()
        house.turn()
    assert len(answers) == 1


def test_who_leaves_a_group_while_it_starts_to_listen_hears_no_more_of_it(
    house: House, messi: Client, henderson: Client
) -> None:
    messi.ask(commands.Create(group="tim"))
    henderson.ask(commands.Join(group="tim"))
    other = house.client("henderson")
    house.slow.slow = True
    answers = henderson.begin(commands.Listen())
    until_it_reads_its_groups(house, answers)
    house.slow.calls[0].make()  # as it is before the account leaves
    house.slow.slow = False
    other.ask(commands.Leave(group="tim"))
    house.slow.rush()
    house.turn()
    messi.send("tim", "among us")
    messi.send("henderson", "to you")
    assert len(answers) == 1
    assert henderson.texts == ["to you"]


def test_a_leave_that_is_on_disk_and_not_yet_told_is_heard(
    house: House, messi: Client, henderson: Client
) -> None:
    messi.ask(commands.Create(group="tim"))
    henderson.ask(commands.Join(group="tim"))
    messi.send("tim", "to have the route")
    ear = house.client("henderson", "ear")
    house.faults.hold(stored=True)
    messi.begin(Send(to="tim", text="before"))
    henderson.begin(commands.Leave(group="tim"))
    messi.begin(Send(to="tim", text="after"))
    house.turn()
    listening = ear.begin(commands.Listen())
    house.turn()
    house.faults.release()
    house.turn()
    messi.send("tim", "later")
    (answer,) = listening
    assert isinstance(answer, events.Listening)
    replayed = house.client("henderson", "replayed")
    replayed.listen(after=answer.after)
    assert ear.pushed == replayed.pushed
    assert ear.texts in ([], ["before"])


def test_a_join_that_is_on_disk_and_not_yet_told_begins_where_it_begins(
    house: House, messi: Client, henderson: Client
) -> None:
    messi.ask(commands.Create(group="tim"))
    messi.send("tim", "to have the route")
    ear = house.client("henderson", "ear")
    house.faults.hold(stored=True)
    messi.begin(Send(to="tim", text="before"))
    henderson.begin(commands.Join(group="tim"))
    messi.begin(Send(to="tim", text="after"))
    house.turn()
    ear.begin(commands.Listen(after=0))
    house.turn()
    house.faults.release()
    house.turn()
    assert [(event.kind, event.text) for event in ear.messages()] == [("joined", ""), ("text", "after")]


def test_a_leave_that_is_lost_lets_listening_begin(house: House, messi: Client, henderson: Client) -> None:
    messi.ask(commands.Create(group="tim"))
    henderson.ask(commands.Join(group="tim"))
    ear = house.client("henderson", "ear")
    house.slow.slow = True
    henderson.begin(commands.Leave(group="tim"))
    house.turn()
    assert [call.name for call in house.slow.calls] == ["commit"]
    house.faults.refuse_next()
    ear.begin(commands.Listen())
    house.turn()
    house.slow.rush()
    house.turn()
    messi.send("tim", "still here")
    assert ear.texts == ["still here"]


@pytest.mark.parametrize("seed", range(150))
def test_whatever_overtakes_whatever_every_listener_gets_the_log(seed: int) -> None:
    """Random schedules of sends, joins, slow reads and commits, full connections and reconnects."""
    random = Random(seed)
    house = House()
    senders = [house.client("messi"), house.client("henderson")]
    listeners = [
        house.client("henderson", "phone"),
        house.client("henderson", "laptop"),
        house.client("messi", "pad"),
    ]
    senders[0].ask(commands.Create(group="tim"))
    senders[1].ask(commands.Join(group="tim"))
    for _ in range(random.randrange(5)):
        senders[0].send("henderson", "before")
    start = house.realm.router.published if random.random() < 0.5 else 0
    house.slow.slow = True
    positions = [start] * len(listeners)

    def reconnect(index: int) -> None:
        """Listen again from the last message that arrived."""
        client = listeners[index]
        positions[index] = max([positions[index], *client.seqs])
        client.room = random.choice([1, 3, 2**53])
        client.begin(commands.Listen(after=positions[index], own=index == 2))

    def act() -> None:
        index = random.randrange(len(listeners))
        client = listeners[index]
        match random.randrange(8):
            case 0:
                client.drain(random.choice([1, 2, 10]))
            case 1 if random.random() < 0.2:
                reconnect(index)
            case 2 | 3:
                sender = random.choice(senders)
                sender.begin(Send(to=random.choice(["messi", "henderson", "tim"]), text="x"))
            case 4:
                random.choice([*senders, *listeners]).begin(Send(to="tim", text="x"))
            case _:
                random.choice([house.turn, lambda: house.slow.go_on(random)])()

    for index in range(len(listeners)):
        reconnect(index)
    for _ in range(random.choice([50, 150, 600])):
        act()
    for client in listeners:
        client.room = 2**53
    for _ in range(20):
        house.slow.rush()
        house.turn()
        for client in listeners:
            client.drain()
    for index, client in enumerate(listeners):
        own = index == 2
        devices = {row.seq: row.device for row in house.rows(MessageRow)}
        expected = [
            seq
            for seq in readable(house, fold(client.login.address))
            if seq > start and (own or devices[seq] != client.login.device)
        ]
        assert client.seqs == expected
