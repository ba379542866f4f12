"""A store in a file, and the lab that is served from it."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.serving import Server

FREE = "client=tcp:0:interface=127.0.0.1"


@pytest.fixture
def store(tmp_path: Path) -> str:
    return f"sqlite:///{tmp_path / 'alpha.db'}"


@pytest.fixture
def server(store: str) -> Iterator[Server]:
    with Server("--realm", "alpha", "--store", store, "--listen", FREE, "--lab") as running:
        yield running
