"""System E: what the bytes of a guest mean, and what guests are told."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from chatproto.errors import BadRequest, NotLoggedIn, TextTooLong
from chatproto.events import Done, EnteredRoom, FileInfo, LiveChange, Message
from chatproto.limits import CHUNK_BYTES, TEXT_BYTES
from chatproto.wire.room import (
    FIELD_SECONDS,
    FILE_SECONDS,
    STALLED_SECONDS,
    Began,
    Brackets,
    Bytes,
    Ended,
    Entered,
    RoomDialect,
    RoomReader,
    Said,
    Token,
)


def read(*fields: bytes, reader: RoomReader | None = None) -> list[Token]:
    """Return what fields mean that have a short pause behind each."""
    reader = reader or RoomReader()
    for field in fields:
        reader.feed(field)
        if reader.patience == FIELD_SECONDS:
            reader.silent()
    tokens = list(reader.tokens)
    reader.tokens.clear()
    return tokens


def entered() -> RoomReader:
    """Return the reader of a guest that is in a room."""
    reader = RoomReader()
    assert read(b"ani", b"r1", reader=reader) == [Entered("ani", "r1")]
    return reader


def test_a_name_a_room_and_texts() -> None:
    assert read(b"ani", b"r1", b"halo", b" apa kabar? \r\n") == [
        Entered("ani", "r1"),
        Said(b"halo"),
        Said(b" apa kabar? \r\n"),
    ]


@pytest.mark.parametrize(
    ("name", "room"),
    [
        *((b"User ani", b"Join r1"), (b"ani\r\n", b"r1\n"), (b"aniUser ", b"rJoin 1"), (b" ani ", b" r1 ")),
        *(
            (b"User Join ani", b"Join Join r1"),
            (b"Join ani", b"User Join r1"),
            (b"User User ani", b"User r1"),
        ),
    ],
)
def test_the_words_of_the_older_client_are_dropped(name: bytes, room: bytes) -> None:
    assert read(name, room) == [Entered("ani", "r1")]


@pytest.mark.parametrize(
    "field", [b"ani\nr1\nhalo\n", b"ani\r\nr1\r\nhalo", b"User ani\nJoin r1\nhalo", b"\nani\n r1 \nhalo"]
)
def test_a_script_may_say_it_all_at_once_in_lines(field: bytes) -> None:
    entered, said = read(field)
    assert entered == Entered("ani", "r1")
    assert isinstance(said, Said)
    assert said.data.strip() == b"halo"


def test_who_was_not_read_for_a_while_may_be_known_by_the_words() -> None:
    assert read(b"User aniJoin r1", b"halo") == [Entered("ani", "r1"), Said(b"halo")]


@pytest.mark.parametrize("nothing", [b"User ", b"Join ", b"User Join ", b" ", b"User \r\n"])
def test_who_leaves_no_name_or_no_room_is_answered(nothing: bytes) -> None:
    assert read(nothing, b"Join r1") == [Entered("", "r1")]
    assert read(b"User ani", nothing) == [Entered("ani", "")]


def test_line_ends_alone_are_no_name_and_no_room() -> None:
    assert read(b"\n", b"ani\n \n", b"\r\n", b"r1") == [Entered("ani", "r1")]
    assert read(b"\n", b" ", reader=entered()) == []


def test_names_may_have_blanks_and_be_in_any_script_and_are_cut() -> None:
    assert read(b"Budi Santoso", "kelas é".encode()) == [Entered("Budi Santoso", "kelas é")]
    assert read(b"\xff", b"x" * 3000) == [Entered("\N{REPLACEMENT CHARACTER}", "x" * 1024)]


def test_a_field_is_what_comes_until_a_silence() -> None:
    reader = entered()
    reader.feed(b"ha")
    reader.feed(b"lo")
    assert not reader.tokens
    assert reader.patience == FIELD_SECONDS
    reader.silent()
    assert list(reader.tokens) == [Said(b"halo")]
    assert reader.patience == 0


def test_a_file_is_a_word_a_name_a_size_and_bytes() -> None:
    assert read(b"FILE", b"client_a.txt", b"4", b"isi\n", b"halo", reader=entered()) == [
        Began("client_a.txt", 4),
        Bytes(b"isi\n"),
        Ended(),
        Said(b"halo"),
    ]


def test_bytes_of_a_file_have_no_silences_and_end_exactly() -> None:
    reader = entered()
    content = bytes(range(256)) * 600
    assert read(b"FILE", b"client_a", str(len(content)).encode(), reader=reader) == [
        Began("client_a", len(content))
    ]
    assert reader.patience == STALLED_SECONDS
    tokens = read(content[:5], content[5:] + b"lagi", reader=reader)
    assert b"".join(token.data for token in tokens if isinstance(token, Bytes)) == content
    assert all(len(token.data) <= CHUNK_BYTES for token in tokens if isinstance(token, Bytes))
    assert tokens[-2:] == [Ended(), Said(b"lagi")]


def test_an_empty_file_has_no_bytes() -> None:
    assert read(b"FILE", b"client_a", b"0", b"halo", reader=entered()) == [
        Began("client_a", 0),
        Ended(),
        Said(b"halo"),
    ]


@pytest.mark.parametrize(
    "fields",
    [
        (b"FILE", b"halo"),
        (b"FILE", b"client_a.txt", b"halo"),
        (b"FILE", b"client_a.txt", b"-1"),
        (b"FILE", b"client_a.txt", b"1" * 20),
        (b"FILE", b"client_a.txt", "٣".encode()),
        (b"FILE", b"4"),
    ],
)
def test_the_word_that_somebody_typed_is_a_text(fields: tuple[bytes, ...]) -> None:
    assert read(*fields, reader=entered()) == [Said(field) for field in fields]


def test_who_types_the_word_twice_may_still_send_a_file() -> None:
    assert read(b"FILE", b"FILE", b"client_a", b"1", b"x", reader=entered()) == [
        Said(b"FILE"),
        Began("client_a", 1),
        Bytes(b"x"),
        Ended(),
    ]


def test_the_word_alone_is_a_text_when_nothing_follows() -> None:
    reader = entered()
    assert read(b"FILE", reader=reader) == []
    assert reader.patience == FILE_SECONDS
    reader.silent()
    assert list(reader.tokens) == [Said(b"FILE")]
    assert reader.patience == 0


def test_a_file_whose_bytes_do_not_come_ends_without_them() -> None:
    reader = entered()
    read(b"FILE", b"client_a", b"10", b"isi\n", reader=reader)
    reader.silent()
    assert list(reader.tokens) == [Ended(missing=6)]
    reader.tokens.clear()
    assert read(b"halo", reader=reader) == [Said(b"halo")]


def test_at_the_end_what_came_is_whole() -> None:
    reader = entered()
    reader.feed(b"halo")
    reader.finish()
    assert list(reader.tokens) == [Said(b"halo")]
    read(b"FILE", b"client_a", b"10", b"isi\n", reader=reader)
    reader.finish()
    assert list(reader.tokens) == [Ended(missing=6)]


@pytest.mark.parametrize(
    ("said", "name"),
    [
        (b"client_../../etc/passwd", "client_passwd"),
        (b"client_C:\\Users\\ani\\a.txt", "client_a.txt"),
        (b"../../a.txt", "a.txt"),
        (b"client_", "client_"),
        (b"a/", "file"),
    ],
)
def test_the_name_of_a_file_is_no_path(said: bytes, name: str) -> None:
    assert read(b"FILE", said, b"0", reader=entered()) == [Began(name, 0), Ended()]


def test_a_text_that_is_too_long_is_not_cut() -> None:
    tokens = read(b"x" * TEXT_BYTES, b"x" * (TEXT_BYTES + 1), b"y", reader=entered())
    assert [(len(token.data), token.whole) for token in tokens if isinstance(token, Said)] == [
        (TEXT_BYTES, True),
        (TEXT_BYTES, False),
        (1, True),
    ]
    with pytest.raises(TextTooLong):
        RoomDialect("alpha").request(Said(b"x", whole=False))


@given(st.lists(st.tuples(st.binary(max_size=40), st.booleans()), max_size=20))
def test_whatever_comes_is_understood_somehow(reads: list[tuple[bytes, bool]]) -> None:
    reader = RoomReader()
    for data, pause in reads:
        reader.feed(data)
        if pause and reader.patience:
            reader.silent()
    reader.finish()
    assert reader.patience == 0
    began = [token for token in reader.tokens if isinstance(token, Began)]
    ended = [token for token in reader.tokens if isinstance(token, Ended)]
    assert len(began) == len(ended)


def message(sender: str, text: str = "halo", **more: object) -> Message:
    fields = {"seq": 1, "mid": "m", "from_": sender, "to": "room-r1@alpha", "text": text, "at": "", **more}
    return Message(**fields)  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("sender", "shown"),
    [
        ("~ani@alpha", b"<ani> halo"),
        ("~Budi Santoso@alpha", b"<Budi Santoso> halo"),
        ("~a%40b%25@alpha", b"<a@b%> halo"),
        ("messi@alpha", b"<messi> halo"),
        ("~~messi@alpha", b"<~messi> halo"),
        ("amsal@beta", b"<amsal@beta> halo"),
        ("~ani@beta", b"<ani@beta> halo"),
    ],
)
def test_a_text_is_shown_with_a_name(sender: str, shown: bytes) -> None:
    assert RoomDialect("alpha").encode_event(message(sender)) == shown


def test_brackets_may_be_square() -> None:
    dialect = RoomDialect("alpha", Brackets.SQUARE).within("room-r1@alpha")
    assert dialect.encode_event(message("~ani@alpha")) == b"[ani] halo"


def test_nobody_writes_lines_in_the_name_of_others() -> None:
    assert RoomDialect("alpha").encode_event(message("~ani@alpha", "a\n<budi> b")) == b"<ani> a <budi> b"


def test_a_file_is_told_in_fields() -> None:
    file = FileInfo(id="m", name="client_a.txt", size=4, sha256="")
    event = message("~ani@alpha", "", kind="file", file=file)
    assert RoomDialect("alpha").encode_event(event) == b""
    arrival = RoomDialect("alpha").arrival(event)
    assert arrival is not None
    assert (arrival.id, arrival.size) == ("m", 4)
    assert arrival.fields == (b"FILE", b"client_a.txt", b"4", b"ani")
    assert arrival.instead == b"<ani> (file client_a.txt, 4 bytes: not here)"


def test_what_else_happens_is_not_told() -> None:
    dialect = RoomDialect("alpha")
    assert dialect.encode_event(LiveChange(group="room-r1@alpha", from_="messi@alpha", on=True)) == b""
    assert dialect.encode_event(message("messi@alpha", "", kind="joined")) == b""
    assert dialect.arrival(message("messi@alpha")) is None


def test_who_enters_is_answered_and_who_is_refused() -> None:
    dialect = RoomDialect("alpha")
    for made, told in ((True, b"New Group created"), (False, b"Welcome to chat room")):
        assert dialect.encode_reply(EnteredRoom(group="g", guest="~a@alpha", made=made), None) == told
    assert dialect.encode_reply(Done(), None) == b""
    assert dialect.encode_refusal(NotLoggedIn(), None).startswith(b"** ")
    assert dialect.tag_of(b"halo") is None
    with pytest.raises(BadRequest):
        dialect.decode(b"\xff")
