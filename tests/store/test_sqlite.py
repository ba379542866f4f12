"""What only SQLite has: its lock file, its log, its failures."""

from __future__ import annotations

import resource
import sqlite3
import stat
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path
from typing import Any

import pytest
import pytest_twisted
from pytest_twisted import ensureDeferred
from sqlalchemy import event

from chatproto.errors import StoreError, StoreFailed, StoreInUse, StoreRefused
from chatproto.records import PasswordRow
from chatproto.store import sqlite as sqlite_module
from chatproto.store.keys import MAXIMUM
from chatproto.store.sql import SqlStore
from tests.store.places import ALPHA, SqlitePlace, batch, cid, conversation, entry, member, message


@pytest.fixture
def place(tmp_path: Path) -> SqlitePlace:
    return SqlitePlace(tmp_path / "folder" / "alpha.db")


@pytest.fixture
def store(place: SqlitePlace) -> Iterator[SqlStore]:
    store = place.store()
    pytest_twisted.blockon(store.open(ALPHA))
    yield store
    pytest_twisted.blockon(store.close())


def rows(path: Path, query: str) -> list[tuple[Any, ...]]:
    with closing(sqlite3.connect(path)) as connection:
        return connection.execute(query).fetchall()


def lock_of(place: SqlitePlace) -> Path:
    return place.path.with_name("alpha.db.lock")


class TestFiles:
    @ensureDeferred
    async def test_only_the_owner_may_read_them(self, place: SqlitePlace, store: SqlStore) -> None:
        await store.commit(batch(1, entry(conversation(1))))
        names = sorted(path.name for path in place.path.parent.iterdir())
        assert names == ["alpha.db", "alpha.db-shm", "alpha.db-wal", "alpha.db.lock"]
        for path in place.path.parent.iterdir():
            assert stat.S_IMODE(path.stat().st_mode) == 0o600, path

    @ensureDeferred
    async def test_closing_leaves_the_file_whole_and_keeps_the_lock_file(self, place: SqlitePlace) -> None:
        store = place.store()
        await store.open(ALPHA)
        await store.commit(batch(1, entry(conversation(1), message(1))))
        await store.close()
        assert sorted(path.name for path in place.path.parent.iterdir()) == ["alpha.db", "alpha.db.lock"]
        assert rows(place.path, "SELECT seq FROM messages") == [(1,)]

    @ensureDeferred
    async def test_a_commit_is_synced_and_checkpoints_are_not_its_affair(self, store: SqlStore) -> None:
        connection = store._committing.connection
        assert connection is not None
        pragmas = {"synchronous": 2, "foreign_keys": 1, "wal_autocheckpoint": 0, "journal_mode": "wal"}
        for pragma, value in pragmas.items():
            assert connection.exec_driver_sql(f"PRAGMA {pragma}").scalar() == value
        connection.rollback()

    @ensureDeferred
    async def test_what_is_no_database_is_not_touched(self, place: SqlitePlace) -> None:
        place.path.parent.mkdir()
        place.path.write_text("something else, and long enough to be read as a header of one" * 20)
        with pytest.raises(StoreError, match="is not a SQLite database"):
            await place.store().open(ALPHA)
        assert place.path.read_text().startswith("something else")

    @ensureDeferred
    async def test_a_place_that_cannot_be_is_said(self, tmp_path: Path) -> None:
        (tmp_path / "file").touch()
        with pytest.raises(StoreError, match="cannot be opened"):
            await SqlitePlace(tmp_path / "file" / "alpha.db").store().open(ALPHA)

    @ensureDeferred
    async def test_a_copy_can_be_opened_while_the_original_is_in_use(
        self, place: SqlitePlace, store: SqlStore, tmp_path: Path
    ) -> None:
        await store.commit(batch(1, entry(conversation(1), message(1)), seq=1))
        for path in place.path.parent.iterdir():
            (tmp_path / path.name).write_bytes(path.read_bytes())
        copy = SqlitePlace(tmp_path / "alpha.db").store()
        assert (await copy.open(ALPHA)).batch == 1
        assert await copy.messages(1, 0, MAXIMUM, 9, False, ()) == [message(1)]
        await copy.close()


