"""System E's connections: fields by silences in, fields with pauses out."""

from __future__ import annotations

import pytest

from chatproto.limits import Limits
from chatproto.protocols.fields import PAUSE_SECONDS
from chatproto.wire.room import FILE_SECONDS, STALLED_SECONDS, Brackets
from tests.protocols.guests import KNOWN, NEW, Guest, Rooms


@pytest.fixture
def rooms() -> Rooms:
    return Rooms()


def test_the_flow_of_the_document(rooms: Rooms) -> None:
    ani, budi = rooms.guest("ani", answer=NEW), rooms.guest("budi", answer=KNOWN)
    ani.type("halo")
    assert budi.shown() == [b"<ani> halo"]
    ani.type("FILE", "client_a.txt", "4", b"isi\n")
    assert budi.shown(wait=1.0) == [b"FILE", b"client_a.txt", b"4", b"ani", b"isi\n"]
    assert ani.shown() == []


def test_names_stand_in_square_brackets_where_the_operator_says_so() -> None:
    rooms = Rooms(brackets=Brackets.SQUARE)
    ani, budi = rooms.guest("ani"), rooms.guest("budi")
    ani.type("halo")
    assert budi.shown() == [b"[ani] halo"]


def test_rooms_are_apart_and_their_ids_have_case_and_blanks(rooms: Rooms) -> None:
    guests = [rooms.guest("ani", room, answer=NEW) for room in ("r1", "R1", "r 1", "é", "r_1")]
    others = [rooms.guest("budi", room, answer=KNOWN) for room in ("r1", "R1", "r 1", "é", "r_1")]
    for number, guest in enumerate(guests):
        guest.type(f"halo {number}")
    assert [other.shown() for other in others] == [[f"<ani> halo {number}".encode()] for number in range(5)]


def test_who_says_no_name_and_no_room_is_a_guest_in_the_room_without_an_id(rooms: Rooms) -> None:
    nobody, ani = rooms.guest("User ", "Join ", answer=NEW), rooms.guest("User ani", "Join ", answer=KNOWN)
    nobody.type("halo")
    assert ani.shown() == [b"<guest> halo"]
    dodo = rooms.guest("User Join dodo", answer=NEW)
    other = rooms.guest("budi", answer=KNOWN)
    dodo.type("ya")
    assert other.shown() == [b"<dodo> ya"]


def test_two_of_one_name_hear_each_other(rooms: Rooms) -> None:
    one, two = rooms.guest("ani"), rooms.guest("ani")
    elsewhere = rooms.guest("ani", "r2")
    one.type("halo")
    assert (one.shown(), two.shown(), elsewhere.shown()) == ([], [b"<ani> halo"], [])


def test_texts_come_one_by_one_however_fast_they_are_said(rooms: Rooms) -> None:
    budi = rooms.guest("budi")
    guests = [rooms.guest(f"g{number}") for number in range(5)]
    for guest in guests:
        guest.say(b"halo")
    assert budi.shown(wait=1.0) == [f"<g{number}> halo".encode() for number in range(5)]


def test_who_reads_slowly_gets_the_rest_from_the_log(rooms: Rooms) -> None:
    ani, budi = rooms.guest("ani"), rooms.guest("budi")
    budi.wire.reading = False
    for number in range(150):
        ani.type(str(number), wait=0.04)
    assert budi.server.unsent < 70 * 1024
    budi.rest(10)
    budi.wire.reading = True
    budi.wire.take()
    shown = budi.shown(wait=25.0)
    assert shown == [f"<ani> {number}".encode() for number in range(150)]


def test_a_file_is_heard_of_when_all_of_it_is_here(rooms: Rooms) -> None:
    ani, budi, citra = rooms.guest("ani"), rooms.guest("budi"), rooms.guest("citra")
    ani.type("FILE", "client_a", "6", b"123")
    citra.type("lama")
    assert budi.shown(wait=0.5) == [b"<citra> lama"]
    ani.type(b"456")
    citra.type("sudah")
    rooms.guest("dewi")
    assert budi.shown(wait=1.5) == [b"FILE", b"client_a", b"6", b"ani", b"123456", b"<citra> sudah"]
    assert citra.shown() == [b"FILE", b"client_a", b"6", b"ani", b"123456"]
    assert ani.shown() == [b"<citra> lama", b"<citra> sudah"]


