"""The connection that writes: opened under the store's lock, and opened again where it can be lost.

Everything here blocks, on the writer's thread. A database on another machine may go away for a while. A batch
that was not committed is then written again when it is back. Whether one was committed whose commit was under
way is read from the store, which keeps the number of its newest batch, and only under the lock: the server's
side of the lost connection holds that as long as it may still be committing.
"""

from __future__ import annotations

import time

from sqlalchemy import Connection, insert, inspect, select, text
from sqlalchemy.exc import SQLAlchemyError
from twisted.logger import Logger

from chatproto.errors import StoreError, StoreFailed, StoreInUse, StoreRefused
from chatproto.names import RealmName
from chatproto.records import Batch, StoreState
from chatproto.store import reading, schema
from chatproto.store.database import Database, explained
from chatproto.store.writing import BatchWriting

#: How long a batch waits for a database that went away, if it is certainly not stored; then it is refused.
#: Longer than a restart, and shorter than a client's patience.
ABSENCE_SECONDS = 10.0
#: How long one waits whose commit was under way: nobody can be told anything. Then the store has failed.
DOUBT_SECONDS = 60.0
#: Between two attempts to reach a database that is away.
ATTEMPT_SECONDS = 0.2
#: How often one batch may lose its connection: one that ends the server each time must not do so for ever.
LOSSES = 5


class Committing:
    """Opens a store, commits batches one by one, and closes it."""

    _log = Logger()

    def __init__(self, database: Database) -> None:
        self._database = database
        self._writing: BatchWriting | None = None
        #: The connection that writes; None before the opening and while the database is away.
        self.connection: Connection | None = None
        self._realm: RealmName | None = None
        self._committed = 0
        self._away_since = 0.0

    def open(self, realm: RealmName | None) -> StoreState:
        """Lock the store, bring its schema up to date, and tell where it stands.

        Without a realm, the store is that of whichever realm has it, and there must be one.
        """
        newest = self._database.lock()
        try:
            self.connection = connection = self._database.connect()
            self._writing = BatchWriting(connection.dialect, self._database)
            self._migrate(connection, realm)
            with connection.begin():
                self._realm = owner(connection)
                state = _state(connection, newest)
        except Exception as error:
            self.close()
            if isinstance(error, StoreError):
                raise
            raise StoreError(f"the store cannot be opened: {self._database.reason(error)}") from error
        self._committed = state.batch
        return state

    def _migrate(self, connection: Connection, realm: RealmName | None) -> None:
        with connection.begin():
            revision = revision_of(connection)
            if revision is None and realm is None:
                raise StoreError("there is no realm in this store")
            if revision is not None and realm is not None:
                _check_realm(connection, realm)
        if revision == schema.REVISION:
            return
        from chatproto.store import migrating  # noqa: PLC0415 - slow to import, and rarely needed

        if revision is not None:
            migrating.check_known(revision)
            self._database.back_up(connection, revision)
        with connection.begin():
            migrating.migrate(connection)
            if revision is None:
                _claim(connection, realm)

    def commit(self, batch: Batch) -> list[int]:
        """Store a batch and return the indices of entries that broke a constraint; see :class:`IStore`."""
        assert self._writing is not None
        failed: list[int] | None = None
        losses = 0
        while True:
            if self.connection is None and self._come_back(batch, doubt=failed is not None):
                break
            connection = self.connection
            assert connection is not None
            failed = None
            try:
                failed = self._writing.write(connection, batch)
                connection.commit()
                break
            except Exception as error:
                if self._database.lost(error):
                    self._lose(connection, error)
                    losses += 1
                    if losses <= LOSSES:
                        continue
                    raise explained(self._database, error, certain=failed is None) from error
                certain = _rolled_back(connection) and (failed is None or self._lacks(batch))
                raise explained(self._database, error, certain=certain) from error
        self._committed = batch.number
        assert failed is not None
        return failed

    def _lacks(self, batch: Batch) -> bool:
        """Tell whether the store certainly does not have a batch: each leaves its number."""
        try:
            with self._database.read() as connection:
                return _number(connection) < batch.number
        except Exception:
            return False

    def _lose(self, connection: Connection, error: Exception) -> None:
        """Let go of a connection that is gone."""
        self._log.warn("the database is away: {reason}", reason=self._database.reason(error))
        self._away_since = time.monotonic()
        self.connection = None
        _abandon(connection)

    def _come_back(self, batch: Batch, *, doubt: bool) -> bool:
        """Wait for the database, and tell whether it has the batch. ``doubt``: its commit was under way.

        :raises StoreRefused: it stays away, and has nothing of the batch.
        :raises StoreFailed: it stays away, and may have it; or it is not any more what we left.
        """
        until = self._away_since + (DOUBT_SECONDS if doubt else ABSENCE_SECONDS)
        while True:
            try:
                number = self._reopen()
                break
            except StoreRefused as error:
                if time.monotonic() >= until:
                    raise StoreFailed(f"a commit is in doubt: {error}") if doubt else error from None
            time.sleep(ATTEMPT_SECONDS)
        if number < self._committed:
            raise StoreFailed(
                f"the database came back as an older copy: it has batch {number}, "
                f"and {self._committed} was committed"
            )
        stored = number >= batch.number
        if stored and not doubt:
            raise StoreFailed("another process wrote to the store while the database was away")
        self._log.info("the database is back")
        return stored

    def _reopen(self) -> int:
        """Lock and connect again; return the number of the newest batch."""
        try:
            self._database.lock()
            connection = self._database.connect()
            try:
                with connection.begin():
                    assert self._realm is not None
                    _check_realm(connection, self._realm)
                    number = _number(connection)
            except SQLAlchemyError:
                _abandon(connection)
                raise
        except StoreRefused:
            raise
        except StoreInUse as error:
            raise StoreFailed(
                f"while the database was away the store went to another process: {error}"
            ) from error
        except StoreError as error:
            raise StoreFailed(f"the database came back as another one: {error}") from error
        except SQLAlchemyError as error:
            raise explained(self._database, error, certain=True) from error
        self.connection = connection
        return number

    def close(self) -> None:
        """Close the connection and give the store free."""
        connection, self.connection = self.connection, None
        try:
            if connection is not None:
                connection.close()
        finally:
            self._database.close()


