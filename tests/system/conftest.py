"""A realm in a process of its own for each test, and what it logged where a test fails."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from tests.serving import COMMAND
from tests.system.running import RunningRealm

#: Starts a realm with further options, or under another program; it ends with the test.
StartRealm = Callable[..., RunningRealm]


@pytest.fixture
def start_realm(tmp_path: Path) -> Iterator[StartRealm]:
    """Return a function that starts a realm; all of them share the test's folder, and so the store."""
    realms: list[RunningRealm] = []

    def start(*more: str, command: tuple[str, ...] = (*COMMAND, "serve")) -> RunningRealm:
        realm = RunningRealm(tmp_path, *more, command=command)
        realms.append(realm)
        realm.start()
        return realm

    yield start
    for realm in realms:
        realm.close()
        # pytest shows what a test printed only if it fails.
        print(realm.log())


@pytest.fixture
def server(start_realm: StartRealm) -> RunningRealm:
    """Return a realm that is ready."""
    return start_realm()
