"""Finds what a docstring refers to, whichever of its names it uses: the public one, or that of its home."""

from __future__ import annotations

import importlib
from typing import Any, cast

from docutils import nodes
from sphinx.addnodes import pending_xref
from sphinx.application import Sphinx
from sphinx.domains.python import PythonDomain
from sphinx.environment import BuildEnvironment


def resolve(name: str) -> Any:
    """Return what a dotted name stands for, None if nothing."""
    module, _, rest = name.partition(".")
    thing: Any = importlib.import_module(module)
    for part in rest.split(".") if rest else ():
        module = f"{module}.{part}"
        try:
            thing = getattr(thing, part) if hasattr(thing, part) else importlib.import_module(module)
        except ImportError:
            return None
    return thing


def find(
    app: Sphinx, env: BuildEnvironment, node: pending_xref, content: nodes.TextElement
) -> nodes.Node | None:
    """Return a link to the description that the same thing has under another name."""
    name = str(node.get("reftarget", ""))
    if node.get("refdomain") != "py" or not name.startswith("chatproto."):
        return None
    thing = resolve(name)
    if thing is None:
        return None
    domain = cast(PythonDomain, env.get_domain("py"))
    for known in domain.objects:
        same = known.rpartition(".")[2] == name.rpartition(".")[2] and resolve(known) is thing
        if same and known != name:
            return domain.resolve_xref(
                env, node["refdoc"], app.builder, node["reftype"], known, node, content
            )
    return None


def setup(app: Sphinx) -> dict[str, bool]:
    """Hook into the search for targets."""
    app.connect("missing-reference", find)
    return {"parallel_read_safe": True}
