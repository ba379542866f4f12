"""Random batches, good and bad: SQL stores answer every question as the reference store does."""

from __future__ import annotations

import tempfile
from pathlib import Path
from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st
from twisted.internet.defer import Deferred

from chatproto.interfaces import IStore
from chatproto.records import (
    ARRIVED,
    AccountRow,
    AliasRow,
    AppliedRow,
    AuditRow,
    BlockRow,
    BoxRow,
    CidRow,
    ConversationRow,
    CursorRow,
    DeadRow,
    DeviceRow,
    Entry,
    FileRow,
    FileState,
    GroupRow,
    HeldRow,
    LifeRow,
    LoginRow,
    MemberRow,
    MessageRow,
    NameRow,
    OutboxRow,
    PasswordRow,
    Record,
    RefusalRow,
    ReplicaRow,
    StreamRow,
    SubscriptionRow,
    UploadRow,
    VerdictRow,
)
from chatproto.store.keys import MAXIMUM
from tests.postgresql import PostgresServer
from tests.store.places import ALPHA, MemoryPlace, Place, PostgresPlace, SqlitePlace, batch

# Few values, so that keys meet.
SMALL = st.integers(0, 4)
NAMES = st.sampled_from(["a", "b", "B", "é"])
CONVERSATIONS = st.integers(1, 3)

REALMS = st.sampled_from(["x", "y"])
items = st.builds(OutboxRow, REALMS, st.integers(1, 6), NAMES, st.integers(0, 9), SMALL, SMALL, SMALL)
audit_rows = st.builds(
    AuditRow,
    st.integers(1, 9),
    SMALL,
    st.sampled_from(["sent", "settled", "applied"]),
    NAMES,
    REALMS,
    NAMES,
    SMALL,
    NAMES,
)
held_rows = st.builds(
    HeldRow, REALMS, REALMS, REALMS, st.just("items"), SMALL, SMALL, *[NAMES] * 3, SMALL, NAMES, NAMES, SMALL
)
refusals = st.builds(RefusalRow, NAMES, NAMES, REALMS, NAMES, SMALL, NAMES, SMALL)

copies = (
    st.builds(ReplicaRow, NAMES, REALMS, CONVERSATIONS, SMALL, NAMES, SMALL, st.booleans()),
    st.builds(LifeRow, NAMES, NAMES, SMALL),
    st.builds(SubscriptionRow, REALMS, CONVERSATIONS, SMALL, SMALL, NAMES, SMALL, SMALL),
)

files = st.builds(
    FileRow,
    NAMES,
    SMALL,
    CONVERSATIONS,
    st.sampled_from(["", "x", "y"]),
    *[NAMES] * 3,
    SMALL,
    NAMES,
    NAMES,
    SMALL,
    st.sampled_from([state.value for state in FileState]),
)
uploads = st.builds(UploadRow, NAMES, NAMES, st.just("") | NAMES, NAMES, NAMES, SMALL, NAMES, NAMES, SMALL)

boxes = (
    st.builds(AliasRow, NAMES, NAMES, REALMS, SMALL),
    st.builds(BoxRow, NAMES, st.integers(1, 30), NAMES),
)

