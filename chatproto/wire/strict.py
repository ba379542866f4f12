"""What JSON lets pass and this protocol does not: a name twice in one object, deep nesting, very many names.

Two readers of such a line could understand two things. And in our own words, made from the declarations, what
a field has to be.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable
from typing import Any

import msgspec
from msgspec import inspect

from chatproto.commands import Command
from chatproto.errors import BadField, BadRequest
from chatproto.wire.dialect import TagValue

#: Arrays and objects within each other. No command needs more than three, and who reads a line is recursive.
DEPTH = 16
#: Names in one object: four times what the longest command has.
NAMES = 64

#: A name whose colon does not follow at once.
_SPACED = re.compile(rb'"[ \t\r]+:')
#: What opens and closes, and strings, so that what stands in them is passed over.
_BRACKETS = re.compile(rb'"(?:[^"\\]|\\.)*+"|([\[{])|([\]}])')
#: A name that may be told back.
_PLAIN = re.compile(r"[a-z_]{1,32}")
_NUL = b"\\u0000"

_decode_names = msgspec.json.Decoder(dict[str, msgspec.Raw]).decode


def check_line(line: bytes, command: Command, tag: TagValue) -> None:
    """Return if the line, which was decoded as a command, says nothing twice and nothing that is too much.

    :raises BadRequest: it does.
    """
    if _NUL in line:
        _check_nul(command)
    # Each name, and each string, has two quotes. What was decoded accounts for some of the line's; if it
    # does for all, then nothing else is in the line.
    quotes = 4 if tag is None else 6 if type(tag) is int else 8
    for value in msgspec.structs.astuple(command):
        if type(value) is str:
            quotes += 4
        elif type(value) is list:
            quotes += 2 + 2 * len(value)
        elif value is not None:
            quotes += 2
    check_quotes(line, quotes)


def check_quotes(line: bytes, quotes: int) -> None:
    """Return if a readable line says nothing twice and nothing that is too much.

    ``quotes`` is how many what was decoded accounts for: if they are all, nothing else is looked at.

    :raises BadRequest: it does.
    """
    if line.count(b'"') != quotes and not _is_flat(line):
        check_shape(line)


def _is_flat(line: bytes) -> bool:
    """Tell whether a readable line certainly is one object of few and different names."""
    # A quote and a colon are the end of a name, or stand in a string, behind a backslash.
    names = line.count(b'":')
    return (
        names <= NAMES
        and (line.isascii() or _is_utf8(line))
        and names == len(_decode_names(line))
        and _SPACED.search(line) is None
        and line.count(b"[") + line.count(b"{") <= DEPTH
    )


def _is_utf8(line: bytes) -> bool:
    try:
        line.decode()
    except UnicodeDecodeError:
        return False
    return True


def too_deep() -> BadRequest:
    """Return the refusal of what is nested too deep."""
    return BadRequest(f"arrays and objects are nested at most {DEPTH} deep")


def check_shape(line: bytes) -> None:
    """Return if a line that is JSON is in UTF-8, not nested too deep, and has each name once.

    :raises BadRequest: it does not.
    """
    if _depth(line) > DEPTH:
        raise too_deep()
    try:
        json.loads(line.decode(), object_pairs_hook=_check_names, parse_int=str, parse_float=str)
    except UnicodeDecodeError:
        raise BadRequest("the line is not a JSON object in UTF-8") from None


def _depth(line: bytes) -> int:
    depth = deepest = 0
    for found in _BRACKETS.finditer(line):
        if found.lastindex == 1:
            depth += 1
            deepest = max(deepest, depth)
        elif found.lastindex == 2:
            depth -= 1
    return deepest


def _check_names(members: list[tuple[str, Any]]) -> None:
    if len(members) > NAMES:
        raise BadField(f"an object has at most {NAMES} fields")
    seen = set()
    for name, _ in members:
        if name in seen:
            shown = f"the field '{name}'" if _PLAIN.fullmatch(name) else "a field"
            raise BadField(f"{shown} stands twice")
        seen.add(name)


def _check_nul(command: Command) -> None:
    for name, value in msgspec.structs.asdict(command).items():
        # A text has its own error for it.
        if name != "text" and any("\0" in each for each in _strings(value)):
            raise BadField(f"the field '{name.rstrip('_')}' has a NUL")


def _strings(value: object) -> list[str]:
    return [value] if isinstance(value, str) else value if isinstance(value, list) else []


def describe(command: type[Command], field: str) -> str:
    """Say what the declaration of a command wants of a field, by the name that it has on the wire."""
    info = inspect.type_info(command)
    assert isinstance(info, inspect.StructType)
    return next(_said(each.type) for each in info.fields if each.encode_name == field)


def describe_type(kind: Any) -> str:
    """Say what values a type has."""
    return _said(inspect.type_info(kind))


def _said(info: inspect.Type) -> str:
    return _SAID[type(info)](info)


def _any(info: inspect.UnionType) -> str:
    return ", or ".join(_said(each) for each in info.types if not isinstance(each, inspect.NoneType))


def _list(info: inspect.ListType) -> str:
    length = _length(info.min_length, info.max_length, "entries")
    return f"a list{length}, each {_said(info.item_type)}"


def _string(info: inspect.StrType) -> str:
    if info.pattern is not None:
        return f"a string of the form {info.pattern}"
    return f"a string{_length(info.min_length, info.max_length, 'characters')}"


def _range(info: inspect.IntType) -> str:
    least = info.ge if info.ge is not None else None if info.gt is None else info.gt + 1
    most = info.le if info.le is not None else None if info.lt is None else info.lt - 1
    if least is not None and most is not None:
        return f" from {least} to {most}"
    return "" if most is None else f" of at most {most}"


def _length(least: int | None, most: int | None, what: str) -> str:
    if most is None:
        return ""
    return f" of {least} to {most} {what}" if least else f" of at most {most} {what}"


#: How each kind of type that commands have is described.
_SAID: dict[type[inspect.Type], Callable[[Any], str]] = {
    inspect.UnionType: _any,
    inspect.ListType: _list,
    inspect.StrType: _string,
    inspect.IntType: lambda info: f"a number{_range(info)}",
    inspect.BoolType: lambda _: "true or false",
    inspect.BytesType: lambda _: "left out: bytes follow the line as they are",
    inspect.LiteralType: lambda info: f"one of {', '.join(map(repr, info.values))}",
}
