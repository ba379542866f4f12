"""What a gateway holds for others."""

from __future__ import annotations

from pytest_twisted import ensureDeferred

from chatproto.interfaces import IStore
from chatproto.records import ITEMS, HeldRow, Run, VerdictRow
from chatproto.testing.store_contract.rows import batch, entry


def held(number: int, since: int = 5, hop: str = "beta", size: int = 10) -> HeldRow:
    """Return an item of beta for delta."""
    body = f'{{"number":{number}}}'
    return HeldRow(hop, "beta", "delta", ITEMS, since, number, "e", "beta/1", "x,y", 4, body, "ab", size)


def verdict(number: int, origin: str = "beta") -> VerdictRow:
    """Return what delta says of it."""
    return VerdictRow(origin, "delta", ITEMS, "beta", 5, number, "e", "{}", "ab")


class Routes:
    """What passes through this realm."""

    @ensureDeferred
    async def test_what_is_held_is_summed_up_and_read_in_order(self, store: IStore) -> None:
        rows = [held(number) for number in (3, 4, 5)]
        others = (held(4, since=6, size=2**40), held(1, hop="gamma"))
        await store.commit(batch(1, entry(puts=(rows[2], rows[0], *others, rows[1]))))
        run = ("beta", "beta", "delta", ITEMS)
        assert await store.runs() == [
            Run(*run, 5, 3, 5, 3, 30),
            Run(*run, 6, 4, 4, 1, 2**40),
            Run("gamma", *run[1:], 5, 1, 1, 1, 10),
        ]
        assert await store.relayed(*run, 5, 0, 9, 100) == rows
        assert await store.relayed(*run, 5, 3, 1, 100) == rows[1:2]
        assert await store.relayed(*run, 5, 0, 9, 10) == rows[:1]
        assert await store.relayed(*run, 5, 0, 9, 11) == rows[:2]
        await store.commit(batch(2, entry(removes=(rows[0], rows[1]))))
        assert await store.relayed(*run, 5, 0, 9, 100) == rows[2:]

    @ensureDeferred
    async def test_the_newest_verdicts_are_listed(self, store: IStore) -> None:
        await store.commit(batch(1, entry(puts=(verdict(1), verdict(1, "alpha")))))
        await store.commit(batch(2, entry(puts=(verdict(2),))))
        assert await store.verdicts() == [verdict(1, "alpha"), verdict(2)]
        await store.commit(batch(3, entry(removes=(verdict(0),))))
        assert await store.verdicts() == [verdict(1, "alpha")]
