"""A realm for each test."""

from __future__ import annotations

import pytest

from tests.realm.house import House


@pytest.fixture
def house() -> House:
    """Return an open realm named alpha on an empty disk."""
    return House()