def test_a_large_file_comes_in_pieces_without_a_pause_and_a_longer_one_behind_it(rooms: Rooms) -> None:
    ani, budi = rooms.guest("ani"), rooms.guest("budi")
    content = bytes(range(256)) * 4000
    ani.send_file("a", content)
    ani.type("habis")
    budi.rest(2.0)
    pieces, times = budi.wire.pieces, budi.wire.times
    assert pieces[:4] == [b"FILE", b"client_a", str(len(content)).encode(), b"ani"]
    assert b"".join(pieces[4:-1]) == content
    assert len(pieces[4:-1]) > 10
    assert pieces[-1] == b"<ani> habis"
    assert times[4] - times[3] > PAUSE_SECONDS * 0.99
    assert times[-1] - times[-2] > PAUSE_SECONDS + 0.2  # an older client may still be reading


def test_an_empty_file_has_no_bytes(rooms: Rooms) -> None:
    ani, budi = rooms.guest("ani"), rooms.guest("budi")
    ani.type("FILE", "client_a", "0", "halo")
    assert budi.shown(wait=1.0) == [b"FILE", b"client_a", b"0", b"ani", b"<ani> halo"]


def test_a_file_of_which_a_part_never_comes_is_dropped(rooms: Rooms) -> None:
    ani, budi = rooms.guest("ani"), rooms.guest("budi")
    ani.type("FILE", "client_a", "10", b"isi\n")
    ani.rest(STALLED_SECONDS + 0.1)
    assert ani.shown() == [b"** 4 bytes of 10 came; the file is not sent"]
    ani.type("halo")
    assert budi.shown(wait=1.0) == [b"<ani> halo"]
    assert rooms.house.file_disk.parts == {}


def test_the_file_of_who_is_gone_is_dropped(rooms: Rooms) -> None:
    ani, budi = rooms.guest("ani"), rooms.guest("budi")
    ani.type("FILE", "client_a", "10", b"isi\n")
    ani.lose()
    assert budi.shown(wait=7.0) == []
    assert rooms.house.file_disk.parts == {}
    assert rooms.house.wait(rooms.house.realm._store.uploads("")) == []


def test_the_file_of_who_was_there_at_a_crash_is_dropped(rooms: Rooms) -> None:
    ani = rooms.guest("ani")
    ani.type("FILE", "client_a", "10", b"isi\n")
    rooms.house.crash()
    assert rooms.house.file_disk.parts != {}
    garbage = rooms.house.realm.garbage
    cursor = ""
    while True:
        done = rooms.house.wait(garbage.collect(cursor))
        cursor = done.next
        if not cursor:
            break
    assert rooms.house.file_disk.parts == {}


def test_what_is_more_than_a_file_is_a_text(rooms: Rooms) -> None:
    ani, budi = rooms.guest("ani"), rooms.guest("budi")
    ani.type("FILE", "client_a", "4", b"isi\nlebih")
    assert budi.shown(wait=1.5) == [b"FILE", b"client_a", b"4", b"ani", b"isi\n", b"<ani> lebih"]


def test_a_file_that_is_too_large_is_refused_once_and_its_bytes_are_skipped() -> None:
    rooms = Rooms(Limits(room_file_bytes=1000))
    ani, budi = rooms.guest("ani"), rooms.guest("budi")
    ani.type("FILE", "client_a", "1001", b"x" * 600, b"x" * 401, "halo")
    assert ani.shown() == [b"** a file in a room has at most 1000 bytes"]
    assert budi.shown(wait=1.0) == [b"<ani> halo"]


def test_the_word_file_may_be_said(rooms: Rooms) -> None:
    ani, budi = rooms.guest("ani"), rooms.guest("budi")
    ani.type("FILE")
    assert budi.shown() == []
    assert budi.shown(wait=FILE_SECONDS) == [b"<ani> FILE"]
    ani.type("FILE", "halo")
    assert budi.shown(wait=0.5) == [b"<ani> FILE", b"<ani> halo"]


