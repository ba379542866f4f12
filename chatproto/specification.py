"""The client protocol as data: a JSON Schema, and the tables of ``docs/protocol.rst``.

Both are made from the declarations in :mod:`chatproto.commands`, :mod:`chatproto.events` and
:mod:`chatproto.errors`, so that they cannot say anything else than the code does.
"""

from __future__ import annotations

import inspect
import re
from collections.abc import Iterable, Mapping
from typing import Any, get_args

import msgspec

from chatproto import events
from chatproto.commands import Command, Tag, all_commands
from chatproto.errors import BY_CODE, ConnectionUnavailable, Distrust, UnknownRemoteError
from chatproto.version import VERSION

_EVENTS = get_args(events.Event)
#: Errors that a client makes for itself; no server sends their codes.
_OWN_ERRORS = (UnknownRemoteError, ConnectionUnavailable, Distrust)

Schema = dict[str, Any]

#: What follows a line as raw bytes, and has no member there.
_DATA = "data"


def json_schema() -> Schema:
    """Return the JSON dialect as one JSON Schema document (draft 2020-12).

    ``commands`` and ``events`` say by name where in ``$defs`` the lines are described. ``bytes`` of a command
    names the member that says how many raw bytes follow the line of its ``request``, or of its OK ``reply``.
    """
    asked = [command for command in all_commands() if command.json]
    replies = list(dict.fromkeys(reply for command in asked for reply in command.replies))
    (tag, *references), definitions = msgspec.json.schema_components(
        (Tag, *asked, *replies, *_EVENTS, events.Refused), ref_template="#/$defs/{name}"
    )
    of = dict(zip((*asked, *replies, *_EVENTS, events.Refused), references, strict=True))
    for command in asked:
        _definition(definitions, of[command])["properties"]["id"] = tag
    for followed in (*asked, *replies):
        _definition(definitions, of[followed])["properties"].pop(_DATA, None)  # no member of the line
    for reply in (*replies, events.Refused):
        _add_envelope(_definition(definitions, of[reply]), tag, "ERROR" if reply is events.Refused else "OK")
    return {
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "title": "chatproto client protocol",
        "version": VERSION,
        "commands": {
            command.wire_name(): {
                "guard": command.guard.value,
                "pipelined": command.pipelined,
                "request": of[command],
                "reply": _one_of([of[reply] for reply in command.replies]),
                **_bytes(command),
            }
            for command in asked
        },
        "error": of[events.Refused],
        "codes": dict(sorted((code, error.message) for code, error in _wire_errors())),
        "events": {str(event.__struct_config__.tag): of[event] for event in _EVENTS},
        "$defs": definitions,
    }


def _bytes(command: type[Command]) -> Schema:
    """Return what follows the lines of a command and its reply, if anything does."""
    followed = {
        line: "size"
        for line, kinds in (("request", (command,)), ("reply", command.replies))
        if any(_DATA in kind.__struct_fields__ for kind in kinds)
    }
    return {"bytes": followed} if followed else {}


def rst_tables() -> str:
    """Return the generated part of ``docs/protocol.rst``: commands, objects in replies, events, errors."""
    schema = json_schema()
    definitions: dict[str, Schema] = schema["$defs"]
    reply_names = {
        _name(entry) for command in schema["commands"].values() for entry in _each(command["reply"])
    }
    taken = {_name(command["request"]) for command in schema["commands"].values()} | reply_names
    taken |= {_name(schema["error"])} | {_name(event) for event in schema["events"].values()}
    parts = [
        _title("All commands"),
        *(_command(command, schema) for command in all_commands()),
        _title("All objects in replies"),
        _table(
            ("object", "fields", "what it is"),
            (
                (f"``{name}``", _fields(definition), _prose(definition.get("description", "")))
                for name, definition in definitions.items()
                if name not in taken
            ),
        ),
        _title("All events"),
        _table(
            ("``event``", "fields", "what it says"),
            (
                (
                    f"``{event.__struct_config__.tag}``",
                    _fields(definitions[event.__name__], "event"),
                    _help(event),
                )
                for event in _EVENTS
            ),
        ),
        _title("All errors"),
        _table(
            ("``code``", "what it means", "the connection"),
            (
                (f"``{code}``", _help(error), "ends" if error.fatal else "goes on")
                for code, error in sorted(_wire_errors())
            ),
        ),
    ]
    return "\n".join(parts)


