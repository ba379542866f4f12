"""ChatClient on virtual time, against a realm that fails on request: nothing lost, nothing twice."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from twisted.internet.defer import Deferred
from twisted.internet.task import Clock
from twisted.python.failure import Failure

from chatproto import errors
from chatproto.backoff import Backoff
from chatproto.client import ChatClient, Message, Position, State, inbox, outbox
from chatproto.errors import ChatError, QueueFull
from chatproto.events import HistoryPage, Sent
from tests.fake_realm import FakeRealm, drop_after, drop_before, fine, garble, refuse, stall


class Talk:
    """A client and its realm, with what the client told."""

    def __init__(self, **options: Any) -> None:
        self.clock = Clock()
        self.realm = FakeRealm(self.clock)
        self.states: list[State] = []
        self.reasons: list[str] = []
        self.taken: list[str] = []
        options = {"user": "amsal", "password": "secret"} | options
        self.client = ChatClient(
            self.clock, self.realm, on_state=self._changed, backoff=Backoff(lambda: 0.5), **options
        )

    def _changed(self, state: State, reason: str) -> None:
        self.states.append(state)
        self.reasons.append(reason)

    def connect(self) -> list[Any]:
        outcome = heard(self.client.connect())
        self.turn()
        return outcome

    def listen(self) -> None:
        self.client.on_message(lambda message: self.taken.append(message.text))

    def say(self, texts: Iterable[str]) -> None:
        for text in texts:
            self.realm.say(text)
        self.turn()

    def turn(self, seconds: float = 0.0) -> None:
        """Let time pass, and then as many turns as it takes for every word to arrive."""
        self.clock.advance(seconds)
        for _ in range(6):
            self.clock.advance(0)

    def close(self) -> None:
        closed = heard(self.client.close())
        self.turn()
        assert closed == [None]
        assert not self.clock.getDelayedCalls()
        assert not self.realm.connections

    def stands(self, state: State) -> bool:
        return self.client.state is state

    def did(self, name: str) -> list[dict[str, Any]]:
        return [command for command in self.realm.commands if command["do"] == name]


def heard(deferred: Deferred[Any]) -> list[Any]:
    outcome: list[Any] = []
    deferred.addBoth(outcome.append)
    return outcome


def error_of(outcome: list[Any]) -> ChatError:
    assert isinstance(outcome[0], Failure)
    assert isinstance(outcome[0].value, ChatError)
    return outcome[0].value


# Connecting


def test_connect_fires_when_the_client_is_logged_in_and_listens() -> None:
    talk = Talk(device="laptop")
    assert talk.stands(State.IDLE)
    assert talk.connect() == [None]
    assert talk.states == [State.CONNECTING, State.ONLINE]
    assert talk.client.address == "amsal@alpha"
    assert [command["do"] for command in talk.realm.commands] == ["login", "listen"]
    assert talk.did("login")[0]["device"] == "laptop"
    assert talk.connect() == [None]  # also when it is connected already
    talk.close()
    assert type(error_of(talk.connect())) is errors.ConnectionUnavailable


def test_a_wrong_password_fails_once_and_for_all() -> None:
    talk = Talk(password="wrong")
    talk.listen()
    waiting = heard(talk.client.send("messi", "halo"))
    assert type(error_of(talk.connect())) is errors.LoginFailed
    talk.turn(600)
    assert len(talk.realm.attempts) == 1
    assert talk.stands(State.CLOSED)
    assert type(error_of(waiting)) is errors.LoginFailed
    assert type(error_of(talk.connect())) is errors.LoginFailed
    talk.close()


def test_a_client_without_credentials_fails_clearly() -> None:
    talk = Talk(password=None)
    assert type(error_of(talk.connect())) is errors.LoginFailed
    talk.close()


@pytest.mark.parametrize(
    "refusal", [errors.UserExists, errors.BadInvite, errors.RegistrationClosed, errors.NotSupported]
)
def test_register_logs_in_where_the_account_exists_with_this_password(refusal: type[ChatError]) -> None:
    talk = Talk(register=True, invite="token")
    talk.realm.refuses_to_register = refusal.code
    assert talk.connect() == [None]
    assert talk.did("register")[0]["invite"] == "token"
    talk.close()
    talk = Talk(register=True, password="wrong")
    talk.realm.refuses_to_register = refusal.code
    assert type(error_of(talk.connect())) is refusal
    assert talk.stands(State.CLOSED)
    talk.close()


def test_a_realm_that_is_away_is_tried_after_longer_and_longer_pauses() -> None:
    talk = Talk()
    talk.realm.away = True
    outcome = talk.connect()
    for _ in range(400):
        talk.turn(0.75)
    pauses = [
        later - sooner for sooner, later in zip(talk.realm.attempts, talk.realm.attempts[1:], strict=False)
    ]
    assert pauses[:4] == [0.75, 1.5, 3.0, 6.0]
    assert max(pauses) == 45.0  # half of the greatest delay, and half of its other half
    assert outcome == []
    assert "refused" in talk.reasons[1]
    talk.realm.away = False
    talk.turn(60)
    assert outcome == [None]
    talk.close()


def test_accepting_and_dropping_does_not_reset_the_pauses() -> None:
    talk = Talk()
    talk.realm.fault("login", drop_before, drop_before, drop_before)
    outcome = talk.connect()
    for _ in range(20):
        talk.turn(0.75)
    assert talk.realm.attempts == [0.0, 0.75, 2.25, 5.25]
    assert outcome == [None]
    talk.realm.drop()
    talk.turn(0.75)
    assert talk.stands(State.ONLINE)  # established once, so counted anew
    talk.close()


def test_the_server_says_how_long_it_wants_to_be_left_alone() -> None:
    talk = Talk()
    talk.connect()
    talk.realm.connections[0].tell(event="goodbye", reason="restart", retry_after=20)
    talk.turn()
    talk.realm.drop()
    talk.turn(19)
    assert talk.stands(State.WAITING)
    talk.turn(1)
    assert talk.stands(State.ONLINE)
    talk.realm.fault("resume", refuse("busy", retry_after=7))
    talk.realm.drop()
    talk.turn(1)
    talk.turn(6)
    assert talk.stands(State.WAITING)
    talk.turn(1)
    assert talk.stands(State.ONLINE)
    talk.close()


def test_a_session_is_resumed_by_its_token_and_a_lost_one_by_the_password() -> None:
    talk = Talk()
    talk.connect()
    talk.realm.drop()
    talk.turn(1)
    assert [command["do"] for command in talk.realm.commands] == ["login", "listen", "resume", "listen"]
    talk.realm.tokens.clear()
    talk.realm.drop()
    talk.turn(1)
    assert [command["do"] for command in talk.realm.commands[4:]] == ["resume", "login", "listen"]
    talk.realm.tokens.clear()
    talk.realm.password = "changed"
    talk.realm.drop()
    talk.turn(1)
    assert talk.stands(State.CLOSED)
    talk.close()


def test_a_client_whose_session_was_ended_says_so_and_logs_in_anew() -> None:
    talk = Talk()
    talk.connect()
    talk.realm.tokens.clear()
    talk.realm.connections[0].tell(event="goodbye", reason="logged-out")
    talk.turn()
    talk.realm.drop()
    talk.turn(1)
    assert talk.stands(State.ONLINE)
    assert "your session was ended" in talk.reasons[talk.states.index(State.WAITING)]
    talk.close()


@pytest.mark.parametrize("told", [True, False])
def test_a_client_that_is_not_to_log_in_again_keeps_no_password_and_ends_with_its_session(
    told: bool,
) -> None:
    talk = Talk(again=False)
    talk.connect()
    talk.realm.drop()
    talk.turn(1)
    assert talk.stands(State.ONLINE)  # by its token
    talk.realm.tokens.clear()
    if told:
        talk.realm.connections[0].tell(event="goodbye", reason="logged-out")
        talk.turn()
    talk.realm.drop()
    talk.turn(1)
    assert [command["do"] for command in talk.realm.commands].count("login") == 1
    assert [command["do"] for command in talk.realm.commands].count("resume") == (1 if told else 2)
    assert talk.stands(State.CLOSED)
    assert "your session was ended" in talk.reasons[-1]
    assert type(error_of(talk.connect())) is errors.BadToken
    talk.close()


def test_a_token_is_enough_until_it_is_refused() -> None:
    talk = Talk(user=None, password=None, token="kept")
    talk.realm.tokens.add("kept")
    assert talk.connect() == [None]
    assert talk.client.token == "kept"
    talk.realm.tokens.clear()
    talk.realm.drop()
    talk.turn(1)
    assert talk.stands(State.CLOSED)
    assert type(error_of(talk.connect())) is errors.BadToken
    talk.close()


def test_the_client_may_be_closed_in_every_state_and_from_a_callback() -> None:
    Talk().close()
    for state in (State.CONNECTING, State.ONLINE, State.WAITING):
        talk = Talk()
        closed: list[Any] = []

        def close(
            now: State, reason: str, talk: Talk = talk, at: State = state, out: list[Any] = closed
        ) -> None:
            if now is at:
                talk.client.close().addBoth(out.append)

        talk.client._on_state = close
        outcome = talk.connect()
        talk.realm.drop()
        talk.turn()
        talk.turn()
        assert closed == [None], state
        assert talk.stands(State.CLOSED)
        assert len(outcome) == 1
        talk.turn(100)
        assert not talk.clock.getDelayedCalls()
        assert not talk.realm.connections


def test_a_server_that_accepts_and_says_nothing_is_left() -> None:
    talk = Talk()
    talk.realm.fault("login", stall)
    talk.connect()
    for _ in range(8):
        talk.turn(5)
    assert talk.stands(State.ONLINE)
    assert len(talk.realm.attempts) == 2
    talk.close()


# Sending


def test_what_is_sent_before_the_connection_is_sent_with_it() -> None:
    talk = Talk()
    outcome = heard(talk.client.send("messi", "early"))
    assert talk.client.unsent == 1
    talk.connect()
    assert isinstance(outcome[0], Sent)
    assert talk.client.unsent == 0
    talk.close()


@pytest.mark.parametrize("fault", [drop_before, drop_after, garble, stall])
def test_what_was_not_answered_is_repeated_and_stored_once_in_order(fault: Any) -> None:
    talk = Talk()
    talk.connect()
    talk.realm.fault("send", fine, fault)
    outcomes = [heard(talk.client.send("messi", str(number))) for number in range(4)]
    for _ in range(10):
        talk.turn(5)
    assert talk.realm.stored == ["0", "1", "2", "3"]
    assert [type(outcome[0]) for outcome in outcomes] == [Sent] * 4
    cids = list(talk.realm.cids)
    prefix = cids[0].rpartition(":")[0]
    assert cids == [f"{prefix}:{number}" for number in range(1, 5)]
    talk.close()


def test_a_refusal_for_now_is_repeated_after_its_time_and_before_what_came_later() -> None:
    talk = Talk()
    talk.connect()
    talk.realm.fault("send", refuse("busy", 2.0), refuse("busy", 3.0), refuse("store-full", 1.0))
    outcomes = [heard(talk.client.send("messi", str(number))) for number in range(3)]
    talk.turn()
    outcomes += [heard(talk.client.send("messi", str(number))) for number in range(3, 5)]
    talk.turn(2.9)
    assert talk.realm.stored == []
    talk.turn(0.1)
    assert talk.realm.stored == ["0", "1", "2", "3", "4"]
    assert all(isinstance(outcome[0], Sent) for outcome in outcomes)
    talk.close()


def test_a_full_queue_to_another_realm_is_the_senders_to_know_and_holds_nobody_up() -> None:
    talk = Talk()
    talk.connect()
    talk.realm.fault("send", refuse("queue-full", 30.0))
    outcomes = [heard(talk.client.send("amsal@beta", "0")), heard(talk.client.send("messi", "1"))]
    talk.turn()
    assert talk.realm.stored == ["1"]
    assert isinstance(outcomes[0][0].value, QueueFull)
    assert isinstance(outcomes[1][0], Sent)
    talk.close()


def test_a_pause_does_not_outlive_its_connection() -> None:
    talk = Talk()
    talk.connect()
    talk.realm.fault("send", refuse("busy", 200.0))
    talk.client.send("messi", "0")
    talk.turn()
    talk.realm.drop()
    talk.turn(1)
    assert talk.realm.stored == ["0"]
    talk.close()


def test_another_refusal_fails_the_message_and_only_it() -> None:
    talk = Talk()
    talk.connect()
    talk.realm.fault("send", fine, refuse("no-such-user"))
    outcomes = [heard(talk.client.send("messi", str(number))) for number in range(3)]
    talk.turn()
    assert type(error_of(outcomes[1])) is errors.NoSuchUser
    assert talk.realm.stored == ["0", "2"]
    talk.close()


def test_any_number_of_messages_that_cannot_be_sent_fail_one_by_one(monkeypatch: pytest.MonkeyPatch) -> None:
    """They are refused before they leave, each while the one before it is being settled."""
    monkeypatch.setattr(outbox, "CHARACTERS", 2**53)
    talk = Talk()
    text = "\x01" * 12_000  # longer than a line when it is escaped
    outcomes = [heard(talk.client.send("messi", text)) for _ in range(1000)]
    talk.client.send("messi", "fine")
    talk.connect()
    assert len({type(error_of(outcome)) for outcome in outcomes}) == 1
    assert talk.realm.stored == ["fine"]
    talk.close()


def test_the_outbox_is_bounded(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(outbox, "MESSAGES", 2)
    talk = Talk()
    outcomes = [heard(talk.client.send("messi", str(number))) for number in range(3)]
    assert type(error_of(outcomes[2])) is errors.Busy
    monkeypatch.setattr(outbox, "CHARACTERS", 3)
    monkeypatch.setattr(outbox, "MESSAGES", 9)
    assert type(error_of(heard(talk.client.send("messi", "22")))) is errors.Busy
    talk.connect()
    assert talk.realm.stored == ["0", "1"]
    assert heard(talk.client.send("messi", "222")) == []  # there is room again
    talk.turn()
    talk.close()


def test_closing_fails_what_has_no_answer() -> None:
    talk = Talk()
    talk.connect()
    talk.realm.fault("send", stall)
    outcomes = [heard(talk.client.send("messi", str(number))) for number in range(2)]
    talk.turn()
    waiting = heard(talk.client.send_each(["messi"], "2"))
    talk.client.close()
    talk.turn()
    assert type(error_of(outcomes[0])) is errors.ConnectionUnavailable
    assert type(error_of(waiting)) is errors.ConnectionUnavailable
    assert type(error_of(heard(talk.client.send("messi", "late")))) is errors.ConnectionUnavailable
    talk.close()


FAULTS = st.sampled_from([fine, fine, drop_before, drop_after, garble, refuse("busy", 0.3)])


@settings(max_examples=60, deadline=None)
@given(
    sends=st.lists(FAULTS, max_size=30),
    resumes=st.lists(FAULTS, max_size=6),
    listens=st.lists(FAULTS, max_size=6),
    drops=st.sets(st.integers(0, 40)),
)
def test_whatever_fails_each_message_is_stored_once_and_each_event_taken_once(
    sends: list[Any], resumes: list[Any], listens: list[Any], drops: set[int]
) -> None:
    talk = Talk()
    talk.listen()
    talk.connect()
    for name, faults in (("send", sends), ("resume", resumes), ("listen", listens)):
        talk.realm.fault(name, *faults)
    outcomes = []
    for number in range(40):
        outcomes.append(heard(talk.client.send("messi", str(number))))
        talk.realm.say(str(number))
        if number in drops:
            talk.realm.drop()
        talk.turn(0.2)
    for _ in range(30):
        talk.turn(30)
    assert sorted(talk.realm.stored, key=int) == [str(number) for number in range(40)]
    assert all(isinstance(outcome[0], Sent) for outcome in outcomes)
    assert talk.taken == [str(number) for number in range(40)]
    talk.close()


# Receiving


def test_messages_come_by_iteration_from_the_moment_of_connecting() -> None:
    talk = Talk()
    talk.realm.say("before")
    seen: list[Message] = []

    async def take() -> str:
        async for message in talk.client.messages():
            seen.append(message)
        return "over"

    over = heard(Deferred.fromCoroutine(take()))
    talk.connect()
    talk.say(["1", "2"])
    assert [message.text for message in seen] == ["1", "2"]
    assert seen[0].from_ == "messi@alpha"
    talk.close()
    assert over == ["over"]


def test_iteration_raises_what_closed_the_client() -> None:
    talk = Talk(password="wrong")

    async def take() -> None:
        async for _ in talk.client.messages():
            pass

    taking = heard(Deferred.fromCoroutine(take()))
    talk.connect()
    assert type(error_of(taking)) is errors.LoginFailed
    talk.close()


def test_two_takers_at_once_are_a_mistake_of_the_caller() -> None:
    talk = Talk()
    talk.listen()
    with pytest.raises(RuntimeError):
        talk.client.messages().__anext__()
    talk.close()


def test_a_taker_who_gives_up_loses_no_message() -> None:
    talk = Talk()
    talk.connect()
    waiting = talk.client.messages().__anext__()
    assert isinstance(waiting, Deferred)
    outcome = heard(waiting)
    waiting.cancel()
    assert len(outcome) == 1
    talk.say(["1"])
    talk.listen()
    assert talk.taken == ["1"]
    talk.close()


def test_what_was_missed_comes_after_a_reconnect_and_a_restart() -> None:
    talk = Talk()
    talk.listen()
    talk.connect()
    talk.say(["1", "2"])
    talk.realm.restart("B")
    talk.say(["3"])
    talk.turn(1)
    talk.say(["4"])
    assert talk.taken == ["1", "2", "3", "4"]
    assert talk.did("listen")[1] | {"id": 0} == {
        "do": "listen",
        "after": 2,
        "epoch": "A",
        "id": 0,
        "own": False,
        "receipts": None,
        "typing": None,
    }
    talk.close()


def test_a_position_that_was_stored_is_taken_up_by_the_next_client() -> None:
    talk = Talk()
    talk.listen()
    talk.connect()
    talk.say(["1", "2"])
    position = talk.client.position
    assert position == Position(2, "A")
    talk.close()
    later = Talk(after=position.after, epoch=position.epoch)
    later.realm.log = talk.realm.log
    later.realm.say("3")
    later.listen()
    later.connect()
    assert later.taken == ["3"]
    later.close()


def test_a_message_counts_as_taken_when_the_next_one_is_asked_for() -> None:
    talk = Talk()
    working: Deferred[None] = Deferred()
    talk.client.on_message(lambda message: working)
    talk.connect()
    assert talk.client.position == Position(0, "A")
    talk.say(["1", "2"])
    talk.turn(5)
    assert talk.client.position == Position(0, "A")
    assert talk.client.reached == Position(1, "A")
    assert talk.realm.acked == 0
    working.callback(None)
    talk.turn(1)
    assert talk.client.position.after == 2
    assert talk.client.reached == talk.client.position
    assert talk.realm.acked == 2
    talk.close()


def test_acknowledgements_are_coalesced() -> None:
    talk = Talk()
    talk.listen()
    talk.connect()
    talk.say(str(number) for number in range(250))
    assert [command["seq"] for command in talk.did("ack")] == [100, 200]
    talk.turn(1)
    assert [command["seq"] for command in talk.did("ack")] == [100, 200, 250]
    talk.say(["last"])
    talk.close()
    assert talk.realm.acked == 251  # closing tells it at once


def test_a_callback_may_be_a_coroutine_and_may_fail(logged_failures: Any) -> None:
    talk = Talk()
    seen: list[str] = []

    async def answer(message: Message) -> None:
        await talk.client.send("messi", "re: " + message.text)
        seen.append(message.text)
        raise ValueError

    talk.client.on_message(answer)
    talk.connect()
    talk.say(["1", "2"])
    talk.turn()
    assert seen == ["1", "2"]
    assert talk.realm.stored == ["re: 1", "re: 2"]
    assert len(logged_failures.take(ValueError)) == 2
    talk.close()


def test_a_slow_taker_gets_the_rest_from_the_log_and_meanwhile_its_replies(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(inbox, "MESSAGES", 4)
    talk = Talk()
    seen: list[str] = []
    gate: Deferred[None] = Deferred()

    async def slow() -> None:
        async for message in talk.client.messages():
            if not seen:
                await gate
            await talk.client.history("messi")
            seen.append(message.text)

    heard(Deferred.fromCoroutine(slow()))
    talk.connect()
    talk.say(str(number) for number in range(20))
    assert len(talk.client._inbox._held) == 4
    gate.callback(None)
    for _ in range(20):
        talk.turn()
    assert seen == [str(number) for number in range(20)]
    talk.say(["live"])
    assert seen[-1] == "live"
    talk.close()


def test_a_replay_that_the_realm_refuses_is_asked_for_over_a_new_connection(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(inbox, "MESSAGES", 2)
    talk = Talk()
    talk.realm.fault("listen", fine, refuse("busy", 1.0))
    talk.connect()
    talk.say(["1", "2", "3"])
    talk.listen()
    talk.turn()
    talk.turn(1)
    assert talk.taken == ["1", "2", "3"]
    talk.close()


def test_after_a_reset_known_messages_are_not_repeated_and_new_ones_are_not_left_out() -> None:
    talk = Talk()
    talk.listen()
    talk.connect()
    talk.say(["1", "2", "3"])
    talk.realm.restart("C", keep=1)
    talk.say(["2 anew", "3 anew"])
    talk.turn(1)
    assert talk.did("listen")[-1]["epoch"] == "A"
    assert talk.taken == ["1", "2", "3", "2 anew", "3 anew"]
    assert talk.client.position == Position(3, "C")
    talk.realm.drop()
    talk.turn(1)
    assert talk.did("listen")[-1]["epoch"] == "C"
    talk.say(["4"])
    assert talk.taken[-1] == "4"
    talk.close()


def test_a_reset_tells_the_position_to_come_back_with() -> None:
    talk = Talk()
    talk.listen()
    talk.connect()
    talk.say(["1", "2"])
    talk.realm.restart("C", keep=0)
    talk.turn(1)
    assert talk.client.position == Position(0, "C")
    talk.realm.drop()
    talk.turn(1)
    talk.say(["1 anew"])
    assert talk.taken == ["1", "2", "1 anew"]
    talk.turn(1)
    talk.close()


def test_the_memory_of_messages_is_bounded(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(inbox, "REMEMBERED", 5)
    talk = Talk()
    talk.listen()
    talk.connect()
    talk.say(str(number) for number in range(20))
    assert len(talk.client._inbox._seen) == 5
    talk.close()


# The other verbs


def test_other_commands_need_a_connection() -> None:
    talk = Talk()
    assert type(error_of(heard(talk.client.history("messi")))) is errors.ConnectionUnavailable
    talk.connect()
    talk.realm.fault("history", fine, drop_before)
    outcome = heard(talk.client.history("messi", limit=3))
    talk.turn()
    lost = heard(talk.client.history("lineker"))
    talk.turn()
    assert outcome == [HistoryPage(messages=[], complete=True)]
    assert type(error_of(lost)) is errors.ConnectionUnavailable
    talk.turn(1)
    talk.close()


def test_the_password_is_in_no_repr() -> None:
    talk = Talk()
    assert "secret" not in repr(talk.client._link.credentials)
    assert "secret" not in repr(vars(talk.client._link))
