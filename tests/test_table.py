"""Every command has all that a command needs, every error its place in the document; codes never change."""

from __future__ import annotations

import inspect
from collections.abc import Iterator
from pathlib import Path

import pytest
from hypothesis import assume, given, settings
from msgspec import Struct
from msgspec.structs import fields

from chatproto.commands import Command, Request, all_commands
from chatproto.errors import BY_CODE, ChatError
from chatproto.realm.handlers import DIRECT, REPLIES
from chatproto.specification import rst_tables
from chatproto.wire import text
from chatproto.wire.json import COMMANDS, JsonDialect, encode_command
from chatproto.wire.text import FORMS, TextDialect
from tests.wire.values import instances

DOCUMENT = Path(__file__).parent.parent / "docs" / "protocol.rst"

#: The codes that clients rely on. One may be added; none is ever renamed, reused or removed.
CODES = {
    "already-member",
    "bad-field",
    "bad-invite",
    "bad-name",
    "bad-offset",
    "bad-request",
    "bad-token",
    "blocked",
    "busy",
    "cid-reused",
    "connection-unavailable",
    "distrust",
    "file-gone",
    "file-not-here",
    "file-too-large",
    "group-exists",
    "internal-error",
    "line-too-long",
    "login-failed",
    "login-timeout",
    "name-taken",
    "no-such-file",
    "no-such-group",
    "no-such-realm",
    "no-such-session",
    "no-such-user",
    "no-tls",
    "not-allowed",
    "not-found",
    "not-logged-in",
    "not-member",
    "not-supported",
    "outcome-unknown",
    "pin-mismatch",
    "queue-full",
    "quota-reached",
    "rate-limited",
    "realm-exists",
    "realm-refused",
    "realm-unreachable",
    "refused",
    "registration-closed",
    "store-full",
    "text-too-long",
    "tls-needed",
    "too-few-words",
    "too-many-connections",
    "unavailable",
    "unknown-command",
    "unknown-remote-error",
    "untrusted-certificate",
    "user-exists",
    "wrong-content",
    "wrong-host",
}
#: Those of them that only a client gives to itself.
OWN = {
    "connection-unavailable",
    "distrust",
    "no-tls",
    "pin-mismatch",
    "unknown-remote-error",
    "untrusted-certificate",
    "wrong-host",
}

every_command = pytest.mark.parametrize("kind", all_commands(), ids=lambda kind: kind.__name__)


def test_every_command_has_a_name_of_its_own() -> None:
    names = [command.wire_name() for command in all_commands()]
    assert len(names) == len(set(names))


@every_command
def test_it_has_one_handler(kind: type[Command]) -> None:
    assert (kind in REPLIES) + (kind in DIRECT) == 1


@every_command
def test_it_has_a_help_text(kind: type[Command]) -> None:
    assert (inspect.getdoc(kind) or "").endswith((".", ")."))
    assert inspect.getdoc(kind) != inspect.getdoc(Command)


@every_command
def test_it_is_carried_by_a_dialect(kind: type[Command]) -> None:
    assert (COMMANDS.get(kind.wire_name()) is kind) == kind.json
    carried = {form.command for forms in FORMS.values() for form in forms}
    assert (kind in carried) == bool(kind.forms)


@every_command
def test_it_survives_a_round_trip_in_each_dialect_that_carries_it(kind: type[Command]) -> None:
    @settings(max_examples=10)
    @given(instances(kind))
    def round_trip(command: Command) -> None:
        line = encode_command(command, 7)
        assume(b"\\u0000" not in line)  # refused, in tests/wire
        assert JsonDialect().decode(line) == Request(command, 7)

    if kind.json:
        round_trip()
    for form in (form for forms in FORMS.values() for form in forms if form.command is kind):
        fields = {name: "word" for name, _ in form.fields} | ({form.rest: "a text"} if form.rest else {})
        request = Request(kind(**form.preset, **fields))
        assert TextDialect().decode(text.encode_command(request).removesuffix(b"\r\n")) == request


def structs(kind: type[Struct] = Struct) -> Iterator[type[Struct]]:
    for each in kind.__subclasses__():
        if each.__module__.startswith(("chatproto.commands", "chatproto.events", "chatproto.records")):
            yield each
        yield from structs(each)


@pytest.mark.parametrize("kind", sorted(set(structs()), key=str), ids=lambda kind: kind.__name__)
def test_what_is_secret_or_said_is_in_no_repr(kind: type[Struct]) -> None:
    """It would reach the log with the first traceback."""
    hidden = {"password", "old", "new", "token", "invite", "text", "msg", "hash", "token_hash"}
    names = [each.name for each in fields(kind)]
    value = kind(**{name: "surabaya" if name in hidden else "x" for name in names})
    assert "surabaya" not in repr(value)


def test_no_handler_is_left_over() -> None:
    assert {*REPLIES, *DIRECT} == {*all_commands()}


def test_codes_are_stable() -> None:
    assert set(BY_CODE) == CODES


def test_every_error_says_something() -> None:
    for error in BY_CODE.values():
        assert inspect.getdoc(error)
        assert error.message
        assert issubclass(error, ChatError)


def test_the_document_has_the_generated_tables() -> None:
    """``chatproto spec --rst`` prints them; a change of a declaration shows up here."""
    assert rst_tables() in DOCUMENT.read_text()


def test_every_command_and_every_code_stands_in_the_document() -> None:
    document = DOCUMENT.read_text()
    for command in all_commands():
        assert all(f"``{form}``" in document for form in command.forms)
        assert not command.json or f"``{command.wire_name()}``" in document
    for code in CODES - OWN:
        assert f"``{code}``" in document
