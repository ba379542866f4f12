"""What was shown in live mode stands in no inbox after that, and everything else does, once."""

from __future__ import annotations

import json
from typing import Any

import pytest

from chatproto.protocols.factory import ChatServerFactory
from chatproto.protocols.front_main import Fronts
from chatproto.records import CursorRow
from tests.protocols.fronting import FrontClient, Town
from tests.protocols.test_live_mode import Older, enter
from tests.protocols.wires import Peer, Served
from tests.realm.house import PASSWORD


@pytest.fixture
def served() -> Served:
    served = Served()
    served.house.add("messi", "henderson", "lineker")
    return served


def inbox(client: Peer) -> list[str]:
    return _texts(client.ask("inbox "))


def _texts(reply: dict[str, dict[str, list[Any]]]) -> list[str]:
    """Return the texts of a box; of a file, which is a string there, its name."""
    entries = [each for entries in reply["messages"].values() for each in entries]
    return [each["msg"] if isinstance(each, dict) else json.loads(each)["file_name"] for each in entries]


def members(served: Served, *users: str) -> list[Older]:
    """Return clients of members of the group, who are live in it."""
    for user in users:
        client = Older(served, user)
        for command in ("addgroup", "joingroup"):
            client.say(f"{command} {client.token} bola")
    return enter(served, *users)


def leave(*clients: Older) -> None:
    for client in clients:
        client.type("exit", wait=0.6)
        client.shown()


def test_what_was_shown_is_in_no_inbox_and_stays_in_the_history(served: Served) -> None:
    messi, henderson = members(served, "messi", "henderson")
    messi.type("satu")
    henderson.type("dua\ntiga\n")
    leave(messi, henderson)
    for client in (messi, henderson):
        assert client.ask("inbox ") == {"status": "OK", "messages": {}}
        assert _texts(client.ask("inboxgroup bola")) == ["satu", "dua", "tiga"]
    page = served.peer("messi").ask({"do": "history", "with": "bola"})
    assert [each["text"] for each in page["messages"] if "kind" not in each] == ["satu", "dua", "tiga"]


def test_what_was_not_shown_is_in_the_inbox(served: Served) -> None:
    """What came before and after, what came otherwise, and all that who is not live is told."""
    lineker, messi, henderson = members(served, "lineker", "messi", "henderson")
    leave(messi, henderson)
    lineker.type("sebelum")
    (messi,) = enter(served, "messi")
    lineker.type("di tengah")
    other = served.peer("lineker")
    other.ask({"do": "send", "to": "messi", "text": "psst"})
    assert other.ask(f"sendgroupfile {lineker.token} bola a.txt aGFsbw==")["status"] == "OK"
    lineker.type("sesudahnya")
    leave(messi)
    lineker.type("sesudah")
    assert inbox(messi) == ["sebelum", "psst", "a.txt", "sesudah"]
    assert inbox(messi) == []
    assert inbox(henderson) == ["sebelum", "di tengah", "a.txt", "sesudahnya", "sesudah"]


@pytest.mark.parametrize("how", ["exit", "lost", "goodbye"])
def test_it_is_known_after_a_restart(served: Served, how: str) -> None:
    messi, henderson = members(served, "messi", "henderson")
    messi.type("satu")
    henderson.type("dua")
    if how == "exit":
        leave(messi)
    elif how == "lost":
        messi.lose()
    else:
        served.factory.drain()
        messi.rest(0.5)
        messi.settle()
    served.house.restart()
    served.factory = ChatServerFactory(served.house.realm, served.house.clock)
    assert inbox(served.peer("messi")) == []


def test_after_a_crash_it_is_known_up_to_the_last_second(served: Served) -> None:
    messi, henderson = members(served, "messi", "henderson")
    henderson.type("satu", wait=1.5)
    henderson.type("dua")
    served.house.crash()
    served.factory = ChatServerFactory(served.house.realm, served.house.clock)
    assert inbox(served.peer("messi")) == ["dua"]
    assert messi.shown() == [b"henderson: satu", b"henderson: dua"]


def test_who_is_lost_before_a_line_was_written_finds_it_in_the_inbox(served: Served) -> None:
    messi, henderson = members(served, "messi", "henderson")
    henderson.type("satu\ndua\ntiga\n", wait=0)
    assert messi.shown() == [b"henderson: satu"]
    messi.lose()
    served.house.turn(1)
    assert inbox(served.peer("messi")) == ["dua", "tiga"]


def test_who_does_not_read_finds_the_rest_in_the_inbox(served: Served) -> None:
    messi, henderson = members(served, "messi", "henderson")
    messi.wire.reading = False
    for number in range(30):
        henderson.type(f"{number} " + "x" * 12_000 + "\n", wait=0.1)
    messi.wire.take()
    written = messi.wire.taken.count(b"henderson: ")
    assert 0 < written < 30
    messi.lose()
    served.house.turn(1)
    left = inbox(served.peer("messi"))
    assert [int(text.partition(" ")[0]) for text in left] == list(range(30))[-len(left) :]
    assert len(left) >= 30 - written - 1  # one was on its way


