"""Texts of several lines, as clients send them whose commands end with CRLF, and lines that LF alone ends."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.protocols.test_live_mode import enter
from tests.protocols.wires import Peer, Served

SENT = {"status": "OK", "message": "Message Sent"}


def make_served() -> Served:
    served = Served()
    served.house.add("messi", "henderson")
    return served


@pytest.fixture
def served() -> Served:
    return make_served()


def auth(served: Served, user: str) -> tuple[Peer, str]:
    """Return an older client's connection and its token."""
    peer = served.peer()
    return peer, str(peer.ask(f"auth {user} surabaya ")["tokenid"])


def texts(peer: Peer) -> list[str]:
    """Return what is in the inbox of somebody whose session is bound to the connection."""
    (reply,) = replies(peer, b"inbox \r\n")
    return [entry["msg"] for box in reply["messages"].values() for entry in box]


def replies(peer: Peer, data: bytes) -> list[dict[str, Any]]:
    """Send bytes in one write, and return the replies to them."""
    peer.say(data)
    return peer.heard()


def test_a_text_of_several_lines_is_one_command_and_one_text(served: Served) -> None:
    messi, token = auth(served, "messi")
    henderson, _ = auth(served, "henderson")
    assert replies(messi, f"send {token} henderson  satu\ndua\n\ntiga \r\n".encode()) == [SENT]
    assert texts(henderson) == ["satu\ndua\n\ntiga"]


def test_a_line_of_a_text_is_no_command(served: Served) -> None:
    messi, token = auth(served, "messi")
    assert replies(messi, f"send {token} henderson  x\nlogout\r\ninbox {token} \r\n".encode()) == [
        SENT,
        {"status": "OK", "messages": {}},
    ]


def test_who_types_at_netcat_ends_lines_with_a_line_feed(served: Served) -> None:
    peer = served.peer()
    first, second = replies(peer, b"auth messi surabaya\nsend henderson satu\n")
    assert (first["status"], second) == ("OK", SENT)
    assert replies(peer, b"send henderson dua\r\nsend henderson tiga\nsend henderson empat\r\n") == [SENT] * 3


def test_a_line_feed_at_the_end_of_what_came_ends_a_line_everywhere(served: Served) -> None:
    messi, _ = auth(served, "messi")
    assert replies(messi, b"send henderson satu\n") == [SENT]
    assert replies(messi, b"send henderson dua\nsend henderson tiga\n") == [SENT] * 2
    assert len(replies(messi, b"send henderson e\nf\r\nsend henderson g\n")) == 2
    henderson, _ = auth(served, "henderson")
    assert texts(henderson) == ["satu", "dua", "tiga", "e\nf", "g"]


def test_json_has_no_line_feed_inside(served: Served) -> None:
    messi, _ = auth(served, "messi")
    hello = b'{"do": "hello", "id": %d}\n'
    heard = replies(messi, hello % 1 + hello % 2 + b"send henderson a\nb\r\n" + hello % 3)
    assert [reply.get("re") for reply in heard] == [1, 2, None, 3]


@given(st.data())
def test_a_text_may_be_cut_anywhere_but_behind_its_line_feeds(data: st.DataObject) -> None:
    served = make_served()
    (messi, _), (henderson, _) = auth(served, "messi"), auth(served, "henderson")
    stream = b"send henderson satu\ndua\r\nsend henderson tiga\r\n"
    behind = stream.index(b"\n") + 1
    cuts = data.draw(st.sets(st.integers(1, len(stream) - 1).filter(lambda at: at != behind), max_size=8))
    begins = [0, *sorted(cuts)]
    heard = sum(
        len(replies(messi, stream[begin:end]))
        for begin, end in zip(begins, [*begins[1:], len(stream)], strict=True)
    )
    assert heard == 2
    assert texts(henderson) == ["satu\ndua", "tiga"]


@pytest.mark.parametrize("end", [b"\r\n", b"\r|\n"])
def test_an_over_long_text_is_skipped_with_all_its_lines(served: Served, end: bytes) -> None:
    messi, _ = auth(served, "messi")
    heard = []
    for data in (b"send henderson " + b"x" * 70_000, b"\nlogout\ny", *end.split(b"|"), b"inbox \r\n"):
        heard += replies(messi, data)
    assert [reply.get("code", reply["status"]) for reply in heard] == ["line-too-long", "OK"]


def test_in_live_mode_every_line_is_a_text(served: Served) -> None:
    (messi,) = enter(served, "messi")
    messi.type(b"satu\ndua\r\ntiga\r\n", wait=1)
    assert messi.shown() == [b"messi: satu", b"messi: dua", b"messi: tiga"]


def test_what_comes_with_the_command_that_begins_live_mode_is_cut_too(served: Served) -> None:
    (messi,) = enter(served, "messi", group="tim")
    messi.type(b"exit")
    messi.shown()
    messi.type(f"group {messi.token} bola origin\r\nsatu\ndua\r\ntiga\nempat".encode(), wait=2)
    shown = messi.shown()
    assert shown[-4:] == [b"messi: satu", b"messi: dua", b"messi: tiga", b"messi: empat"]
