"""What only PostgreSQL has: its lock, connections that are lost, its failures."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from contextlib import closing
from pathlib import Path
from typing import Any

import psycopg
import pytest
from alembic.autogenerate import compare_metadata
from alembic.migration import MigrationContext
from pytest_twisted import ensureDeferred
from sqlalchemy import text
from sqlalchemy.exc import DBAPIError
from twisted.internet.task import Clock

from chatproto.errors import (
    DiskFull,
    StoreError,
    StoreFailed,
    StoreInUse,
    StoreRefused,
    Unavailable,
)
from chatproto.store import committing, open_database, postgresql, schema
from chatproto.store.keys import MAXIMUM
from chatproto.store.lock import StoreLock
from chatproto.store.postgresql import PostgresqlDatabase
from chatproto.store.sql import SqlStore
from chatproto.tls.making import make_self_signed
from tests.cutting import Cut, CuttingProxy
from tests.postgresql import LOCKED, PASSWORD, USER, PostgresServer
from tests.store.places import ALPHA, PostgresPlace, batch, conversation, entry, message
from tests.store.test_random import now


@pytest.fixture
def place(postgres: PostgresServer) -> PostgresPlace:
    return PostgresPlace(postgres)


@pytest.fixture
def store(place: PostgresPlace) -> Iterator[SqlStore]:
    store = place.store()
    now(store.open(ALPHA))
    yield store
    now(store.close())


def database(place: PostgresPlace) -> PostgresqlDatabase:
    return PostgresqlDatabase(place.url, 2)


def refused(deferred: Any) -> Exception:
    """Return what a Deferred failed with."""
    failures: list[Any] = []
    deferred.addErrback(failures.append)
    error = failures[0].value
    assert isinstance(error, Exception)
    return error


def backends(place: PostgresPlace) -> list[int]:
    """Return the server's processes that work for a store."""
    return [
        pid
        for (pid,) in place.server.execute(
            "SELECT pid FROM pg_stat_activity WHERE application_name LIKE 'chatproto %'"
        )
    ]


