"""System A: what a client of it asks and is answered."""

from __future__ import annotations

import json

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from chatproto.limits import Limits
from chatproto.protocols.tipe import SPACE_SECONDS
from tests.protocols.tipe import GOOD, TipePeer, TipeServed, bad, push
from tests.realm.house import PASSWORD

NOTHING = bad("Tidak ada percakapan")


@pytest.fixture
def served() -> TipeServed:
    served = TipeServed()
    served.house.add("messi", "henderson", "lineker")
    return served


def login(user: str, password: str = PASSWORD) -> bytes:
    return json.dumps({"tipe": "login", "username": user, "password": password}).encode()


def kirim(user: str, to: str, message: str) -> bytes:
    return json.dumps({"tipe": "kirim", "from": user, "to": to, "message": message}).encode()


def test_a_push_as_in_the_specification(served: TipeServed) -> None:
    messi, henderson = TipePeer(served), TipePeer(served)
    messi.give(login("messi"))
    henderson.give(login("henderson"))
    for client in (messi, henderson):
        assert client.wire.pieces == [b'{"status":"berhasil","tipe":"balasan"}']
        client.shown()
    assert messi.kirim("messi", "henderson", "halo") == GOOD
    assert henderson.wire.pieces == [b'{"tipe":"terima","from":"messi","to":"henderson","message":"halo"}']
    assert not messi.closed
    assert not henderson.closed


def test_requests_to_an_absent_user(served: TipeServed) -> None:
    (messi,) = served.signed_in("messi")
    assert messi.kirim("messi", "henderson", "halo") == GOOD
    (henderson,) = served.signed_in("henderson")
    henderson.rest(1)
    assert henderson.shown() == []
    assert henderson.request(tipe="terima", username="henderson") == {
        **GOOD,
        "percakapan": [{"from": "messi", "to": "henderson", "message": "halo"}],
    }
    assert henderson.terima("henderson") == NOTHING


def test_a_wrong_login_is_refused_and_may_be_repeated(served: TipeServed) -> None:
    client = TipePeer(served)
    refused = bad("Username atau password salah")
    for user, password in (("messi", "x"), ("nobody", PASSWORD), ("", ""), ("a b", "x"), ("x" * 999, "x")):
        client.give(login(user, password))
        assert client.shown() == [refused]
    client.give(login("messi"))
    assert client.shown() == [GOOD]
    assert not client.closed


def test_an_unknown_recipient(served: TipeServed) -> None:
    (messi,) = served.signed_in("messi")
    for to in ("nobody", "", "a b", "nobody@nowhere", "@", "x" * 300):
        assert messi.kirim("messi", to, "halo") == bad("Pengguna tujuan tidak ditemukan")
    assert messi.kirim("messi", "henderson", "halo") == GOOD


def test_the_sender_has_to_be_the_user_of_the_connection(served: TipeServed) -> None:
    (messi,) = served.signed_in("messi")
    refused = bad("Tidak diizinkan untuk pengguna ini")
    assert messi.kirim("lineker", "henderson", "halo") == refused
    assert messi.terima("henderson") == refused
    assert messi.kirim("Messi", "henderson", "halo") == GOOD
    assert messi.kirim("messi@alpha", "henderson", "halo") == GOOD
    (henderson,) = served.signed_in("henderson")
    assert henderson.terima("henderson") == ["halo", "halo"]


def test_who_is_not_logged_in_is_refused_and_the_connection_ends(served: TipeServed) -> None:
    for data in (kirim("messi", "henderson", "halo"), b'{"tipe": "terima", "username": "messi"}'):
        client = TipePeer(served)
        client.give(data)
        assert client.shown() == [bad("Login terlebih dahulu")]
        client.rest(1)
        assert client.closed
    (henderson,) = served.signed_in("henderson")
    assert henderson.terima("henderson") == NOTHING


