"""Every limit stands in the document, with its value and its reason; every rate can be switched off."""

from __future__ import annotations

import re

import pytest
from docutils import nodes
from docutils.core import publish_doctree
from msgspec.structs import asdict, fields

from chatproto import limits
from chatproto.configuration import Settings, configure
from chatproto.limits import LOOPBACK, RATES, Limits, without_rates
from tests.serving import ROOT

DOCUMENT = ROOT / "docs" / "limits.rst"
SOURCE = ROOT / "chatproto" / "limits.py"


def declared() -> dict[str, str]:
    """Return the comment above each limit, and each fixed bound, of the source."""
    reasons: dict[str, str] = {}
    comment: list[str] = []
    for line in SOURCE.read_text().splitlines():
        words = line.strip()
        if words.startswith("#:"):
            comment.append(words.removeprefix("#:").strip())
            continue
        if found := re.match(r"(\w+)(: \w+)? = ", words):
            reasons[found[1]] = " ".join(comment)
        comment = []
    return reasons


def rows() -> dict[str, list[str]]:
    """Return the rows of the document's tables, by what stands in their first column, as code."""
    found: dict[str, list[str]] = {}
    tree = publish_doctree(re.sub(r":\w+:`([^`]*)`", r"\1", DOCUMENT.read_text()))
    for row in tree.findall(nodes.row):
        name, *cells = row.children
        if list(name.findall(nodes.literal)):
            assert name.astext() not in found
            found[name.astext()] = [" ".join(cell.astext().split()) for cell in cells]
    return found


def shown(value: float) -> str:
    return str(int(value)) if value == int(value) else str(value)


def test_the_document_has_each_limit_with_its_values_and_its_reason() -> None:
    expected = {}
    for name, value in asdict(Limits()).items():
        loopback = getattr(LOOPBACK, name)
        expected[name] = [
            shown(value),
            "same" if loopback == value else shown(loopback),
            declared()[name].replace("``", ""),
        ]
    fixed = {
        name: [shown(getattr(limits, name)), declared()[name].replace("``", "")]
        for name in vars(limits)
        if name.isupper() and isinstance(getattr(limits, name), int)
    }
    assert rows() == expected | fixed


def test_every_limit_has_a_reason_that_says_more_than_its_name() -> None:
    for name in Limits.__struct_fields__:
        assert len(declared()[name].split()) > 5, name


@pytest.mark.parametrize("name", RATES)
def test_each_rate_is_on_by_default_and_off_on_loopback_and_can_be_set(name: str) -> None:
    assert getattr(Limits(), name) > 0
    assert getattr(LOOPBACK, name) == 0
    for value in (0, 0.5, 7):
        config = configure(Settings(realm="alpha", store="memory:", limits={name: value}))
        assert getattr(config.listeners[0].limits, name) == getattr(config.limits, name) == value


def test_buffers_stay_bounded_on_loopback() -> None:
    changed = {
        each.name for each in fields(Limits) if getattr(LOOPBACK, each.name) != getattr(Limits(), each.name)
    }
    assert changed - set(RATES) == {
        "connections_per_account",
        "connections_per_address",
        "file_bytes",
        "file_bytes_a_day",
        "login_seconds",
        "sessions_per_account",
    }
    assert without_rates(without_rates(Limits())) == without_rates(Limits())
