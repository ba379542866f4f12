"""Opening and closing a store, and reading while it writes."""

from __future__ import annotations

import pytest
from msgspec.structs import replace
from pytest_twisted import ensureDeferred
from twisted.internet.defer import gatherResults
from zope.interface.verify import verifyObject

from chatproto.errors import StoreError, StoreInUse
from chatproto.interfaces import IStore
from chatproto.names import RealmName
from chatproto.records import (
    EpochRow,
    StoreState,
)
from chatproto.testing.store_contract.rows import (
    ALPHA,
    Place,
    batch,
    conversation,
    entry,
    member,
    message,
)

EPOCH = EpochRow(1, "first-life", 1, 5)


class Life:
    """What a store does at its beginning and its end."""

    def test_it_provides_the_interface(self, place: Place) -> None:
        assert verifyObject(IStore, place.store())

    @ensureDeferred
    async def test_a_new_store_stands_at_the_beginning(self, place: Place) -> None:
        store = place.store()
        assert replace(await store.open(ALPHA), vouched=True) == StoreState(0, 0, 0, None, 0, True)
        await store.close()

    @ensureDeferred
    async def test_it_tells_where_it_stood_when_it_was_closed(self, place: Place) -> None:
        store = place.store()
        await store.open(ALPHA)
        newer = EpochRow(2, "second-life", 40, 6)
        await store.commit(batch(1, entry(EPOCH), seq=3, serial=8))
        await store.commit(batch(2, entry(newer), seq=41, serial=9))
        assert await store.epochs() == [EPOCH, newer]
        await store.close()
        store = place.store()
        assert replace(await store.open(ALPHA), vouched=True) == StoreState(2, 41, 9, newer, 0, True)
        await store.close()

    @ensureDeferred
    async def test_a_second_store_at_the_same_place_is_refused_until_the_first_is_closed(
        self, place: Place, store: IStore
    ) -> None:
        second = place.store()
        with pytest.raises(StoreInUse):
            await second.open(ALPHA)
        await store.close()
        await second.open(ALPHA)
        await second.close()

    @ensureDeferred
    async def test_it_belongs_to_one_realm(self, place: Place) -> None:
        store = place.store()
        await store.open(ALPHA)
        await store.close()
        with pytest.raises(StoreError, match="belongs to the realm alpha"):
            await place.store().open(RealmName("beta"))
        again = place.store()
        await again.open(ALPHA)
        await again.close()

    @ensureDeferred
    async def test_reads_may_run_while_a_batch_is_committed(self, store: IStore) -> None:
        await store.commit(batch(1, entry(conversation(1), member(1, "me"))))
        for number in range(2, 12):
            commit = store.commit(batch(number, *(entry(message(number * 50 + each)) for each in range(50))))
            pages = await gatherResults([store.replay("me", 0, 200) for _ in range(4)])
            for page in pages:
                assert len(page.messages) % 50 == 0
            assert await commit == []

    @ensureDeferred
    async def test_closing_finishes_what_is_under_way(self, place: Place) -> None:
        store = place.store()
        await store.open(ALPHA)
        await store.commit(batch(1, entry(conversation(1), message(1))))
        commit, read = store.commit(batch(2, entry(message(2)))), store.newest(1)
        await store.close()
        assert await commit == []
        assert await read in [(1, 0), (2, 0)]
        again = place.store()
        assert (await again.open(ALPHA)).batch == 2
        await again.close()
