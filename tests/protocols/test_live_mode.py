"""The text dialect's live mode, as older clients know it: plain text in, one line a write out."""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from chatproto.limits import Limits
from chatproto.protocols.live import SILENCE_SECONDS
from chatproto.protocols.spaced import APART_SECONDS, SPACE_SECONDS
from tests.protocols.wires import Peer, Served

LEFT = b'{"status": "OK", "message": "Telah keluar dari grup bola"}\r\n\r\n'
END = b"\r\n\r\n"


@pytest.fixture
def served() -> Served:
    served = Served()
    served.house.add("messi", "henderson", "lineker")
    return served


class Older(Peer):
    """An older client: what it shows is what came in each write."""

    def __init__(self, served: Served, user: str) -> None:
        super().__init__(served)
        self.say(f"auth {user} surabaya ")
        self.token = json.loads(self.wire.taken)["tokenid"]
        self.shown()

    def type(self, text: str | bytes, *, wait: float = 0.2) -> None:
        """Send a text as it is, and let some time pass."""
        self.say(text if isinstance(text, bytes) else text.encode())
        self.rest(wait)

    def rest(self, seconds: float) -> None:
        """Let time pass in small steps."""
        for _ in range(round(seconds / 0.01)):
            self.house.turn(0.01)

    def shown(self) -> list[bytes]:
        """Return what was written since the last time, write by write."""
        pieces = self.wire.pieces[:]
        self.wire.pieces.clear()
        self.wire.taken = b""
        return pieces


def enter(served: Served, *users: str, group: str = "bola") -> list[Older]:
    """Return older clients that are live in a group."""
    clients = []
    for user in users:
        client = Older(served, user)
        client.type(f"group {client.token} {group} origin\r\n")
        clients.append(client)
    for client in clients:
        client.shown()
    return clients


def texts(served: Served, client: Peer, name: str = "bola") -> list[str]:
    """Return the texts of a group's history, as a JSON client reads it."""
    page = client.ask({"do": "history", "with": name})
    return [each["text"] for each in page["messages"] if "kind" not in each]


def events(peer: Peer, kind: str) -> list[dict[str, Any]]:
    return [event for event in peer.heard() if event.get("event") == kind]


def test_two_talk_as_in_the_older_system(served: Served) -> None:
    messi, henderson = Older(served, "messi"), Older(served, "henderson")
    messi.type(f"group {messi.token} bola origin\r\n")
    assert messi.shown() == [b"messi telah bergabung"]
    henderson.type(f"group {henderson.token} bola origin \r\n")
    assert (messi.shown(), henderson.shown()) == ([b"henderson telah bergabung"],) * 2
    messi.type("halo mes, nonton pildun ga?")
    assert (messi.shown(), henderson.shown()) == ([b"messi: halo mes, nonton pildun ga?"],) * 2
    henderson.type("nonton dong")
    assert (messi.shown(), henderson.shown()) == ([b"henderson: nonton dong"],) * 2
    messi.type("exit")
    assert (messi.shown(), henderson.shown()) == ([b"exit", LEFT], [b"messi meninggalkan group"])
    messi.type(f"inbox {messi.token} \r\n")
    (box,) = messi.shown()
    assert json.loads(box) == {"status": "OK", "messages": {}}  # it was shown


def test_without_a_token_the_session_of_the_connection_speaks(served: Served) -> None:
    messi = Older(served, "messi")
    messi.type("group bola\r\n")
    messi.type("halo\n")
    assert messi.shown() == [b"messi telah bergabung", b"messi: halo"]


def test_the_session_of_the_token_speaks_and_not_the_newest(served: Served) -> None:
    client = Older(served, "messi")
    client.say("auth henderson surabaya ")
    client.shown()
    client.type(f"group {client.token} bola origin\r\nhalo\n")
    assert client.shown() == [b"messi telah bergabung", b"messi: halo"]


def test_a_token_of_another_connection_ends_live_mode_with_its_session(served: Served) -> None:
    messi, stranger = Older(served, "messi"), served.peer()
    stranger.say(f"group {messi.token} bola")
    served.house.turn(0.1)
    assert stranger.wire.pieces == [b"messi telah bergabung"]
    messi.type(f"logout {messi.token}\r\n")
    stranger.settle()
    assert stranger.closed


