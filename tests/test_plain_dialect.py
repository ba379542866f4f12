"""The dialect of examples/plain_dialect.py takes anything, and nothing breaks out of its line."""

from contextlib import suppress

import pytest
from hypothesis import given
from hypothesis import strategies as st

from chatproto.commands import Request
from chatproto.errors import BadRequest, ChatError
from chatproto.events import LoggedIn, Message
from examples.plain_dialect import VERBS, PlainDialect

DIALECT = PlainDialect()


@given(st.binary() | st.tuples(st.sampled_from([*VERBS]), st.text()).map(" ".join).map(str.encode))
def test_any_line_is_a_request_or_a_refusal(line: bytes) -> None:
    with suppress(BadRequest):
        assert isinstance(DIALECT.decode(line), Request)


@given(st.text(), st.text(), st.sampled_from(["text", "topic"]))
def test_whatever_is_said_takes_one_line(name: str, text: str, kind: str) -> None:
    message = Message(seq=1, mid="m", from_=name, to=name, text=text, at="", kind=kind)
    for data in (
        DIALECT.encode_event(message),
        DIALECT.encode_reply(LoggedIn(address=name), None),
        DIALECT.encode_refusal(ChatError(text), None),
    ):
        assert data.endswith(b"\r\n")
        assert len(data.decode().splitlines()) == 1


@pytest.mark.parametrize("verb", VERBS)
def test_each_verb_is_understood(verb: str) -> None:
    command, fields = VERBS[verb]
    words = " ".join([verb, *fields]).encode()
    assert isinstance(DIALECT.decode(words).command, command)
