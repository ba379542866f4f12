"""Between realms: what one writes, the other reads; and nothing else gets through."""

from __future__ import annotations

import json
from itertools import pairwise
from typing import Any, get_args

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from chatproto.errors import BadFrame, UnknownFrame
from chatproto.frames import (
    Ack,
    Answer,
    Auth,
    Digest,
    Entry,
    Frame,
    Freight,
    Goodbye,
    Hello,
    Item,
    Lacking,
    Parcel,
    Pass,
    PeerLimits,
    Ping,
    Ready,
    Start,
    Verdict,
)
from chatproto.protocols.framing import LineFraming
from chatproto.wire.peer import decode_frame, encode_frame
from chatproto.wire.strict import DEPTH, NAMES
from tests.wire.values import TEXT, instances

FRAMES: tuple[Any, ...] = get_args(Frame)
HEX = st.text("0123456789abcdef", min_size=64, max_size=64)
HELLO = Hello(realm="alpha", to="beta", nonce="0" * 64, key="1" * 64, versions=[1])
ITEM = Item(number=1, mid="alpha/1", from_="messi@alpha", to="amsal@beta", text="halo", at=1, expires=2)
LINE = encode_frame(ITEM)[:-1]
ENTRY = Entry(stream="room@alpha", number=1, mid="alpha/1", from_="messi@alpha", text="halo", at=1)


def any_of(kind: Any) -> st.SearchStrategy[Any]:  # noqa: PLR0911 - one for each kind
    """Return a strategy for frames of a type; patterns of fields are not known to the general one."""
    if kind is Hello:
        name = TEXT.filter(lambda text: len(text) <= 64)
        return st.builds(
            Hello,
            realm=name,
            to=name,
            nonce=HEX,
            key=HEX,
            versions=st.lists(st.integers(0, 2**53 - 1), min_size=1, max_size=16),
            capabilities=st.lists(name, max_size=5),
            limits=instances(PeerLimits),
            agent=name,
        )
    if kind is Auth:
        return st.builds(Auth, signature=HEX, mac=HEX | st.just(""))
    if kind is Ack:
        refused = st.lists(st.tuples(st.integers(1, 2**53 - 1), st.sampled_from(["refused", "expired"])))
        credit = st.none() | st.integers(0, 2**53 - 1)
        return st.builds(
            Ack,
            stream=TEXT,
            epoch=TEXT.filter(lambda text: len(text) <= 64),
            number=st.integers(0, 2**53 - 1),
            refused=refused,
            items=credit,
            bytes=credit,
        )
    if kind is Ready:
        name = TEXT.filter(lambda text: len(text) <= 64)
        lives = st.lists(st.tuples(name, st.integers(0, 2**53 - 1)), max_size=16)
        return st.builds(Ready, stream=TEXT, epoch=name, number=st.integers(0, 2**53 - 1), lives=lives)
    if kind is Digest:
        members = st.text("0123456789abcdef", max_size=32)
        return st.builds(Digest, stream=TEXT, number=st.integers(0, 2**53 - 1), members=members, topic=TEXT)
    if kind is Answer:
        found = st.dictionaries(TEXT, TEXT | st.lists(TEXT, max_size=3), max_size=5)
        return st.builds(Answer, number=st.integers(0, 2**53 - 1), found=found)
    if kind in (Parcel, Verdict, Pass):
        name = TEXT.filter(lambda text: len(text) <= 64)
        via, ttl = st.lists(name, max_size=8), st.integers(0, 8)
        return st.builds(kind, origin=name, to=name, via=via, ttl=ttl, body=TEXT, signature=HEX)
    if kind is Freight:
        name = TEXT.filter(lambda text: len(text) <= 64)
        via, ttl = st.lists(name, max_size=8), st.integers(0, 8)
        of_file = {"mid": name, "offset": st.integers(0, 2**53 - 1), "size": st.integers(1, 64 * 1024)}
        return st.builds(Freight, origin=name, to=name, via=via, ttl=ttl, nonce=name, **of_file)
    if kind is Lacking:
        return st.builds(Lacking, mid=st.just("a/b"), code=st.just("x"), retry_after=st.floats(0, 1e9))
    if kind is Goodbye:
        return st.builds(Goodbye, reason=st.just("shutdown"), message=TEXT, retry_after=st.floats(0, 1e9))
    return instances(kind)


ANY = st.one_of([any_of(kind) for kind in FRAMES])
#: Bytes that are nearly frames, which random bytes never are.
NEARLY = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | TEXT | st.sampled_from(["item", "ack", "new"]),
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(
            st.sampled_from(["frame", "must", "number", "mid", "from", "to", "text", "epoch"]) | TEXT,
            inner,
            max_size=5,
        )
    ),
    max_leaves=10,
).map(lambda value: json.dumps(value).encode())


