"""The JSON dialect: what either end writes, the other reads; and nothing else gets through."""

from __future__ import annotations

import contextlib
import json
from typing import Any

import msgspec
import pytest
from hypothesis import assume, example, given
from hypothesis import strategies as st

from chatproto import commands, errors, events
from chatproto.commands import Command, Request, all_commands
from chatproto.errors import BY_CODE, BadField, BadRequest, ChatError, UnknownCommand, UnknownRemoteError
from chatproto.events import Event, Reply
from chatproto.wire.dialect import TagValue
from chatproto.wire.json import COMMANDS, Answer, JsonDialect, decode_from_server, encode_command
from tests.wire.values import TAGS, TEXT, instances
from tests.wire.values import errors as any_error

REPLIES = tuple(Reply.__subclasses__())
JSON_COMMANDS = tuple(command for command in all_commands() if command.json)

#: Bytes that are nearly commands, which random bytes never are.
NEARLY = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | TEXT | st.sampled_from([*COMMANDS, "inbox"]),
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(
            st.sampled_from(
                ["do", "id", "to", "text", "user", "password", "token", "seq", "event", "re", "status"]
            )
            | TEXT,
            inner,
            max_size=5,
        )
    ),
    max_leaves=10,
).map(lambda value: json.dumps(value).encode())


def dialect() -> JsonDialect:
    return JsonDialect()