class TestConnections:
    @ensureDeferred
    async def test_a_commit_is_on_the_disk_whatever_the_role_says(self, place: PostgresPlace) -> None:
        def setting(value: str) -> Any:
            place.server.execute(f"ALTER ROLE {USER} SET synchronous_commit = {value}")
            opened = database(place)
            opened.lock()
            with closing(opened.connect()) as connection:
                found = connection.execute(text("SHOW synchronous_commit")).scalar_one()
            opened.close()
            return found

        try:
            assert [setting(value) for value in ("off", "local", "remote_apply")] == [
                "on",
                "local",
                "remote_apply",
            ]
        finally:
            place.server.execute(f"ALTER ROLE {USER} RESET synchronous_commit")

    def test_readers_see_one_state_and_write_nothing(self, place: PostgresPlace, store: SqlStore) -> None:
        now(store.commit(batch(1, entry(conversation(1), message(1)))))
        count = text("SELECT count(*) FROM messages")
        reading = store._database
        with reading.read() as connection:
            assert connection.execute(count).scalar_one() == 1
            now(store.commit(batch(2, entry(message(2)))))
            assert connection.execute(count).scalar_one() == 1
            with pytest.raises(DBAPIError, match="read-only"):
                connection.execute(text("DELETE FROM messages"))
        with reading.read() as connection:
            assert connection.execute(count).scalar_one() == 2

    def test_a_store_is_the_first_schema_and_looks_at_no_other(self, postgres: PostgresServer) -> None:
        other, mine = PostgresPlace(postgres), PostgresPlace(postgres)
        first = other.store()
        now(first.open(ALPHA))
        now(first.commit(batch(1, entry(conversation(1)))))
        mine.url = postgres.url(schema=f"{mine.schema},{other.schema}")
        second = mine.store()
        assert now(second.open(ALPHA)).batch == 0
        assert now(second.conversation("group1@alpha", "")) is None
        for store in (first, second):
            now(store.close())

    def test_a_schema_may_have_capitals(self, postgres: PostgresServer) -> None:
        postgres.execute('CREATE SCHEMA "Alpha"', database=USER)
        place = PostgresPlace(postgres)
        place.url = postgres.url(schema="%22Alpha%22")
        store = place.store()
        assert now(store.open(ALPHA)).batch == 0
        assert isinstance(refused(place.store().open(ALPHA)), StoreInUse)
        with store._database.read() as connection:
            assert store._database.measure(connection)[1] > 0
        now(store.close())

    @pytest.mark.parametrize(
        "error",
        [psycopg.errors.TransactionTimeout(), psycopg.errors.IdleInTransactionSessionTimeout()],
    )
    def test_a_time_that_the_server_ran_out_of_ends_the_connection(
        self, place: PostgresPlace, error: Exception
    ) -> None:
        assert database(place).lost(error)

    @pytest.mark.parametrize(
        ("make", "url", "message"),
        [
            ("", {"schema": "no_such"}, "no schema of the search_path exists"),
            ("", {"database": "no_such"}, 'database "no_such" does not exist'),
            (
                "CREATE DATABASE latin ENCODING LATIN1 LOCALE 'C' LOCALE_PROVIDER libc TEMPLATE template0",
                {"database": "latin"},
                "encoding LATIN1",
            ),
        ],
    )
    def test_what_cannot_hold_a_store_is_told(
        self, postgres: PostgresServer, make: str, url: dict[str, str], message: str
    ) -> None:
        if make:
            postgres.execute(make)
        place = PostgresPlace(postgres)
        place.url = postgres.url(**url)  # type: ignore[arg-type]  # none of them is a port
        error = refused(place.store().open(ALPHA))
        assert isinstance(error, StoreError)
        assert message in str(error)

    def test_a_wrong_password_is_told_without_it(self, postgres: PostgresServer) -> None:
        place = PostgresPlace(postgres)
        for password in (PASSWORD, "pw-wrong-92"):
            place.url = postgres.url(user=f"{LOCKED}:{password}", tcp=postgres.port, schema=place.schema)
            error = refused(place.store().open(ALPHA))
            assert isinstance(error, StoreError)
            assert password not in repr(error)
        assert "password authentication failed" in str(error)

    def test_a_server_that_is_not_there_is_told(self, postgres: PostgresServer) -> None:
        place = PostgresPlace(postgres)
        with CuttingProxy(postgres.port) as proxy:
            place.url = postgres.url(tcp=proxy.port)
        error = refused(place.store().open(ALPHA))
        assert isinstance(error, StoreRefused)
        assert "refused" in str(error)
        assert "\n" not in str(error)

    def test_the_way_to_the_server_is_encrypted_and_the_server_known(
        self, start_postgres: Callable[..., PostgresServer], tmp_path: Path
    ) -> None:
        for name in ("ours", "other"):
            make_self_signed(tmp_path / name, ["localhost"])
        root, other = (
            f"&sslmode=verify-full&sslrootcert={tmp_path / name}/cert.pem" for name in ("ours", "other")
        )
        with start_postgres() as server:
            for name in ("key.pem", "cert.pem"):
                server.write(name, (tmp_path / "ours" / name).read_text())
            server.set_up(ssl="on", ssl_key_file="key.pem", ssl_cert_file="cert.pem")
            place = PostgresPlace(server, tcp=server.port)
            to_localhost = place.url.replace("127.0.0.1", "localhost")
            place.url = to_localhost + root
            store = place.store()
            now(store.open(ALPHA))
            [(encrypted,)] = server.execute(
                "SELECT bool_and(ssl) FROM pg_stat_ssl JOIN pg_stat_activity USING (pid) "
                "WHERE application_name LIKE 'chatproto %'"
            )
            assert encrypted
            now(store.close())
            for url in (to_localhost + other, place.url.replace("localhost", "127.0.0.1")):
                place.url = url
                error = refused(place.store().open(ALPHA))
                assert isinstance(error, StoreError)
                assert "certificate" in str(error)


