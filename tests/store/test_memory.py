"""The disk in memory: crashes and copies."""

from __future__ import annotations

import pytest
from pytest_twisted import ensureDeferred

from chatproto.errors import StoreFailed
from chatproto.records import NameRow
from tests.store.places import ALPHA, MemoryPlace, batch, conversation, entry, message


@ensureDeferred
async def test_what_was_committed_outlives_a_crash_and_the_crashed_store_gets_nowhere() -> None:
    place = MemoryPlace()
    crashed = place.store()
    await crashed.open(ALPHA)
    await crashed.commit(batch(1, entry(conversation(1), message(4)), seq=4))
    assert place.disk.locked
    place.disk.crash()
    assert not place.disk.locked
    store = place.store()
    assert (await store.open(ALPHA)).seq == 4
    with pytest.raises(StoreFailed):
        await crashed.commit(batch(2, entry(message(5))))
    await crashed.close()
    assert place.disk.locked
    assert await store.newest(1) == (4, 0)


@ensureDeferred
async def test_an_older_copy_is_told() -> None:
    place = MemoryPlace()
    store = place.store()
    await store.open(ALPHA)
    await store.commit(batch(1, entry(NameRow("a", "user"))))
    backup = place.disk.backup()
    await store.commit(batch(2, entry(NameRow("b", "user"))))
    place.disk.crash()
    place.disk.restore(backup)
    store = place.store()
    state = await store.open(ALPHA)
    assert (state.batch, state.older) == (1, 2)
    assert await store.name("b") is None
    await store.commit(batch(2, entry(NameRow("c", "user"))))
    await store.close()
    assert (await place.store().open(ALPHA)).older == 0
    place.disk.crash()
    place.disk.restore(backup)
    assert (await place.store().open(ALPHA)).older == 2
