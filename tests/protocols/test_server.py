"""The server's end of a connection: the order of replies, back-pressure, bounds, and every way to end."""

from __future__ import annotations

from random import Random
from typing import Any

import pytest

from chatproto import commands
from chatproto.errors import StoreFailed
from chatproto.limits import Limits
from chatproto.realm.handlers import DIRECT
from chatproto.records import MessageRow
from tests.conftest import LoggedFailures
from tests.protocols.wires import FULL, Peer, Served, as_line
from tests.realm.house import PASSWORD, watch

HELLO = {"do": "hello"}


def send(number: int, to: str = "henderson", text: str = "halo", **fields: Any) -> dict[str, Any]:
    return {"do": "send", "id": number, "to": to, "text": text, **fields}


@pytest.fixture
def served() -> Served:
    served = Served()
    served.house.add("messi", "henderson")
    return served


@pytest.fixture
def messi(served: Served) -> Peer:
    """A connection that knows the way to henderson."""
    messi = served.peer("messi")
    messi.ask(send(0))
    return messi


def tags(replies: list[dict[str, Any]]) -> list[Any]:
    return [reply.get("re") for reply in replies]


class TestOrder:
    def test_each_line_is_answered_in_its_own_dialect(self, messi: Peer) -> None:
        messi.say("inbox ", {"do": "hello", "id": "x"}, "foo", '{"do":"dance","id":2}')
        assert messi.wire.taken.startswith(
            b'{"status": "OK", "messages": {}}\r\n\r\n{"re":"x","status":"OK",'
        )
        assert [reply["status"] for reply in messi.heard()] == ["OK", "OK", "ERROR", "ERROR"]

    def test_a_bare_line_feed_ends_a_line_too(self, messi: Peer) -> None:
        messi.say(b'{"do":"hello","id":1}\n{"do":"hello","id":2}\n')
        assert tags(messi.heard()) == [1, 2]

    def test_replies_wait_for_those_before_them(self, served: Served, messi: Peer) -> None:
        served.house.faults.hold()
        messi.say(send(1), "not a command", '{"do":"ack","id":2,"seq":1}', send(3), {"do": "dance", "id": 4})
        assert messi.heard() == []
        served.house.faults.release()
        served.house.turn()
        assert tags(messi.heard()) == [1, None, 2, 3, 4]

    def test_a_command_that_is_not_pipelined_waits_for_those_before_it(
        self, served: Served, messi: Peer
    ) -> None:
        served.house.faults.hold()
        messi.say(send(1), {"do": "history", "id": 2, "with": "henderson"}, send(3))
        assert messi.wire.paused
        assert [row.text for row in served.house.rows(MessageRow)] == ["halo"]
        served.house.faults.release()
        served.house.turn()
        replies = messi.heard()
        assert tags(replies) == [1, 2, 3]
        assert len(replies[1]["messages"]) == 2  # it saw the send before it, and not the one after it
        assert not messi.wire.paused

    def test_nothing_is_read_while_a_command_runs_alone(self, served: Served, messi: Peer) -> None:
        served.house.slow.slow = True
        messi.say({"do": "history", "id": 1, "with": "henderson"}, {"do": "conversations", "id": 2})
        first = [call.name for call in served.house.slow.calls]
        messi.say({"do": "sessions", "id": 3})
        assert messi.wire.paused
        assert [call.name for call in served.house.slow.calls] == first
        served.house.slow.rush()
        served.house.turn()
        assert tags(messi.heard()) == [1, 2, 3]

    def test_up_to_256_are_in_flight(self, served: Served, messi: Peer) -> None:
        served.house.faults.hold()
        before = served.house.realm.writer.newest_seq
        messi.say(*[send(number) for number in range(600)])
        assert served.house.realm.writer.newest_seq - before == 256
        assert messi.wire.paused
        served.house.faults.release()
        served.house.turn()
        assert tags(messi.heard()) == [*range(600)]
        assert not messi.wire.paused

    def test_lines_that_are_refused_count_as_in_flight(self, served: Served, messi: Peer) -> None:
        served.house.faults.hold()
        messi.say(send(0), *["foo"] * 255)
        assert messi.wire.paused
        messi.say(*["foo"] * 1000, b"x" * 70_000, b"\r\n")
        served.house.faults.release()
        served.house.turn()
        replies = messi.heard()
        assert [reply["status"] for reply in replies] == ["OK"] + ["ERROR"] * 1256
        assert not messi.wire.paused

    def test_over_long_lines_count_as_in_flight(self, served: Served, messi: Peer) -> None:
        served.house.faults.hold()
        messi.say(send(0))
        for number in range(255):
            assert not messi.wire.paused, number
            messi.say(b"x" * 70_000 + b"\r\n")
        assert messi.wire.paused
        served.house.faults.release()
        served.house.turn()
        assert len(messi.heard()) == 256

    def test_a_pipeline_of_one_is_no_pipeline(self) -> None:
        served = Served(Limits(pipeline=1))
        served.house.add("henderson")
        messi = served.peer("messi")
        messi.say(*[send(number) for number in range(500)])
        assert tags(messi.heard()) == [*range(500)]

    @pytest.mark.parametrize("limits", [Limits(open_rows=16), Limits(open_bytes=2000), Limits(open_rows=1)])
    def test_a_full_writer_stops_all_readers_until_it_has_room(self, limits: Limits) -> None:
        served = Served(limits)
        served.house.add("henderson")
        peers = [served.peer("messi"), served.peer("lineker")]
        for peer in peers:
            peer.ask(send(0))
        served.house.faults.hold()
        writer = served.house.realm.writer
        before = writer.newest_seq
        for peer in peers:
            peer.say(*[send(number, text="x" * 100) for number in range(100)])
        assert writer.full
        assert writer.newest_seq - before <= 21  # one more from each connection
        assert all(peer.wire.paused for peer in peers)
        served.house.faults.release()
        served.house.turn()
        for peer in peers:
            assert tags(peer.heard()) == [*range(100)]
            assert not peer.wire.paused

    def test_room_is_given_to_one_after_the_other(self) -> None:
        """Whoever waits gets no more than there is: one command above the bound, however many wait."""
        bound = Limits(open_rows=64).open_rows * 7 // 8
        served = Served(Limits(open_rows=64, connections_per_address=0))
        names = [f"user{number}" for number in range(10)]
        served.house.add(*names)
        peers = [served.peer(names[0]) for _ in range(50)]
        lines = [{"do": "send", "id": number, "to": names, "text": "halo"} for number in range(4)]
        for peer in peers:
            peer.ask(lines[0])  # to have the routes
        writer = served.house.realm.writer
        served.house.slow.slow = True
        newest = writer.newest_seq
        for peer in peers:
            peer.say(*lines)
        rounds = [writer.newest_seq - newest]
        while served.house.slow.calls:
            newest = writer.newest_seq
            served.house.slow.tell_oldest("commit")
            served.house.turn()
            rounds.append(writer.newest_seq - newest)
        assert max(rounds) < bound + len(names)
        for peer in peers:
            assert tags(peer.heard()) == [0, 1, 2, 3]
            assert not peer.wire.paused

    @pytest.mark.parametrize("seed", range(60))
    def test_whatever_takes_however_long_replies_come_in_order(self, seed: int) -> None:
        random = Random(seed)
        served = Served(Limits(pipeline=random.choice([1, 3, 256]), open_rows=random.choice([8, 8192])))
        served.house.add("henderson", "lineker")
        messi = served.peer("messi")
        served.house.slow.slow = True
        lines: list[dict[str, Any] | str] = []
        for number in range(80):
            lines.append(
                random.choice(
                    [
                        send(number, random.choice(["henderson", "lineker"]), cid=f"c:{number}"),
                        send(number, "henderson", cid=f"random{random.randrange(5)}"),
                        send(number, "nobody"),
                        {"do": "ack", "id": number, "seq": number},
                        {"do": "read", "id": number, "with": "lineker", "seq": number},
                        {"do": "history", "id": number, "with": "henderson"},
                        {"do": "hello", "id": number},
                        {"do": "create", "id": number, "group": "tim"},
                        {"do": "dance", "id": number},
                        {"do": "send", "id": number},
                    ]
                )
            )
        stream = b"".join(as_line(line) for line in lines)
        replies: list[dict[str, Any]] = []
        while stream or len(replies) < len(lines):
            if stream and not messi.wire.paused and random.random() < 0.2:
                cut = random.choice([1, 50, 5000])
                messi.protocol.dataReceived(stream[:cut])
                stream = stream[cut:]
            random.choice([served.house.turn, lambda: served.house.slow.go_on(random)])()
            replies += messi.heard()
        assert tags(replies) == [*range(80)]
        for reply, line in zip(replies, lines, strict=True):
            assert isinstance(line, dict)
            assert ("mid" in reply) == (line.get("to") in ("henderson", "lineker"))

    def test_one_connection_has_16_commands_that_run_alone_in_a_turn(self, served: Served) -> None:
        """They cost no time here, and would otherwise be carried out as long as there are any."""
        flood, other = served.peer(), served.peer()
        flood.protocol.dataReceived(b"".join(as_line({**HELLO, "id": number}) for number in range(1000)))
        other.protocol.dataReceived(as_line(HELLO))
        answered: list[tuple[int, int]] = []
        served.house.clock.callLater(0, lambda: answered.append((len(flood.heard()), len(other.heard()))))
        served.house.turn()
        assert answered == [(16, 1)]
        assert tags(flood.heard()) == [*range(16, 1000)]
        assert not flood.wire.paused

    def test_all_replies_of_a_turn_are_one_write(self, messi: Peer) -> None:
        before = messi.wire.writes
        messi.say(*[send(number) for number in range(50)])
        assert messi.wire.writes == before + 1


