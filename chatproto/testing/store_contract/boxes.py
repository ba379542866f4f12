"""Realm boxes, and by which other names realms are known."""

from __future__ import annotations

from pytest_twisted import ensureDeferred

from chatproto.interfaces import IStore
from chatproto.records import AliasRow, BoxRow, ReplayPage
from chatproto.testing.store_contract.rows import batch, conversation, entry, item, message


class Boxes:
    """What stands in which realm box."""

    @ensureDeferred
    async def test_aliases_are_listed_in_order_and_stay_what_they_are(self, store: IStore) -> None:
        assert await store.aliases() == []
        rows = [AliasRow("r1", "R1", "beta", 5), AliasRow("r2", "r2", "beta", 6)]
        assert await store.commit(batch(1, entry(*reversed(rows)))) == []
        assert await store.commit(batch(2, entry(AliasRow("r1", "r1", "gamma", 7)))) == [0]
        assert await store.aliases() == rows

    @ensureDeferred
    async def test_a_box_is_read_in_pages_by_its_account_and_its_name(self, store: IStore) -> None:
        pair, other = conversation(1, "ani@beta", "messi@alpha"), conversation(2, "budi@beta", "messi@alpha")
        rows = [message(1), message(2), message(3, 2), message(4), message(5, 2)]
        boxes = [BoxRow("messi", seq, box) for seq, box in ((5, "r1"), (1, "r1"), (3, "r1"), (4, "r2"))]
        await store.commit(batch(1, entry(pair, other, *rows, *boxes, BoxRow("ani", 2, "r1"))))
        assert await store.box("messi", "r1", 0, 9) == ReplayPage(
            [rows[0], rows[2], rows[4]], {1: pair, 2: other}, True
        )
        assert await store.box("messi", "r1", 0, 2) == ReplayPage(
            [rows[0], rows[2]], {1: pair, 2: other}, False
        )
        assert await store.box("messi", "r1", 3, 1) == ReplayPage([rows[4]], {2: other}, True)
        assert await store.box("messi", "r3", 0, 9) == ReplayPage([], {}, True)
        assert await store.boxed("messi", 0, 9) == [1, 3, 4, 5]
        assert await store.boxed("messi", 1, 4) == [3, 4]
        assert await store.boxed("budi", 0, 9) == []

    @ensureDeferred
    async def test_an_item_keeps_its_box(self, store: IStore) -> None:
        boxed = item(1, box="R1")
        await store.commit(batch(1, entry(conversation(1), message(1), message(2), boxed, item(2))))
        assert await store.outbox("beta", 0, 9, 9, False) == [boxed, item(2)]
        assert [each.row.box for each in await store.outgoing("beta", 0, 9, 999)] == ["R1", ""]
