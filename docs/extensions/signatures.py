"""Makes signatures readable: a msgspec struct's are its fields, by plain types, and interfaces are named.

The bounds of fields are in the document of the protocol.
"""

from __future__ import annotations

import re
import types
from typing import Annotated, Any, Union, get_args, get_origin

import msgspec
from sphinx.application import Sphinx
from sphinx.util.typing import stringify_annotation


def plain(annotation: Any) -> Any:
    """Return a type without what ``Annotated`` says about it."""
    origin, arguments = get_origin(annotation), get_args(annotation)
    if origin is Annotated:
        return plain(arguments[0])
    if origin in (Union, types.UnionType):
        return Union[tuple(plain(argument) for argument in arguments)]  # noqa: UP007 - made at run time
    if origin in (list, dict):
        return origin[tuple(plain(argument) for argument in arguments)]
    return annotation


def signature(struct: type[msgspec.Struct]) -> str:
    """Return the fields with their types; an optional one shows its default."""
    shown = []
    for field in msgspec.structs.fields(struct):
        default = ""
        if field.default is not msgspec.NODEFAULT:
            default = f" = {field.default}"
        elif field.default_factory is not msgspec.NODEFAULT:
            default = " = ..."
        shown.append(f"{field.name}: {stringify_annotation(plain(field.type), 'smart')}{default}")
    return f"({', '.join(shown)})"


#: How Python prints a zope interface in an annotation.
_INTERFACE = re.compile(r"<InterfaceClass ([\w.]+)>")


def process(
    app: Sphinx, what: str, name: str, thing: object, options: object, given: str | None, returns: str | None
) -> tuple[str | None, str | None]:
    """Return the signature of a thing and what it returns, for those that autodoc found."""
    if isinstance(thing, type) and issubclass(thing, msgspec.Struct):
        return signature(thing) if thing.__struct_fields__ else "", None
    return _named(given), _named(returns)


def _named(text: str | None) -> str | None:
    return text and _INTERFACE.sub(r"~\1", text)


def setup(app: Sphinx) -> dict[str, bool]:
    """Hook into autodoc."""
    app.connect("autodoc-process-signature", process)
    return {"parallel_read_safe": True}