class TestPushes:
    def listener(self, served: Served, name: str = "henderson") -> Peer:
        peer = served.peer(name)
        peer.ask({"do": "listen"})
        return peer

    def test_events_come_as_they_are_stored(self, served: Served, messi: Peer) -> None:
        henderson = self.listener(served)
        messi.say(send(1, text="a"), send(2, text="b"))
        assert [(event["event"], event["text"]) for event in henderson.heard()] == [
            ("message", "a"),
            ("message", "b"),
        ]

    def test_pushes_stop_when_the_client_does_not_read_and_nothing_is_lost(
        self, served: Served, messi: Peer
    ) -> None:
        henderson = self.listener(served)
        henderson.wire.reading = False
        for number in range(100):
            messi.say(send(number, text=f"{number} " + "x" * 8000))
        assert len(henderson.wire.waiting) < 3 * FULL
        texts: list[str] = []
        for number in range(100, 200):
            messi.say(send(number, text=f"{number} " + "x" * 8000))
            henderson.wire.take()
            served.house.turn()
            assert len(henderson.wire.waiting) < 3 * FULL
            texts += [event["text"] for event in henderson.heard()]
        while henderson.wire.waiting:
            henderson.wire.take()
            served.house.turn()
            texts += [event["text"] for event in henderson.heard()]
        assert [text.split()[0] for text in texts] == [str(number) for number in range(200)]

    def test_a_connection_that_takes_nothing_for_30_seconds_is_ended(
        self, served: Served, messi: Peer
    ) -> None:
        henderson = self.listener(served)
        henderson.wire.reading = False
        for number in range(30):
            messi.say(send(number, text="x" * 8000))
        served.house.turn(29.9)
        assert not henderson.wire.aborted
        served.house.turn(0.2)
        henderson.settle()
        assert henderson.wire.aborted
        messi.heard()
        assert messi.ask(send(31))["status"] == "OK"  # nobody else is harmed

    def test_progress_puts_that_off(self, served: Served, messi: Peer) -> None:
        henderson = self.listener(served)
        henderson.wire.reading = False
        for number in range(60):
            messi.say(send(number, text="x" * 8000))
        for _ in range(4):
            served.house.turn(29)
            assert not henderson.wire.aborted
            henderson.wire.take()
            served.house.turn()
        while henderson.wire.waiting:
            henderson.wire.take()
            served.house.turn()
        served.house.turn(100)
        assert not henderson.wire.aborted

    def test_a_slow_reader_of_pushes_may_still_ask(self, served: Served, messi: Peer) -> None:
        henderson = self.listener(served)
        henderson.wire.reading = False
        for number in range(30):
            messi.say(send(number, text="x" * 8000))
        henderson.say({"do": "hello", "id": "asked"})
        henderson.wire.take()
        served.house.turn()
        henderson.wire.take()
        assert "asked" in tags(henderson.heard())

    def test_nothing_is_ever_sent_unasked_to_a_text_client(self, served: Served, messi: Peer) -> None:
        henderson = served.peer()
        assert henderson.ask("auth henderson surabaya ")["status"] == "OK"
        messi.say(send(1))
        served.house.turn(60)
        watch(served.factory.drain())
        served.house.turn()
        henderson.settle()
        assert henderson.wire.taken == b""
        assert henderson.closed

    def test_a_session_that_ends_elsewhere_says_goodbye_to_its_listeners(self, served: Served) -> None:
        henderson = self.listener(served)
        text = served.peer("henderson")
        other = served.peer("henderson")
        assert other.ask({"do": "logout", "everywhere": True})["status"] == "OK"
        for peer in (henderson, text, other):
            peer.settle()
        assert henderson.heard() == [{"event": "goodbye", "reason": "logged-out", "retry_after": 2.5}]
        assert (henderson.closed, text.closed, other.closed) == (True, True, True)

    def test_a_session_that_expires_says_goodbye_after_the_replies_and_then_nothing(self) -> None:
        served = Served(Limits(session_seconds=86400))
        henderson = self.listener(served)
        served.house.turn(86399)
        served.house.faults.hold()
        henderson.say(send(1))
        served.house.turn(1.001)
        assert henderson.heard() == []
        served.house.faults.release()
        served.house.turn()
        henderson.settle()
        reply, goodbye = henderson.heard()
        assert (reply["re"], reply["status"]) == (1, "OK")
        assert goodbye == {"event": "goodbye", "reason": "logged-out", "retry_after": 2.5}
        assert henderson.closed
        assert served.peer("messi").ask(send(2))["status"] == "OK"

    def test_who_logs_out_while_listening_is_answered_first(self, served: Served) -> None:
        henderson = self.listener(served)
        henderson.say({"do": "logout", "id": 1})
        assert henderson.heard() == [
            {"re": 1, "status": "OK"},
            {"event": "goodbye", "reason": "logged-out", "retry_after": 2.5},
        ]
        assert henderson.closed