def test_many_lines_are_two_rows_a_visit(served: Served) -> None:
    messi, henderson = members(served, "messi", "henderson")
    for _ in range(3):
        henderson.type("".join(f"{number}\n" for number in range(40)), wait=2)
    leave(messi)
    served.house.turn(2)
    rows = [row for row in served.house.rows(CursorRow) if row.kind.startswith("shown-")]
    assert sorted(row.kind for row in rows if row.account == "messi") == ["shown-after", "shown-until"]


def test_many_visits_are_remembered_as_long_as_there_is_room(served: Served) -> None:
    """Between them something is said that is mail; of the oldest visits what was shown is told once more."""
    (lineker,) = members(served, "lineker")
    (messi,) = members(served, "messi")
    leave(messi)
    for number in range(40):
        messi.type("group bola\r\n")
        lineker.type(f"a{number}")
        leave(messi)
        lineker.type(f"b{number}")
    box = inbox(messi)
    assert [text for text in box if text[0] == "b"] == [f"b{number}" for number in range(40)]
    assert [text for text in box if text[0] == "a"] == [f"a{number}" for number in range(8)]
    for number in range(40):  # what was taken leaves room
        messi.type("group bola\r\n")
        lineker.type(f"c{number}")
        leave(messi)
        assert inbox(messi) == []


def test_two_connections_and_two_groups(served: Served) -> None:
    messi, again, henderson = members(served, "messi", "messi", "henderson")
    other = served.peer("henderson")
    other.ask("addgroup tim")
    assert Older(served, "messi").ask("joingroup tim")["status"] == "OK"
    leave(again)
    henderson.type("satu")
    other.ask(f"sendgroup {henderson.token} tim rapat")
    henderson.type("dua")
    assert inbox(served.peer("messi")) == ["rapat"]
    leave(messi)
    assert inbox(messi) == []


def test_it_holds_through_fronts() -> None:
    """As far as the front said that it was taken, and all of it when the user left."""
    town = Town(2)
    ani, budi = town.client(), town.client(town.fronts[0])
    for client, name in ((ani, "ani"), (budi, "budi")):
        client.ask(f"register {name} {PASSWORD}")
        client.say("addgroup bola", "joingroup bola", "group bola")
        _pause(town)
    budi.say("satu\n")
    _pause(town)
    assert b"budi: satu" in ani.wire.taken
    ani.lose()
    town.settle()
    budi.say("dua\nexit\n")
    _pause(town)
    budi.wire.taken = b""
    assert inbox(budi) == []
    assert _front_inbox(town, "ani") == ["dua"]


def _front_inbox(town: Town, user: str) -> list[str]:
    client: FrontClient = town.client()
    client.ask(f"auth {user} {PASSWORD}")
    return inbox(client)


def _pause(town: Town) -> None:
    assert isinstance(town.main, Fronts)
    for _ in range(50):
        town.house.turn(0.02)
        town.settle()


def test_who_came_only_to_be_live_gets_no_mail_of_the_group_when_it_has_left(served: Served) -> None:
    messi, henderson = enter(served, "messi", "henderson")
    henderson.type("satu")
    leave(messi)
    assert inbox(messi) == []
    henderson.type("dua")
    assert inbox(messi) == []
    henderson.type("tiga")
    messi.type("group bola\r\n")
    henderson.type("empat")
    leave(messi)
    henderson.type("lima")
    served.house.restart()
    served.factory = ChatServerFactory(served.house.realm, served.house.clock)
    again, other = served.peer("messi"), served.peer("henderson")
    assert inbox(again) == []
    assert again.ask("joingroup bola")["status"] == "OK"
    assert again.ask("joingroup bola")["code"] == "already-member"
    assert inbox(again) == []
    other.ask({"do": "send", "to": "bola", "text": "enam"})
    assert inbox(again) == ["enam"]
    assert _texts(again.ask("inboxgroup bola")) == ["satu", "dua", "tiga", "empat", "lima", "enam"]


def test_who_left_the_group_and_joins_it_anew_has_its_mail(served: Served) -> None:
    messi, henderson = enter(served, "messi", "henderson")
    leave(messi)
    assert served.peer("messi").ask({"do": "leave", "group": "bola"})["status"] == "OK"
    assert messi.ask("joingroup bola")["status"] == "OK"
    henderson.type("satu")
    assert inbox(messi) == ["satu"]


def test_moves_without_a_word_between_them(served: Served) -> None:
    messi, henderson = enter(served, "messi", "henderson")
    for _ in range(3):
        leave(messi)
        messi.type("group bola\r\n")
    leave(messi)
    henderson.type("satu")
    assert inbox(messi) == []