def test_an_open_listener_believes_who_is_named() -> None:
    served = TipeServed(trusting=True)
    served.house.add("messi", "henderson")
    answers = []
    for data in (
        kirim("messi", "henderson", "satu") + kirim("messi", "henderson", "x" * 9000),
        b'{"tipe": "terima", "username": "henderson"}',
        b'{"tipe": "terima", "username": "henderson"}',
        b'{"tipe": "terima", "username": "messi"}',
        b'{"tipe": "terima", "username": "nobody"}',
        kirim("nobody", "henderson", "x"),
        kirim("messi", "nobody", "x"),
    ):
        client = TipePeer(served)
        client.give(data)
        answers.append(client.shown())
        client.rest(1)
        assert client.closed
    one = {"from": "messi", "to": "henderson"}
    assert answers == [
        [GOOD, GOOD],
        [{**GOOD, "percakapan": [{**one, "message": "satu"}, {**one, "message": "x" * 9000}]}],
        [{**GOOD, "percakapan": []}],
        [NOTHING],
        [NOTHING],
        [bad("Pengguna pengirim tidak ditemukan")],
        [bad("Pengguna tujuan tidak ditemukan")],
    ]
    (messi,) = served.signed_in("messi")
    assert messi.kirim("henderson", "messi", "x") == bad("Tidak diizinkan untuk pengguna ini")


def test_accounts_are_made_at_the_main_server(served: TipeServed) -> None:
    ani = {"tipe": "daftar", "username": "ani", "realm": "Alpha", "password": "rahasia"}
    for members, reply in (
        (ani, GOOD),
        (ani, bad("Username sudah terdaftar")),
        ({**ani, "username": "budi", "realm": "nowhere"}, bad("Realm tidak ditemukan")),
        ({**ani, "username": "a b"}, bad("Username atau realm tidak sah")),
        ({**ani, "username": "budi", "realm": None}, bad("Permintaan tidak lengkap")),
        ({"tipe": "daftar"}, bad("Permintaan tidak lengkap")),
    ):
        client = TipePeer(served)
        assert client.request(**members) == reply
        if reply != bad("Permintaan tidak lengkap"):
            client.rest(1)
            assert client.closed
    client = TipePeer(served)
    client.give(login("ani", "rahasia"))
    assert client.shown() == [GOOD]
    assert client.request(**{**ani, "username": "budi"}) == GOOD
    assert client.kirim("ani", "budi", "halo") == GOOD


def test_groups(served: TipeServed) -> None:
    messi, henderson, lineker = served.signed_in("messi", "henderson", "lineker")
    assert messi.request(tipe="buat_grup", username="messi", grup="tim") == GOOD
    assert messi.request(tipe="buat_grup", grup="Tim") == bad("Grup sudah ada")
    assert henderson.request(tipe="gabung_grup", username="henderson", grup="tim") == GOOD
    assert henderson.request(tipe="gabung_grup", grup="tim") == bad("Sudah menjadi anggota grup")
    assert henderson.request(tipe="gabung_grup", username="messi", grup="x")["status"] == "gagal"
    assert lineker.request(tipe="gabung_grup", group="nowhere") == bad("Grup tidak ditemukan")
    text = {"from": "messi", "grup": "tim", "message": "rapat"}
    assert messi.request(tipe="kirim_pesan_grup", **text) == GOOD
    assert messi.request(tipe="kirim_grup", **text) == GOOD
    assert henderson.shown() == [push("messi", "tim", "rapat")] * 2
    assert (messi.shown(), lineker.shown()) == ([], [])
    assert lineker.request(tipe="kirim_grup", grup="tim", pesan="halo") == bad("Bukan anggota grup")
    assert lineker.request(tipe="kirim_grup", grup="nowhere", pesan="x") == bad("Grup tidak ditemukan")
    henderson.lose()
    messi.request(tipe="kirim_grup", **text)
    (again,) = served.signed_in("henderson")
    assert again.request(tipe="terima")["percakapan"] == [{"from": "messi", "to": "tim", "message": "rapat"}]
    assert messi.request(tipe="terima") == NOTHING


@pytest.mark.parametrize(
    ("data", "pesan"),
    [
        (b"bukan json", "Permintaan bukan objek JSON"),
        (b"[1, 2]", "Permintaan bukan objek JSON"),
        (b"{rusak", "Permintaan bukan objek JSON"),
        (b'{"tipe": }', "Permintaan bukan objek JSON"),
        (b'{"tipe": "lo\xff"}', "Permintaan bukan objek JSON"),
        (b'{"tipe": "login", "tipe": "kirim"}', "Permintaan tidak lengkap"),
        (b'{"username": "messi"}', "Tipe tidak dikenali"),
        (b'{"tipe": "apa"}', "Tipe tidak dikenali"),
        (b'{"tipe": 1}', "Tipe tidak dikenali"),
        (b'{"tipe": "login", "username": "messi"}', "Permintaan tidak lengkap"),
        (b'{"tipe": "login", "username": "messi", "password": 1}', "Permintaan tidak lengkap"),
    ],
)
def test_what_is_no_request_is_refused_and_loses_nothing(served: TipeServed, data: bytes, pesan: str) -> None:
    client = TipePeer(served)
    client.give(data)
    client.give(login("messi"))
    client.give(data + kirim("messi", "henderson", "halo"))
    assert client.shown() == [bad(pesan), GOOD, bad(pesan), GOOD]
    assert not client.closed


