"""Names of a package that are imported when they are first asked for.

Who only wants one of them, such as a chat client, does not wait for all that the others need.
"""

from __future__ import annotations

import importlib
from collections.abc import Callable, Mapping


def importer(package: str, homes: Mapping[str, str]) -> Callable[[str], object]:
    """Return what a package calls ``__getattr__`` (PEP 562): each name is defined in a module below it."""

    def attribute(name: str) -> object:
        home = homes.get(name)
        if home is None:
            raise AttributeError(f"module {package!r} has no attribute {name!r}")
        return getattr(importlib.import_module(f"{package}.{home}"), name)

    return attribute