inserts: st.SearchStrategy[Record] = st.one_of(
    items,
    refusals,
    files,
    uploads,
    *boxes,
    st.builds(DeadRow, NAMES, REALMS, SMALL, SMALL, NAMES, NAMES, NAMES, SMALL),
    st.builds(NameRow, NAMES, st.sampled_from(["user", "group"])),
    st.builds(AccountRow, NAMES, NAMES, NAMES, NAMES, SMALL),
    st.builds(DeviceRow, NAMES, NAMES, SMALL),
    st.builds(
        LoginRow, st.binary(max_size=1), SMALL, NAMES, SMALL, st.none() | NAMES, SMALL, SMALL, SMALL, SMALL
    ),
    st.builds(ConversationRow, CONVERSATIONS, NAMES, st.just("") | NAMES, NAMES, NAMES),
    st.builds(GroupRow, NAMES, NAMES, CONVERSATIONS, NAMES, SMALL, home=st.sampled_from(["", "x"])),
    st.builds(MemberRow, CONVERSATIONS, NAMES, SMALL, SMALL, NAMES),
    st.builds(
        MessageRow,
        st.integers(1, 30),
        CONVERSATIONS,
        NAMES,
        NAMES,
        st.sampled_from([0, 3, ARRIVED]),
        SMALL,
        st.sampled_from(["text", "text", "void"]),
        SMALL,
        st.text(
            st.characters(exclude_characters="\0", exclude_categories=["Cs"]), max_size=3
        ),  # not in PostgreSQL
    ),
    audit_rows,
    st.builds(CidRow, NAMES, NAMES, st.just(0), st.just(False), st.binary(max_size=2), st.just((("m", 1),))),
)
puts: st.SearchStrategy[Record] = st.one_of(
    items,
    refusals,
    files,
    st.builds(StreamRow, REALMS, NAMES, NAMES, NAMES, SMALL, SMALL, SMALL, SMALL),
    st.builds(AppliedRow, REALMS, NAMES, NAMES, SMALL, NAMES, SMALL, SMALL),
    held_rows,
    st.builds(VerdictRow, REALMS, REALMS, NAMES, NAMES, SMALL, SMALL, NAMES, NAMES, NAMES),
    st.builds(PasswordRow, NAMES, NAMES),
    st.builds(AccountRow, NAMES, NAMES, NAMES, NAMES, SMALL),
    st.builds(DeviceRow, NAMES, NAMES, SMALL),
    st.builds(CursorRow, NAMES, st.sampled_from(["read", "device"]), SMALL, SMALL),
    st.builds(MemberRow, CONVERSATIONS, NAMES, SMALL, SMALL, NAMES, SMALL),
    st.builds(BlockRow, NAMES, NAMES, NAMES, SMALL),
    *copies,
)
removes: st.SearchStrategy[Record] = st.one_of(
    items,
    held_rows,
    refusals,
    uploads,
    st.builds(BlockRow, NAMES, NAMES, NAMES, SMALL),
    st.builds(CursorRow, NAMES, st.sampled_from(["read", "device"]), SMALL, SMALL),
)
entries = st.builds(
    Entry,
    st.lists(inserts, max_size=3).map(tuple),
    st.lists(puts, max_size=2).map(tuple),
    st.lists(inserts, max_size=1).map(tuple),
) | st.builds(lambda rows: Entry((), (), (), rows), st.lists(removes, max_size=2))


def now(deferred: Deferred[Any]) -> Any:
    results: list[Any] = []
    deferred.addCallback(results.append)
    return results[0]


def answers(store: IStore) -> list[Any]:
    """Ask everything there is to ask."""
    names, numbers = ["a", "b", "B", "é", ""], range(5)
    asked: list[Deferred[Any]] = [store.accounts("a", 2), store.accounts("", 9), store.epochs()]
    for name in names:
        asked += [
            store.name(name),
            store.account(name),
            store.password(name),
            store.logins(name),
            store.group(name),
            store.memberships(name),
            store.cursors(name, "read"),
            *(store.device(name, other) for other in names),
            *(store.conversation(name, other) for other in names),
            *(store.cid(name, other, 0, False) for other in names),
            *(store.cursor(name, "device", number) for number in numbers),
            *(store.replay(name, after, limit) for after in (0, 9) for limit in (1, 2, 3, 50)),
        ]
    for number in numbers:
        asked += [
            store.newest(number),
            store.members(number),
            store.login(bytes([number])),
            *(store.member(number, name) for name in names),
            store.subscriptions(number),
            store.copied(number, names),
            *(store.entry(number, gseq, 20) for gseq in numbers),
            *(store.entries(number, 2, limit, size) for limit in (1, 9) for size in (0, 3, 99)),
            *(store.messages(number, 3, MAXIMUM, 4, newest, ()) for newest in (False, True)),
            *(store.unread(number, 2, until, (name,), 5) for until in (0, 20) for name in names),
        ]
    asked += [store.replicas(), store.groups("", 9), *(store.lives(name) for name in names)]
    asked += [
        store.arrived(names),
        store.refusals(names[:2]),
        store.streams(),
        store.applied(),
        store.runs(),
        store.verdicts(),
    ]
    asked += [store.relayed("x", "y", "x", "items", number, 1, 3, 4) for number in numbers]
    asked += [store.references(names), store.references(["a"])]
    for name in names:
        asked += [store.file(name), store.upload(name), store.uploads(name), store.sent_bytes(name, 2)]
    for number in numbers:
        asked += [store.files(number, 3), store.wanted("x", number, 2), store.came_bytes("x", number)]
    for realm in ("x", "y", ""):
        asked.append(store.dead_letters(realm, 1, 3))
        for number in numbers:
            asked += [
                store.waiting(realm, number),
                store.refused(realm, names[number], 0, 3),
                *(store.outbox(realm, number, 6, 2, newest) for newest in (False, True)),
                *(
                    store.outgoing(realm, number, limit, size)
                    for limit in (1, 3, 9)
                    for size in (0, 1, 4, 99)
                ),
            ]
    asked += [store.aliases(), *(store.box(name, "a", 2, limit) for name in names for limit in (1, 9))]
    asked += [store.boxed(name, after, 20) for name in names for after in (0, 9)]
    asked += [store.old_refusals(number, 3) for number in numbers]
    asked += [store.audit(number, 3) for number in numbers]
    asked += [store.traced(name, limit) for name in names for limit in (1, 9)]
    return [now(each) for each in asked]


