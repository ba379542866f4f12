"""Any value that a declaration allows: strategies made from the fields of structs."""

from __future__ import annotations

import base64
from collections.abc import Callable
from typing import Any, TypeVar

import msgspec
from hypothesis import strategies as st
from msgspec import inspect

from chatproto.errors import BY_CODE, ChatError, UnknownRemoteError

S = TypeVar("S", bound=msgspec.Struct)

#: Everything but halves of surrogate pairs, which UTF-8 cannot carry, and NUL, which names cannot have.
TEXT = st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\0"), max_size=80)
#: Tags of commands as a client may choose them.
TAGS = st.none() | st.integers(-(2**53) + 1, 2**53 - 1) | TEXT.filter(lambda text: len(text) <= 64)


def instances(kind: type[S]) -> st.SearchStrategy[S]:
    """Return a strategy for structs of a type, with every field inside its bounds."""
    found: st.SearchStrategy[S] = _of(inspect.type_info(kind))
    return found


def errors() -> st.SearchStrategy[ChatError]:
    """Return a strategy for errors of every class, as a server raises them."""
    kinds = sorted(
        (kind for kind in _subclasses(ChatError) if kind is not UnknownRemoteError),
        key=lambda kind: kind.__name__,
    )
    assert {kind.code for kind in kinds} | {"unknown-remote-error"} == set(BY_CODE)
    return st.builds(
        lambda kind, text, retry_after: kind(text, retry_after=retry_after),
        st.sampled_from(kinds),
        st.none() | TEXT,
        st.none() | st.floats(0, 1000),
    )


def _subclasses(kind: type[ChatError]) -> set[type[ChatError]]:
    found = set(kind.__subclasses__())
    return found.union(*(_subclasses(each) for each in found))


def _of(info: inspect.Type) -> st.SearchStrategy[Any]:
    return _STRATEGIES[type(info)](info)


def _list(info: inspect.ListType) -> st.SearchStrategy[Any]:
    return st.lists(_of(info.item_type), min_size=info.min_length or 0, max_size=min(info.max_length or 5, 5))


def _str(info: inspect.StrType) -> st.SearchStrategy[Any]:
    if info.pattern is not None:
        return st.from_regex(info.pattern, fullmatch=True)
    least, most = info.min_length or 0, info.max_length or 300
    return TEXT.filter(lambda text: least <= len(text) <= most)


def _struct(info: inspect.StructType) -> st.SearchStrategy[Any]:
    required = {field.name: _of(field.type) for field in info.fields if field.required}
    # What follows a line as raw bytes is not in the line.
    optional = {
        field.name: _of(field.type) for field in info.fields if not field.required and field.name != "data"
    }
    return st.fixed_dictionaries(required, optional=optional).map(lambda values: info.cls(**values))


def _least(info: inspect.IntType) -> int:
    return info.ge if info.ge is not None else -(2**53) + 1 if info.gt is None else info.gt + 1


def _most(info: inspect.IntType) -> int:
    return info.le if info.le is not None else 2**53 - 1 if info.lt is None else info.lt - 1


_STRATEGIES: dict[type[inspect.Type], Callable[[Any], st.SearchStrategy[Any]]] = {
    inspect.StructType: _struct,
    inspect.UnionType: lambda info: st.one_of([_of(each) for each in info.types]),
    inspect.ListType: _list,
    inspect.DictType: lambda info: st.dictionaries(_of(info.key_type), _of(info.value_type), max_size=3),
    inspect.StrType: _str,
    inspect.LiteralType: lambda info: st.sampled_from(info.values),
    inspect.IntType: lambda info: st.integers(_least(info), _most(info)),
    inspect.FloatType: lambda _: st.floats(allow_nan=False, allow_infinity=False),
    inspect.BoolType: lambda _: st.booleans(),
    inspect.NoneType: lambda _: st.none(),
    # Of a file, in base64 where a line has it.
    inspect.BytesType: lambda _: st.binary(max_size=60).map(base64.b64encode),
}