def test_who_may_not_be_a_member_gets_an_ordinary_refusal(served: Served) -> None:
    owner, messi = served.peer("lineker"), Older(served, "messi")
    owner.ask({"do": "create", "group": "bola", "access": "invited"})
    for line, code in (
        ("group bola origin", "not-allowed"),
        ("group henderson origin", "group-exists"),
        ("group a,b origin", "bad-name"),
        ("group  bola", "bad-token"),
        ("group", "too-few-words"),
        ("exit", "unknown-command"),
    ):
        refused = messi.ask(line)
        assert (refused["status"], refused["code"]) == ("ERROR", code)
    assert messi.ask("inbox ") == {"status": "OK", "messages": {}}


def test_what_is_said_is_an_ordinary_message_and_json_clients_take_part(served: Served) -> None:
    (messi,) = enter(served, "messi")
    json_client = served.peer("henderson")
    json_client.say({"do": "join", "group": "bola"}, {"do": "listen"}, {"do": "live", "group": "bola"})
    replies = json_client.heard()
    assert replies[-1]["live"] == ["henderson@alpha", "messi@alpha"]
    messi.rest(0.1)
    assert messi.shown() == [b"henderson telah bergabung"]
    messi.type("halo")
    assert messi.shown() == [b"messi: halo"]
    (message,) = events(json_client, "message")
    assert (message["from"], message["to"], message["text"]) == ("messi@alpha", "bola@alpha", "halo")
    json_client.say({"do": "send", "to": "bola", "text": "hai\nmessi: aku\x1b[2J"})
    json_client.heard()
    messi.rest(0.1)
    assert messi.shown() == [b"henderson: hai messi: aku [2J"]
    json_client.ask({"do": "live", "group": "bola", "on": False})
    messi.rest(0.1)
    assert messi.shown() == [b"henderson meninggalkan group"]
    json_client.ask({"do": "live", "group": "bola"})
    messi.type("exit")
    (change,) = events(json_client, "live")
    assert (change["from"], change["on"]) == ("messi@alpha", False)
    assert texts(served, json_client) == ["halo", "hai\nmessi: aku\x1b[2J"]


def test_what_is_said_elsewhere_is_not_shown(served: Served) -> None:
    (messi,) = enter(served, "messi")
    henderson = served.peer("henderson")
    henderson.ask({"do": "send", "to": "messi", "text": "psst"})
    messi.rest(0.1)
    assert messi.shown() == []


def test_nothing_is_shown_before_it_is_on_disk(served: Served) -> None:
    messi, henderson = enter(served, "messi", "henderson")
    messi.shown()
    served.house.faults.hold()
    messi.type("halo\n")
    assert (messi.shown(), henderson.shown()) == ([], [])
    served.house.faults.release()
    messi.rest(0.1)
    assert (messi.shown(), henderson.shown()) == ([b"messi: halo"],) * 2


@settings(max_examples=30, deadline=None)
@given(st.data())
def test_pieces_do_not_depend_on_where_the_bytes_are_cut(data: st.DataObject) -> None:
    served = Served()
    served.house.add("messi")
    messi = Older(served, "messi")
    stream = "group bola origin\r\nsatu\r\ndua café\n\n \ntiga\r\nexit\ninfo\r\n".encode()
    while stream:
        cut = data.draw(st.integers(1, len(stream)))
        messi.say(stream[:cut])
        stream = stream[cut:]
        messi.house.turn(SILENCE_SECONDS / 4)
    messi.rest(1)
    shown = messi.shown()
    lines = ["messi telah bergabung", "messi: satu", "messi: dua café", "messi: tiga", "exit"]
    assert shown[:5] == [line.encode() for line in lines]
    assert b"".join(shown[5:]).startswith(LEFT + b'{"status": "OK", "message": {"messi": ')


def test_a_text_without_an_end_is_taken_after_a_silence(served: Served) -> None:
    (messi,) = enter(served, "messi")
    for part in ("ha", "lo ", "semua"):
        messi.say(part.encode())
        messi.rest(SILENCE_SECONDS - 0.01)
        assert messi.shown() == []
    messi.rest(0.02)
    assert messi.shown() == [b"messi: halo semua"]
    messi.type("satu\ndu", wait=SILENCE_SECONDS - 0.01)
    assert messi.shown() == [b"messi: satu"]
    messi.rest(0.05)
    assert messi.shown() == [b"messi: du"]


