"""What a front's log says of its main server."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import pytest
from twisted.internet.task import Clock
from twisted.logger import LogEvent, capturedLogs, formatEvent

from chatproto.errors import (
    BadProof,
    HandshakeTimeout,
    LinkError,
    NoCommonVersion,
    RefusedByPeer,
    Silent,
    UnexpectedFrame,
    WrongKey,
)
from chatproto.telling import Telling, why_lost, why_not_met


class Told:
    """A clock, what tells by it, and the log."""

    def __init__(self, events: Sequence[LogEvent]) -> None:
        self._events = events
        self._seen = 0
        self.clock = Clock()
        self.telling = Telling(self.clock, "tcp:127.0.0.1:8890")

    def heard(self) -> list[str]:
        """Return the lines since the last time."""
        lines = [f"{event['log_level'].name}: {formatEvent(event)}" for event in self._events]
        seen, self._seen = self._seen, len(lines)
        return lines[seen:]


@pytest.fixture
def told() -> Iterator[Told]:
    with capturedLogs() as events:
        yield Told(events)


LINKED = "info: linked with the main server of alpha at tcp:127.0.0.1:8890"


def no_link(why: str) -> str:
    return f"warn: no link with the main server at tcp:127.0.0.1:8890: {why}; it is tried again"


def test_each_change_is_one_line_with_the_address(told: Told) -> None:
    for _ in range(3):
        told.telling.away("x")
    told.telling.linked("alpha")
    told.telling.away("x")
    assert told.heard() == [no_link("x"), LINKED, no_link("x")]


def test_what_changes_all_the_time_is_told_now_and_then_as_it_is(told: Told) -> None:
    for _ in range(60):
        told.telling.linked("alpha")
        told.telling.away("x")
        told.clock.advance(1)
    assert len(told.heard()) <= 4 + 6
    told.telling.linked("alpha")
    told.clock.advance(10)
    assert told.heard()[-1] == LINKED
    told.clock.advance(100)
    assert told.heard() == []


def test_nothing_is_told_after_the_end(told: Told) -> None:
    for number in range(9):
        told.telling.away(str(number))
    assert len(told.heard()) == 4
    told.telling.stop()
    told.clock.advance(100)
    assert told.heard() == []
    assert told.clock.getDelayedCalls() == []


@pytest.mark.parametrize(
    ("error", "words"),
    [
        (None, "--main is the peer port of a main server"),
        (HandshakeTimeout(), "does not say in time who it is"),
        (UnexpectedFrame(), "what answers there speaks otherwise"),
        (BadProof(), "the secret, which belongs into [fronts.lobby] there"),
        (WrongKey("it has another key"), "it has another key; if that is right, mend --main-pin"),
        (NoCommonVersion(), NoCommonVersion.message),
        (RefusedByPeer("not-linked"), "it knows no front called lobby; it needs [fronts.lobby] there"),
        (RefusedByPeer("bad-proof"), "the secret here is not that of [fronts.lobby] there"),
        (RefusedByPeer("wrong-key"), "another key of this front than ed25519:ab; make that the pin"),
        (RefusedByPeer("{name}"), "it ended the handshake: {name}"),
    ],
)
def test_who_was_not_met_is_told_of_with_what_to_do(error: LinkError | None, words: str) -> None:
    assert words in why_not_met(error, "lobby", "ed25519:ab")


def test_why_a_link_is_lost_is_no_code() -> None:
    assert why_lost(None) == "the connection was lost"
    assert why_lost(RefusedByPeer("shutdown")) == "it ended the link: shutdown"
    assert why_lost(Silent()) == Silent.message
