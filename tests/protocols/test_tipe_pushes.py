"""System A: what is told at once, what waits to be asked for, and that nothing is both or neither."""

from __future__ import annotations

import pytest

from chatproto.protocols.tipe import READ_BYTES, SPACE_SECONDS
from tests.protocols.tipe import GOOD, TipeServed, bad, push

NOTHING = bad("Tidak ada percakapan")


@pytest.fixture
def served() -> TipeServed:
    served = TipeServed()
    served.house.add("messi", "henderson", "lineker")
    return served


def test_what_was_pushed_is_not_picked_up(served: TipeServed) -> None:
    messi, henderson = served.signed_in("messi", "henderson")
    messi.kirim("messi", "henderson", "halo")
    assert henderson.shown() == [push("messi", "henderson", "halo")]
    assert henderson.terima("henderson") == NOTHING


def test_what_waited_before_a_push_is_picked_up_alone(served: TipeServed) -> None:
    (messi,) = served.signed_in("messi")
    messi.kirim("messi", "henderson", "satu")
    (henderson,) = served.signed_in("henderson")
    messi.kirim("messi", "henderson", "dua")
    henderson.lose()
    messi.kirim("messi", "henderson", "tiga")
    (henderson,) = served.signed_in("henderson")
    messi.kirim("messi", "henderson", "empat")
    assert henderson.shown() == [push("messi", "henderson", "empat")]
    assert henderson.terima("henderson") == ["satu", "tiga"]
    assert henderson.terima("henderson") == NOTHING
    messi.kirim("messi", "henderson", "lima")
    assert henderson.shown() == [push("messi", "henderson", "lima")]
    assert henderson.terima("henderson") == NOTHING


@pytest.mark.parametrize("crash", [False, True], ids=["restart", "crash"])
def test_it_is_known_after_a_restart(served: TipeServed, crash: bool) -> None:
    (messi,) = served.signed_in("messi")
    messi.kirim("messi", "henderson", "satu")
    (henderson,) = served.signed_in("henderson")
    messi.kirim("messi", "henderson", "dua")
    assert henderson.shown() == [push("messi", "henderson", "dua")]
    messi.kirim("messi", "henderson", "x" * 2000)
    served.house.turn(2)
    for client in (messi, henderson):
        client.lose()
    served.house.turn()
    (served.house.crash if crash else served.house.restart)()
    served.serve()
    messi, henderson = served.signed_in("messi", "henderson")
    messi.kirim("messi", "henderson", "tiga")
    assert henderson.shown() == [push("messi", "henderson", "tiga")]
    assert henderson.terima("henderson") == ["satu", "x" * 2000]
    assert henderson.terima("henderson") == NOTHING


def test_what_the_client_cannot_read_waits(served: TipeServed) -> None:
    messi, henderson = served.signed_in("messi", "henderson")
    around = len(b'{"tipe":"terima","from":"messi","to":"henderson","message":""}')
    fits = "x" * (READ_BYTES - around)
    for text in (fits + "x", fits, "\u00e9" * 200, "halo"):
        assert messi.kirim("messi", "henderson", text) == GOOD
    assert [each["message"] for each in henderson.shown()] == [fits, "halo"]
    assert henderson.terima("henderson") == [fits + "x", "\u00e9" * 200]
    assert henderson.terima("henderson") == NOTHING


def test_who_is_lost_before_a_push_was_written_picks_it_up(served: TipeServed) -> None:
    messi, henderson = served.signed_in("messi", "henderson")
    for text in ("satu", "dua", "tiga"):
        messi.say({"tipe": "kirim", "from": "messi", "to": "henderson", "message": text})
    assert henderson.shown() == [push("messi", "henderson", "satu")]
    henderson.lose()
    served.house.turn(1)
    (henderson,) = served.signed_in("henderson")
    assert henderson.terima("henderson") == ["dua", "tiga"]


def test_what_is_picked_up_is_not_pushed_after_that(served: TipeServed) -> None:
    messi, henderson = served.signed_in("messi", "henderson")
    for text in ("satu", "dua", "tiga"):
        messi.say({"tipe": "kirim", "from": "messi", "to": "henderson", "message": text})
    henderson.say({"tipe": "terima", "username": "henderson"})
    henderson.rest(1)
    first, *rest = henderson.shown()
    assert first == push("messi", "henderson", "satu")
    one = {"from": "messi", "to": "henderson"}
    assert rest == [{**GOOD, "percakapan": [{**one, "message": "dua"}, {**one, "message": "tiga"}]}]


def test_all_connections_of_a_user_are_told(served: TipeServed) -> None:
    messi, first, second = served.signed_in("messi", "henderson", "henderson")
    messi.kirim("messi", "henderson", "halo")
    assert (first.shown(), second.shown()) == ([push("messi", "henderson", "halo")],) * 2
    first.lose()
    messi.kirim("messi", "henderson", "hai")
    assert second.shown() == [push("messi", "henderson", "hai")]
    (third,) = served.signed_in("henderson")
    assert third.terima("henderson") == NOTHING