class Lines(LineFraming):
    """The frames that come out of bytes."""

    def __init__(self) -> None:
        super().__init__()
        self.frames: list[Frame | None] = []

    def lineReceived(self, line: bytes) -> None:
        self.frames.append(decode_frame(line))


class TestRoundTrip:
    @pytest.mark.parametrize("kind", FRAMES, ids=lambda kind: kind.__name__)
    def test_every_frame_comes_out_as_it_went_in(self, kind: Any) -> None:
        @given(any_of(kind))
        def round_trip(frame: Frame) -> None:
            line = encode_frame(frame)
            assert line.endswith(b"}\n")
            assert b"\n" not in line[:-1]
            assert decode_frame(line[:-1]) == frame

        round_trip()

    def test_a_line_says_what_it_is_by_a_name(self) -> None:
        assert json.loads(LINE) == {
            "frame": "item",
            "number": 1,
            "mid": "alpha/1",
            "from": "messi@alpha",
            "to": "amsal@beta",
            "text": "halo",
            "at": 1,
            "expires": 2,
        }

    @given(st.lists(ANY, max_size=6), st.lists(st.integers(0, 4000), max_size=6))
    def test_bytes_may_be_cut_anywhere(self, frames: list[Frame], cuts: list[int]) -> None:
        data = b"".join(map(encode_frame, frames))
        lines = Lines()
        marks = sorted({0, *(cut for cut in cuts if cut < len(data)), len(data)})
        for start, end in pairwise(marks):
            lines.dataReceived(data[start:end])
        assert lines.frames == frames

    @given(any_of(Item), st.text(st.characters(exclude_categories=["Cs"])))
    def test_a_text_of_any_characters_gets_through(self, item: Item, text: str) -> None:
        line = encode_frame(Item(**{**{n: getattr(item, n) for n in item.__struct_fields__}, "text": text}))
        read = decode_frame(line[:-1])
        assert isinstance(read, Item)
        assert read.text == text


class TestWhatIsNoFrame:
    @given(st.binary() | st.binary().map(lambda data: b"{" + data) | NEARLY)
    @example(b"")
    @example(b"{}")
    @example(b"[" * 100_000)
    @example(b'{"frame":' + b"[" * 100_000)
    @example(b'{"frame":' + b'{"frame":' * 50_000)
    @example(b'{"frame":"ping","number":' + b"1" * 5_000 + b"}")
    @example(b'{"frame":"new","number":' + b"1" * 5_000 + b"}")
    @example(b'{"frame":"goodbye","reason":"x","retry_after":1e999}')
    @example(b'{"frame":"new","x":1e999}')
    @example(b'{"frame":"new","x":"\\ud800"}')
    @example(b'{"frame":"new","x":"\xff"}')
    @example(b'{"frame":"ping","number":1,"x":"\xff"}')
    @example(LINE.replace(b"halo", b"\xff"))
    @example(LINE.replace(b"halo", b"\\ud800"))
    def test_any_bytes_give_a_frame_or_nothing_or_a_bad_frame(self, line: bytes) -> None:
        try:
            frame = decode_frame(line)
        except BadFrame:
            return
        assert frame is None or decode_frame(encode_frame(frame)[:-1]) == frame

    @pytest.mark.parametrize(
        "line",
        [
            b"",
            b"null",
            b"[]",
            b"halo",
            b"{}",
            b'{"frame":7}',
            b'{"frame":null}',
            b'{"do":"hello"}',
            b'{"frame":"ping"}',
            b'{"frame":"ping","number":-1}',
            b'{"frame":"ping","number":9007199254740992}',
            b'{"frame":"ping","number":"1"}',
            b'{"frame":"ping","number":1}{"frame":"ping","number":1}',
            b'{"frame":"new","x":"\xff"}',
            b'{"frame":"ping","number":1,"x":"\xff"}',
            LINE.replace(b"halo", b"\xc3"),
            LINE[:-1],
        ],
    )
    def test_it_ends_the_link(self, line: bytes) -> None:
        with pytest.raises(BadFrame) as raised:
            decode_frame(line)
        assert raised.value.code == "bad-frame"

    @pytest.mark.parametrize(
        "more",
        [
            b',"number":2}',
            b',"text":"other"}',
            b',"to":"messi@beta"}',
            b',"frame":"item"}',
            b',"te\\u0078t":"other"}',
            b' , "number" : 1}',
            b',"x":1,"x":2}',
            b',"x":{"y":1,"y":1}}',
        ],
    )
    def test_a_name_that_stands_twice_is_none(self, more: bytes) -> None:
        with pytest.raises(BadFrame):
            decode_frame(LINE[:-1] + more)

    @pytest.mark.parametrize("name", ["item", "new"])
    def test_depth_and_names_are_bounded(self, name: str) -> None:
        start = LINE[:-1].replace(b'"item"', json.dumps(name).encode())
        deep = DEPTH - 1
        decode_frame(start + b',"x":' + b"[" * deep + b"]" * deep + b"}")
        with pytest.raises(BadFrame):
            decode_frame(start + b',"x":' + b"[" * DEPTH + b"]" * DEPTH + b"}")
        with pytest.raises(BadFrame):
            decode_frame(start + b"".join(b',"x%d":1' % number for number in range(NAMES)) + b"}")

    @pytest.mark.parametrize("field", [b"alpha/1", b"messi@alpha", b"amsal@beta"])
    def test_a_nul_is_only_in_what_users_write(self, field: bytes) -> None:
        assert decode_frame(LINE.replace(b"halo", b"\\u0000")) is not None
        assert decode_frame(LINE[:-1] + b',"name":"\\u0000"}') is not None
        assert decode_frame(LINE.replace(b"halo", b"\\\\u0000")) is not None
        with pytest.raises(BadFrame):
            decode_frame(LINE.replace(field, b"a\\u0000"))
        entry = encode_frame(ENTRY)[:-1]
        assert decode_frame(entry.replace(b"halo", b"\\u0000")) is not None
        with pytest.raises(BadFrame):
            decode_frame(entry.replace(b"room@alpha", b"a\\u0000"))

    @pytest.mark.parametrize("name", ["key", "nonce"])
    @pytest.mark.parametrize("value", ["", "0" * 63, "0" * 65, "0" * 63 + "\n", "0" * 63 + "G", "A" * 64])
    def test_a_key_is_64_digits(self, name: str, value: str) -> None:
        line = json.dumps({**json.loads(encode_frame(HELLO)), name: value}).encode()
        with pytest.raises(BadFrame):
            decode_frame(line)


