"""Imports run one way: who may know whom, read from the source."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from pathlib import Path

import chatproto

ROOT = Path(chatproto.__file__).parent

#: Rooms from the bottom up; a room sees those of its own line and of the lines above.
ORDER = (
    ("version", "lazily", "names", "errors"),
    ("limits", "commands", "events", "frames", "records"),
    ("bells", "endpoints", "interfaces", "executors", "faults", "tls"),
    ("wire", "store", "files"),
    ("realm",),
    ("federation",),
    ("protocols",),
    (
        "backoff",
        "checkers",
        "client",
        "configuration",
        "control",
        "figures",
        "front",
        "fronts",
        "lab",
        "listeners",
        "loop",
        "metrics",
        "older",
        "opening",
        "operating",
        "ports",
        "process",
        "service",
        "specification",
        "supervision",
        "telling",
    ),
    ("auditing", "checking", "conformance", "tap", "cli", "testing"),
    ("__main__",),
)
LEVELS = {room: level for level, rooms in enumerate(ORDER) for room in rooms}
#: The house rule is 350; a file that is a little over it need not be torn apart for that.
LINES = 360
#: Pairs that the order would allow.
STRANGERS = {
    ("wire", "store"),
    ("store", "wire"),
    ("protocols", "store"),
    ("files", "store"),
    ("store", "files"),
    ("files", "wire"),
    ("wire", "files"),
    ("protocols", "files"),
}
#: These are plain values and bytes, and have nothing to wait for.
WITHOUT_TWISTED = {"version", "names", "errors", "limits", "commands", "events", "frames", "records", "wire"}


def _imports(tree: ast.AST) -> Iterator[str]:
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, "imports are absolute"
            yield from (f"{node.module}.{alias.name}" for alias in node.names)


def _at_module_level(tree: ast.Module) -> ast.Module:
    """Return the module without the bodies of its functions."""

    class WithoutFunctions(ast.NodeTransformer):
        def visit_FunctionDef(self, node: ast.FunctionDef) -> None:
            return None

        def visit_AsyncFunctionDef(self, node: ast.AsyncFunctionDef) -> None:
            return None

    pruned = WithoutFunctions().visit(tree)
    assert isinstance(pruned, ast.Module)
    return pruned


def faults(room: str, source: str) -> list[str]:
    """Return what a module of a room imports and should not."""
    found = []
    for name in _imports(ast.parse(source)):
        package, _, rest = name.partition(".")
        if package == "twisted" and room in WITHOUT_TWISTED:
            found.append(name)
        if package != "chatproto":
            continue
        other = rest.partition(".")[0]
        # `from chatproto import errors` and `from chatproto.errors import X` both name the room second.
        if other not in LEVELS or LEVELS[other] > LEVELS[room] or (room, other) in STRANGERS:
            found.append(name)
    reactor = ("twisted.internet.reactor",)
    return found + [name for name in _imports(_at_module_level(ast.parse(source))) if name in reactor]


def _modules() -> Iterator[tuple[str, Path]]:
    for path in sorted(ROOT.rglob("*.py")):
        room = path.relative_to(ROOT).parts[0].removesuffix(".py")
        if room != "__init__":  # the public names may come from everywhere
            yield room, path


def test_every_room_has_its_place_in_the_order() -> None:
    assert {room for room, _ in _modules()} <= set(LEVELS)


def test_no_module_imports_upwards() -> None:
    found = {str(path): faults(room, path.read_text()) for room, path in _modules()}
    assert {path: names for path, names in found.items() if names} == {}


def test_the_check_sees_what_is_forbidden() -> None:
    assert faults("wire", "from chatproto.store import memory") == ["chatproto.store.memory"]
    assert faults("store", "import chatproto.wire.json") == ["chatproto.wire.json"]
    assert faults("protocols", "def f():\n    from chatproto.store import open_store") != []
    assert faults("realm", "from chatproto import service") == ["chatproto.service"]
    assert faults("wire", "from twisted.internet.defer import Deferred") != []
    assert faults("realm", "from twisted.internet import reactor") == ["twisted.internet.reactor"]
    assert faults("realm", "if True:\n    import twisted.internet.reactor") != []
    assert faults("realm", "def f():\n    from twisted.internet import reactor") == []
    assert faults("realm", "from chatproto.store import open_store\nfrom chatproto import errors") == []


def test_no_module_grows_far_beyond_350_lines() -> None:
    long = {
        str(path): lines for _, path in _modules() if (lines := len(path.read_text().splitlines())) > LINES
    }
    assert long == {}