class TestCommands:
    @pytest.mark.parametrize("kind", JSON_COMMANDS, ids=lambda kind: kind.__name__)
    def test_every_command_comes_out_as_it_went_in(self, kind: type[Command]) -> None:
        @given(instances(kind), TAGS)
        def round_trip(command: Command, tag: TagValue) -> None:
            line = encode_command(command, tag)
            assume(b"\\u0000" not in line)  # refused: no name, password or text has one
            assert line.startswith(b"{")
            assert line.endswith(b"}\r\n")
            assert b"\n" not in line[:-2]
            assert dialect().decode(line[:-2]) == Request(command, tag)
            assert dialect().tag_of(line[:-2]) == tag

        round_trip()

    def test_text_only_commands_are_unknown(self) -> None:
        for command in all_commands():
            if not command.json:
                with pytest.raises(UnknownCommand):
                    dialect().decode(b'{"do":"%b"}' % command.wire_name().encode())

    @given(st.binary() | st.binary().map(lambda data: b"{" + data) | NEARLY)
    @example(b'{"do":' + b"[" * 100_000)
    @example(b'{"do":' + b"1" * 5_000 + b"}")
    @example(b'{"do":"ack","seq":' + b"1" * 5_000 + b"}")
    @example(b'{"do":"send","to":"a","text":"\xff"}')
    @example(b'{"do":"send","to":"a","text":"\\ud800"}')
    def test_any_bytes_give_a_request_or_a_chat_error(self, line: bytes) -> None:
        dialect().tag_of(line)
        try:
            request = dialect().decode(line)
        except ChatError:
            return
        assert isinstance(request, Request)
        assert type(request.command) in JSON_COMMANDS

    @pytest.mark.parametrize(
        ("line", "kind", "said"),
        [
            (b"{", BadRequest, "not a JSON object"),
            (b"{}", BadField, "'do'"),
            (b'{"do":7}', BadField, "'do'"),
            (b'{"do":"dance"}', UnknownCommand, ""),
            (b'{"do":"send","to":"a"}', BadField, "'text' is missing"),
            (b'{"do":"send","to":"a","text":7}', BadField, "'text' has to be a string"),
            (
                b'{"do":"send","to":[],"text":""}',
                BadField,
                "'to' has to be a string of at most 256",
            ),
            (
                b'{"do":"send","to":[7],"text":""}',
                BadField,
                "or a list of 1 to 64 entries, each a string",
            ),
            (b'{"do":"ack","seq":-1}', BadField, "'seq' has to be a number from 0 to 9007199254740991"),
            (b'{"do":"ack","seq":9007199254740992}', BadField, "'seq'"),
            (b'{"do":"ack","seq":1e400}', BadField, "'seq'"),
            (b'{"do":"ack","seq":true}', BadField, "'seq'"),
            (
                b'{"do":"history","with":"a","limit":201}',
                BadField,
                "has to be a number from 1 to 200",
            ),
            (b'{"do":"history","with":7}', BadField, "'with' has to be a string of at most 256 characters"),
            (b'{"do":"logout","everywhere":1}', BadField, "'everywhere' has to be true or false"),
            (
                b'{"do":"hello","id":9007199254740992}',
                BadField,
                "'id' has to be a string of at most 64",
            ),
            (b'{"do":"hello","id":"' + b"x" * 65 + b'"}', BadField, "'id'"),
            (b'{"do":"send","to":"a","text":"\xff"}', BadRequest, "UTF-8"),
            (b'{"do":"send","to":"a","text":"\xed\xa0\x80"}', BadRequest, "UTF-8"),
            (b'{"do":"send","to":"a","text":"\\ud800"}', BadRequest, "not a JSON object"),
            (b'{"do":"login","user":"a","password":"\\u0000"}', BadField, "'password' has a NUL"),
            (b'{"do":"history","with":"\\u0000"}', BadField, "'with' has a NUL"),
            (b'{"do":"send","to":["a","\\u0000"],"text":""}', BadField, "'to' has a NUL"),
        ],
    )
    def test_a_bad_line_is_told_what_is_wrong_with_it(
        self, line: bytes, kind: type[ChatError], said: str
    ) -> None:
        with pytest.raises(kind) as raised:
            dialect().decode(line)
        assert type(raised.value) is kind
        assert said in raised.value.text

    def test_unknown_fields_are_ignored_so_that_the_client_may_be_newer(self) -> None:
        assert dialect().decode(b'{"do":"hello","id":"a","mood":{"x":[1]}}') == Request(commands.Hello(), "a")

    def test_a_refused_line_keeps_its_tag(self) -> None:
        assert dialect().tag_of(b'{"do":"dance","id":"x"}') == "x"
        assert dialect().tag_of(b'{"do":"send","id":-3}') == -3
        assert dialect().tag_of(b'{"do":"hello","id":[1]}') is None
        assert dialect().tag_of(b"{") is None

    def test_a_command_without_a_tag_is_sent_without_one(self) -> None:
        assert encode_command(commands.Hello(), None) == b'{"do":"hello"}\r\n'
        assert encode_command(commands.Hello(), "") == b'{"do":"hello","id":""}\r\n'

    def test_the_repr_of_a_command_shows_neither_secrets_nor_texts(self) -> None:
        for line in (
            b'{"do":"login","user":"messi","password":"surabaya"}',
            b'{"do":"resume","token":"surabaya"}',
            b'{"do":"send","to":"messi","text":"surabaya"}',
            b'{"do":"user-add","user":"messi","password":"surabaya"}',
        ):
            assert "surabaya" not in repr(dialect().decode(line))