class TestOtherVersions:
    @given(ANY)
    def test_unknown_fields_are_passed_over(self, frame: Frame) -> None:
        line = encode_frame(frame)[:-2] + b',"new":[1,{"x":"y"}],"must":true}'
        assert decode_frame(line) == frame

    def test_an_unknown_frame_is_passed_over(self) -> None:
        assert decode_frame(b'{"frame":"new","number":1,"mid":[{}]}') is None
        assert decode_frame(b'{"frame":"new","must":false}') is None

    @pytest.mark.parametrize("must", [b"true", b"1", b'"yes"', b"null"])
    def test_unless_it_must_not_be(self, must: bytes) -> None:
        with pytest.raises(UnknownFrame) as raised:
            decode_frame(b'{"frame":"new","must":%b}' % must)
        assert raised.value.code == "unknown-frame"


def test_a_line_with_all_fields_needs_no_second_look() -> None:
    """The count of quotes is right for what is common: each item, entry and ack."""
    ack = Ack(epoch="e", number=1, refused=[(1, "refused")] * 5000, items=1, bytes=2, stream="g@a")
    with pytest.raises(BadFrame):  # more refusals than may be
        decode_frame(encode_frame(ack)[:-1])
    for frame in (
        ITEM,
        ENTRY,
        Entry(
            stream="room@alpha",
            number=1,
            mid="alpha/1",
            from_="messi@alpha",
            text="",
            at=1,
            kind="joined",
            name="Leo",
            epoch="e",
        ),
        Item(
            **{
                **{n: getattr(ITEM, n) for n in ITEM.__struct_fields__},
                "kind": "x",
                "name": "y",
                "settled": 7,
            }
        ),
        Ack(epoch="e", number=1),
        Ack(epoch="e", number=1, refused=[(1, "refused")] * 4000, items=1, bytes=2, stream="g@a"),
    ):
        from chatproto.wire import peer

        assert peer._quotes(frame) == encode_frame(frame).count(b'"')


def test_the_opening_frames_have_their_names() -> None:
    assert [json.loads(encode_frame(each))["frame"] for each in (HELLO, Ping(number=1))] == ["hello", "ping"]
    assert decode_frame(b'{"frame":"ready"}') == Ready()
    assert decode_frame(b'{"frame":"start","epoch":"e","first":1,"next":1}') == Start(
        epoch="e", first=1, next=1
    )
