"""The stores that the contract is tested on. Another database joins as one more name here."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import pytest_twisted

from chatproto.interfaces import IStore
from tests.store.places import ALPHA, MemoryPlace, Place, SqlitePlace


@pytest.fixture(params=["memory", "sqlite", "sqlite-threads"])
def place(request: pytest.FixtureRequest, tmp_path: Path) -> Place:
    """Return an empty place of every kind."""
    from twisted.internet import reactor

    installed: Any = reactor
    if request.param == "memory":
        return MemoryPlace()
    return SqlitePlace(tmp_path / "alpha.db", installed if request.param == "sqlite-threads" else None)


@pytest.fixture
def store(place: Place) -> Iterator[IStore]:
    """Return an open store at the place."""
    store = place.store()
    pytest_twisted.blockon(store.open(ALPHA))
    yield store
    pytest_twisted.blockon(store.close())
