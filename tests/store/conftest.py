"""The stores that the contract is tested on. Another database joins as one more name here."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import pytest_twisted

from chatproto.interfaces import IStore
from chatproto.store import postgresql
from tests.store.places import ALPHA, MemoryPlace, Place, PostgresPlace, SqlitePlace


@pytest.fixture(params=["memory", "sqlite", "sqlite-threads", "postgresql-threads"])
def place(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Place]:
    """Return an empty place of every kind."""
    from twisted.internet import reactor

    kind, _, threads = request.param.partition("-")
    installed: Any = reactor if threads else None
    if kind == "memory":
        yield MemoryPlace()
    elif kind == "sqlite":
        yield SqlitePlace(tmp_path / "alpha.db", installed)
    else:
        place = PostgresPlace(request.getfixturevalue("postgres"), installed)
        yield place
        place.close()


@pytest.fixture(autouse=True)
def locks_are_not_waited_for(monkeypatch: pytest.MonkeyPatch) -> None:
    """A second store of one process is refused at once."""
    monkeypatch.setattr(postgresql, "LOCK_SECONDS", 0.0)


@pytest.fixture
def store(place: Place) -> Iterator[IStore]:
    """Return an open store at the place."""
    store = place.store()
    pytest_twisted.blockon(store.open(ALPHA))
    yield store
    pytest_twisted.blockon(store.close())
