"""PostgreSQL: its advisory lock, its connections that may be lost, its quickest way to store rows.

Needs the extra ``postgresql``, and is imported only for a URL of it. A store is one schema of one database:
the first of the ``search_path`` that exists. All connections look there and nowhere else.
"""

from __future__ import annotations

import secrets
import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager
from typing import Any

import psycopg
from psycopg.conninfo import conninfo_to_dict
from sqlalchemy import Connection, Engine, NullPool, QueuePool, Table, create_engine, text
from sqlalchemy.dialects.postgresql import Insert
from sqlalchemy.exc import DBAPIError

from chatproto.errors import ConfigError, DiskFull, StoreError, StoreInUse, StoreRefused
from chatproto.store.database import Upkeep
from chatproto.store.lock import StoreLock

#: Of a URL that does not say otherwise: how long connecting may take, and after how long a network that
#: swallows everything counts as lost. The system's own defaults are minutes and hours.
_DEFAULTS = {
    "connect_timeout": 5,
    "keepalives_idle": 10,
    "keepalives_interval": 5,
    "keepalives_count": 3,
    "tcp_user_timeout": 30_000,
}

#: What each connection asks of the server. A lost connection's lock has to go there soon, too; a plan for a
#: page of messages is never worth compiling; and an idle connection is none that somebody forgot. What waits
#: for more than the server's own disk at a commit may do so.
_SETTINGS = """
SELECT set_config(name, wanted, false) FROM pg_settings JOIN (VALUES
    ('search_path', coalesce(quote_ident(current_schema()), '')),
    ('synchronous_commit', 'on'),
    ('jit', 'off'),
    ('idle_session_timeout', '0'),
    ('idle_in_transaction_session_timeout', '0'),
    ('tcp_keepalives_idle', '10'),
    ('tcp_keepalives_interval', '5'),
    ('tcp_keepalives_count', '3'),
    ('tcp_user_timeout', '30000')
) AS ours (name, wanted) USING (name)
WHERE name <> 'synchronous_commit' OR setting = 'off'
"""

#: The first half of the lock's key, "chat"; the second is the number of the schema.
_LOCK_CLASS = 0x63686174
#: The schema by its name as it is: what is not quoted would be read without its capitals.
_SCHEMA = "quote_ident(current_schema())::regnamespace"
_KEY = f"({_LOCK_CLASS}::bigint << 32) | {_SCHEMA}::oid::bigint"
_TRY_LOCK = text(f"SELECT pg_try_advisory_lock({_KEY})")
_HOLDER = text(f"""
SELECT pid, application_name, coalesce(host(client_addr), 'this machine') AS address
FROM pg_locks LEFT JOIN pg_stat_activity USING (pid)
WHERE locktype = 'advisory' AND granted AND objsubid = 1 AND classid = {_LOCK_CLASS}
  AND objid = {_SCHEMA}::oid
  AND pg_locks.database = (SELECT oid FROM pg_database WHERE datname = current_database())
""")  # noqa: S608

_MEASURE = text(f"""
SELECT current_setting('server_version'), coalesce(sum(pg_total_relation_size(oid)), 0)
FROM pg_class WHERE relkind = 'r' AND relnamespace = {_SCHEMA}
""")  # noqa: S608

#: How long to wait for a lock whose holder may be a process that was just killed.
LOCK_SECONDS = 2.0
_LOCK_STEP = 0.05

_DISK_FULL = "53100"
#: Classes of errors after which the next transaction may do better: lack of resources, locks not available,
#: the operator's intervention, conflicts of transactions; and one state, of a server that only reads.
_PASSING_CLASSES = ("53", "55", "57", "40")
_READ_ONLY = "25006"
#: The server ends the connection: beside class 08 its shutdown, its crash, its start, and time-outs.
_LOST = ("57P01", "57P02", "57P03", "57P05", "25P03", "25P04")


