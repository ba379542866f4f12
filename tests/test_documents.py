"""What the documents say is what the code does, as far as a test can tell."""

from __future__ import annotations

import importlib
import io
import re
import subprocess
import sys
import zlib
from pathlib import Path
from types import FunctionType

import pytest
from docutils.core import publish_doctree
from zope.interface.interface import InterfaceClass

import chatproto
from chatproto import commands, errors, events, limits
from chatproto.commands import all_commands
from chatproto.configuration import OlderTable
from chatproto.errors import BY_CODE, ChatError, ConnectionUnavailable, Distrust, UnknownRemoteError
from chatproto.limits import Limits
from chatproto.listeners import LISTENERS
from chatproto.specification import rst_tables
from chatproto.wire.text import FORMS, MESSAGES
from tests.serving import ROOT, SECONDS, environment

README = ROOT / "README.rst"
PROTOCOL = ROOT / "docs" / "protocol.rst"
BEGIN, END = ".. BEGIN GENERATED COMMANDS\n", ".. END GENERATED COMMANDS\n"

DOCS = ROOT / "docs"
#: These are also read where there is no Sphinx: on a package index.
ALONE = [README, ROOT / "CONTRIBUTING.rst"]
#: As ``make docs`` calls it.
SPHINX = ("--fail-on-warning", "--keep-going", "--nitpicky", "--quiet")
_PUBLIC = (chatproto, commands, events, errors)
_KINDS = ("py:class", "py:exception", "py:function")
#: Errors that a client makes for itself.
_OWN: list[type[ChatError]] = [
    UnknownRemoteError,
    ConnectionUnavailable,
    Distrust,
    *Distrust.__subclasses__(),
]
NEVER_SENT = {kind.code for kind in _OWN}


def generated() -> str:
    return PROTOCOL.read_text().partition(BEGIN)[2].partition(END)[0].strip("\n")


def written() -> str:
    """Return the protocol document without its generated part."""
    before, _, rest = PROTOCOL.read_text().partition(BEGIN)
    return before + rest.partition(END)[2]


def python_blocks(document: Path) -> list[str]:
    """Return the Python in a document, without its indentation."""
    blocks = re.findall(r"\.\. code-block:: python\n\n((?:    .*\n|\n)+)", document.read_text())
    return [re.sub(r"^    ", "", block, flags=re.MULTILINE).strip("\n") for block in blocks]


def body_of(example: str) -> str:
    """Return an example without its docstring."""
    return (ROOT / "examples" / example).read_text().split('"""\n', 2)[1].strip("\n")


def test_the_tables_are_those_that_spec_prints() -> None:
    assert generated() == rst_tables().strip("\n"), "paste the output of `chatproto spec --rst`"


def test_every_code_that_goes_on_the_wire_is_explained() -> None:
    table = written().partition(".. list-table:: Error codes")[2].partition("Logging in\n===")[0]
    explained = re.findall(r"^   \* - ``([a-z-]+)``$", table, flags=re.MULTILINE)
    assert sorted(explained) == sorted({*BY_CODE} - NEVER_SENT)


def test_every_command_is_explained_in_words() -> None:
    for command in all_commands():
        if command.json:
            assert f"``{command.wire_name()}``" in written()
    for verb in FORMS:
        assert re.search(rf"``{verb}\b", written()), verb


def test_every_setting_for_older_systems_is_explained() -> None:
    text = (DOCS / "older-systems.rst").read_text()
    for name in (*OlderTable.__struct_fields__, "exact_bodies", "file_entries"):
        assert f"   * - ``{name}``\n" in text


def test_every_listener_is_one_that_a_client_is_told_of() -> None:
    text = (DOCS / "older-systems.rst").read_text()
    for name, endpoint in LISTENERS.items():
        if name not in ("peer", "metrics"):
            port = endpoint.split(":")[1]
            assert re.search(rf"listener ``{name}``.*\n.*127\.0\.0\.1 {port}\n", text), name


def test_every_string_of_the_older_systems_is_listed() -> None:
    for message in MESSAGES.values():
        assert f"``{message}``" in written()