def test_who_ends_its_writing_said_all_of_it(rooms: Rooms) -> None:
    ani, budi = rooms.guest("ani"), rooms.guest("budi")
    ani.say(b"dah")
    ani.server.readConnectionLost()
    ani.rest(0.1)
    assert budi.shown() == [b"<ani> dah"]
    assert ani.closed
    assert rooms.factory.connections() == [budi.protocol]


def test_who_is_gone_is_in_the_room_no_more(rooms: Rooms) -> None:
    ani, budi = rooms.guest("ani"), rooms.guest("budi")
    group = rooms.house.wait(rooms.house.realm.routes.group("room-r1"))
    assert rooms.house.realm.live.members(group) == ["~ani@alpha", "~budi@alpha"]
    budi.lose()
    assert rooms.house.realm.live.members(group) == ["~ani@alpha"]
    ani.type("halo")
    assert budi.shown() == []


def test_a_room_is_known_after_a_restart(rooms: Rooms) -> None:
    rooms.guest("ani", answer=NEW).lose()
    rooms.house.restart()
    rooms.serve()
    rooms.guest("ani", answer=KNOWN)


def test_mistakes_are_told_and_lose_nothing(rooms: Rooms) -> None:
    ani, budi = rooms.guest("ani"), rooms.guest("budi")
    ani.type(b"\xff", b"x" * 20_000, b"a\0b", "halo", wait=0.2)
    told = ani.shown()
    assert [text[:3] for text in told] == [b"** "] * 3
    assert budi.shown() == [b"<ani> halo"]


def test_a_room_that_cannot_be_entered_ends_the_connection(rooms: Rooms) -> None:
    rooms.house.add("room-r1")
    guest = Guest(rooms)
    guest.type("ani", "r1", "halo")
    (told,) = guest.shown(wait=1.0)
    assert told.startswith(b"** ")
    assert guest.closed


def test_what_comes_while_a_room_is_entered_is_told_apart_too(rooms: Rooms) -> None:
    budi = rooms.guest("budi")
    ani = Guest(rooms)
    rooms.house.slow.slow = True
    ani.type("ani", "r1", "satu", "FILE", "client_a", "1", b"x", "dua")
    rooms.house.slow.rush()
    assert budi.shown(wait=2.0) == [b"<ani> satu", b"FILE", b"client_a", b"1", b"ani", b"x", b"<ani> dua"]


def test_who_is_in_a_room_that_is_deleted_is_told_so_and_sent_away(rooms: Rooms) -> None:
    ani = rooms.guest("ani")
    rooms.house.wait(rooms.house.realm.moderation.delete(None, "room-r1"))
    assert ani.shown(wait=1.0) == [b"** the room is closed"]
    assert ani.closed


def test_a_browser_and_tls_are_turned_away(rooms: Rooms) -> None:
    for first in (b"GET / HTTP/1.1\r\n", b"\x16\x03\x01"):
        guest = Guest(rooms)
        guest.type(first)
        guest.rest(1.0)
        assert guest.closed


def test_who_says_nothing_has_to_go() -> None:
    guest = Guest(Rooms(Limits(login_seconds=10.0)))
    guest.type("ani")
    guest.rest(11.0)
    assert guest.closed


def test_at_the_end_of_the_realm_all_is_said_and_closed(rooms: Rooms) -> None:
    ani, budi = rooms.guest("ani"), rooms.guest("budi")
    ani.type("satu", wait=0.04)
    ani.type("dua", wait=0.04)
    drained = rooms.factory.drain()
    budi.rest(1.0)
    ani.settle()
    assert budi.shown() == [b"<ani> satu", b"<ani> dua"]
    assert budi.closed
    assert drained.called


def test_live_mode_and_a_room_are_one_talk_where_rooms_are_shared() -> None:
    rooms = Rooms(shared=True)
    ani = rooms.guest("ani")
    messi = rooms.user("messi")
    messi.say("group room-r1")
    rooms.house.turn(0.2)
    messi.wire.pieces.clear()
    ani.type("halo")
    messi.say("hai")
    budi = rooms.guest("budi")
    assert ani.shown(wait=0.3) == [b"<messi> hai"]
    assert messi.wire.pieces == [b"~ani: halo", b"messi: hai", b"~budi telah bergabung"]
    budi.lose()
    rooms.house.turn(0.2)
    assert messi.wire.pieces[-1] == b"~budi meninggalkan group"