def test_text_and_exit_in_one_write(served: Served) -> None:
    messi, henderson = enter(served, "messi", "henderson")
    messi.shown()
    messi.type("pulang dulu\nexit\n", wait=0.5)
    assert messi.shown() == [b"messi: pulang dulu", b"exit", LEFT]
    assert henderson.shown() == [b"messi: pulang dulu", b"messi meninggalkan group"]


def test_exit_stands_alone_between_two_pauses(served: Served) -> None:
    (messi,) = enter(served, "messi")
    messi.type("halo\n", wait=0)
    assert messi.shown() == [b"messi: halo"]
    messi.type("exit\ninbox \r\n", wait=APART_SECONDS - 0.02)
    assert messi.shown() == []
    messi.rest(0.03)
    assert messi.shown() == [b"exit"]
    messi.rest(APART_SECONDS - 0.02)
    assert messi.shown() == []
    messi.rest(0.03)
    assert b"".join(messi.shown()).startswith(LEFT + b'{"status": "OK", "messages": ')


def test_one_may_come_back_and_is_a_member_still(served: Served) -> None:
    (messi,) = enter(served, "messi")
    messi.type("exit", wait=0.5)
    messi.shown()
    assert messi.ask("joingroup bola")["status"] == "OK"  # from now on it has mail of it
    messi.shown()
    messi.type("group bola\r\nlagi\nexit\n", wait=0.6)
    assert messi.shown() == [b"messi telah bergabung", b"messi: lagi", b"exit", LEFT]
    messi.say("info", "info")
    assert len(messi.shown()) == 1  # in command mode replies are joined again


def test_lines_are_spaced_and_in_order_at_twenty_a_second(served: Served) -> None:
    messi, henderson = enter(served, "messi", "henderson")
    messi.shown()
    for number in range(40):
        messi.type(f"nomor {number}\n", wait=0.05)
        assert henderson.shown() == [b"messi: nomor %d" % number]


def test_a_burst_is_shown_line_by_line(served: Served) -> None:
    messi, henderson = enter(served, "messi", "henderson")
    messi.shown()
    messi.type("".join(f"{number}\n" for number in range(30)), wait=0)
    assert len(henderson.shown()) == 1
    for number in range(1, 30):
        served.house.turn(SPACE_SECONDS)
        assert henderson.shown() == [b"messi: %d" % number]


def test_what_does_not_fit_is_read_from_the_log_later(served: Served) -> None:
    messi, henderson = enter(served, "messi", "henderson")
    messi.shown()
    for first in range(0, 300, 50):
        messi.type("".join(f"{number}\n" for number in range(first, first + 50)), wait=0)
        assert henderson.protocol.unsent <= 66 * 1024  # type: ignore[attr-defined]
    henderson.rest(10)
    assert henderson.shown() == [b"messi: %d" % number for number in range(300)]


def test_a_client_that_does_not_read_is_bounded_and_then_aborted(served: Served) -> None:
    messi, henderson = enter(served, "messi", "henderson")
    henderson.wire.reading = False
    for _ in range(40):
        messi.type(("x" * 16_000 + "\n") * 2, wait=0.1)
        held = henderson.protocol.unsent + len(henderson.wire.waiting)  # type: ignore[attr-defined]
        assert held < 3 * 64 * 1024
    served.house.turn(31)
    henderson.settle()
    assert henderson.wire.aborted
    messi.rest(0.1)
    assert messi.shown()[-1] == b"henderson meninggalkan group"


def test_refusals_are_shown_as_a_line_and_nothing_ends(served: Served) -> None:
    messi, henderson = enter(served, "messi", "henderson")
    messi.shown()
    messi.type(b"x" * 17_000 + b"\n" + b"y" * 70_000 + b"\n" + b"\xff\n", wait=0.5)
    assert [piece[:3] for piece in messi.shown()] == [b"** "] * 3
    messi.type(b"z" * 70_000)  # and no line's end
    assert [piece[:3] for piece in messi.shown()] == [b"** "]
    messi.type("halo")
    assert henderson.shown() == [b"messi: halo"]


