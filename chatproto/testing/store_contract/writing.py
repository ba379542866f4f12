"""Batches: what is stored whole, what is left out, what goes away."""

from __future__ import annotations

import pytest
from msgspec.structs import replace
from pytest_twisted import ensureDeferred

from chatproto.interfaces import IStore
from chatproto.records import (
    AccountRow,
    BlockRow,
    CursorRow,
    DeviceRow,
    EpochRow,
    GroupRow,
    NameRow,
    StoreState,
)
from chatproto.store.keys import MAXIMUM
from chatproto.testing.store_contract.rows import (
    ALPHA,
    Place,
    batch,
    cid,
    conversation,
    entry,
    login,
    member,
    message,
)

EPOCH = EpochRow(1, "first-life", 1, 5)


class Writing:
    """What becomes of a batch."""

    @ensureDeferred
    async def test_what_fired_is_there_after_opening_again(self, place: Place) -> None:
        store = place.store()
        await store.open(ALPHA)
        assert await store.commit(batch(1, entry(conversation(1), message(5)), seq=5)) == []
        await store.close()
        store = place.store()
        await store.open(ALPHA)
        assert await store.messages(1, 0, MAXIMUM, 10, False, ()) == [message(5)]
        await store.close()

    @ensureDeferred
    async def test_puts_replace_and_the_last_one_of_a_batch_counts(self, store: IStore) -> None:
        await store.commit(batch(1, entry(puts=(CursorRow("messi", "read", 1, 3),))))
        assert await store.cursor("messi", "read", 1) == 3
        puts = [entry(puts=(CursorRow("messi", "read", 1, seq),)) for seq in (7, 9, 8)]
        assert await store.commit(batch(2, *puts)) == []
        assert await store.cursor("messi", "read", 1) == 8

    @ensureDeferred
    async def test_an_entry_that_breaks_a_key_is_left_out_whole_and_the_others_are_stored(
        self, store: IStore
    ) -> None:
        await store.commit(batch(1, entry(NameRow("messi", "user"))))
        failed = await store.commit(
            batch(
                2,
                entry(NameRow("lineker", "user")),
                entry(
                    AccountRow("x", "X", "", "", 1),
                    NameRow("messi", "group"),
                    puts=(CursorRow("messi", "inbox", 0, 4),),
                ),
                entry(NameRow("henderson", "user")),
            )
        )
        assert failed == [1]
        assert await store.name("messi") == NameRow("messi", "user")
        assert await store.account("x") is None
        assert await store.cursor("messi", "inbox", 0) == 0
        assert await store.name("lineker") == NameRow("lineker", "user")
        assert await store.name("henderson") == NameRow("henderson", "user")

    @ensureDeferred
    async def test_a_failed_entry_leaves_its_otherwise(self, store: IStore) -> None:
        await store.commit(batch(1, entry(conversation(1), cid("again"))))
        void = message(2, kind="void", gseq=4)
        failed = await store.commit(
            batch(2, entry(message(2), cid("again"), otherwise=(void,)), entry(message(3)), seq=3)
        )
        assert failed == [0]
        assert await store.newest(1) == (3, 0)
        assert await store.messages(1, 0, MAXIMUM, 9, False, ()) == [message(3)]
        assert await store.commit(batch(3, entry(void))) == [0]

    @ensureDeferred
    async def test_an_otherwise_that_breaks_a_constraint_too_is_left_out(self, store: IStore) -> None:
        await store.commit(batch(1, entry(NameRow("a", "user"))))
        again = NameRow("a", "group")
        assert await store.commit(batch(2, entry(again, otherwise=(again,)))) == [0]
        assert await store.name("a") == NameRow("a", "user")

    @ensureDeferred
    async def test_the_second_of_two_equal_keys_in_a_batch_fails(self, store: IStore) -> None:
        failed = await store.commit(
            batch(1, entry(NameRow("a", "user")), entry(NameRow("a", "group")), entry(NameRow("b", "user")))
        )
        assert failed == [1]
        assert await store.name("a") == NameRow("a", "user")

    @ensureDeferred
    async def test_an_insert_after_a_put_of_the_same_key_fails(self, store: IStore) -> None:
        put, insert = DeviceRow("messi", "phone", 1), DeviceRow("messi", "phone", 2)
        assert await store.commit(batch(1, entry(puts=(put,)), entry(insert))) == [1]
        assert await store.device("messi", "phone") == 1

    @ensureDeferred
    async def test_a_put_after_an_insert_of_the_same_key_counts(self, store: IStore) -> None:
        ended = login(1, ended=99)
        assert await store.commit(batch(1, entry(login(1)), entry(puts=(ended,)))) == []
        assert await store.login(ended.token_hash) == ended

    @ensureDeferred
    async def test_a_conversation_of_the_same_two_fails(self, store: IStore) -> None:
        first, second = conversation(1, "a@alpha", "b@alpha"), conversation(2, "a@alpha", "b@alpha")
        await store.commit(batch(1, entry(first)))
        assert await store.commit(batch(2, entry(second, message(1, 2)), entry(message(2, 2)))) == [0, 1]
        assert await store.conversation("a@alpha", "b@alpha") == first

    @ensureDeferred
    async def test_a_login_number_is_given_once(self, store: IStore) -> None:
        assert await store.commit(batch(1, entry(login(1)), entry(login(1, token=b"other")))) == [1]
        assert await store.login(b"other") is None

    @pytest.mark.parametrize(
        "row",
        [message(1, 9), member(9, "messi@alpha"), GroupRow("g", "G", 9, "messi@alpha", 1)],
        ids=["message", "member", "group"],
    )
    @ensureDeferred
    async def test_what_refers_to_no_conversation_fails(self, store: IStore, row: object) -> None:
        assert await store.commit(batch(1, entry(row), entry(conversation(8)))) == [0]  # type: ignore[arg-type]
        assert await store.conversation("group8@alpha", "") == conversation(8)
        assert await store.commit(batch(2, entry(conversation(9), row))) == []  # type: ignore[arg-type]

    @ensureDeferred
    async def test_what_refers_to_a_later_conversation_of_the_batch_fails(self, store: IStore) -> None:
        failed = await store.commit(
            batch(
                1,
                entry(message(1)),
                entry(member(1, "me"), conversation(1)),
                entry(conversation(1), message(2)),
            )
        )
        assert failed == [0, 1]
        assert await store.newest(1) == (2, 0)

    @ensureDeferred
    async def test_an_empty_batch_moves_the_numbers(self, place: Place) -> None:
        store = place.store()
        await store.open(ALPHA)
        assert await store.commit(batch(7, seq=8, serial=9)) == []
        await store.close()
        store = place.store()
        assert replace(await store.open(ALPHA), vouched=True) == StoreState(7, 8, 9, None, 0, True)
        await store.close()

    @pytest.mark.parametrize("size", [1, 2, 3, 127, 200, 1025, 5000])
    @ensureDeferred
    async def test_a_batch_of_any_size_keeps_every_row(self, store: IStore, size: int) -> None:
        rows = [message(seq, text=f"number {seq}") for seq in range(1, size + 1)]
        assert await store.commit(batch(1, entry(conversation(1)), *map(entry, rows), seq=size)) == []
        assert await store.messages(1, 0, MAXIMUM, size + 1, False, ()) == rows

    @ensureDeferred
    async def test_any_text_comes_back_as_it_was(self, store: IStore) -> None:
        text = (
            "'; DROP TABLE messages; --\n\x01\r\n%s ? :name \U0001f600 \u0645\u0631\u062d\u0628\u0627 "
            + "x" * 16000
        )
        await store.commit(batch(1, entry(conversation(1), message(2**53 - 1, text=text))))
        assert (await store.messages(1, 0, MAXIMUM, 1, True, ()))[0].text == text

    @ensureDeferred
    async def test_a_removed_row_may_come_again_in_the_same_batch(self, store: IStore) -> None:
        row = BlockRow("messi", "b@alpha", "b@alpha", 1)
        again = BlockRow("messi", "b@alpha", "b@alpha", 2)
        await store.commit(batch(1, entry(row)))
        assert await store.commit(batch(2, entry(removes=(row,)), entry(again))) == []
        assert await store.blocks("messi") == [again]
        assert await store.commit(batch(3, entry(puts=(row,)), entry(removes=(row,)))) == []
        assert await store.blocks("messi") == []

    @ensureDeferred
    async def test_what_is_not_there_may_be_removed(self, store: IStore) -> None:
        assert await store.commit(batch(1, entry(removes=(login(1), CursorRow("a", "device", 1, 0))))) == []

    @ensureDeferred
    async def test_an_entry_that_breaks_a_constraint_removes_nothing(self, store: IStore) -> None:
        row = BlockRow("messi", "b@alpha", "b@alpha", 1)
        await store.commit(batch(1, entry(row, NameRow("messi", "user"))))
        assert await store.commit(batch(2, entry(NameRow("messi", "user"), removes=(row,)))) == [0]
        assert await store.blocks("messi") == [row]

    @ensureDeferred
    async def test_many_are_removed_at_once(self, store: IStore) -> None:
        rows = [CursorRow("messi", "device", number, 1) for number in range(2500)]
        await store.commit(batch(1, entry(puts=tuple(rows))))
        assert await store.commit(batch(2, entry(removes=tuple(rows[1:])))) == []
        assert await store.cursors("messi", "device") == {0: 1}
