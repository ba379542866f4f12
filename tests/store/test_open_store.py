"""Store URLs."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Any

import pytest
from pytest_twisted import ensureDeferred

from chatproto.errors import ConfigError
from chatproto.interfaces import IStore
from chatproto.store import open_store
from chatproto.store.urls import shown
from tests.store.places import ALPHA


def open_(url: str) -> IStore:
    from twisted.internet import reactor

    installed: Any = reactor
    return open_store(url, installed)


@pytest.mark.parametrize(
    "form", ["memory:", "sqlite:///alpha.db", "sqlite:///folder/alpha.db", "sqlite:///{}/a.db"]
)
@ensureDeferred
async def test_nothing_is_touched_before_it_is_opened(
    form: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def found() -> list[Path]:
        return list(tmp_path.rglob("*"))

    monkeypatch.chdir(tmp_path)
    store = open_(form.format(tmp_path / "deep" / "er"))
    assert not found()
    await store.open(ALPHA)
    assert bool(found()) == (form != "memory:")
    await store.close()


@pytest.mark.parametrize(
    "url",
    [
        "",
        "alpha.db",
        "sqlite:",
        "sqlite://",
        "sqlite://host/alpha.db",
        "sqlite:///a.db?mode=ro",
        "mysql://h/d",
        "memory",
    ],
)
def test_what_is_no_store_is_refused(url: str) -> None:
    with pytest.raises(ConfigError, match="store: "):
        open_(url)


def test_postgresql_needs_an_extra(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delitem(sys.modules, "chatproto.store.postgresql")
    monkeypatch.setitem(sys.modules, "psycopg", None)
    with pytest.raises(ConfigError, match=r"needs psycopg, which .* pip install 'chatproto\[postgresql\]'"):
        open_("postgresql://user:secret@host/db")


@pytest.mark.parametrize(
    "url",
    [
        "postgresql://ani:sec/ret@host/db",
        "postgresql://ani:secret@host:port/db",
        "postgresql://ani:secret@host/db?what=secret",
        "postgres://ani:secret@host/db",
        "postgresql:/ani:secret@host/db",
        "sqlite://ani:secret@host/db",
    ],
)
def test_what_is_wrong_with_a_url_is_told_without_its_password(url: str) -> None:
    with pytest.raises(ConfigError, match="store: ") as caught:
        open_(url)
    assert "sec" not in str(caught.value)


@pytest.mark.parametrize(
    ("url", "harmless"),
    [
        ("postgresql://ani:secret@host/db?x=y", "postgresql://ani:***@host/db?x=y"),
        ("postgresql://ani@host:5432/db", "postgresql://ani@host:5432/db"),
        ("postgresql://ani:se@c:re/t@host/db", "postgresql://ani:***@host/db"),
        ("postgresql://:secret@/db", "postgresql://:***@/db"),
        ("postgresql:///db?user=ani&password=secret&host=h", "postgresql:///db?user=ani&password=***&host=h"),
        ("postgresql://ani@h/db?sslpassword=secret", "postgresql://ani@h/db?sslpassword=***"),
        ("postgresql://a1:5432,a2:5433/db", "postgresql://a1:5432,a2:5433/db"),
        ("sqlite:////var/lib/a:b@c/alpha.db", "sqlite:////var/lib/a:b@c/alpha.db"),
        ("memory:", "memory:"),
    ],
)
def test_a_url_is_shown_without_its_password(url: str, harmless: str) -> None:
    assert shown(url) == harmless
