"""Groups with members in several realms: their logs, copies of them, and what waits for one elsewhere."""

from __future__ import annotations

import msgspec
from pytest_twisted import ensureDeferred

from chatproto.interfaces import IStore
from chatproto.records import (
    ConversationRow,
    GroupRow,
    LifeRow,
    Outgoing,
    ReplicaRow,
    SubscriptionRow,
)
from chatproto.testing.store_contract.rows import arrival, batch, conversation, entry, item, message

#: The conversation of posts that wait for a group elsewhere: it has no members.
NOWHERE = ConversationRow(0, "", "", "", "")


class Groups:
    """What is known of groups with members in several realms."""

    @ensureDeferred
    async def test_there_are_no_copies_of_groups_at_first(self, store: IStore) -> None:
        assert await store.replicas() == []
        assert await store.subscriptions(0) == []
        assert await store.lives("fans@beta") == []
        assert await store.entries(1, 0, 9, 100) == []
        assert await store.entry(1, 9, 100) == (0, 0)
        assert await store.copied(1, ["beta/1"]) == []

    @ensureDeferred
    async def test_a_log_comes_with_what_is_void_and_without_what_has_no_number(self, store: IStore) -> None:
        log = [
            message(3, gseq=1),
            message(4, gseq=2, kind="void", text=""),
            message(6, gseq=0),
            message(8, gseq=3),
        ]
        await store.commit(batch(1, entry(conversation(1), conversation(2), *log, message(5, 2, gseq=1))))
        assert await store.entries(1, 0, 9, 100) == [log[0], log[1], log[3]]
        assert await store.entries(1, 3, 1, 100) == [log[1]]
        assert await store.entries(1, 8, 9, 100) == []

    @ensureDeferred
    async def test_a_part_of_a_log_ends_with_what_makes_it_large(self, store: IStore) -> None:
        texts = ["a" * 10, "é" * 20, "", "b" * 5, "c"]
        log = [message(number, gseq=number, text=text) for number, text in enumerate(texts, 1)]
        await store.commit(batch(1, entry(conversation(1), *log)))

        async def read(after: int, size: int) -> list[int]:
            return [row.gseq for row in await store.entries(1, after, 9, size)]

        assert await read(0, 0) == []
        assert await read(0, 10) == [1]
        assert await read(0, 11) == [1, 2]
        assert await read(0, 50) == [1, 2]
        assert await read(0, 51) == [1, 2, 3, 4]
        assert await read(0, 1000) == [1, 2, 3, 4, 5]

    @ensureDeferred
    async def test_an_entry_is_found_by_its_number_or_the_one_before(self, store: IStore) -> None:
        log = [message(3, gseq=1), message(5, gseq=2), message(6, gseq=0), message(9, gseq=4)]
        await store.commit(batch(1, entry(conversation(1), *log)))
        assert await store.entry(1, 2, 100) == (5, 2)
        assert await store.entry(1, 3, 100) == (5, 2)
        assert await store.entry(1, 9, 100) == (9, 4)
        assert await store.entry(1, 9, 9) == (5, 2)
        assert await store.entry(1, 9, 3) == (0, 0)
        assert await store.entry(1, 0, 100) == (0, 0)

    @ensureDeferred
    async def test_entries_that_came_are_held_by_their_mids(self, store: IStore) -> None:
        first, second = arrival(4, mid="beta/2"), arrival(3, mid="beta/1")
        own = msgspec.structs.replace(message(5), mid="beta/3")
        other = arrival(6, 2, mid="beta/1")
        await store.commit(batch(1, entry(conversation(1), conversation(2), first, second, own, other)))
        assert await store.copied(1, ["beta/2", "beta/1", "beta/3", "beta/9"]) == [second, first]
        moved = msgspec.structs.replace(second, gseq=7)
        assert await store.commit(batch(2, entry(puts=(moved,)))) == []
        assert await store.copied(1, ["beta/1"]) == [moved]
        assert await store.copied(1, []) == []

    @ensureDeferred
    async def test_an_entry_that_came_may_move_to_another_place(self, store: IStore) -> None:
        before = [arrival(2, mid="beta/1"), arrival(3, mid="beta/2")]
        await store.commit(batch(1, entry(conversation(1), *before)))
        let_go = msgspec.structs.replace(before[0], kind="void", text="", device=0)
        moved = msgspec.structs.replace(before[0], seq=4, gseq=7)
        assert await store.commit(batch(2, entry(arrival(5, mid="beta/3"), puts=(let_go, moved)))) == []
        assert await store.copied(1, ["beta/1"]) == [moved]
        assert [row.seq for row in await store.messages(1, 0, 9, 9, False, ())] == [3, 4, 5]
        twice = msgspec.structs.replace(moved, seq=6)
        assert await store.commit(batch(3, entry(puts=(twice, let_go)))) == [0]

    @ensureDeferred
    async def test_copies_come_by_group_and_change(self, store: IStore) -> None:
        rows = [ReplicaRow(f"{name}@beta", "beta", 1, 3, "e1", 5) for name in ("b", "a")]
        await store.commit(batch(1, entry(conversation(1), *rows)))
        assert await store.replicas() == rows[::-1]
        later = ReplicaRow("b@beta", "beta", 1, 3, "e2", 9, over=True)
        assert await store.commit(batch(2, entry(puts=(later,)))) == []
        assert await store.replicas() == [rows[1], later]
        assert await store.commit(
            batch(3, entry(msgspec.structs.replace(later, group="c", conversation=7)))
        ) == [0]

    @ensureDeferred
    async def test_lives_of_a_home_come_newest_first(self, store: IStore) -> None:
        rows = [LifeRow("b@beta", epoch, last) for epoch, last in (("x", 3), ("a", 9), ("m", 3))]
        await store.commit(batch(1, entry(*rows, LifeRow("c@beta", "x", 4))))
        assert await store.lives("b@beta") == [rows[1], rows[2], rows[0]]
        assert (
            await store.commit(batch(2, entry(puts=(LifeRow("b@beta", "x", 7),), removes=(rows[2],)))) == []
        )
        assert await store.lives("b@beta") == [rows[1], LifeRow("b@beta", "x", 7)]

    @ensureDeferred
    async def test_subscriptions_come_by_realm_of_one_group_or_all(self, store: IStore) -> None:
        rows = [
            SubscriptionRow(realm, number, 3, 0, "e1", 5, 2**52, "Fans@alpha")
            for realm, number in (("gamma", 1), ("beta", 2), ("beta", 1))
        ]
        await store.commit(batch(1, entry(conversation(1), conversation(2), *rows)))
        assert await store.subscriptions(0) == rows[::-1]
        assert await store.subscriptions(1) == [rows[2], rows[0]]
        ended = msgspec.structs.replace(rows[0], until=9)
        assert await store.commit(batch(2, entry(puts=(ended,)))) == []
        assert await store.subscriptions(1) == [rows[2], ended]
        assert await store.subscriptions(3) == []

    @ensureDeferred
    async def test_groups_of_other_realms_are_found_but_not_listed(self, store: IStore) -> None:
        own = GroupRow("fans", "Fans", 1, "messi", 5)
        other = GroupRow("fans@beta", "Fans", 2, "", 5, home="beta")
        await store.commit(batch(1, entry(conversation(1), conversation(2, "fans@beta"), own, other)))
        assert await store.groups("", 9) == [own]
        assert await store.group("fans@beta") == other

    @ensureDeferred
    async def test_what_waits_for_a_group_says_to_whom(self, store: IStore) -> None:
        post = message(3, 0)
        waits = msgspec.structs.replace(item(1, 3), to="Fans@beta")
        await store.commit(batch(1, entry(NOWHERE, post, waits)))
        assert await store.outgoing("beta", 0, 9, 1000) == [Outgoing(waits, post, "Fans@beta")]
        assert await store.outbox("beta", 0, 9, 9, False) == [waits]
        assert await store.commit(batch(2, entry(puts=(item(1, 0),), removes=(post,)))) == []
        assert await store.outgoing("beta", 0, 9, 1000) == [Outgoing(item(1, 0), None, "")]