# Each store has functions of its own: pytest-twisted wraps a function again for each of its parameters.

batches_of_entries = st.lists(st.lists(entries, max_size=6), max_size=4)
batches_of_cids = st.lists(
    st.lists(st.tuples(NAMES, st.sampled_from("pq"), st.integers(1, 3)), max_size=12), max_size=4
)


@settings(max_examples=40, deadline=None)
@given(batches=batches_of_entries)
def test_sqlite_reads_random_batches_as_memory_does(batches: list[list[Entry]]) -> None:
    with tempfile.TemporaryDirectory() as folder:
        reads_the_same(SqlitePlace(Path(folder) / "alpha.db"), batches)


@settings(max_examples=25, deadline=None)
@given(batches=batches_of_entries)
def test_postgresql_reads_random_batches_as_memory_does(
    postgres: PostgresServer, batches: list[list[Entry]]
) -> None:
    place = PostgresPlace(postgres)
    reads_the_same(place, batches)
    place.close()


@settings(max_examples=20, deadline=None)
@given(batches=batches_of_cids)
def test_sqlite_finds_ordered_cids_as_memory_does(batches: list[list[tuple[str, str, int]]]) -> None:
    with tempfile.TemporaryDirectory() as folder:
        finds_the_same_cids(SqlitePlace(Path(folder) / "alpha.db"), batches)


@settings(max_examples=10, deadline=None)
@given(batches=batches_of_cids)
def test_postgresql_finds_ordered_cids_as_memory_does(
    postgres: PostgresServer, batches: list[list[tuple[str, str, int]]]
) -> None:
    place = PostgresPlace(postgres)
    finds_the_same_cids(place, batches)
    place.close()


def reads_the_same(place: Place, batches: list[list[Entry]]) -> None:
    memory, sql = MemoryPlace().store(), place.store()
    assert now(memory.open(ALPHA)) == now(sql.open(ALPHA))
    try:
        for number, content in enumerate(batches, 1):
            given_batch = batch(number, *content, seq=number * 7, serial=number)
            assert now(memory.commit(given_batch)) == now(sql.commit(given_batch))
        assert answers(memory) == answers(sql)
    finally:
        now(sql.close())


def finds_the_same_cids(place: Place, batches: list[list[tuple[str, str, int]]]) -> None:
    counters: dict[tuple[str, str], int] = {}
    stores = [MemoryPlace().store(), place.store()]
    for store in stores:
        now(store.open(ALPHA))
    try:
        for number, content in enumerate(batches, 1):
            rows = []
            for account, prefix, step in content:
                counters[account, prefix] = counter = counters.get((account, prefix), 0) + step
                rows.append(CidRow(account, prefix, counter, True, bytes([counter]), (("m", counter),)))
            for store in stores:
                assert now(store.commit(batch(number, *(Entry([row]) for row in rows)))) == []
        for account in ("a", "b", "B", "é"):
            for prefix in "pq":
                assert len({now(store.newest_counter(account, prefix)) for store in stores}) == 1
                for counter in range(40):
                    first, second = (now(store.cid(account, prefix, counter, True)) for store in stores)
                    assert first == second
    finally:
        now(stores[1].close())