def test_an_object_that_is_too_long_is_refused_and_skipped(served: TipeServed) -> None:
    (messi,) = served.signed_in("messi")
    messi.give(kirim("messi", "henderson", "x" * 70_000) + kirim("messi", "henderson", "halo"))
    assert messi.shown() == [bad("Permintaan terlalu panjang"), GOOD]
    assert messi.kirim("messi", "henderson", "x" * 17_000) == bad("Pesan terlalu panjang")
    assert messi.kirim("messi", "henderson", "\0") == bad("Pesan terlalu panjang")
    stranger = TipePeer(served)
    stranger.give(kirim("messi", "henderson", "x" * 5_000))
    assert stranger.shown() == [bad("Permintaan terlalu panjang")]
    assert stranger.closed


def test_a_stranger_may_not_go_on_for_ever() -> None:
    served = TipeServed(Limits(bad_lines_before_login=2))
    client = TipePeer(served)
    client.give(b"{a" * 10)
    client.rest(1)
    assert client.shown() == [bad("Permintaan bukan objek JSON")] * 3
    assert client.closed


def test_login_and_first_message_in_one_packet(served: TipeServed) -> None:
    messi = TipePeer(served)
    messi.give(login("messi") + kirim("messi", "henderson", "x" * 6000) + kirim("messi", "henderson", "dua"))
    messi.rest(1)
    assert messi.shown() == [GOOD, GOOD, GOOD]


@settings(max_examples=30, deadline=None)
@given(st.data())
def test_objects_do_not_depend_on_where_the_bytes_are_cut(data: st.DataObject) -> None:
    served = TipeServed()
    served.house.add("messi", "henderson")
    messi = TipePeer(served)
    text = json.dumps({"tipe": "kirim", "from": "messi", "to": "henderson", "message": '"{é}\\'})
    raw = json.dumps({"tipe": "terima", "username": "messi", "é": "🙂}"}, ensure_ascii=False)
    stream = login("messi") + f"{text}\r\n{raw}  {text}".encode()
    while stream:
        cut = data.draw(st.integers(1, len(stream)))
        messi.say(stream[:cut])
        stream = stream[cut:]
    messi.rest(1)
    assert messi.shown() == [GOOD, GOOD, NOTHING, GOOD]


def test_replies_and_pushes_are_apart(served: TipeServed) -> None:
    messi, henderson = served.signed_in("messi", "henderson")
    messi.give(b"".join(kirim("messi", to, "halo") for to in ("henderson", "lineker", "henderson")))
    times = {messi: 0.0, henderson: 0.0}
    seen = {client: len(client.wire.pieces) for client in times}
    for _ in range(60):
        messi.rest(0.01)
        now = served.house.clock.seconds()
        for client, count in seen.items():
            if len(client.wire.pieces) > count:
                assert now - times[client] >= SPACE_SECONDS - 0.001
                assert len(client.wire.pieces) == count + 1
                seen[client], times[client] = count + 1, now
    assert messi.shown() == [GOOD] * 3
    assert henderson.shown() == [push("messi", "henderson", "halo")] * 2


def test_half_closed_is_answered_and_closed(served: TipeServed) -> None:
    client = TipePeer(served)
    client.say(login("messi") + kirim("messi", "henderson", "halo"))
    client.protocol.readConnectionLost()  # type: ignore[attr-defined]
    client.rest(1)
    assert client.shown() == [GOOD, GOOD]
    assert client.closed


def test_browsers_are_not_answered(served: TipeServed) -> None:
    client = TipePeer(served)
    client.give(b'POST / HTTP/1.1\r\nHost: x\r\n\r\n{"tipe": "daftar"}')
    assert client.wire.aborted
    assert client.shown() == []