class TestReplies:
    def test_a_reply_that_is_not_read_pauses_reading(self, served: Served, messi: Peer) -> None:
        for number in range(30):
            messi.ask(send(number, text="x" * 8000))
        messi.wire.reading = False
        page = {"do": "history", "id": 1, "with": "henderson", "limit": 200}
        messi.say(page, page, page, page)
        assert messi.wire.paused
        assert len(messi.wire.waiting) < 2 * FULL + 256 * 1024
        for _ in range(40):
            messi.wire.take()
            served.house.turn()
        assert tags(messi.heard()) == [1, 1, 1, 1]
        assert not messi.wire.paused

    def test_it_ends_the_connection_only_without_progress(self, served: Served, messi: Peer) -> None:
        for number in range(30):
            messi.ask(send(number, text="x" * 8000))
        messi.wire.reading = False
        messi.say({"do": "history", "with": "henderson", "limit": 200})
        served.house.turn(29)
        messi.wire.take()
        served.house.turn(29)
        assert not messi.wire.aborted
        served.house.turn(2)
        assert messi.wire.aborted


class TestStrangers:
    def test_a_line_above_4_kib_is_refused_and_ends_the_connection(self, served: Served) -> None:
        peer = served.peer()
        peer.say(b"x" * 4096 + b"\r\n")
        assert peer.heard()[0]["code"] == "unknown-command"
        peer.say(b"x" * 4097 + b"\r\n", HELLO)
        assert [reply["code"] for reply in peer.heard()] == ["line-too-long"]
        assert peer.closed

    def test_an_over_long_line_is_refused_before_its_end_comes(self, served: Served) -> None:
        peer = served.peer()
        peer.say(b"{" * 5000)
        assert peer.wire.taken == (
            b'{"status":"ERROR","code":"line-too-long","message":"the line is too long"}\r\n'
        )
        assert peer.closed

    def test_16_bad_lines_are_answered_and_the_connection_goes_on(self, served: Served) -> None:
        peer = served.peer()
        bad: list[str | bytes] = ["foo", "{", b"\xff\r\n", '{"do":"dance"}']
        peer.say(*bad * 4, HELLO)
        assert [reply["status"] for reply in peer.heard()] == ["ERROR"] * 16 + ["OK"]
        peer.say("foo", HELLO)
        assert [reply["code"] for reply in peer.heard()] == ["unknown-command"]
        assert peer.closed

    def test_after_login_bad_lines_are_answered_for_ever(self, messi: Peer) -> None:
        messi.say(*["foo"] * 100, HELLO)
        assert len(messi.heard()) == 101
        assert not messi.closed

    @pytest.mark.parametrize(("said", "ending"), [("", "text"), ("info", "text"), (HELLO, "json")])
    def test_who_does_not_log_in_within_10_seconds_is_told_and_leaves(
        self, served: Served, said: Any, ending: str
    ) -> None:
        peer = served.peer()
        if said:
            peer.ask(said)
        served.house.turn(9.9)
        assert peer.heard() == []
        served.house.turn(0.2)
        peer.settle()
        assert peer.wire.taken.endswith(b"\r\n\r\n") == (ending == "text")
        assert [reply["code"] for reply in peer.heard()] == ["login-timeout"]
        assert peer.closed

    def test_who_logs_in_in_time_stays(self, served: Served) -> None:
        token = served.peer().ask(f"auth messi {PASSWORD}")["tokenid"]
        json_token = served.peer().ask({"do": "login", "user": "messi", "password": PASSWORD})["token"]
        ways: list[Any] = [
            f"auth messi {PASSWORD} ",
            "register ani rahasia",
            f"inbox {token}",
            {"do": "resume", "token": json_token},
        ]
        for way in ways:
            peer = served.peer()
            assert peer.ask(way)["status"] == "OK"
            served.house.turn(60)
            peer.settle()
            assert not peer.closed
            peer.say(b"x" * 5000 + b"\r\n", "info")
            assert [reply["status"] for reply in peer.heard()] == ["ERROR", "OK"]

    def test_a_wrong_token_is_no_login(self, served: Served) -> None:
        peer = served.peer()
        peer.ask("inbox 3f2b8c1e-9d4a-4f6b-8a2c-0e1d2c3b4a59")
        served.house.turn(11)
        assert [reply["code"] for reply in peer.heard()] == ["login-timeout"]

    def test_without_a_deadline_a_client_may_wait(self) -> None:
        served = Served(Limits(login_seconds=0))
        peer = served.peer()
        served.house.turn(86400)
        assert peer.ask(HELLO)["status"] == "OK"

    def test_an_over_long_line_after_login_is_refused_and_skipped(self, messi: Peer) -> None:
        messi.say(b"{" * 65537)
        messi.say(b"x" * 100_000)
        messi.say(b"xx\r\n", {"do": "hello", "id": 1})
        replies = messi.heard()
        assert [reply.get("code") for reply in replies] == ["line-too-long", None]
        assert tags(replies) == [None, 1]

    @pytest.mark.parametrize(
        "line", [b"GET / HTTP/1.1\r\n", b"POST /x HTTP/1.0\r\nHost: x\r\n\r\n", b"OPTIONS * HTTP/2\n"]
    )
    def test_a_browser_is_hung_up_on(self, served: Served, line: bytes) -> None:
        peer = served.peer()
        peer.say(line, "info")
        assert peer.wire.aborted
        assert peer.heard() == []

    def test_only_the_first_line_can_look_like_a_browser(self, messi: Peer) -> None:
        assert messi.ask("GET / HTTP/1.1")["code"] == "unknown-command"


