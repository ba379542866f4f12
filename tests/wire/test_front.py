"""What a front and its main server say to each other: every value that there is, there and back."""

from __future__ import annotations

from typing import get_args

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from chatproto import commands
from chatproto.commands import all_commands
from chatproto.errors import BadFrame, ChatError, NothingToLogOut, UnknownRemoteError, UnknownUser
from chatproto.events import Done, Event, Reply
from chatproto.frames.fronts import Ask, Find, Heard, Open, Refusal, Told
from chatproto.wire import front
from chatproto.wire.front import (
    decode_from_front,
    decode_from_main,
    decode_opening,
    encode,
    outcome_of,
    parts_of,
    told,
)
from tests.wire.values import errors, instances

COMMANDS = sorted(all_commands(), key=lambda kind: kind.__name__)
REPLIES = sorted({kind for command in COMMANDS for kind in command.replies}, key=lambda kind: kind.__name__)


@given(st.sampled_from(COMMANDS).flatmap(instances), st.none() | st.text(max_size=40))
def test_every_command_arrives_as_it_was_asked(command: object, token: str | None) -> None:
    ask = Ask(channel=1, number=2, command=command, token=token)
    assert decode_from_front(encode(ask).rstrip(b"\n")) == ask


@given(st.sampled_from(REPLIES).flatmap(instances), st.booleans(), st.booleans())
def test_every_reply_arrives_as_it_was_told(reply: Reply, trusted: bool, boxes: bool) -> None:
    frame = decode_from_main(encode(told(1, 2, reply, trusted=trusted, boxes=boxes)).rstrip(b"\n"))
    assert isinstance(frame, Told)
    assert (frame.channel, frame.number, frame.trusted, frame.boxes) == (1, 2, trusted, boxes)
    assert outcome_of(frame) == reply


@given(errors())
def test_every_error_arrives_as_its_own_class(error: ChatError) -> None:
    frame = decode_from_main(encode(told(1, 2, error, trusted=False, boxes=False)).rstrip(b"\n"))
    assert isinstance(frame, Refusal)
    found = outcome_of(frame)
    assert isinstance(found, ChatError)
    assert (type(found), found.text, found.retry_after) == (type(error), error.text, error.retry_after)


@given(st.sampled_from(get_args(Event)).flatmap(instances))
def test_every_event_arrives(event: Event) -> None:
    frame = Heard(channel=3, event=event)
    assert decode_from_main(encode(frame).rstrip(b"\n")) == frame


def test_errors_of_one_code_keep_the_words_of_the_older_systems() -> None:
    for error in (UnknownUser(), NothingToLogOut()):
        frame = told(1, 2, error, trusted=False, boxes=False)
        assert isinstance(frame, Refusal)
        assert type(outcome_of(frame)) is type(error)


def test_an_error_of_a_later_version_is_known_by_its_code() -> None:
    newer = Refusal(channel=1, number=1, kind="NewError", code="no-such-user", text="nobody")
    assert type(outcome_of(newer)).__name__ == "NoSuchUser"
    unknown = msgspec.structs.replace(newer, code="new-error")
    assert isinstance(outcome_of(unknown), UnknownRemoteError)


@pytest.mark.parametrize("size", [1, front.LINE_BYTES, front.LINE_BYTES + 1, 200_000])
def test_a_long_line_is_sent_in_parts_and_a_short_one_as_it_is(size: int) -> None:
    line = b"x" * (size - 1) + b"\n"
    pieces = parts_of(7, line)
    if size <= front.LINE_BYTES:
        assert pieces == [line]
        return
    whole = b""
    for number, piece in enumerate(pieces, start=1):
        head, _, raw = piece.partition(b"\n")
        part = decode_from_front(head)
        assert (part.channel, part.size, part.last) == (7, len(raw), number == len(pieces))  # type: ignore[union-attr]
        whole += raw
    assert whole == line


@pytest.mark.parametrize(
    "line",
    [
        b"",
        b"foo",
        b"\xff",
        b"[1]",
        b"{}",
        b'{"frame":"ask"}',
        b'{"frame":"none"}',
        b'{"frame":"ask","channel":-1,"number":1,"command":{"do":"inbox"}}',
        b'{"frame":"ask","channel":1,"number":1,"command":{"do":"no"}}',
        b'{"frame":"open","channel":1,"tokens":["' + b'","'.join([b"t"] * 17) + b'"]}',
        b"[" * 100_000,
    ],
)
def test_what_is_no_frame_is_said_to_be_none(line: bytes) -> None:
    for decode in (decode_opening, decode_from_front, decode_from_main):
        with pytest.raises(BadFrame):
            decode(line)


def test_a_reply_of_another_type_is_none() -> None:
    frame = told(1, 2, Done(), trusted=False, boxes=False)
    assert isinstance(frame, Told)
    for wrong in (
        msgspec.structs.replace(frame, kind="NoReply"),
        msgspec.structs.replace(frame, kind="LoggedIn"),
    ):
        with pytest.raises(BadFrame):
            outcome_of(wrong)


def test_no_secret_is_shown() -> None:
    login = commands.Login(user="messi", password="geheim")
    ask = Ask(channel=1, number=1, command=login, token="geheim")
    for frame in (Open(channel=1, tokens=["geheim"]), ask, Find(channel=1, number=1, token="geheim")):
        assert "geheim" not in repr(frame)