class PostgresqlDatabase:
    """The store at a URL, which is one of PostgreSQL's own library.

    ``readers`` is how many threads read at a time. ``newest`` remembers the newest batch on this machine, so
    that an older copy is noticed; without it none is.

    :raises ConfigError: the URL is malformed.
    """

    #: The protocol numbers variables with two bytes.
    variables = 65535

    def __init__(self, url: str, readers: int, newest: StoreLock | None = None) -> None:
        #: By this the server's side of a connection that this process lost is known.
        self._mark = f"chatproto {secrets.token_hex(4)}"
        self._parameters = {**_DEFAULTS, **_parsed(url), "application_name": self._mark}
        self._newest = newest
        self._committed = 0
        self._locked: Connection | None = None
        self._copies: dict[Table, str] = {}
        self._writing = _engine(self._connect_writer, poolclass=NullPool)
        # One more than readers, for the writer that looks what became of a commit.
        self._reading = _engine(
            self._connect_reader, poolclass=QueuePool, pool_size=readers + 1, max_overflow=0
        )

    # Connections.

    def _connect_writer(self) -> psycopg.Connection[Any]:
        return self._connect(self._set_up_writer)

    def _connect_reader(self) -> psycopg.Connection[Any]:
        return self._connect(self._set_up_reader)

    def _connect(self, set_up: Callable[[psycopg.Connection[Any]], None]) -> psycopg.Connection[Any]:
        connection = psycopg.connect(**self._parameters, autocommit=True, client_encoding="UTF8")
        try:
            connection.execute(_SETTINGS)
            set_up(connection)
        except BaseException:
            connection.close()
            raise
        connection.autocommit = False
        return connection

    def _set_up_writer(self, connection: psycopg.Connection[Any]) -> None:
        connection.isolation_level = psycopg.IsolationLevel.READ_COMMITTED

    def _set_up_reader(self, connection: psycopg.Connection[Any]) -> None:
        if self._committed:
            found = connection.execute("SELECT batch FROM state").fetchone()
            if found is None or found[0] < self._committed:
                # It took the place of the other one, and does not have everything yet, or any more.
                raise psycopg.OperationalError("the server has an older state of the store")
        connection.read_only = True
        # A page is read by several statements, which have to see the same state.
        connection.isolation_level = psycopg.IsolationLevel.REPEATABLE_READ

    @contextmanager
    def read(self) -> Iterator[Connection]:
        """Lend a connection; its transaction sees the store as it is at the first statement."""
        with self._reading.connect() as connection:
            yield connection

    # The lock.

    def lock(self) -> int:
        """Take the lock on a new connection, which is to be the one that writes."""
        try:
            newest = 0 if self._newest is None else self._newest.acquire()
        except OSError as error:
            raise StoreError(f"the file of the newest batch cannot be opened: {error}") from error
        try:
            self._locked = connection = self._writing.connect()
            _check_usable(connection)
            self._take_lock(connection)
        except BaseException as error:
            if self._locked is not None:
                self._locked.invalidate()
            self._release()
            if isinstance(error, DBAPIError):
                raise StoreRefused(f"the database cannot be used: {self.reason(error)}") from error
            raise
        return newest

    def _take_lock(self, connection: Connection) -> None:
        until = time.monotonic() + LOCK_SECONDS
        while not _answer(connection, _TRY_LOCK)[0]:
            holder = _answer(connection, _HOLDER)
            ours = holder is not None and holder.application_name == self._mark
            if ours:
                # What it does it does to its end, or not at all; then it is gone, and the lock free.
                _answer(connection, text("SELECT pg_terminate_backend(:pid)"), pid=holder.pid)
            if time.monotonic() >= until:
                if ours or holder is None:
                    raise StoreRefused("the connection that was lost still holds the store's lock")
                raise StoreInUse(f"the store is in use by another process, {_shown(holder)}")
            time.sleep(_LOCK_STEP)

    def connect(self) -> Connection:
        """Return the connection that holds the lock: so nobody writes who lost it."""
        connection, self._locked = self._locked, None
        assert connection is not None
        return connection

    def close(self) -> None:
        """Close the readers."""
        self._reading.dispose()
        self._release()
        if self._newest is not None:
            self._newest.release()

    def _release(self) -> None:
        connection, self._locked = self._locked, None
        if connection is not None:
            connection.close()

    def exists(self) -> bool:
        """Tell that a server makes no database by itself."""
        return True

    # Statements.

    def replacing(self, table: Table) -> Insert:
        """Return an ``INSERT`` that replaces the row of the same key."""
        statement = Insert(table)
        others = {
            column.name: statement.excluded[column.name] for column in table.c if not column.primary_key
        }
        return statement.on_conflict_do_update(index_elements=table.primary_key.columns, set_=others)

    def bulk(self, connection: Connection, table: Table, rows: Iterable[Sequence[Any]]) -> None:
        """Store rows by ``COPY``: an ``INSERT`` of many would cost eight times as much for its variables."""
        driver = connection.connection.driver_connection
        assert isinstance(driver, psycopg.Connection)
        statement = self._copies.get(table) or self._copy(connection, table)
        try:
            with driver.cursor() as cursor, cursor.copy(statement.encode()) as copy:
                for row in rows:
                    copy.write_row(row)
        except psycopg.Error as error:
            raise DBAPIError.instance(
                statement, None, error, psycopg.Error, hide_parameters=True, dialect=connection.dialect
            ) from error

    def _copy(self, connection: Connection, table: Table) -> str:
        quote = connection.dialect.identifier_preparer.quote
        columns = ", ".join(quote(column.name) for column in table.c)
        statement = f"COPY {quote(table.name)} ({columns}) FROM STDIN"
        self._copies[table] = statement
        return statement

    def measure(self, connection: Connection) -> tuple[str, int]:
        """Return the server's version, and the size of tables and indices."""
        version, size = connection.execute(_MEASURE).one()
        return f"PostgreSQL {version}", int(size)

    # What is to be done, and what went wrong.

    def back_up(self, connection: Connection, revision: str) -> None:
        """Keep no copy: that is the operator's, who has better means; a migration is undone if it fails."""

    def committed(self, batch: int, rows: int) -> Upkeep:
        """Remember the batch."""
        self._committed = batch
        if self._newest is not None:
            self._newest.committed(batch)
        return Upkeep.NONE

    def keep_up(self, connection: Connection | None, upkeep: Upkeep) -> None:
        """Do nothing: the server looks after itself."""

    def lost(self, error: Exception) -> bool:
        """Tell a connection that is gone, or that could not be made, from what a server answered on one."""
        error = getattr(error, "orig", error)
        if isinstance(error, psycopg.InterfaceError):
            return True  # used after it was closed
        state = _sqlstate(error)
        if state in _LOST:
            return True  # of some of which psycopg says that they are no operational errors
        return isinstance(error, psycopg.OperationalError) and (not state or state.startswith("08"))

    def refusal(self, error: Exception) -> type[StoreRefused] | None:
        """Tell a full disk, a server that is away or busy from what may not pass.

        Whatever a server answers, the transaction is undone.
        """
        state = _sqlstate(error)
        if state == _DISK_FULL:
            return DiskFull
        passing = state[:2] in _PASSING_CLASSES or state == _READ_ONLY or self.lost(error)
        return StoreRefused if passing else None

    def reason(self, error: Exception) -> str:
        """Return the first part of what the server said: the others repeat values."""
        error = getattr(error, "orig", error)
        primary = error.diag.message_primary if isinstance(error, psycopg.Error) else None
        return primary or " ".join(str(error).split())