def test_a_slow_reader_is_told_everything_once(served: TipeServed) -> None:
    messi, henderson = served.signed_in("messi", "henderson")
    count = 150  # more than may wait for one connection
    for number in range(count):
        messi.say({"tipe": "kirim", "from": "messi", "to": "henderson", "message": str(number)})
        messi.rest(SPACE_SECONDS / 5)
    henderson.rest(SPACE_SECONDS * count)
    told = [each["message"] for each in henderson.shown()]
    assert told == [str(number) for number in range(count)]
    assert henderson.terima("henderson") == NOTHING


def test_other_clients_take_part_and_have_boxes_of_their_own(served: TipeServed) -> None:
    (messi,) = served.signed_in("messi")
    lines = served.line_peer("henderson")
    lines.ask({"do": "send", "to": "messi", "text": "halo"})
    messi.rest()
    assert messi.shown() == [push("henderson", "messi", "halo")]
    messi.kirim("messi", "henderson", "hai")
    reply = lines.ask("inbox ")
    assert [entry["msg"] for entry in reply["messages"]["messi"]] == ["hai"]
    lines.ask({"do": "create", "group": "tim"})
    lines.ask({"do": "leave", "group": "tim"})
    messi.rest()
    assert messi.shown() == []


def test_a_message_to_oneself(served: TipeServed) -> None:
    (messi,) = served.signed_in("messi")
    messi.give(b'{"tipe": "kirim", "from": "messi", "to": "messi", "message": "catatan"}')
    assert sorted(messi.shown(), key=len) == [GOOD, push("messi", "messi", "catatan")]
    assert messi.terima("messi") == NOTHING


def test_another_login_takes_the_place_of_the_first(served: TipeServed) -> None:
    messi, client = served.signed_in("messi", "henderson")
    assert client.request(tipe="login", username="lineker", password="surabaya") == GOOD
    messi.kirim("messi", "henderson", "satu")
    messi.kirim("messi", "lineker", "dua")
    assert client.shown() == [push("messi", "lineker", "dua")]
    assert client.kirim("henderson", "messi", "x") == bad("Tidak diizinkan untuk pengguna ini")
    assert client.request(tipe="login", username="messi", password="x")["status"] == "gagal"
    assert client.kirim("lineker", "messi", "x") == GOOD
    assert not client.closed


def test_only_the_last_login_of_a_connection_is_kept(served: TipeServed) -> None:
    (client,) = served.signed_in("messi")
    for user in ("henderson", "messi", "lineker", "messi"):
        assert client.request(tipe="login", username=user, password="surabaya") == GOOD
    session = client.protocol.session  # type: ignore[attr-defined]
    assert [login.account for login in session.logins] == ["messi"]
    assert len(session.passing) <= 2
    realm = served.house.realm
    assert len(served.house.wait(realm.logins.listed("messi"))) == 1
    assert served.house.wait(realm.logins.listed("henderson")) == []


def test_sessions_end_with_their_connections(served: TipeServed) -> None:
    clients = served.signed_in("messi", "messi")
    realm = served.house.realm
    assert len(served.house.wait(realm.logins.listed("messi"))) == 2
    for client in clients:
        client.lose()
    served.house.turn()
    assert served.house.wait(realm.logins.listed("messi")) == []


def test_nobody_who_is_blocked_is_heard_in_a_group(served: TipeServed) -> None:
    messi, henderson = served.signed_in("messi", "henderson")
    messi.request(tipe="buat_grup", grup="tim")
    henderson.request(tipe="gabung_grup", grup="tim")
    assert served.line_peer("henderson").ask({"do": "block", "address": "messi"})["status"] == "OK"
    messi.request(tipe="kirim_grup", grup="tim", message="halo")
    assert henderson.shown() == []
    assert henderson.terima("henderson") == NOTHING


def test_a_hundred_logins_without_picking_up_keep_what_waits(served: TipeServed) -> None:
    (messi,) = served.signed_in("messi")
    waiting = []
    for number in range(40):
        messi.kirim("messi", "henderson", f"a{number}")
        waiting.append(f"a{number}")
        (henderson,) = served.signed_in("henderson")
        messi.kirim("messi", "henderson", f"b{number}")
        assert henderson.shown() == [push("messi", "henderson", f"b{number}")]
        henderson.lose()
    (henderson,) = served.signed_in("henderson")
    picked = henderson.terima("henderson")
    assert isinstance(picked, list)
    assert [text for text in picked if text.startswith("a")] == waiting
    # What is known of spans is bounded: the first ones come once more.
    assert [text for text in picked if text.startswith("b")] == [f"b{number}" for number in range(8)]
