"""Messages: ranges, counts and replays of the log."""

from __future__ import annotations

import msgspec
from pytest_twisted import ensureDeferred

from chatproto.interfaces import IStore
from chatproto.records import (
    NOTICES,
    EpochRow,
)
from chatproto.store.keys import MAXIMUM
from chatproto.testing.store_contract.rows import (
    batch,
    conversation,
    entry,
    member,
    message,
)

EPOCH = EpochRow(1, "first-life", 1, 5)


class Log:
    """What is read from the log."""

    @ensureDeferred
    async def test_a_range_is_open_at_both_ends_and_cut_at_the_wanted_end(self, store: IStore) -> None:
        rows = [message(seq, kind="void" if seq == 5 else "text") for seq in range(1, 10)]
        await store.commit(batch(1, entry(conversation(1), conversation(2), *rows, message(20, 2))))

        async def read(after: int, before: int, limit: int, newest: bool) -> list[int]:
            return [row.seq for row in await store.messages(1, after, before, limit, newest, ())]

        assert await read(0, MAXIMUM, 3, False) == [1, 2, 3]
        assert await read(0, MAXIMUM, 3, True) == [7, 8, 9]
        assert await read(3, 8, 9, False) == [4, 6, 7]
        assert await read(3, 8, 2, True) == [6, 7]
        assert await read(9, MAXIMUM, 3, False) == []
        assert await read(0, 1, 3, True) == []

    @ensureDeferred
    async def test_unread_counts_what_others_said_up_to_a_limit(self, store: IStore) -> None:
        rows = [message(seq, sender="a" if seq % 2 else "b") for seq in range(1, 11)]
        await store.commit(batch(1, entry(conversation(1), *rows, message(11, kind="void"))))
        assert await store.unread(1, 0, 0, (), 100) == 10
        assert await store.unread(1, 0, 0, ("a",), 100) == 5
        assert await store.unread(1, 4, 0, ("a",), 100) == 3
        assert await store.unread(1, 4, 8, ("a",), 100) == 2
        assert await store.unread(1, 0, 0, (), 3) == 3
        assert await store.unread(2, 0, 0, (), 3) == 0

    @ensureDeferred
    async def test_nobody_counts_notices(self, store: IStore) -> None:
        rows = [message(seq, kind=kind) for seq, kind in enumerate(("text", "invitation", *NOTICES), 1)]
        await store.commit(batch(1, entry(conversation(1), *rows)))
        assert await store.unread(1, 0, 0, (), 100) == 2
        assert await store.messages(1, 0, MAXIMUM, 100, False, ()) == rows

    @ensureDeferred
    async def test_some_senders_are_left_out_of_a_range(self, store: IStore) -> None:
        rows = [message(seq, sender="abc"[seq % 3]) for seq in range(1, 10)]
        await store.commit(batch(1, entry(conversation(1), *rows)))

        async def read(limit: int, newest: bool) -> list[int]:
            return [row.seq for row in await store.messages(1, 0, MAXIMUM, limit, newest, ("a", "c"))]

        assert await read(9, False) == [1, 4, 7]
        assert await read(2, True) == [4, 7]

    @ensureDeferred
    async def test_what_was_said_before_the_last_join_is_no_news(self, store: IStore) -> None:
        newcomer = msgspec.structs.replace(member(1, "me"), joined=3)
        rows = [message(seq) for seq in range(1, 6)]
        await store.commit(batch(1, entry(conversation(1), newcomer, *rows)))
        assert (await store.replay("me", 0, 9)).messages == rows[3:]
        assert [entry.newest for entry in await store.memberships("me")] == [5]

    @ensureDeferred
    async def test_all_conversations_come_merged_in_pages(self, store: IStore) -> None:
        numbers = range(1, 6)
        log = [message(seq, seq * seq % 5 + 1) for seq in range(1, 101)]
        await store.commit(
            batch(1, *(entry(conversation(number), member(number, "me")) for number in numbers), entry(*log))
        )
        seen, after, complete = [], 0, False
        while not complete:
            page = await store.replay("me", after, 7)
            assert len(page.messages) == 7 or page.complete
            assert page.conversations == {
                number: conversation(number) for number in {row.conversation for row in page.messages}
            }
            seen += page.messages
            after, complete = page.messages[-1].seq, page.complete
        assert seen == log

    @ensureDeferred
    async def test_only_what_the_member_may_read_comes(self, store: IStore) -> None:
        log = [message(seq, number) for seq, number in enumerate([1, 2, 3, 4] * 3, 1)]
        rows = [member(1, "me", 1), member(2, "me", 2, 6), member(3, "me"), member(4, "you")]
        await store.commit(
            batch(1, *(entry(conversation(number)) for number in (1, 2, 3, 4)), entry(*rows, *log))
        )
        await store.commit(batch(2, entry(message(13, 3, kind="void"))))
        page = await store.replay("me", 3, 100)
        assert [row.seq for row in page.messages] == [5, 6, 7, 9, 11]
        assert page.complete

    @ensureDeferred
    async def test_a_page_that_ends_with_the_last_message_is_complete(self, store: IStore) -> None:
        rows = [row for number in (1, 2, 3) for row in (conversation(number), member(number, "me"))]
        await store.commit(batch(1, entry(*rows, *(message(number, number) for number in (1, 2, 3)))))
        assert not (await store.replay("me", 0, 2)).complete
        assert (await store.replay("me", 0, 3)).complete
        nothing = await store.replay("me", 3, 3)
        assert (nothing.messages, nothing.conversations, nothing.complete) == ([], {}, True)