@pytest.mark.parametrize(
    ("what", "bound"),
    [
        ("a line before login", Limits().line_bytes_before_login),
        ("a line after login", Limits().line_bytes),
        ("a line from the server (JSON)", limits.SERVER_LINE_BYTES),
        ("text of a message", limits.TEXT_BYTES),
        ("recipients in one ``send``", limits.RECIPIENTS),
        ("commands in flight", Limits().pipeline),
        ("page of ``history``", limits.PAGE_ITEMS),
        ("other pages", limits.LIST_ITEMS),
        ("unread count", limits.UNREAD),
        ("lines that are no command", Limits().bad_lines_before_login),
        ("time until login", Limits().login_seconds),
        ("connections from one address", Limits().connections_per_address),
        ("connections in all", Limits().connections),
    ],
)
def test_the_limits_are_those_of_the_code(what: str, bound: float) -> None:
    (said,) = re.findall(rf"^{re.escape(what)}  +([0-9,]+)", written(), flags=re.MULTILINE)
    assert said == f"{bound:,.0f}"


def test_the_readme_shows_the_examples() -> None:
    one_realm, echo_bot = python_blocks(README)
    assert one_realm == body_of("one_realm.py")
    assert echo_bot == body_of("echo_bot.py")
    for block in (one_realm, echo_bot):
        compile(block, str(README), "exec")


@pytest.mark.parametrize("path", [*ALONE, *sorted(DOCS.rglob("*.rst"))], ids=lambda path: path.name)
def test_no_link_leads_to_a_file(path: Path) -> None:
    # Neither a package index nor the site has the file.
    assert re.findall(r"`[^`<]+ <[^>:]+>`_", path.read_text()) == []


@pytest.mark.parametrize("path", [*ALONE, *sorted(DOCS.rglob("*.rst"))], ids=lambda path: path.name)
def test_names_of_files_that_are_mentioned_exist(path: Path) -> None:
    folders = "chatproto|tests|examples|benchmarks|docs"
    for name in re.findall(rf"``((?:{folders})/[\w/]+\.\w+)``", path.read_text()):
        assert (ROOT / name).exists(), name


@pytest.mark.parametrize("path", ALONE, ids=lambda path: path.name)
def test_what_is_read_without_sphinx_is_valid_without_it(path: Path) -> None:
    complaints = io.StringIO()
    publish_doctree(path.read_text(), str(path), settings_overrides={"warning_stream": complaints})
    assert complaints.getvalue() == ""


@pytest.mark.parametrize("path", sorted(DOCS.rglob("*.rst")), ids=lambda path: path.name)
def test_no_page_has_a_table_of_contents_of_its_own(path: Path) -> None:
    """The theme shows one beside each page, and complains in red about a second."""
    assert ".. contents::" not in path.read_text()


def test_all_code_of_the_tutorial_is_included_from_where_it_runs() -> None:
    for path in sorted((DOCS / "tutorial").glob("*.rst")):
        assert "code-block:: python" not in path.read_text(), path
        for source in re.findall(r"literalinclude:: \.\./\.\./(\S+)", path.read_text()):
            assert source.startswith(("examples/", "tests/test_")), source


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Build the site as ``make docs`` does, and return where it is."""
    folder = tmp_path_factory.mktemp("site")
    done = subprocess.run(
        [sys.executable, "-m", "sphinx", *SPHINX, "--doctree-dir", f"{folder}-trees", DOCS, folder],
        env=environment(),
        capture_output=True,
        text=True,
        timeout=SECONDS * 4,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    return folder


def test_make_docs_builds_the_site_in_the_same_way() -> None:
    assert f"sphinx {' '.join(SPHINX)} docs " in (ROOT / "Makefile").read_text()


def test_the_reference_has_every_public_name(site: Path) -> None:
    described = {id(resolve(name)) for name, kind, *_ in inventory(site) if kind in _KINDS}
    public = [f"{module.__name__}.{name}" for module in _PUBLIC for name in module.__all__]
    things = {name: resolve(name) for name in public}
    types = (
        type,
        InterfaceClass,
        FunctionType,
    )  # a constant or a type's other name is shown where it is used
    ours = {
        name: thing
        for name, thing in things.items()
        if isinstance(thing, types) and thing.__module__.startswith("chatproto")
    }
    missing = [name for name, thing in ours.items() if id(thing) not in described]
    assert missing == []


def inventory(site: Path) -> list[list[str]]:
    """Return what the site describes: the name of each thing, its kind, and more."""
    *_, packed = (site / "objects.inv").read_bytes().split(b"\n", 4)
    return [line.split(" ") for line in zlib.decompress(packed).decode().splitlines()]


def resolve(name: str) -> object:
    module, _, attribute = name.rpartition(".")
    return getattr(importlib.import_module(module), attribute)


def test_the_site_needs_nothing_from_elsewhere(site: Path) -> None:
    outside = re.compile(r"""<(?:script|link|img)[^>]*(?:src|href)=["'](?:https?:)?//""")
    assert [page for page in site.rglob("*.html") if outside.search(page.read_text())] == []
