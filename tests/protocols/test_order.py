"""The place of a reply: filled once, in the dialect and with the tag of its command."""

from __future__ import annotations

from chatproto import events
from chatproto.errors import Busy, ChatError, LoginTimeout, RateLimited
from chatproto.protocols.order import Pause, Slot
from chatproto.realm.meters import Traffic
from chatproto.wire.json import JsonDialect
from chatproto.wire.text import TextDialect


class Connection:
    def __init__(self) -> None:
        self.said: list[object] = []
        self.refusals: list[str] = []
        self.traffic = Traffic()

    def pause(self, why: Pause) -> None:
        self.said.append(why)

    def reply(self) -> None:
        self.said.append("reply")

    def refused(self, error: ChatError) -> None:
        self.refusals.append(error.code)


def test_a_reply_is_encoded_as_its_command_was() -> None:
    connection = Connection()
    json, text = Slot(connection, JsonDialect(), 7), Slot(connection, TextDialect(), None)
    assert json.data is None
    for slot in (json, text):
        slot(events.Done())
    assert json.data == b'{"re":7,"status":"OK"}\r\n'
    assert text.data == b'{"status": "OK"}\r\n\r\n'
    assert connection.said == ["reply", "reply"]
    assert connection.traffic.replies == 2


def test_only_a_fatal_error_ends_the_connection_and_before_the_reply_goes_out() -> None:
    connection = Connection()
    Slot(connection, JsonDialect(), 1)(Busy())
    assert connection.said == ["reply"]
    Slot(connection, JsonDialect(), 1)(LoginTimeout())
    assert connection.said[1:] == [Pause.ENDING, "reply"]
    assert connection.traffic.refusals == {"busy": 1, "login-timeout": 1}


def test_a_connection_hears_of_refusals_that_do_not_end_it() -> None:
    connection = Connection()
    for error in (Busy(), RateLimited(), LoginTimeout()):
        Slot(connection, JsonDialect(), 1)(error)
    assert connection.refusals == ["busy", "rate-limited"]
