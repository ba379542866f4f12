"""``.. interface:: MODULE.NAME``: a zope interface as Sphinx shows a class.

autodoc sees an object there, not a class, and zope does not keep the annotations; so the source is read.
"""

from __future__ import annotations

import ast
import importlib
import inspect
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from docutils import nodes
from docutils.parsers.rst import directives
from docutils.statemachine import StringList
from sphinx.application import Sphinx
from sphinx.util.docutils import SphinxDirective


class InterfaceDirective(SphinxDirective):
    """Describes an interface with all its methods; ``:public:`` is the name to show it under."""

    required_arguments = 1
    option_spec = {"public": directives.unchanged}

    def run(self) -> list[nodes.Node]:
        """Return the description."""
        module_name, _, name = self.arguments[0].rpartition(".")
        offered = importlib.import_module(module_name)
        module = importlib.import_module(getattr(offered, name).__module__)
        path = str(module.__file__)
        self.env.note_dependency(path)
        shown = self.options.get("public", self.arguments[0])
        described = _class(_find(path, name), shown, self.arguments[0], vars(module))
        self.content = StringList(list(described), source=path)
        return self.parse_content_to_nodes()


def _find(path: str, name: str) -> ast.ClassDef:
    tree = ast.parse(Path(path).read_text())
    return next(node for node in tree.body if isinstance(node, ast.ClassDef) and node.name == name)


def _class(node: ast.ClassDef, shown: str, canonical: str, names: dict[str, Any]) -> Iterator[str]:
    module, _, name = shown.rpartition(".")
    yield f".. py:class:: {name}"
    yield f"   :module: {module}"
    if shown != canonical:
        yield f"   :canonical: {canonical}"
    yield ""
    yield from _indented(node, "   ")
    for method in node.body:
        if isinstance(method, ast.FunctionDef):
            yield f"   .. py:method:: {_signature(method, names)}"
            yield f"      :module: {module}"
            if shown != canonical:
                yield f"      :canonical: {canonical}.{method.name}"
            yield ""
            yield from _indented(method, "      ")


def _indented(node: ast.ClassDef | ast.FunctionDef, indent: str) -> Iterator[str]:
    for line in inspect.cleandoc(ast.get_docstring(node) or "").splitlines():
        yield (indent + line).rstrip()
    yield ""


def _signature(method: ast.FunctionDef, names: dict[str, Any]) -> str:
    qualify = _Qualify(names)
    arguments = ast.unparse(qualify.visit(method.args))
    returns = "" if method.returns is None else f" -> {ast.unparse(qualify.visit(method.returns))}"
    return f"{method.name}({arguments}){returns}"


class _Qualify(ast.NodeTransformer):
    """Names a type in full, so that it becomes a link; ``~`` shows its last part only."""

    def __init__(self, names: dict[str, Any]) -> None:
        self._names = names

    def visit_Name(self, node: ast.Name) -> ast.Name:
        home = getattr(self._names.get(node.id), "__module__", None)
        if home in (None, "builtins"):
            return node
        return ast.Name(id=f"~{home}.{node.id}")


def setup(app: Sphinx) -> dict[str, bool]:
    """Make the directive known."""
    app.add_directive("interface", InterfaceDirective)
    return {"parallel_read_safe": True}