def revision_of(connection: Connection) -> str | None:
    """Return the revision of a store's schema, None for an empty database.

    :raises StoreError: there are tables, and they are not a store's.
    """
    tables = inspect(connection).get_table_names()
    if "alembic_version" in tables:
        revision: str = connection.execute(text("SELECT version_num FROM alembic_version")).scalar_one()
        return revision
    if tables:
        raise StoreError("the database belongs to something else: it has tables that no store has")
    return None


def owner(connection: Connection) -> RealmName:
    """Return the realm that a store belongs to."""
    return RealmName(connection.execute(select(schema.meta.c.value).filter_by(name="realm")).scalar_one())


def _claim(connection: Connection, realm: RealmName | None) -> None:
    connection.execute(insert(schema.meta).values(name="realm", value=realm))
    connection.execute(insert(schema.state).values(id=1, batch=0, seq=0, serial=0))


def _check_realm(connection: Connection, realm: RealmName) -> None:
    found = owner(connection)
    if found != realm:
        raise StoreError(f"this store belongs to the realm {found}, not to {realm}")


def _number(connection: Connection) -> int:
    number: int = connection.execute(select(schema.state.c.batch)).scalar_one()
    return number


def _state(connection: Connection, newest: int) -> StoreState:
    batch, seq, serial = connection.execute(
        select(schema.state.c.batch, schema.state.c.seq, schema.state.c.serial)
    ).one()
    epochs = reading.epochs_all(connection)
    return StoreState(
        batch,
        seq,
        serial,
        epochs[-1] if epochs else None,
        older=newest if batch < newest else 0,
        # A newer batch than the remembered one may be of a copy made within its last second.
        vouched=batch == newest,
    )


def _rolled_back(connection: Connection) -> bool:
    try:
        connection.rollback()
        # SQLAlchemy believes that the transaction ended with COMMIT, also if that failed.
        connection.connection.rollback()
    except Exception:
        return False
    return True


def _abandon(connection: Connection) -> None:
    """Close a connection to which nothing can be said any more."""
    try:
        connection.invalidate()
        connection.close()
    except Exception:
        # It is gone, which is all that was wanted.
        return
