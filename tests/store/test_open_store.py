"""Store URLs."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from pytest_twisted import ensureDeferred

from chatproto.errors import ConfigError
from chatproto.interfaces import IStore
from chatproto.store import open_store
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


def test_postgresql_needs_an_extra() -> None:
    with pytest.raises(ConfigError, match="extra 'postgresql'"):
        open_("postgresql://user:secret@host/db")