def find_holder(connection: Connection) -> str | None:
    """Return who holds the store: from where, and as which process of the server; None if nobody does."""
    holder = connection.execute(_HOLDER).first()
    return None if holder is None else _shown(holder)


def _shown(holder: Any) -> str:
    return f"from {holder.address} (process {holder.pid} of the server)"


def _parsed(url: str) -> dict[str, Any]:
    try:
        said = dict(conninfo_to_dict(url))
        if not set(str(said.get("port", ""))) <= set("0123456789,"):
            raise psycopg.ProgrammingError
        return said
    except psycopg.Error:
        # What is wrong there, or stands where a port should be, may be a part of the password.
        raise ConfigError(
            "store: this is no URL that PostgreSQL understands; "
            "in a password, all but letters and digits is written as %XX"
        ) from None


def _engine(connect: Any, **pool: Any) -> Engine:
    return create_engine(
        "postgresql+psycopg://",
        creator=connect,
        # Variables by position, as the statements of batches have them.
        paramstyle="format",
        use_native_hstore=False,
        # Parameters are passwords' hashes and people's messages: not for logs or exceptions.
        hide_parameters=True,
        **pool,
    )


def _answer(connection: Connection, question: Any, **values: Any) -> Any:
    """Ask outside of a longer transaction; return the first row."""
    row = connection.execute(question, values).first()
    connection.commit()
    return row


def _check_usable(connection: Connection) -> None:
    question = "SELECT current_schema(), current_setting('server_encoding'), pg_is_in_recovery()"
    schema, encoding, standby = _answer(connection, text(question))
    if standby:
        raise StoreRefused("the server is a standby, which only reads")
    if encoding != "UTF8":
        raise StoreError(f"the database has the encoding {encoding}, and a store needs one with UTF8")
    if schema is None:
        raise StoreError("no schema of the search_path exists in the database, or none may be used")


def _sqlstate(error: Exception) -> str:
    return getattr(getattr(error, "orig", error), "sqlstate", None) or ""