class TestLock:
    @ensureDeferred
    async def test_the_refusal_names_the_lock_file(self, place: SqlitePlace, store: SqlStore) -> None:
        with pytest.raises(StoreInUse, match=r"alpha\.db\.lock"):
            await place.store().open(ALPHA)

    @ensureDeferred
    async def test_the_newest_batch_is_written_once_a_second_and_at_the_end(self, place: SqlitePlace) -> None:
        store = place.store()
        await store.open(ALPHA)
        told = []
        for number in range(1, 7):
            await store.commit(batch(number))
            told.append(int(lock_of(place).read_text()))
            place.clock.advance(0.4)
        assert told == [1, 1, 1, 4, 4, 4]
        await store.close()
        assert int(lock_of(place).read_text()) == 6

    @ensureDeferred
    async def test_an_older_copy_is_told_until_it_is_written_to(self, place: SqlitePlace) -> None:
        async def reopen(*numbers: int) -> int:
            store = place.store()
            state = await store.open(ALPHA)
            for number in numbers:
                await store.commit(batch(number))
            await store.close()
            return state.older

        assert await reopen(1, 2, 3) == 0
        old = place.path.read_bytes()
        assert await reopen(4, 5) == 0
        place.path.write_bytes(old)
        assert await reopen() == 5
        assert await reopen(4) == 5
        assert await reopen() == 0

    @ensureDeferred
    async def test_a_damaged_lock_file_is_as_good_as_a_new_one(self, place: SqlitePlace) -> None:
        place.path.parent.mkdir()
        lock_of(place).write_bytes(b"\xff\x00 what?")
        store = place.store()
        assert (await store.open(ALPHA)).older == 0
        await store.close()


class TestCids:
    @ensureDeferred
    async def test_the_ordered_ones_of_a_batch_share_a_row(self, place: SqlitePlace, store: SqlStore) -> None:
        mine = [entry(cid("p", counter, True)) for counter in range(100)]
        yours = [entry(cid("p", counter, True, "lineker")) for counter in range(5, 8)]
        await store.commit(batch(1, *mine, *yours, entry(cid("single"))))
        await store.commit(batch(2, entry(cid("p", 100, True))))
        assert sorted(rows(place.path, "SELECT account, prefix, first, last FROM cid_runs")) == [
            ("lineker", "p", 5, 7),
            ("messi", "p", 0, 99),
            ("messi", "p", 100, 100),
        ]
        assert rows(place.path, "SELECT account, cid FROM cids") == [("messi", "single")]


class TestStatements:
    @ensureDeferred
    async def test_a_batch_is_a_few_statements(self, store: SqlStore) -> None:
        await store.commit(batch(1, entry(conversation(1))))
        statements: list[tuple[str, bool]] = []

        def note(_c: Any, _cursor: Any, statement: str, _p: Any, _context: Any, many: bool) -> None:
            statements.append((statement.partition(" (")[0], many))

        assert store._committing.connection is not None
        event.listen(store._committing.connection, "before_cursor_execute", note)
        entries = [entry(message(seq), cid("p", seq, True)) for seq in range(1, 193)]
        assert await store.commit(batch(2, *entries)) == []
        assert statements == [
            ("BEGIN IMMEDIATE", False),
            ("INSERT INTO messages", False),
            ("INSERT INTO messages", False),
            ("INSERT INTO cid_runs", False),
            ("UPDATE state SET batch=?, seq=?, serial=? WHERE state.batch < ?", False),
        ]

    @ensureDeferred
    async def test_secrets_are_not_in_errors(self, store: SqlStore) -> None:
        row = PasswordRow("messi", "$argon2id$secret")
        await store.commit(batch(1, entry(row)))
        connection = store._committing.connection
        assert connection is not None
        with pytest.raises(Exception, match="UNIQUE") as caught:
            connection.exec_driver_sql("INSERT INTO passwords VALUES (?, ?)", ("messi", row.hash))
        connection.rollback()
        assert "secret" not in str(caught.value)


@contextmanager
def largest_file(size: int) -> Iterator[None]:
    """Let every write beyond a size fail, as on a broken disk."""
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (size, before[1]))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, before)