class TestReplies:
    @pytest.mark.parametrize("kind", REPLIES, ids=lambda kind: kind.__name__)
    def test_every_reply_comes_out_as_it_went_in(self, kind: type[Reply]) -> None:
        @given(instances(kind), TAGS)
        def round_trip(reply: Reply, tag: TagValue) -> None:
            line = dialect().encode_reply(reply, tag)
            assert line.endswith(b"}\r\n")
            assert b"\n" not in line[:-2]
            answer = decode_from_server(line)
            assert isinstance(answer, Answer)
            assert (answer.tag, answer.error) == (tag, None)
            assert answer.reply(kind) == reply

        round_trip()

    @given(any_error(), TAGS)
    def test_an_error_comes_back_as_the_class_that_the_server_raised(
        self, error: ChatError, tag: TagValue
    ) -> None:
        answer = decode_from_server(dialect().encode_refusal(error, tag))
        assert isinstance(answer, Answer)
        assert answer.tag == tag
        with pytest.raises(ChatError) as raised:
            answer.reply(events.Done)
        assert type(raised.value) is BY_CODE[error.code]
        assert isinstance(error, type(raised.value))
        assert raised.value.text == error.text
        assert raised.value.retry_after == error.retry_after

    def test_an_error_of_a_newer_server_keeps_its_code(self) -> None:
        answer = decode_from_server(
            b'{"re":1,"status":"ERROR","code":"too-rainy","message":"no","retry_after":2}'
        )
        assert isinstance(answer, Answer)
        assert isinstance(answer.error, UnknownRemoteError)
        assert (answer.error.remote_code, answer.error.text, answer.error.retry_after) == (
            "too-rainy",
            "no",
            2.0,
        )

    @pytest.mark.parametrize(
        ("line", "expected"),
        [
            (dialect().encode_reply(events.Done(), 7), b'{"re":7,"status":"OK"}'),
            (dialect().encode_reply(events.Done(), None), b'{"status":"OK"}'),
            (dialect().encode_reply(events.Done(), "a\n"), b'{"re":"a\\n","status":"OK"}'),
            (
                dialect().encode_reply(events.Sent(mid="alpha/1", seq=42), 7),
                b'{"re":7,"status":"OK","mid":"alpha/1","seq":42}',
            ),
            (
                dialect().encode_refusal(errors.NoSuchUser(), "x"),
                b'{"re":"x","status":"ERROR","code":"no-such-user",'
                b'"message":"there is no such user or group"}',
            ),
            (
                dialect().encode_refusal(errors.Busy("wait", retry_after=1.5), None),
                b'{"status":"ERROR","code":"busy","message":"wait","retry_after":1.5}',
            ),
        ],
    )
    def test_replies_are_written_as_the_document_says(self, line: bytes, expected: bytes) -> None:
        assert line == expected + b"\r\n"

    def test_a_reply_of_another_form_is_an_error_of_the_client(self) -> None:
        answer = decode_from_server(b'{"re":1,"status":"OK"}')
        assert isinstance(answer, Answer)
        with pytest.raises(BadRequest):
            answer.reply(events.Sent)

    def test_the_repr_of_a_login_does_not_show_its_token(self) -> None:
        assert "secret" not in repr(events.LoggedIn(address="messi@alpha", token="secret"))


class TestEvents:
    @given(instances(events.Message) | instances(events.Goodbye))
    def test_every_event_comes_out_as_it_went_in(self, event: Event) -> None:
        line = dialect().encode_event(event)
        assert line.startswith(b'{"event":"')
        assert b"\n" not in line[:-2]
        assert decode_from_server(line) == event

    @given(instances(events.Message))
    def test_the_order_of_fields_means_nothing(self, event: events.Message) -> None:
        fields = dict(
            reversed(msgspec.json.decode(dialect().encode_event(event), type=dict[str, Any]).items())
        )
        assert decode_from_server(json.dumps(fields).encode()) == event

    def test_an_event_is_written_as_the_document_says(self) -> None:
        event = events.Message(seq=42, mid="m", from_="messi@alpha", to="amsal@beta", text="halo", at="now")
        assert dialect().encode_event(event) == (
            b'{"event":"message","seq":42,"mid":"m","from":"messi@alpha","to":"amsal@beta","text":"halo","at":"now"}\r\n'
        )

    def test_one_event_for_many_listeners_is_encoded_once(self) -> None:
        one = dialect()
        event = events.Goodbye(reason="shutdown", retry_after=2.5)
        assert one.encode_event(event) is one.encode_event(event)
        assert one.encode_event(events.Goodbye(reason="other")) == b'{"event":"goodbye","reason":"other"}\r\n'

    def test_an_event_of_a_newer_server_is_passed_over(self) -> None:
        assert decode_from_server(b'{"event":"weather","text":"rain"}') is None

    @given(st.binary() | st.binary().map(lambda data: b'{"event":"message"' + data) | NEARLY)
    @example(b'{"message":' + b"[" * 100_000)
    @example(b'{"retry_after":1e999}')
    @example(b'{"event":"message","seq":1}')
    def test_any_bytes_give_an_answer_an_event_nothing_or_an_error(self, line: bytes) -> None:
        try:
            said = decode_from_server(line)
        except BadRequest:
            return
        assert said is None or isinstance(said, Answer | events.Message | events.Goodbye)
        if isinstance(said, Answer):
            with contextlib.suppress(ChatError):
                said.reply(events.Sent)