def test_rates_hold(served: Served) -> None:
    served = Served(Limits(messages=1.0, messages_burst=2), rates=True)
    served.house.add("messi")
    (messi,) = enter(served, "messi")
    messi.type("a\nb\nc\nd\ne\n", wait=0.5)
    shown = messi.shown()
    assert shown.count(b"** too many messages") == 5 - sum(piece.startswith(b"messi: ") for piece in shown)
    assert b"** too many messages" in shown
    messi.type("exit", wait=0.5)
    assert messi.shown()[-1] == LEFT


def test_a_flood_that_is_refused_is_bounded_too(served: Served) -> None:
    (messi,) = enter(served, "messi")
    messi.say(b"\xff\n" * 5000)
    assert messi.protocol.unsent <= 66 * 1024  # type: ignore[attr-defined]
    assert messi.wire.paused
    messi.rest(2)
    assert messi.protocol.unsent <= 66 * 1024  # type: ignore[attr-defined]


def test_who_is_removed_hears_so_and_can_leave(served: Served) -> None:
    owner = served.peer("lineker")
    owner.ask({"do": "create", "group": "bola"})
    messi, henderson = enter(served, "messi", "henderson")
    messi.shown()
    owner.ask({"do": "kick", "group": "bola", "user": "messi"})
    messi.rest(0.1)
    assert (messi.shown(), henderson.shown()) == ([b"messi meninggalkan group"],) * 2
    messi.type("halo")
    assert messi.shown() == [b"** Informasi tidak ditemukan"]
    messi.type("exit", wait=0.5)
    assert (messi.shown(), henderson.shown()) == ([b"exit", LEFT], [])
    assert messi.ask("group bola")["code"] == "not-allowed"


@pytest.mark.parametrize("how", ["lost", "ended"])
def test_a_connection_that_ends_leaves(served: Served, how: str) -> None:
    messi, henderson = enter(served, "messi", "henderson")
    if how == "lost":
        messi.lose()
    else:
        messi.protocol.readConnectionLost()  # type: ignore[attr-defined]
    henderson.rest(0.2)
    assert henderson.shown() == [b"messi meninggalkan group"]
    lineker = served.peer("lineker")
    lineker.say({"do": "join", "group": "bola"}, {"do": "group", "group": "bola"})
    assert lineker.heard()[-1]["live"] == ["henderson@alpha"]


def test_what_came_before_the_end_of_the_connection_is_said(served: Served) -> None:
    messi, henderson = enter(served, "messi", "henderson")
    messi.say(b"sampai jumpa")
    messi.protocol.readConnectionLost()  # type: ignore[attr-defined]
    henderson.rest(0.2)
    assert b"messi: sampai jumpa" in henderson.shown()


def test_a_connection_that_is_lost_while_it_enters_leaves_nothing(served: Served) -> None:
    messi = Older(served, "messi")
    served.house.faults.hold()
    messi.say("group bola")
    messi.lose()
    served.house.faults.release()
    served.house.turn()
    henderson = served.peer("henderson")
    henderson.say({"do": "join", "group": "bola"}, {"do": "group", "group": "bola"})
    assert henderson.heard()[-1]["live"] == []


def test_the_second_connection_of_a_user_is_no_newcomer(served: Served) -> None:
    messi, again, henderson = enter(served, "messi", "messi", "henderson")
    messi.shown()
    again.shown()
    again.type("dari sini", wait=0.2)
    assert messi.shown() == again.shown() == henderson.shown() == [b"messi: dari sini"]
    again.type("exit", wait=0.5)
    assert henderson.shown() == []
    messi.type("exit", wait=0.5)
    assert henderson.shown() == [b"messi meninggalkan group"]


def test_lines_may_end_with_a_line_feed() -> None:
    served = Served(live_lines=True)
    served.house.add("messi")
    messi = Older(served, "messi")
    messi.type("group bola\r\nhalo\nexit\n", wait=0.6)
    assert messi.shown() == [b"messi telah bergabung\n", b"messi: halo\n", b"exit\n", LEFT]


def test_the_server_ends_with_all_lines_shown(served: Served) -> None:
    messi, henderson = enter(served, "messi", "henderson")
    messi.type("".join(f"{number}\n" for number in range(10)), wait=0)
    served.factory.drain()
    henderson.rest(0.5)
    lines = [b"messi: %d" % number for number in range(10)]
    assert [piece for piece in henderson.shown() if piece in lines] == lines
    henderson.settle()
    assert henderson.closed
