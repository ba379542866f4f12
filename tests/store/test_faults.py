"""The store that fails when a test wants it to."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
import pytest_twisted
from pytest_twisted import ensureDeferred
from zope.interface.verify import verifyObject

from chatproto.errors import StoreFailed, StoreRefused
from chatproto.interfaces import IStore
from chatproto.records import NameRow
from chatproto.testing.faults import FaultyStore
from tests.store.places import ALPHA, MemoryPlace, batch, entry

A, B = entry(NameRow("a", "user")), entry(NameRow("b", "user"))


@pytest.fixture
def store() -> Iterator[FaultyStore]:
    store = FaultyStore(MemoryPlace().store())
    pytest_twisted.blockon(store.open(ALPHA))
    yield store
    pytest_twisted.blockon(store.close())


@ensureDeferred
async def test_it_is_the_store_behind_until_told_otherwise(store: FaultyStore) -> None:
    assert verifyObject(IStore, store)
    assert await store.commit(batch(1, A)) == []
    assert await store.commit(batch(2, A)) == [0]
    assert await store.name("a") == NameRow("a", "user")


@pytest.mark.parametrize("stored", [False, True])
@ensureDeferred
async def test_commits_are_held_until_released(store: FaultyStore, stored: bool) -> None:
    store.hold(stored=stored)
    commit = store.commit(batch(1, A))
    assert store.held == 1
    assert not commit.called
    assert (await store.name("a") is not None) == stored
    store.release()
    assert await commit == []
    assert store.held == 0
    assert await store.commit(batch(2, B)) == []


@ensureDeferred
async def test_one_commit_fails_or_is_refused(store: FaultyStore) -> None:
    store.refuse_next()
    store.fail_next()
    store.fail_next(OSError("gone"), stored=True)
    for error in (StoreRefused, StoreFailed):
        with pytest.raises(error):
            await store.commit(batch(1, A))
        assert await store.name("a") is None
    with pytest.raises(OSError, match="gone"):
        await store.commit(batch(1, A))
    assert await store.name("a") is not None
    assert await store.commit(batch(2, B)) == []
