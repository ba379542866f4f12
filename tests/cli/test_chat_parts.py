"""The parts of ``chatproto chat``: how things are shown, what is known, what commands are."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from datetime import UTC, datetime

import click
import pytest
from msgspec import structs
from prompt_toolkit.utils import get_cwidth
from twisted.internet import reactor
from twisted.internet.endpoints import HostnameEndpoint, TCP4ClientEndpoint

from chatproto.cli.bar import Part, fitted, names
from chatproto.cli.conversations import MOST, Conversations
from chatproto.cli.places import Place
from chatproto.cli.printing import Printing, local_time, printable, printable_text
from chatproto.cli.slashes import SLASHES, Mistake
from chatproto.events import ConversationState, HistoryItem, IsTyping, Receipt
from tests.serving import ROOT


def message(text: str, seq: int = 1, from_: str = "lineker@alpha", to: str = "messi@alpha") -> HistoryItem:
    return HistoryItem(seq=seq, mid=f"alpha/{seq}", from_=from_, to=to, text=text, at="2026-11-21T08:00:00Z")


def printing(columns: int) -> Printing:
    made = Printing(colours=False, columns=lambda: columns, width=get_cwidth)
    made.own = "messi@alpha"
    return made


# How things are shown


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("halo, apa kabar?", "halo, apa kabar?"),
        ("\x1b]0;title\x07", r"\x1b]0;title\x07"),
        ("\x9b31m\x7f\r", r"\x9b31m\x7f\r"),
        ("\u202eevil\u2066\u200f", r"\u202eevil\u2066\u200f"),
        ("سلام 你好\u3000👩\u200d🚀", "سلام 你好\u3000👩\u200d🚀"),
        ("\ud800\u2028", r"\ud800\u2028"),
    ],
)
def test_what_moves_the_cursor_or_the_writing_is_escaped(text: str, shown: str) -> None:
    assert printable(text) == shown


def test_further_lines_of_a_text_do_not_look_like_messages() -> None:
    assert printable_text("one\n12:00 messi: two\tx") == "one\n      12:00 messi: two    x"


def test_times_are_local_and_have_a_day_if_it_is_another() -> None:
    now = datetime.now(UTC)
    assert local_time(now.isoformat()) == now.astimezone().strftime("%H:%M")
    assert re.fullmatch(r"20(19|20)-\d\d-\d\d \d\d:\d\d", local_time("2020-01-01T00:00:00.123Z"))
    assert local_time("nonsense") == "--:--"


def test_colours_are_used_only_where_they_may_be(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("NO_COLOR", "")
    assert "\x1b[" in Printing(colours=True).note("x")
    assert Printing(colours=False).note("x") == "-- x"
    monkeypatch.setenv("NO_COLOR", "1")
    assert Printing(colours=True).error("x\x1b") == r"error: x\x1b"


def test_addresses_of_other_realms_are_shown_whole() -> None:
    printing = Printing(colours=False)
    printing.own = "messi@alpha"
    assert printing.name("lineker@alpha") == "lineker"
    assert printing.name("amsal@beta") == "amsal@beta"


def test_places_are_hosts_with_ports_or_endpoints() -> None:
    assert Place.parse("localhost:8889") == Place("localhost:8889", "localhost", 8889)
    assert Place.parse("[::1]:8889") == Place("[::1]:8889", "::1", 8889)
    assert Place.parse("tcp:localhost:8889") == Place("tcp:localhost:8889")
    assert isinstance(Place.parse("localhost:8889").endpoint(reactor), HostnameEndpoint)
    assert isinstance(Place.parse("tcp:localhost:8889").endpoint(reactor), TCP4ClientEndpoint)
    for wrong in ("localhost", "localhost:", "localhost:http", "localhost:70000", "[::1]"):
        with pytest.raises(click.UsageError):
            Place.parse(wrong)
    with pytest.raises(click.UsageError):
        Place.parse("nonsense:x:y").endpoint(reactor)


def test_the_script_needs_no_prompt_toolkit() -> None:
    code = "import chatproto.cli.chat, chatproto.cli.script, sys; sys.exit('prompt_toolkit' in sys.modules)"
    assert (
        subprocess.run([sys.executable, "-c", code], env=dict(os.environ), cwd=ROOT, check=False).returncode
        == 0
    )


@pytest.mark.parametrize("columns", [30, 50, 80, 200])
@pytest.mark.parametrize(
    "text",
    [
        "words and words " * 20,
        "你好世界" * 50,
        "你好 wide and narrow 世界 " * 9,
        "one\nand\n\nmore " * 8,
        "no\u00a0break " * 30,
    ],
)
def test_a_text_is_broken_between_words_and_stays_in_its_place(text: str, columns: int) -> None:
    first, *rest = printing(columns).spoken(message(text)).split("\n")
    assert first[5:16] == " lineker: " + text[0]
    for line in rest:
        assert line.startswith("      ")
    for line in (first, *rest):
        assert get_cwidth(line) < columns
    said = "".join((first.partition(": ")[2], *rest))
    assert "".join(said.split()) == "".join(text.split())


def test_an_address_of_a_page_stays_whole() -> None:
    page = "https://example.org/" + "x" * 100
    assert page in printing(50).spoken(message(f"look at {page} today")).split("\n")[1]


def test_lines_are_cut_by_width_and_not_by_length() -> None:
    assert printing(21).cut("12345678901234567890") == "12345678901234567890"
    assert printing(20).cut("12345678901234567890") == "123456789012345678…"
    assert printing(20).cut("你" * 20) == "你" * 9 + "…"


@pytest.mark.parametrize(
    ("kind", "about", "text", "said"),
    [
        ("joined", None, "", "lineker joined"),
        ("kicked", "amsal@beta", "", "lineker removed amsal@beta"),
        ("invitation", "tim@alpha", "", "lineker invites you to tim: /join tim"),
        ("topic", None, "a\x1b[2J\nb", r"lineker set the topic: a\x1b[2J b"),
        ("bounce", "m", "no-such-user", "lineker did not get what you wrote: there is no such user or group"),
        (
            "bounce",
            "m",
            "expired",
            "lineker did not get what you wrote: the other realm was away for too long",
        ),
        ("bounce", "m", "of-2030", "lineker did not get what you wrote: of-2030"),
        ("delayed", "m", "", "what you wrote to lineker still waits for the other realm"),
        ("of-2030", "x@alpha", "{who}", "lineker: of-2030 x {who}"),
    ],
)
def test_notices_are_sentences(kind: str, about: str | None, text: str, said: str) -> None:
    item = HistoryItem(
        seq=1, mid="m", from_="lineker@alpha", to="messi@alpha", text=text, at="", kind=kind, about=about
    )
    assert printing(80).said(item) == said


def test_the_bar_leaves_out_what_matters_least() -> None:
    parts = [Part(2, ("messi@alpha", "messi")), Part(9, ("online",)), Part(8, names([("tim", 3), ("x", 1)]))]
    for columns, said in (
        (80, "messi@alpha | online | tim 3, x 1"),
        (30, "messi | online | tim 3, x 1"),
        (24, "online | tim 3, x 1"),
        (18, "online | tim 3, +1"),
        (14, "online"),
        (5, ""),
    ):
        assert "".join(text for _, text in fitted(parts, columns, len)) == said


# What is known of conversations


def known(now: list[float] | None = None) -> Conversations:
    clock = now or [0.0]
    made = Conversations(lambda: clock[0])
    made.own = "messi@alpha"
    return made


def test_what_came_while_the_realm_was_asked_is_counted_once() -> None:
    conversations = known()
    conversations.heard(message("one", 5))
    state = ConversationState(with_="lineker@alpha", seq=5, read=0, unread=3)
    conversations.learn([state])
    assert conversations["Lineker"].unread == 3
    conversations.heard(message("again", 5))
    assert conversations["lineker"].unread == 3
    conversations.heard(message("two", 6))
    conversations.learn([state])  # it was written before that
    assert conversations["lineker@ALPHA"].unread == 4


def test_notices_in_a_group_are_not_unread_but_an_invitation_is() -> None:
    conversations = known()
    invitation, joined = message("", 5), message("", 6, to="tim@alpha")
    conversations.heard(structs.replace(invitation, kind="invitation", about="tim@alpha"))
    conversations.heard(structs.replace(joined, kind="joined"))
    assert (conversations["lineker"].unread, conversations["tim"].unread) == (1, 0)


def test_the_fate_of_a_text_only_becomes_better() -> None:
    conversations = known()
    talk = conversations.heard(message("mine", 7, "messi@alpha", "lineker@alpha"))
    assert (talk.unread, talk.fate) == (0, "sent")
    for receipt, fate in (
        (Receipt(with_="lineker@alpha", by="lineker@alpha", delivered=6), "sent"),
        (Receipt(with_="lineker@alpha", by="lineker@alpha", delivered=7), "delivered"),
        (Receipt(with_="lineker@alpha", by="lineker@alpha", read=7), "read"),
        (Receipt(with_="lineker@alpha", by="lineker@alpha", delivered=7), "read"),
    ):
        conversations.receipt(receipt)
        assert talk.fate == fate
    conversations.heard(message("mine too", 8, "messi@alpha", "lineker@alpha"))
    assert talk.fate == "sent"


def test_a_text_to_another_realm_is_there_before_it_is_delivered() -> None:
    conversations = known()
    talk = conversations.heard(message("mine", 7, "messi@alpha", "amsal@beta"))
    for receipt, fate in (
        (Receipt(with_="amsal@beta", by="amsal@beta", stored=6), "sent"),
        (Receipt(with_="amsal@beta", by="amsal@beta", stored=7), "in beta"),
        (Receipt(with_="amsal@beta", by="amsal@beta", delivered=7), "delivered"),
    ):
        conversations.receipt(receipt)
        assert talk.fate == fate


def test_a_bounce_is_news_and_a_delay_is_not() -> None:
    conversations = known()
    for kind, seq, unread in (("delayed", 8, 0), ("bounce", 9, 1)):
        told = HistoryItem(
            seq=seq, mid=kind, from_="amsal@beta", to="messi@alpha", text="", at="", kind=kind, about="m"
        )
        assert conversations.heard(told).unread == unread


def test_who_writes_stops_with_the_message_or_after_some_seconds() -> None:
    now = [0.0]
    conversations = known(now)
    talk = conversations["lineker"]
    conversations.typing(IsTyping(from_="lineker@alpha", to="messi@alpha"))
    assert conversations.writers(talk) == ["lineker@alpha"]
    conversations.heard(message("there"))
    assert conversations.writers(talk) == []
    conversations.typing(IsTyping(from_="lineker@alpha", to="messi@alpha"))
    now[0] = 7.0
    assert conversations.writers(talk) == []


def test_a_crowd_of_senders_does_not_fill_the_memory() -> None:
    conversations = known()
    for number in range(MOST + 50):
        conversations.heard(message("x", number + 1, f"user{number}@alpha"))
    assert len(conversations.all()) == MOST
    assert conversations.all()[0].address == f"user{MOST + 49}@alpha"


# What commands are


def test_arguments_are_counted() -> None:
    assert SLASHES["/msg"].arguments("amsal two  words\nand a line") == ["amsal", "two  words\nand a line"]
    assert SLASHES["/kick"].arguments("amsal") == ["amsal"]
    assert SLASHES["/create"].arguments("tim all about it") == ["tim", "all about it"]
    assert SLASHES["/who"].arguments("") == []
    for name, rest in (("/msg", "amsal"), ("/kick", ""), ("/kick", "a b c"), ("/who", "x"), ("/to", "a b")):
        with pytest.raises(Mistake, match=re.escape(f"it is {SLASHES[name].usage}")):
            SLASHES[name].arguments(rest)


def test_every_command_is_explained_in_a_sentence_and_in_full() -> None:
    for slash in SLASHES.values():
        assert re.fullmatch(r"[A-Z][^`]+\.", slash.summary()), slash.name
        assert "`" not in slash.help()
        assert len(slash.help()) >= len(slash.summary()) - 1
