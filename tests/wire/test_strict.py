"""Lines that two readers could understand in two ways, or that only cost the reader, are refused."""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from chatproto.commands import Command, all_commands
from chatproto.errors import BadField, BadRequest, ChatError
from chatproto.wire.json import JsonDialect
from chatproto.wire.strict import DEPTH, NAMES, check_shape, describe
from tests.wire.values import TEXT

SEND = b'{"do":"send","id":7,"to":"henderson","text":"halo","cid":"a:1"}'


def decode(line: bytes) -> Command:
    return JsonDialect().decode(line).command


def nested(depth: int, start: bytes = b"[", end: bytes = b"]") -> bytes:
    """Return a line whose arrays or objects are so deep, the line's own object included."""
    return b'{"do":"hello","x":' + start * (depth - 1) + b"1" + end * (depth - 1) + b"}"


class TestNames:
    @pytest.mark.parametrize(
        "line",
        [
            b'{"do":"send","to":"a","to":"b","text":"x"}',
            b'{"do":"send","to":"a","text":"x","text":null}',
            b'{"do":"send","to":"a","text":"x","id":1,"id":1}',
            b'{"do":"send","to":"a","text":"x","do":"send"}',
            b'{"do":"hello","do":"active"}',
            b'{"do":"send" , "to" : "a" , "text" : "x" , "to"\t:\r"a"}',
            b'{"do":"send","to":"a","te\\u0078t":"x","text":"x"}',
            b'{"do":"hello","x":1,"x":1}',
            b'{"do":"hello","x":{"y":1,"z":{"y":1}},"v":[{"y":1,"y":2}]}',
            b'{"do":"send","to":"a","text":"x","to":"b","cid":null}',
            '{"do":"send","to":"a","text":"é","to":"b"}'.encode(),
        ],
    )
    def test_a_name_that_stands_twice_is_refused(self, line: bytes) -> None:
        with pytest.raises(BadField, match="stands twice"):
            decode(line)

    @pytest.mark.parametrize(
        "line",
        [
            SEND,
            SEND.replace(b"halo", b'he said \\"to\\": \\"text\\":1, {[{[ \\\\'),
            SEND.replace(b"halo", b'\\"'),
            SEND.replace(b'"halo"', b'" halo \\"to\\" :"'),
            SEND.replace(b":", b" : ").replace(b",", b"\t,\r"),
            SEND.replace(b'"a:1"', b"null"),
            SEND.replace(b"}", b',"x":{"do":1,"to":2,"text":{"do":3}},"y":[]}'),
            SEND.replace(b'"henderson"', b'["to","text"]'),
            '{"do":"send","to":"a","text":"é","nul":null}'.encode(),
            b'{"do":"hello","a\\"b":1,"a":2}',
        ],
    )
    def test_others_pass_however_they_are_written(self, line: bytes) -> None:
        assert decode(line).wire_name() in ("send", "hello")

    def test_the_name_that_is_told_is_one_that_can_be_shown(self) -> None:
        for name in (b"a b", b"x" * 65, b"\\u001b[2J", b"to\\u202e"):
            with pytest.raises(BadField) as raised:
                decode(b'{"do":"hello","%b":1,"%b":1}' % (name, name))
            assert raised.value.text == "a field stands twice"

    def test_an_object_has_at_most_64_names(self) -> None:
        def line(count: int) -> bytes:
            return json.dumps(
                {"do": "hello", **{f"x{number}": number for number in range(count - 1)}}
            ).encode()

        decode(line(NAMES))
        with pytest.raises(BadField, match="at most 64"):
            decode(line(NAMES + 1))
        with pytest.raises(BadField, match="at most 64"):
            decode(b'{"do":"hello","x":%b}' % line(NAMES + 1))
        decode(b'{"do":"hello","x":[%b,%b]}' % (line(NAMES), line(NAMES)))

    @given(
        st.dictionaries(
            st.sampled_from(["to", "text", "cid", "id", "x", "y z", 'q"'])
            | TEXT.filter(lambda name: name not in ("do", "\0")),
            st.none() | TEXT | st.lists(st.integers(), max_size=3) | st.dictionaries(TEXT, TEXT, max_size=3),
            max_size=6,
        ),
        st.booleans(),
        st.booleans(),
        st.data(),
    )
    def test_exactly_lines_with_a_double_are_refused(
        self, members: dict[str, Any], escaped: bool, spaced: bool, data: st.DataObject
    ) -> None:
        members = {**members, "do": "hello", "id": "x"}
        separators = (" , ", " : ") if spaced else (",", ":")
        pieces = [
            json.dumps({name: value}, ensure_ascii=escaped, separators=separators)[1:-1]
            for name, value in members.items()
        ]
        line = ("{" + separators[0].join(pieces) + "}").encode()
        assert decode(line).wire_name() == "hello"
        twice = data.draw(st.sampled_from(pieces))
        again = data.draw(st.permutations([*pieces, twice]))
        with pytest.raises(BadRequest):
            decode(("{" + separators[0].join(again) + "}").encode())


class TestDepth:
    @pytest.mark.parametrize(("start", "end"), [(b"[", b"]"), (b'{"y":', b"}")])
    def test_sixteen_levels_are_the_most(self, start: bytes, end: bytes) -> None:
        assert decode(nested(DEPTH, start, end)).wire_name() == "hello"
        for depth in (DEPTH + 1, 1000, 10_000):
            with pytest.raises(BadRequest, match="at most 16 deep"):
                decode(nested(depth, start, end))

    def test_many_brackets_side_by_side_or_in_a_text_are_not_deep(self) -> None:
        decode(b'{"do":"hello","x":[' + b"[1]," * 500 + b"[1]]}")
        decode(SEND.replace(b"halo", b'\\\\\\"' + b"[{" * 500))

    def test_a_line_of_deep_nesting_is_no_work(self) -> None:
        # Of 64 KiB; a quadratic reader would take minutes.
        for line in (b"[" * 65_000, b'{"do":"hello","x":"' + b'\\"' * 32_000, nested(30_000), b'{"' * 32_000):
            with pytest.raises(ChatError):
                decode(line)


class TestBytes:
    @pytest.mark.parametrize(
        "line",
        [b'{"do":"hello","x":"\xff"}', b'{"do":"hello","\xff":1}', b'{"do":"hello","x":"\xed\xa0\x80"}'],
    )
    def test_no_part_of_a_line_is_not_utf8(self, line: bytes) -> None:
        with pytest.raises(BadRequest, match="UTF-8"):
            decode(line)

    @given(st.binary(max_size=60))
    @example(b'"\\ud800"')
    @example(b"1e999")
    def test_what_passes_is_what_another_reader_reads(self, data: bytes) -> None:
        line = b'{"do":"hello","x":' + data + b"}"
        try:
            decode(line)
        except ChatError:
            return
        check_shape(line)
        assert json.loads(line)["do"] == "hello"


def test_every_field_of_every_command_is_described() -> None:
    for command in (command for command in all_commands() if command.json):
        for field in command.__struct_encode_fields__:
            assert describe(command, field).startswith(
                ("a number", "a string", "a list", "true or", "one of", "left out")
            )
