"""What the documents say is what the code does, as far as a test can tell."""

from __future__ import annotations

import io
import re
from pathlib import Path

import pytest
from docutils.core import publish_doctree

from chatproto import limits
from chatproto.commands import all_commands
from chatproto.errors import BY_CODE, ConnectionUnavailable, Distrust, UnknownRemoteError
from chatproto.limits import Limits
from chatproto.specification import rst_tables
from chatproto.wire.text import FORMS, MESSAGES
from tests.serving import ROOT

README = ROOT / "README.rst"
PROTOCOL = ROOT / "docs" / "protocol.rst"
BEGIN, END = ".. BEGIN GENERATED COMMANDS\n", ".. END GENERATED COMMANDS\n"

#: Sphinx knows ``toctree``; docutils alone does not.
DOCUMENTS = [
    README,
    ROOT / "CONTRIBUTING.rst",
    *(path for path in sorted((ROOT / "docs").glob("*.rst")) if path.name != "index.rst"),
]
#: Errors that a client makes for itself.
NEVER_SENT = {
    kind.code for kind in (UnknownRemoteError, ConnectionUnavailable, Distrust, *Distrust.__subclasses__())
}


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


@pytest.mark.parametrize("path", [README, *sorted((ROOT / "docs").glob("*.rst"))], ids=lambda path: path.name)
def test_links_to_files_lead_somewhere(path: Path) -> None:
    for target in re.findall(r"`[^`<]+ <([^>:]+)>`__", path.read_text()):
        assert (path.parent / target).exists(), target


@pytest.mark.parametrize("name", ["README.rst", "docs/architecture.rst", "docs/performance.rst"])
def test_names_of_files_that_are_mentioned_exist(name: str) -> None:
    text = (ROOT / name).read_text()
    for path in re.findall(r"``((?:chatproto|tests|examples|benchmarks|docs)/[\w/]+\.\w+)``", text):
        assert (ROOT / path).exists(), path


@pytest.mark.parametrize("path", DOCUMENTS, ids=lambda path: path.name)
def test_the_documents_are_valid(path: Path) -> None:
    complaints = io.StringIO()
    publish_doctree(path.read_text(), str(path), settings_overrides={"warning_stream": complaints})
    assert complaints.getvalue() == ""
