"""What every store promises, on every store."""

from __future__ import annotations

import msgspec
import pytest
from pytest_twisted import ensureDeferred
from twisted.internet.defer import gatherResults
from zope.interface.verify import verifyObject

from chatproto.errors import StoreError, StoreInUse
from chatproto.interfaces import IStore
from chatproto.names import RealmName
from chatproto.records import (
    NOTICES,
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
    StoreState,
)
from chatproto.store.keys import MAXIMUM
from tests.store.places import (
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


def test_it_provides_the_interface(place: Place) -> None:
    assert verifyObject(IStore, place.store())


class TestOpening:
    @ensureDeferred
    async def test_a_new_store_stands_at_the_beginning(self, place: Place) -> None:
        store = place.store()
        assert await store.open(ALPHA) == StoreState(0, 0, 0, None, 0)
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
        assert await store.open(ALPHA) == StoreState(2, 41, 9, newer, 0)
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


class TestWriting:
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
        assert await store.open(ALPHA) == StoreState(7, 8, 9, None, 0)
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


class TestNames:
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
        await store.commit(batch(1, *map(entry, rows)))
        assert [row.name for row in await store.accounts("", 3)] == ["a", "a.x", "a_x"]
        assert [row.name for row in await store.accounts("a_x", 3)] == ["b", "z"]
        assert await store.account("b") == rows[0]

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


class TestRemoving:
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


class TestConversations:
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


class TestMessages:
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


class TestReplay:
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


class TestCursorsAndCids:
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


@ensureDeferred
async def test_reads_may_run_while_a_batch_is_committed(store: IStore) -> None:
    await store.commit(batch(1, entry(conversation(1), member(1, "me"))))
    for number in range(2, 12):
        commit = store.commit(batch(number, *(entry(message(number * 50 + each)) for each in range(50))))
        pages = await gatherResults([store.replay("me", 0, 200) for _ in range(4)])
        for page in pages:
            assert len(page.messages) % 50 == 0
        assert await commit == []


@ensureDeferred
async def test_closing_finishes_what_is_under_way(place: Place) -> None:
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