def _wire_errors() -> list[tuple[str, Any]]:
    return [(code, error) for code, error in BY_CODE.items() if not issubclass(error, _OWN_ERRORS)]


def _command(command: type[Command], schema: Schema) -> str:
    """Return an item of a definition list: a row would have too many columns for a page."""
    about = [command.guard.value, *(["pipelined"] if command.pipelined else [])]
    facts = [f"text form: ``{form}``" for form in command.forms]
    if command.json:
        entry = schema["commands"][command.wire_name()]
        adds = [_fields(schema["$defs"][_name(reply)], "re", "status") for reply in _each(entry["reply"])]
        fields = _fields(schema["$defs"][_name(entry["request"])], "do", "id")
        facts[:0] = [
            *([f"fields: {fields}"] if fields else []),
            *([f"an OK reply adds: {' or '.join(each or 'nothing' for each in adds)}"] if any(adds) else []),
            *(f"``{member}`` raw bytes follow the {line}" for line, member in entry.get("bytes", {}).items()),
        ]
    else:
        about.append("text only" if command.forms else "clients of older systems only")
    lines = [f"``{command.wire_name()}`` ({', '.join(about)})", f"    {_help(command)}"]
    if facts:
        lines += ["", *(f"    * {fact}" for fact in facts)]
    return "\n".join([*lines, ""])


def _fields(definition: Schema, *without: str) -> str:
    required = definition.get("required", ())
    return ", ".join(
        f"``{name}{'' if name in required else '?'}`` {_kind(kind)}"
        for name, kind in definition["properties"].items()
        if name not in without
    )


def _kind(schema: Schema) -> str:
    """Return a type in words, with its bounds."""
    if "$ref" in schema:
        return f"``{_name(schema)}``"
    if "anyOf" in schema:
        return " or ".join(_kind(each) for each in schema["anyOf"] if each.get("type") != "null")
    if schema.get("type") == "array":
        return f"list{_length(schema, 'Items')} of {_kind(schema.get('items', {}))}"
    if schema.get("type") == "string":
        return f"string{_length(schema, 'Length')}"
    if schema.get("type") == "object":
        return f"object of {_kind(schema.get('additionalProperties', {}))}"
    return f"{schema.get('type', 'anything')}{_range(schema)}"


def _length(schema: Schema, what: str) -> str:
    least, most = schema.get(f"min{what}"), schema.get(f"max{what}")
    if most is None:
        return ""
    return f" (at most {most})" if least is None else f" ({least} to {most})"


def _range(schema: Schema) -> str:
    least, most, below = (schema.get(name) for name in ("minimum", "maximum", "exclusiveMaximum"))
    if most is not None:
        return f" ({least} to {most})"
    if below is not None:
        # The only such bound is where doubles, and so numbers in many languages, stop being exact.
        return f" (from {least}, below 2**{below.bit_length() - 1})"
    return "" if least is None else f" (from {least})"


def _add_envelope(definition: Schema, tag: Schema, status: str) -> None:
    definition["properties"] = {"re": tag, "status": {"const": status}, **definition["properties"]}
    definition["required"] = ["status", *definition.get("required", ())]


def _definition(definitions: Mapping[str, Schema], reference: Schema) -> Schema:
    return definitions[_name(reference)]


def _name(reference: Schema) -> str:
    return str(reference["$ref"]).rpartition("/")[2]


def _one_of(references: list[Schema]) -> Schema:
    return references[0] if len(references) == 1 else {"oneOf": references}


def _each(reply: Schema) -> list[Schema]:
    return list(reply.get("oneOf", [reply]))


def _help(declared: type) -> str:
    return _prose(inspect.getdoc(declared) or "")


def _prose(text: str) -> str:
    """Return a docstring as one line, without roles that only the documentation of the code has."""
    return re.sub(r":\w+:`~?([^`]*)`", r"``\1``", " ".join(text.split()))


def _title(text: str) -> str:
    return f"{text}\n{'-' * len(text)}\n"


def _table(heads: Iterable[str], rows: Iterable[Iterable[str]]) -> str:
    lines = [".. list-table::", "   :header-rows: 1", ""]
    for row in (heads, *rows):
        for position, cell in enumerate(row):
            lines.append(f"   {'  ' if position else '* '}- {cell}".rstrip())
    return "\n".join([*lines, ""])