class TestFailures:
    @ensureDeferred
    async def test_a_full_store_refuses_and_goes_on_when_there_is_room(self, store: SqlStore) -> None:
        connection = store._committing.connection
        assert connection is not None
        await store.commit(batch(1, entry(conversation(1), message(1))))
        pages = connection.exec_driver_sql("PRAGMA page_count").scalar_one()
        connection.rollback()
        connection.exec_driver_sql(f"PRAGMA max_page_count={pages + 2}")
        connection.rollback()
        large = batch(2, *(entry(message(seq, text="x" * 1000)) for seq in range(2, 50)))
        with pytest.raises(StoreRefused, match="full"):
            await store.commit(large)
        assert await store.newest(1) == (1, 0)
        assert await store.commit(batch(2, entry(message(2)))) == []
        connection.exec_driver_sql("PRAGMA max_page_count=100000")
        connection.rollback()
        assert await store.commit(batch(3, entry(message(60)))) == []
        assert await store.newest(1) == (60, 0)

    @ensureDeferred
    async def test_a_busy_file_refuses(self, place: SqlitePlace, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr(sqlite_module, "BUSY_SECONDS", 0.01)
        store = place.store()
        await store.open(ALPHA)
        with closing(sqlite3.connect(place.path, isolation_level=None)) as other:
            other.execute("BEGIN IMMEDIATE")
            with pytest.raises(StoreRefused, match="locked"):
                await store.commit(batch(1, entry(conversation(1))))
            other.execute("ROLLBACK")
        assert await store.commit(batch(1, entry(conversation(1)))) == []
        await store.close()

    @ensureDeferred
    async def test_after_a_failed_write_the_store_is_out_of_use(self, place: SqlitePlace) -> None:
        store = place.store()
        await store.open(ALPHA)
        await store.commit(batch(1, entry(conversation(1), message(1))))
        log = place.path.with_name("alpha.db-wal")
        with largest_file(log.stat().st_size + 100), pytest.raises(StoreFailed, match="I/O error"):
            await store.commit(batch(2, entry(message(2))))
        with pytest.raises(StoreFailed):
            await store.commit(batch(2, entry(message(2))))
        with pytest.raises(StoreFailed):
            await store.newest(1)
        await store.close()
        store = place.store()
        assert (await store.open(ALPHA)).batch in (1, 2)
        await store.close()

    @ensureDeferred
    async def test_a_commit_that_failed_for_want_of_room_is_refused_if_it_left_nothing(
        self, place: SqlitePlace, store: SqlStore, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        # SQLite finds a full disk when it writes the log, at COMMIT. The same failure with another code.
        monkeypatch.setattr(sqlite_module, "_PASSING", {sqlite3.SQLITE_IOERR: StoreRefused})
        await store.commit(batch(1, entry(conversation(1), message(1))))
        log = place.path.with_name("alpha.db-wal")
        with largest_file(log.stat().st_size + 100), pytest.raises(StoreRefused, match="I/O error"):
            await store.commit(batch(2, entry(message(2))))
        assert await store.newest(1) == (1, 0)
        assert await store.commit(batch(2, entry(message(3)))) == []
        assert await store.newest(1) == (3, 0)

    @ensureDeferred
    async def test_a_value_that_the_database_cannot_hold_costs_its_entry_only(self, store: SqlStore) -> None:
        failed = await store.commit(
            batch(
                1,
                entry(conversation(1)),
                entry(message(1, text="\ud800"), otherwise=(message(1, kind="void"),)),
                entry(message(2**63)),
                entry(message(3)),
            )
        )
        assert failed == [1, 2]
        assert await store.messages(1, 0, MAXIMUM, 9, False, ()) == [message(3)]


class TestLog:
    @ensureDeferred
    async def test_it_is_copied_beside_the_commits(self, place: SqlitePlace, store: SqlStore) -> None:
        log = place.path.with_name("alpha.db-wal")
        await store.commit(batch(1, entry(conversation(1), member(1, "me"))))
        largest = 0
        for number in range(2, 152):
            await store.commit(
                batch(number, *(entry(message(number * 100 + each, text="x" * 200)) for each in range(100)))
            )
            largest = max(largest, log.stat().st_size)
        written = 150 * 100 * 200
        assert written < place.path.stat().st_size + log.stat().st_size
        assert largest < 12_000_000
        # What was copied stands in the file itself.
        copied = place.path.parent.parent / "copy.db"
        copied.write_bytes(place.path.read_bytes())
        assert rows(copied, "SELECT count(*) FROM messages")[0][0] > 5_000

    @ensureDeferred
    async def test_it_is_cut_off_when_readers_never_let_it_begin_anew(
        self, place: SqlitePlace, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr(sqlite_module, "LOG_BYTES", 200_000)
        monkeypatch.setattr(sqlite_module, "BUSY_SECONDS", 0.01)
        store = place.store()
        await store.open(ALPHA)
        log = place.path.with_name("alpha.db-wal")
        await store.commit(batch(1, entry(conversation(1))))

        async def write(numbers: range) -> int:
            for number in numbers:
                texts = (entry(message(number * 10 + each, text="x" * 4000)) for each in range(10))
                assert await store.commit(batch(number, *texts)) == []
            return log.stat().st_size

        with closing(sqlite3.connect(place.path, isolation_level=None)) as reader:
            reader.execute("BEGIN")
            reader.execute("SELECT * FROM state").fetchall()
            assert await write(range(2, 12)) > 400_000
        assert await write(range(12, 13)) == 0
        assert await write(range(13, 40)) < 300_000
        await store.close()

    @ensureDeferred
    async def test_a_failure_to_copy_it_ends_the_use_of_the_store(
        self, place: SqlitePlace, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr(sqlite_module, "CHECKPOINT_PAGES", 50)
        store = place.store()
        await store.open(ALPHA)
        await store.commit(batch(1, entry(conversation(1))))
        await store.commit(batch(2, *(entry(message(seq, text="x" * 4000)) for seq in range(1, 101))))
        # The log begins anew and stays below the limit; the file would have to grow beyond it.
        with largest_file(place.path.stat().st_size + 100):
            more = (entry(message(seq, text="x" * 4000)) for seq in range(101, 161))
            assert await store.commit(batch(3, *more)) == []
        with pytest.raises(StoreFailed):
            await store.commit(batch(4))
        await store.close()
        store = place.store()
        assert (await store.open(ALPHA)).batch == 3
        await store.close()
