"""What the tests of simulations share."""

from __future__ import annotations

import gc
from collections.abc import Iterator

import pytest

from tests.conftest import LoggedFailures


@pytest.fixture
def judged(logged_failures: LoggedFailures) -> Iterator[None]:
    """Take what was logged: each simulation has judged it, also what the collector ended after it."""
    yield
    while logged_failures.take(Exception) or gc.collect():
        pass
