"""Bodies of what passes through gateways."""

from __future__ import annotations

import pytest

from chatproto.errors import BadFrame
from chatproto.frames import Ask, Item, Parcel, Skip
from chatproto.frames.routing import BODY_CHARACTERS, Letter, Ruling, Slip
from chatproto.wire.letters import decode_body, encode_body
from chatproto.wire.peer import decode_frame, encode_frame

ITEM = Item(number=3, mid="alpha/3", from_="messi@alpha", to="amsal@beta", text="halo", at=1, expires=2)
LETTER = Letter(epoch="e", since=5, first=1, settled=2, after="alpha/2", frame=ITEM)


@pytest.mark.parametrize(
    "body",
    [
        LETTER,
        Letter(epoch="e", since=5, first=1, nonce="ab"),
        Letter(epoch="e", since=5, first=1, frame=Skip(number=1, mid="alpha/1")),
        Ruling(epoch="e", since=5, number=3, mid="alpha/3", refused=[(2, "no-such-user")]),
        Slip(frame=Ask(number=1, about="active")),
    ],
)
def test_a_body_comes_back_as_it_was(body: Letter | Ruling | Slip) -> None:
    again: object = decode_body(type(body), encode_body(body))  # type: ignore[type-var]  # one of the three
    assert again == body


def test_the_longest_text_fits_into_a_body_and_into_a_line_whatever_is_in_it() -> None:
    for text in ("\x01" * 16384, '"' * 16384, "\\" * 16384, "\U0001f600" * 4096):
        item = Item(**{**{name: getattr(ITEM, name) for name in ITEM.__struct_fields__}, "text": text})
        body = encode_body(Letter(epoch="e" * 64, since=2**52, first=1, after="m" * 160, frame=item))
        assert len(body) <= BODY_CHARACTERS
        line = encode_frame(Parcel(origin="o" * 63, to="t" * 63, body=body, signature="0" * 128))
        assert len(line) < 256 * 1024
        frame = decode_frame(line[:-1])
        assert isinstance(frame, Parcel)
        assert decode_body(Letter, frame.body).frame == item


@pytest.mark.parametrize(
    "text",
    [
        "",
        "[]",
        "{}",
        '{"epoch":"e","since":1,"first":1,"first":2}',
        '{"epoch":"e","since":-1,"first":1}',
        '{"epoch":"e\\u0000","since":1,"first":1,"frame":{"frame":"skip","number":1,"mid":"a\\u0000"}}',
        '{"epoch":"e","since":1,"first":1,"frame":{"frame":"ping","number":1}}',
        "\ud800",
        "[" * 5000,
    ],
)
def test_what_is_no_letter_is_refused(text: str) -> None:
    with pytest.raises(BadFrame):
        decode_body(Letter, text)


@pytest.mark.parametrize("more", [{}, {"via": ["gamma", "delta"], "ttl": 6}, {"stream": "room@alpha"}])
def test_what_is_in_a_body_does_not_hide_what_stands_twice(more: dict[str, object]) -> None:
    frame = Parcel(origin="alpha", to="beta", body=encode_body(LETTER), signature="00", **more)  # type: ignore[arg-type]
    line = encode_frame(frame)[:-1]
    assert decode_frame(line) == frame
    for twice in (b'"to":"beta","to":"x"', b'"to":"beta","also":{"a":1,"a":2}'):
        with pytest.raises(BadFrame):
            decode_frame(line.replace(b'"to":"beta"', twice))
