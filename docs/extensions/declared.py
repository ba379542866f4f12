"""Lists what the source declares, so that a new command, event or error needs no line in the documents.

``.. declared:: PACKAGE MODULE`` describes the public structs of a package that one of its modules declares,
without those in ``:but:``.
``.. errors:: CLASS`` describes an error and all that derive from it.
"""

from __future__ import annotations

import importlib
import inspect
from collections.abc import Iterator

from docutils import nodes
from docutils.parsers.rst import directives
from docutils.statemachine import StringList
from sphinx.application import Sphinx
from sphinx.util.docutils import SphinxDirective


class DeclaredDirective(SphinxDirective):
    """The structs of one module, in its order, under the name of the package that offers them."""

    required_arguments = 2
    option_spec = {"but": directives.unchanged}

    def run(self) -> list[nodes.Node]:
        """Return the descriptions."""
        package, subject = self.arguments
        offered = vars(importlib.import_module(package))
        module = importlib.import_module(f"{package}.{subject}")
        names = [name for name in vars(module) if offered.get(name) is vars(module)[name]]
        but = self.options.get("but", "").split()
        here = [
            name
            for name in names
            if getattr(offered[name], "__module__", "") == module.__name__ and name not in but
        ]
        lines = [line for name in here for line in (f".. autoclass:: {package}.{name}", "")]
        self.content = StringList(lines, source=str(module.__file__))
        return self.parse_content_to_nodes()


class ErrorsDirective(SphinxDirective):
    """A tree of errors, each with its code."""

    required_arguments = 1

    def run(self) -> list[nodes.Node]:
        """Return the descriptions."""
        package, _, name = self.arguments[0].rpartition(".")
        root = getattr(importlib.import_module(package), name)
        self.content = StringList([line for kind in _tree(root) for line in _error(package, kind)])
        return self.parse_content_to_nodes()


def _tree(kind: type[Exception]) -> Iterator[type[Exception]]:
    yield kind
    for derived in kind.__subclasses__():
        if derived.__module__.startswith("chatproto.errors"):
            yield from _tree(derived)


def _error(package: str, kind: type[Exception]) -> Iterator[str]:
    yield f".. py:exception:: {kind.__name__}"
    yield f"   :module: {package}"
    yield f"   :canonical: {kind.__module__}.{kind.__qualname__}"
    yield ""
    code = getattr(kind, "code", None)
    if code is not None:
        yield f"   ``{code}``"
        yield ""
    for line in inspect.cleandoc(kind.__doc__ or "").splitlines():
        yield f"   {line}".rstrip()
    yield ""


def setup(app: Sphinx) -> dict[str, bool]:
    """Make the directives known."""
    app.add_directive("declared", DeclaredDirective)
    app.add_directive("errors", ErrorsDirective)
    return {"parallel_read_safe": True}
