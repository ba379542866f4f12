"""Names, accounts, sessions, groups, conversations, cursors and cids: rows that are found by their keys."""

from __future__ import annotations

import msgspec
import pytest
from pytest_twisted import ensureDeferred

from chatproto.interfaces import IStore
from chatproto.records import (
    AccountRow,
    BlockRow,
    CursorRow,
    DeviceRow,
    EpochRow,
    GroupRow,
    InviteRow,
    Membership,
    NameRow,
    PasswordRow,
)
from chatproto.testing.store_contract.rows import (
    batch,
    cid,
    conversation,
    entry,
    login,
    member,
    message,
)

EPOCH = EpochRow(1, "first-life", 1, 5)


class Finding:
    """What is found by its key."""

    @ensureDeferred
    async def test_what_is_not_there_is_none(self, store: IStore) -> None:
        assert await store.name("x") is None
        assert await store.account("x") is None
        assert await store.accounts("", 10) == []
        assert await store.password("x") is None
        assert await store.device("x", "y") is None
        assert await store.login(b"x") is None
        assert await store.logins("x") == []
        assert await store.group("x") is None
        assert await store.conversation("x", "y") is None
        assert await store.member(1, "x") is None
        assert await store.cursors("x", "read") == {}
        assert await store.epochs() == []

    @ensureDeferred
    async def test_accounts_come_by_name_in_pages(self, store: IStore) -> None:
        rows = [AccountRow(name, name.upper(), "", "", 1) for name in ("b", "a.x", "a_x", "a", "z")]
        gone = AccountRow("aa", "aa", "", "", 1, 5)
        await store.commit(batch(1, *map(entry, (*rows, gone))))
        assert [row.name for row in await store.accounts("", 3)] == ["a", "a.x", "a_x"]
        assert [row.name for row in await store.accounts("a_x", 3)] == ["b", "z"]
        assert await store.account("b") == rows[0]
        assert await store.account("aa") == gone

    @ensureDeferred
    async def test_passwords_devices_and_groups_are_found(self, store: IStore) -> None:
        group = GroupRow("fans", "Fans", 1, "messi@alpha", 5)
        await store.commit(
            batch(
                1,
                entry(conversation(1), group, PasswordRow("messi", "$argon2id$old")),
                entry(DeviceRow("messi", "phone", 12), puts=(PasswordRow("messi", "$argon2id$new"),)),
            )
        )
        assert await store.password("messi") == "$argon2id$new"
        assert await store.device("messi", "phone") == 12
        assert await store.group("fans") == group

    @ensureDeferred
    async def test_ended_logins_are_found_but_not_listed(self, store: IStore) -> None:
        rows = [login(3), login(1), login(2, ended=50), login(4, account="lineker")]
        await store.commit(batch(1, *map(entry, rows)))
        assert await store.logins("messi") == [login(1), login(3)]
        assert await store.login(login(2).token_hash) == login(2, ended=50)

    @ensureDeferred
    async def test_sessions_that_are_over_are_listed_by_any_of_three_reasons(self, store: IStore) -> None:
        times = [(1, 10, 90, 0), (2, 90, 90, 0), (3, 90, 10, 0), (4, 90, 90, 10), (5, 90, 90, 60)]
        rows = [
            msgspec.structs.replace(login(number), used=used, expires=expires, ended=ended)
            for number, used, expires, ended in times
        ]
        await store.commit(batch(1, entry(*rows)))
        assert [row.login for row in await store.old_logins(50, 50, 9)] == [1, 3, 4]
        assert [row.login for row in await store.old_logins(50, 50, 2)] == [1, 3]

    @ensureDeferred
    async def test_invites_and_blocks_are_found_until_they_are_removed(self, store: IStore) -> None:
        invites = [InviteRow(b"%032d" % number, number, 5, 50, "for ani") for number in (2, 1)]
        blocks = [BlockRow("messi", f"{name}@alpha", name, 5) for name in ("c", "b")]
        await store.commit(batch(1, entry(*invites, puts=blocks)))
        assert await store.invites() == invites[::-1]
        assert await store.invite(invites[0].token_hash) == invites[0]
        assert await store.blocks("messi") == blocks[::-1]
        assert await store.commit(batch(2, entry(removes=(invites[0], blocks[0])))) == []
        assert await store.invites() == [invites[1]]
        assert await store.blocks("messi") == [blocks[1]]
        assert await store.blocks("lineker") == []

    @ensureDeferred
    async def test_deleted_groups_are_found_but_not_listed(self, store: IStore) -> None:
        rows = [
            GroupRow(name, name, 1, "messi", 5, "", "all", "invited", (name == "b" and 9) or 0)
            for name in ("c", "b", "a")
        ]
        await store.commit(batch(1, entry(conversation(1), *rows)))
        assert await store.groups("", 9) == [rows[2], rows[0]]
        assert await store.groups("a", 9) == [rows[0]]
        assert await store.groups("", 1) == [rows[2]]
        assert await store.group("b") == rows[1]

    @ensureDeferred
    async def test_a_group_and_two_users_are_told_apart(self, store: IStore) -> None:
        group, both = conversation(1, "a@alpha"), conversation(2, "a@alpha", "b@alpha")
        await store.commit(batch(1, entry(group), entry(both)))
        assert await store.conversation("a@alpha", "") == group
        assert await store.conversation("a@alpha", "b@alpha") == both

    @ensureDeferred
    async def test_newest_counts_void_messages(self, store: IStore) -> None:
        assert await store.newest(1) == (0, 0)
        await store.commit(
            batch(1, entry(conversation(1), message(4, gseq=1), message(6, kind="void", gseq=2)))
        )
        assert await store.newest(1) == (6, 2)

    @ensureDeferred
    async def test_members_are_those_who_did_not_leave(self, store: IStore) -> None:
        rows = [member(1, "messi@alpha"), member(1, "lineker@alpha", 3), member(1, "henderson@alpha", 0, 9)]
        await store.commit(batch(1, entry(conversation(1), *rows)))
        assert await store.members(1) == [rows[1], rows[0]]
        assert await store.member(1, "henderson@alpha") == rows[2]

    @ensureDeferred
    async def test_memberships_tell_the_newest_that_may_be_read(self, store: IStore) -> None:
        here, left, late, void = (conversation(number) for number in (1, 2, 3, 4))
        mine = [member(1, "me"), member(2, "me", 0, 5), member(3, "me", 9), member(4, "me")]
        log = [message(4, 1), message(5, 2), message(6, 2), message(7, 1), message(8, 3)]
        await store.commit(
            batch(
                1, entry(here, left, late, void, *mine, *log, message(10, 4, kind="void"), member(1, "you"))
            )
        )
        assert await store.memberships("me") == [
            Membership(here, mine[0], 7),
            Membership(left, mine[1], 5),
            Membership(late, mine[2], 0),
            Membership(void, mine[3], 0),
        ]
        assert await store.memberships("nobody") == []

    @ensureDeferred
    async def test_cursors_of_a_kind_are_kept_apart(self, store: IStore) -> None:
        rows = [CursorRow("messi", "read", 1, 5), CursorRow("messi", "read", 2, 6)]
        others = [CursorRow("messi", "device", 1, 7), CursorRow("lineker", "read", 1, 8)]
        await store.commit(batch(1, entry(puts=(*rows, *others))))
        assert await store.cursors("messi", "read") == {1: 5, 2: 6}
        assert await store.cursor("messi", "device", 1) == 7
        assert await store.cursor("messi", "inbox", 0) == 0

    @ensureDeferred
    async def test_a_cid_is_found_as_it_was_stored(self, store: IStore) -> None:
        ordered = [cid("p", counter, True) for counter in (0, 1, 3, 7)]
        other = cid("p")
        await store.commit(batch(1, *map(entry, ordered), entry(other), entry(cid("p", 5, True, "lineker"))))
        await store.commit(batch(2, entry(cid("p", 9, True))))
        for row in [*ordered, other, cid("p", 9, True)]:
            assert await store.cid("messi", row.prefix, row.counter, row.ordered) == row
        for counter in (2, 5, 8, 10):
            assert await store.cid("messi", "p", counter, True) is None
        assert await store.cid("messi", "q", 1, True) is None
        assert await store.cid("messi", "q", 0, False) is None

    @ensureDeferred
    async def test_the_newest_counter_of_a_prefix_is_known(self, store: IStore) -> None:
        assert await store.newest_counter("messi", "p") is None
        rows = [cid("p", 1, True), cid("p", 2, True), cid("q", 9, True), cid("p", 5, True, "lineker")]
        await store.commit(batch(1, *map(entry, rows)))
        await store.commit(batch(2, entry(cid("p", 3, True))))
        assert await store.newest_counter("messi", "p") == 3

    @pytest.mark.parametrize("ordered", [False, True])
    @ensureDeferred
    async def test_a_cid_is_stored_once(self, store: IStore, ordered: bool) -> None:
        again = cid("p", 4 if ordered else 0, ordered)
        failed = await store.commit(batch(1, entry(again), entry(again, NameRow("x", "user"))))
        assert failed == [1]
        assert await store.commit(batch(2, entry(again))) == [0]
        assert await store.name("x") is None