class TestConnections:
    def test_one_address_has_its_share(self) -> None:
        served = Served(Limits(connections_per_address=2))
        first, second = served.peer(), served.peer()
        refused = served.peer()
        assert refused.wire.taken.endswith(b"\r\n\r\n")
        (told,) = refused.heard()
        assert (told["code"], told["retry_after"]) == ("too-many-connections", 10.0)
        assert refused.wire.disconnecting
        assert served.peer(address="192.0.2.2").ask(HELLO)["status"] == "OK"
        first.lose()
        assert served.peer().ask(HELLO)["status"] == "OK"
        assert second.ask(HELLO)["status"] == "OK"

    def test_all_together_have_a_bound(self) -> None:
        served = Served(Limits(connections=2, connections_per_address=0))
        peers = [served.peer(), served.peer()]
        assert served.peer().heard()[0]["code"] == "too-many-connections"
        peers[0].lose()
        assert served.peer().ask(HELLO)["status"] == "OK"

    def test_an_administrators_connection_has_no_deadline(self) -> None:
        served = Served(administrator=True)
        peer = served.peer()
        served.house.turn(60)
        assert peer.ask({"do": "user-list"})["users"] == []

    def test_lines_that_wait_are_not_carried_out_after_the_connection_is_lost(
        self, served: Served, messi: Peer
    ) -> None:
        served.house.faults.hold()
        messi.say(send(1), {"do": "create", "group": "tim"}, send(2))
        messi.lose()
        served.house.faults.release()
        served.house.turn()
        assert len(served.house.rows(MessageRow)) == 2  # what was under way is stored, and nobody is told
        assert served.house.wait(served.house.faults.group("tim")) is None
        assert messi.heard() == []


