"""Lines that carry a file: only from users, only a few at a time, and none of them costs the next one."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest

from chatproto.limits import Limits
from chatproto.protocols.large_lines import LARGE_LINES
from tests.protocols.wires import Peer, Served
from tests.realm.house import PASSWORD

LIMITS = Limits(sendfile_bytes=200_000)
#: The longest line with these limits, without its end.
MOST = 300_000
STRANGE_TOKEN = "3f2b8c1e-9d4a-4f6b-8a2c-0e1d2c3b4a59"


@pytest.fixture
def served() -> Iterator[Served]:
    served = Served(LIMITS)
    served.house.add("messi", "henderson")
    yield served
    served.house.clock.advance(100)


def auth(served: Served, user: str = "messi") -> tuple[Peer, str]:
    peer = served.peer()
    return peer, str(peer.ask(f"auth {user} {PASSWORD}")["tokenid"])


def code(reply: dict[str, Any]) -> str:
    return str(reply["code"])


def line(size: int, start: str = "sendfile henderson a.txt ") -> bytes:
    """Return a line of so many bytes that is read as a whole, and then refused: it is no base64."""
    return start.encode().ljust(size, b"!") + b"\r\n"


def say(peer: Peer, data: bytes, size: int = 1024) -> None:
    """Send as older clients and networks do, as far as somebody reads."""
    for start in range(0, len(data), size):
        peer.protocol.dataReceived(data[start : start + size])
        peer.house.turn()
    peer.settle()


class TestWhoMay:
    def test_a_user_may_send_a_line_of_its_own_length(self, served: Served) -> None:
        messi, _ = auth(served)
        for size, expected in ((70_000, "bad-field"), (260_000, "bad-field"), (MOST, "file-too-large")):
            say(messi, line(size) + b"inbox\r\n")
            refused, box = messi.heard()
            assert code(refused) == expected
            assert box == {"status": "OK", "messages": {}}

    @pytest.mark.parametrize("piece", [1024, 65536, 10**9])
    def test_one_that_is_longer_still_is_skipped_and_answered(self, served: Served, piece: int) -> None:
        messi, _ = auth(served)
        say(messi, b"inbox\r\n" + line(MOST + 1) + b"inbox\r\n" + line(2 * MOST) + b"inbox\r\n", piece)
        assert [reply.get("code") for reply in messi.heard()] == [
            None,
            "line-too-long",
            None,
            "line-too-long",
            None,
        ]
        assert not messi.closed

    @pytest.mark.parametrize(
        "start",
        ["send henderson ", "sendfiles henderson a ", "sendgroup henderson ", " sendfile a ", '{"do":'],
    )
    def test_no_other_line_may(self, served: Served, start: str) -> None:
        messi, _ = auth(served)
        say(messi, line(64 * 1024 + 1, start) + b"inbox\r\n")
        refused, box = messi.heard()
        assert code(refused) == "line-too-long"
        assert box["status"] == "OK"

    @pytest.mark.parametrize("start", ["sendfile henderson a.txt ", f"auth {STRANGE_TOKEN} "])
    def test_a_stranger_may_not_and_is_sent_away(self, served: Served, start: str) -> None:
        stranger = served.peer()
        say(stranger, line(5000, start))
        assert [code(reply) for reply in stranger.heard()] == ["line-too-long"]
        assert stranger.closed

    def test_who_names_a_session_is_no_stranger(self, served: Served) -> None:
        _, token = auth(served)
        for verb in ("sendfile", "senfile", "sendgroupfile"):
            peer = served.peer()
            say(peer, line(260_000, f"{verb} {token} henderson a.txt ") + b"inbox\r\n")
            refused, box = peer.heard()
            assert code(refused) == "bad-field"
            assert code(box) == "not-logged-in"
            assert not peer.closed

    def test_neither_after_a_restart(self, served: Served) -> None:
        _, token = auth(served)
        house = served.house
        house.restart()
        served.factory.realm = house.realm
        peer = served.peer()
        say(peer, line(100_000, f"sendfile {token} henderson a.txt "))
        assert [code(reply) for reply in peer.heard()] == ["bad-field"]

    def test_nor_for_another_command(self, served: Served) -> None:
        _, token = auth(served)
        peer = served.peer()
        say(peer, line(10_000, f"send {token} henderson "))
        assert [reply["status"] for reply in peer.heard()] == ["OK"]
        say(peer, line(70_000, f"send {token} henderson "))
        assert [code(reply) for reply in peer.heard()] == ["line-too-long"]
        assert not peer.closed

    def test_a_token_that_is_none_is_said_to_be_that(self, served: Served) -> None:
        peer = served.peer()
        say(peer, line(100_000, f"sendfile {STRANGE_TOKEN} henderson a.txt "))
        assert [reply["message"] for reply in peer.heard()] == ["Informasi tidak ditemukan"]
        assert peer.closed

    def test_a_line_that_came_in_one_read_is_judged_alike(self, served: Served) -> None:
        _, token = auth(served)
        peer = served.peer()
        peer.say(line(100_000, f"sendfile {token} henderson a.txt ") + b"inbox \r\n")
        assert [code(reply) for reply in peer.heard()] == ["bad-field", "not-logged-in"]

    def test_live_mode_has_no_such_lines(self, served: Served) -> None:
        messi, token = auth(served)
        messi.say(f"group {token} bola origin")
        messi.wire.taken = b""
        say(messi, line(70_000))
        for _ in range(5):
            served.house.turn(0.1)
        assert b"** the line is too long" in messi.wire.taken


class TestRoom:
    def begin(self, served: Served, count: int, user: str = "messi") -> list[Peer]:
        """Return connections in the middle of a line each."""
        peers = [auth(served, user)[0] for _ in range(count)]
        for peer in peers:
            say(peer, line(260_000)[:100_000])
        return peers

    def test_there_is_room_for_a_few_and_the_next_waits(self, served: Served) -> None:
        *few, next_ = self.begin(served, LARGE_LINES + 1)
        assert [peer.wire.paused for peer in few] == [False] * LARGE_LINES
        assert next_.wire.paused
        assert served.factory.large_lines.load == {"taken": LARGE_LINES, "waiting": 1}
        say(few[0], line(260_000)[100_000:])
        assert [code(reply) for reply in few[0].heard()] == ["bad-field"]
        assert not next_.wire.paused
        say(next_, line(260_000)[100_000:])
        assert [code(reply) for reply in next_.heard()] == ["bad-field"]

    def test_whose_lines_are_coming_does_not_keep_others_waiting_with_further_ones(
        self, served: Served
    ) -> None:
        few = self.begin(served, LARGE_LINES)
        more = self.begin(served, 2)
        (other,) = self.begin(served, 1, "henderson")
        few[0].lose()
        assert [peer.wire.paused for peer in (*more, other)] == [True, True, False]
        few[1].lose()
        assert [peer.wire.paused for peer in more] == [False, True]

    def test_a_connection_that_is_lost_makes_room(self, served: Served) -> None:
        *few, next_, last = self.begin(served, LARGE_LINES + 2)
        next_.lose()
        few[0].lose()
        assert not last.wire.paused

    def test_a_line_that_is_too_long_makes_room(self, served: Served) -> None:
        *few, next_ = self.begin(served, LARGE_LINES + 1)
        say(few[2], b"!" * MOST)
        assert not next_.wire.paused

    def test_small_lines_need_no_room(self, served: Served) -> None:
        self.begin(served, LARGE_LINES)
        messi, _ = auth(served)
        say(messi, line(60_000))
        assert [code(reply) for reply in messi.heard()] == ["bad-field"]

    def test_nobody_takes_for_ever_while_others_wait(self, served: Served) -> None:
        few = self.begin(served, LARGE_LINES)
        served.house.turn(300.0)
        assert not any(peer.wire.taken for peer in few)  # nobody waits
        (next_,) = self.begin(served, 1)
        served.house.turn()
        assert not next_.wire.paused
        (refused,) = few[0].heard()
        assert (code(refused), refused["retry_after"]) == ("busy", 1.0)
        say(few[0], line(260_000)[100_000:] + b"inbox\r\n")
        assert few[0].heard() == [{"status": "OK", "messages": {}}]

    def test_who_began_a_while_ago_is_let_finish(self, served: Served) -> None:
        few = self.begin(served, LARGE_LINES)
        served.house.turn(50.0)
        next_, last = self.begin(served, 2)
        served.house.turn(9.0)
        say(few[0], line(260_000)[100_000:])
        assert [code(reply) for reply in few[0].heard()] == ["bad-field"]
        assert (next_.wire.paused, last.wire.paused) == (False, True)
        served.house.turn(1.0)
        assert [code(reply) for peer in few[1:] for reply in peer.heard()] == ["busy"]
        assert not last.wire.paused

    def test_nothing_is_left_on_the_clock(self, served: Served) -> None:
        peers = self.begin(served, LARGE_LINES + 3)
        for peer in peers:
            peer.lose()
        assert not [call for call in served.house.clock.getDelayedCalls() if "LargeLines" in str(call)]