class TestLock:
    def test_the_refusal_names_the_holder(self, place: PostgresPlace, store: SqlStore) -> None:
        error = refused(place.store().open(ALPHA))
        assert isinstance(error, StoreInUse)
        assert any(f"process {pid} of the server" in str(error) for pid in backends(place))

    def test_another_schema_is_another_store(self, place: PostgresPlace, store: SqlStore) -> None:
        other = PostgresPlace(place.server).store()
        assert now(other.open(ALPHA)).batch == 0
        now(other.close())

    def test_the_lock_of_a_dying_process_is_waited_for(
        self, place: PostgresPlace, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr(postgresql, "LOCK_SECONDS", 10.0)
        dying = database(place)
        dying.lock()
        connection = dying.connect()
        timer = threading.Timer(0.2, connection.invalidate)
        timer.start()
        store = place.store()
        assert now(store.open(ALPHA)).batch == 0
        now(store.close())
        timer.join()
        connection.close()
        dying.close()

    def test_a_second_writer_behind_a_shared_connection_is_noticed(
        self, place: PostgresPlace, store: SqlStore
    ) -> None:
        """As when a pooler gives two processes one connection, and so one lock."""
        now(store.commit(batch(1)))
        place.server.execute(f"UPDATE {place.schema}.state SET batch = 2", database=USER)
        error = refused(store.commit(batch(2, entry(conversation(1)))))
        assert isinstance(error, StoreFailed)
        assert "another process" in str(error)
        assert place.server.execute(f"SELECT * FROM {place.schema}.conversations", database=USER) == []


class TestNewestBatch:
    def test_an_older_copy_is_told_until_it_is_written_to(self, place: PostgresPlace, tmp_path: Path) -> None:
        path = tmp_path / "folder" / "alpha.newest"

        def reopen(*numbers: int) -> int:
            store = SqlStore(
                open_database(place.url, Clock(), path), *(place.store()._writer, place.store()._readers)
            )
            state = now(store.open(ALPHA))
            for number in numbers:
                now(store.commit(batch(number)))
            now(store.close())
            older: int = state.older
            return older

        assert reopen(1, 2, 3, 4, 5) == 0
        assert path.stat().st_mode & 0o077 == 0
        place.server.execute(f"UPDATE {place.schema}.state SET batch = 3", database=USER)
        assert reopen() == 5
        assert reopen(4) == 5
        assert reopen() == 0

    def test_without_a_place_for_the_file_the_store_is_not_opened(
        self, place: PostgresPlace, tmp_path: Path
    ) -> None:
        (tmp_path / "file").touch()
        lock = StoreLock(tmp_path / "file" / "alpha.newest", Clock())
        with pytest.raises(StoreError, match="newest batch"):
            PostgresqlDatabase(place.url, 2, lock).lock()


class TestValues:
    def test_a_value_that_the_database_cannot_hold_costs_its_entry_only(self, store: SqlStore) -> None:
        bad = ["\ud800", "a\0b"]
        failed = now(
            store.commit(
                batch(
                    1,
                    entry(conversation(1)),
                    *(entry(message(1, text=each), otherwise=(message(1, kind="void"),)) for each in bad),
                    entry(message(2**63)),
                    entry(message(3)),
                )
            )
        )
        assert failed == [1, 2, 3]
        assert now(store.messages(1, 0, MAXIMUM, 9, False, ())) == [message(3)]

    def test_what_copy_treats_specially_is_stored_as_it_is(self, store: SqlStore) -> None:
        texts = ["\\N", "\\.", "a\tb\\nc\n\r\\\\", "", "\\"]
        rows = [message(seq, text=each) for seq, each in enumerate(texts, 1)]
        assert now(store.commit(batch(1, entry(conversation(1), *rows)))) == []
        assert now(store.messages(1, 0, MAXIMUM, 9, False, ())) == rows


FAIL = """
CREATE FUNCTION {schema}.fail() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF NEW.text = 'secret-text' THEN RAISE EXCEPTION 'on purpose' USING ERRCODE = '{code}', DETAIL = NEW.text;
    END IF;
    RETURN NEW;
END $$;
CREATE {kind} TRIGGER fail {when} INSERT ON {schema}.messages {more}
    FOR EACH ROW EXECUTE FUNCTION {schema}.fail();
"""


class TestFailures:
    @pytest.mark.parametrize("at_commit", [False, True])
    @pytest.mark.parametrize(
        ("code", "kind"),
        [("53100", DiskFull), ("57014", StoreRefused), ("40001", StoreRefused), ("XX001", StoreFailed)],
    )
    def test_an_error_of_the_server_is_a_refusal_if_it_may_pass(
        self, place: PostgresPlace, store: SqlStore, code: str, kind: type[StoreError], at_commit: bool
    ) -> None:
        now(store.commit(batch(1, entry(conversation(1)))))
        when = {"kind": "", "when": "BEFORE", "more": ""}
        if at_commit:
            when = {"kind": "CONSTRAINT", "when": "AFTER", "more": "DEFERRABLE INITIALLY DEFERRED"}
        place.server.execute(FAIL.format(schema=place.schema, code=code, **when), database=USER)
        error = refused(store.commit(batch(2, entry(message(1, text="secret-text")))))
        assert type(error) is kind
        assert "on purpose" in str(error)
        assert "secret" not in str(error)
        if isinstance(error, StoreRefused):
            assert now(store.commit(batch(2, entry(message(2))))) == []
            assert now(store.messages(1, 0, MAXIMUM, 9, False, ())) == [message(2)]
        else:
            assert isinstance(refused(store.newest(1)), StoreFailed)


@pytest.fixture
def proxy(postgres: PostgresServer) -> Iterator[CuttingProxy]:
    with CuttingProxy(postgres.port) as proxy:
        yield proxy


@pytest.fixture
def cuttable(postgres: PostgresServer, proxy: CuttingProxy) -> PostgresPlace:
    """Return a place behind the proxy."""
    return PostgresPlace(postgres, tcp=proxy.port)


@pytest.fixture
def impatient(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(committing, "ABSENCE_SECONDS", 0.2)
    monkeypatch.setattr(committing, "DOUBT_SECONDS", 0.4)
    monkeypatch.setattr(committing, "ATTEMPT_SECONDS", 0.05)


@pytest.fixture
def connected(
    cuttable: PostgresPlace, impatient: None, monkeypatch: pytest.MonkeyPatch
) -> Iterator[SqlStore]:
    """Return a store behind the proxy, with a batch in it."""
    monkeypatch.setattr(postgresql, "LOCK_SECONDS", 2.0)
    store = cuttable.store()
    now(store.open(ALPHA))
    now(store.commit(batch(1, entry(conversation(1), message(1)))))
    yield store
    now(store.close())


def texts(place: PostgresPlace) -> list[tuple[Any, ...]]:
    return place.server.execute(f"SELECT seq, text FROM {place.schema}.messages ORDER BY seq", database=USER)


class TestLostConnections:
    @pytest.mark.parametrize("cuts", [(cut,) for cut in Cut] + [(Cut.BEFORE, Cut.AFTER), tuple(Cut)])
    def test_a_commit_that_is_cut_is_stored_once_and_told_as_if_nothing_had_been(
        self, cuttable: PostgresPlace, connected: SqlStore, proxy: CuttingProxy, cuts: tuple[Cut, ...]
    ) -> None:
        proxy.cut(*cuts)
        entries = entry(message(2)), entry(message(1, text="again")), entry(message(3))
        assert now(connected.commit(batch(2, *entries))) == [1]
        # A cut after the commit ends the matter, so what was to be cut next is.
        assert now(connected.commit(batch(3, entry(message(4))))) == []
        assert proxy.cut_off >= 1
        assert texts(cuttable) == [(seq, "halo") for seq in (1, 2, 3, 4)]
        assert now(connected.newest(1)) == (4, 0)

    def test_a_connection_that_is_lost_between_commits_is_made_again(
        self, cuttable: PostgresPlace, connected: SqlStore
    ) -> None:
        for number in (2, 3):
            for pid in backends(cuttable):
                cuttable.server.execute(f"SELECT pg_terminate_backend({pid})")
            assert now(connected.commit(batch(number, entry(message(number))))) == []
        assert texts(cuttable) == [(seq, "halo") for seq in (1, 2, 3)]

    def test_a_question_is_put_again_on_a_new_connection(
        self, cuttable: PostgresPlace, connected: SqlStore
    ) -> None:
        for _ in range(3):
            assert now(connected.newest(1)) == (1, 0)
            for pid in backends(cuttable):
                cuttable.server.execute(f"SELECT pg_terminate_backend({pid})")

    def test_while_the_database_is_away_all_is_refused_and_then_it_goes_on(
        self, cuttable: PostgresPlace, connected: SqlStore, proxy: CuttingProxy
    ) -> None:
        proxy.close_way()
        for _ in range(2):
            for error in (
                refused(connected.commit(batch(2, entry(message(2))))),
                refused(connected.newest(1)),
            ):
                assert type(error) is StoreRefused
                assert error.told is Unavailable
        proxy.open_way()
        assert now(connected.newest(1)) == (1, 0)
        assert now(connected.commit(batch(2, entry(message(3))))) == []
        assert texts(cuttable) == [(1, "halo"), (3, "halo")]

    @pytest.mark.parametrize("cut", list(Cut))
    def test_a_commit_in_doubt_is_never_told_and_ends_the_use_of_the_store(
        self, cuttable: PostgresPlace, connected: SqlStore, proxy: CuttingProxy, cut: Cut
    ) -> None:
        proxy.cut(cut, and_close=True)
        error = refused(connected.commit(batch(2, entry(message(2)))))
        assert isinstance(error, StoreFailed)
        assert "in doubt" in str(error)
        assert isinstance(refused(connected.newest(1)), StoreFailed)
        assert texts(cuttable) in ([(1, "halo")], [(1, "halo"), (2, "halo")])

    def test_a_batch_that_loses_its_connection_every_time_is_refused(
        self, cuttable: PostgresPlace, connected: SqlStore
    ) -> None:
        cuttable.server.execute(
            FAIL.format(schema=cuttable.schema, code="00000", kind="", when="BEFORE", more="").replace(
                "RAISE EXCEPTION 'on purpose' USING ERRCODE = '00000', DETAIL = NEW.text",
                "PERFORM pg_terminate_backend(pg_backend_pid())",
            ),
            database=USER,
        )
        assert (
            type(refused(connected.commit(batch(2, entry(message(2, text="secret-text")))))) is StoreRefused
        )
        assert now(connected.commit(batch(2, entry(message(3))))) == []
        assert texts(cuttable) == [(1, "halo"), (3, "halo")]


def take_over(place: PostgresPlace) -> Callable[[], None]:
    """Open the store as another process would; return what closes it again."""
    other = PostgresPlace(place.server)
    other.url = place.server.url(schema=place.schema)
    store = other.store()
    now(store.open(ALPHA))
    return lambda: now(store.close())


def go_back(place: PostgresPlace) -> Callable[[], None]:
    place.server.execute(f"UPDATE {place.schema}.state SET batch = 0", database=USER)
    return lambda: None


def go_on(place: PostgresPlace) -> Callable[[], None]:
    place.server.execute(f"UPDATE {place.schema}.state SET batch = 2", database=USER)
    return lambda: None


def belong_to_beta(place: PostgresPlace) -> Callable[[], None]:
    place.server.execute(f"UPDATE {place.schema}.meta SET value = 'beta'", database=USER)
    return lambda: None


@pytest.mark.parametrize(
    ("happen", "told"),
    [
        (take_over, "went to another process"),
        (go_back, "older copy: it has batch 0, and 1 was committed"),
        (go_on, "another process wrote"),
        (belong_to_beta, "belongs to the realm beta"),
    ],
)
def test_a_database_that_comes_back_as_another_one_ends_the_use_of_the_store(
    cuttable: PostgresPlace,
    connected: SqlStore,
    proxy: CuttingProxy,
    monkeypatch: pytest.MonkeyPatch,
    happen: Callable[[PostgresPlace], Callable[[], None]],
    told: str,
) -> None:
    monkeypatch.setattr(postgresql, "LOCK_SECONDS", 0.2)
    proxy.close_way()
    assert isinstance(refused(connected.commit(batch(2, entry(message(2))))), StoreRefused)
    undo = happen(cuttable)
    proxy.open_way()
    error = refused(connected.commit(batch(2, entry(message(2)))))
    assert isinstance(error, StoreFailed)
    assert told in str(error)
    assert texts(cuttable) == [(1, "halo")]
    undo()


def test_a_server_that_is_behind_is_not_asked(
    cuttable: PostgresPlace, connected: SqlStore, proxy: CuttingProxy
) -> None:
    assert now(connected.newest(1)) == (1, 0)
    proxy.close_way()
    go_back(cuttable)
    proxy.open_way()
    assert "older state" in str(refused(connected.newest(1)))


def test_all_connections_are_closed(place: PostgresPlace) -> None:
    store = place.store()
    now(store.open(ALPHA))
    now(store.newest(1))
    mark = store._database._mark  # type: ignore[attr-defined]  # PostgreSQL's
    now(store.close())
    left = f"SELECT count(*) FROM pg_stat_activity WHERE application_name = '{mark}'"
    # A server's process needs a moment to end.
    with psycopg.connect(place.server.url(), autocommit=True) as connection:
        for _ in range(100):
            [count] = connection.execute(left.encode()).fetchone() or [0]
            if not count:
                return
            connection.execute("SELECT pg_sleep(0.02)")
    raise AssertionError("a connection is left")


def test_the_revisions_lead_to_the_schema(place: PostgresPlace, store: SqlStore) -> None:
    with database(place)._writing.connect() as connection:
        context = MigrationContext.configure(connection, opts={"compare_type": True})
        assert compare_metadata(context, schema.metadata) == []
        collations = connection.execute(
            text(
                "SELECT DISTINCT collation_name FROM information_schema.columns "
                f"WHERE table_schema = '{place.schema}' AND data_type = 'text'"
            )
        )
        assert [name for (name,) in collations] == ["C"]