class TestFaults:
    @pytest.mark.parametrize("when", ["at once", "later"])
    def test_a_fault_is_logged_and_not_told(
        self, messi: Peer, logged_failures: LoggedFailures, monkeypatch: pytest.MonkeyPatch, when: str
    ) -> None:
        def broken(*_: object) -> None:
            raise ZeroDivisionError("secret")

        async def broken_later(*_: object) -> None:
            raise ZeroDivisionError("secret")

        direct: dict[Any, Any] = DIRECT
        monkeypatch.setitem(direct, commands.Ack, broken if when == "at once" else broken_later)
        messi.say({"do": "ack", "id": 1, "seq": 1}, HELLO)
        assert messi.wire.taken == (
            b'{"re":1,"status":"ERROR","code":"internal-error",'
            b'"message":"the server failed; its log says why"}\r\n'
        )
        assert messi.closed
        assert [str(failure.value) for failure in logged_failures.take(ZeroDivisionError)] == ["secret"]

    def test_a_store_that_fails_ends_all_connections_without_a_word(
        self, served: Served, messi: Peer, logged_failures: LoggedFailures
    ) -> None:
        idle = served.peer()
        served.house.faults.fail_next(stored=True)
        messi.say(send(1))
        assert messi.heard() == []
        assert messi.wire.aborted
        assert idle.wire.aborted
        assert logged_failures.take(StoreFailed)

    @pytest.mark.parametrize(
        "command",
        [
            {"do": "register", "user": "amsal", "password": PASSWORD},
            {"do": "create", "group": "tim"},
            {"do": "login", "user": "messi", "password": PASSWORD, "device": "phone"},
        ],
        ids=lambda command: command["do"],
    )
    def test_who_waits_for_a_store_that_fails_is_told_nothing(
        self, served: Served, messi: Peer, logged_failures: LoggedFailures, command: dict[str, Any]
    ) -> None:
        served.house.faults.hold()
        served.house.faults.fail_next()
        messi.say(command, HELLO)
        other = served.peer()
        other.protocol.dataReceived(as_line(HELLO))  # its reply would leave at the end of this turn
        served.house.faults.release()
        served.house.turn()
        for peer in (messi, other):
            peer.settle()
            assert peer.heard() == []
            assert peer.wire.aborted
        assert len(logged_failures.take(StoreFailed)) == 1

    def test_a_full_disk_is_told_with_a_time_to_come_back(self, served: Served, messi: Peer) -> None:
        served.house.faults.refuse_next()
        reply = messi.ask(send(1))
        assert (reply["code"], reply["retry_after"]) == ("store-full", 1.0)
        assert messi.ask(send(2))["status"] == "OK"


class TestDrain:
    def test_what_was_read_is_answered_and_listeners_are_told(self, served: Served, messi: Peer) -> None:
        listener, idle = served.peer("henderson"), served.peer()
        listener.ask({"do": "listen"})
        served.house.faults.hold()
        messi.say(send(1), send(2))
        done = watch(served.factory.drain())
        assert (messi.heard(), done, messi.closed) == ([], [], False)
        messi.say(send(3))  # nobody reads it
        served.house.faults.release()
        served.house.turn()
        for peer in (messi, listener, idle):
            peer.settle()
        assert tags(messi.heard()) == [1, 2]
        assert idle.heard() == []
        told = listener.heard()
        assert told[-1] == {"event": "goodbye", "reason": "shutdown", "retry_after": 2.5}
        assert done == [None]
        assert messi.closed
        assert len(served.house.rows(MessageRow)) == 3

    def test_who_does_not_read_is_cut_after_5_seconds(self, served: Served, messi: Peer) -> None:
        for number in range(30):
            messi.ask(send(number, text="x" * 8000))
        messi.wire.reading = False
        messi.say({"do": "history", "with": "henderson", "limit": 200})
        done = watch(served.factory.drain())
        served.house.turn(4.9)
        assert (done, messi.wire.aborted) == ([], False)
        served.house.turn(0.2)
        assert messi.wire.aborted
        messi.settle()
        assert done == [None]

    def test_without_connections_it_is_done(self, served: Served) -> None:
        assert watch(served.factory.drain()) == [None]

    def test_nothing_is_left_on_the_clock(self, served: Served, messi: Peer) -> None:
        watch(served.factory.drain())
        served.house.turn()
        messi.settle()
        served.house.wait(served.house.realm.close())
        assert [call for call in served.house.clock.getDelayedCalls() if call.getTime() > 0] == []
