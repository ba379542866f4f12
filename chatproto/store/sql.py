"""A store in a SQL database: which thread does what, and what a failure means.

One thread writes, so that a commit never waits for a read; others read, each question in a short
transaction of its own. What is asked and written stands in :mod:`~chatproto.store.reading` and
:mod:`~chatproto.store.writing`; in what databases differ, in :mod:`~chatproto.store.database`.
"""

# ruff: noqa: D102 - the methods of IStore are described there

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

from sqlalchemy import Connection, insert, inspect, select, text
from sqlalchemy.exc import SQLAlchemyError
from twisted.internet.defer import Deferred, fail
from twisted.logger import Logger
from twisted.python.failure import Failure
from zope.interface import implementer

from chatproto.errors import StoreError, StoreFailed, StoreRefused
from chatproto.interfaces import IExecutor, IStore
from chatproto.names import RealmName
from chatproto.records import (
    AccountRow,
    Batch,
    BlockRow,
    CidRow,
    ConversationRow,
    EpochRow,
    GroupRow,
    InviteRow,
    LoginRow,
    MemberRow,
    Membership,
    MessageRow,
    NameRow,
    ReplayPage,
    StoreState,
)
from chatproto.store import reading, schema
from chatproto.store.database import Database, Upkeep
from chatproto.store.replay import replay
from chatproto.store.writing import BatchWriting


@implementer(IStore)
class SqlStore:
    """An :class:`~chatproto.interfaces.IStore` in a SQL database.

    ``writer`` must run one call at a time, in order. The store stops both executors when it is closed,
    and when it could not be opened.
    """

    _log = Logger()

    def __init__(self, database: Database, writer: IExecutor, readers: IExecutor) -> None:
        self._database = database
        self._writer = writer
        self._readers = readers
        self._connection: Connection | None = None
        self._writing: BatchWriting | None = None
        self._failed = False
        self._closing = False
        self._upkeep: Deferred[None] | None = None

    # Opening and closing.

    def open(self, realm: RealmName) -> Deferred[StoreState]:
        return Deferred.fromCoroutine(self._open(realm))

    async def _open(self, realm: RealmName) -> StoreState:
        try:
            state: StoreState = await self._writer.run(self._open_blocking, realm)
        except BaseException:
            self._stop()
            raise
        return state

    def _open_blocking(self, realm: RealmName) -> StoreState:
        newest = self._database.lock()
        try:
            self._connection = connection = self._database.connect()
            self._writing = BatchWriting(
                connection.dialect, self._database.replacing, self._database.variables
            )
            self._migrate(connection, realm)
            with connection.begin():
                return _state(connection, newest)
        except Exception as error:
            self._close_blocking()
            if isinstance(error, StoreError):
                raise
            raise StoreError(f"the store cannot be opened: {_reason(error)}") from error

    def _migrate(self, connection: Connection, realm: RealmName) -> None:
        with connection.begin():
            revision = _revision(connection)
            if revision is not None:
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

    def close(self) -> Deferred[None]:
        return Deferred.fromCoroutine(self._close())

    async def _close(self) -> None:
        self._failed = True  # whoever asks later is turned away
        self._closing = True
        if self._upkeep is not None:
            await self._upkeep
        # Reads under way end first: a connection in use would stay open behind the lock's back.
        self._readers.stop()
        try:
            await self._writer.run(self._close_blocking)
        finally:
            self._stop()

    def _close_blocking(self) -> None:
        try:
            if self._connection is not None:
                self._connection.close()
        finally:
            self._database.close()

    def _stop(self) -> None:
        self._readers.stop()
        self._writer.stop()

    # Writing.

    def commit(self, batch: Batch) -> Deferred[Sequence[int]]:
        return self._unless_failed(self._writer, self._commit, batch).addCallback(self._committed)

    def _commit(self, batch: Batch) -> tuple[list[int], Upkeep]:
        connection, writing = self._connection, self._writing
        assert connection is not None
        assert writing is not None
        try:
            failed = writing.write(connection, batch)
        except Exception as error:
            raise self._explained(error, certain=_rolled_back(connection)) from error
        try:
            connection.commit()
        except Exception as error:
            certain = _rolled_back(connection) and self._lacks(batch)
            raise self._explained(error, certain=certain) from error
        rows = sum(len(entry.inserts) + len(entry.puts) for entry in batch.entries)
        return failed, self._database.committed(batch.number, rows)

    def _lacks(self, batch: Batch) -> bool:
        """Tell whether the store certainly does not have a batch: each leaves its number."""
        try:
            with self._database.read() as connection:
                number: int = connection.execute(select(schema.state.c.batch)).scalar_one()
        except Exception:
            return False
        return number < batch.number

    def _explained(self, error: Exception, certain: bool) -> StoreError:
        """Return what the caller is told; unless certainly nothing happened, the store is out of use."""
        if certain and self._database.is_refusal(error):
            return StoreRefused(f"the store refused: {_reason(error)}")
        self._failed = True
        return StoreFailed(f"the store failed: {_reason(error)}")

    def _committed(self, result: tuple[list[int], Upkeep]) -> list[int]:
        failed, upkeep = result
        if upkeep is not Upkeep.NONE and self._upkeep is None and not self._closing:
            executor = self._writer if upkeep is Upkeep.BEFORE_NEXT else self._readers
            self._upkeep = executor.run(self._database.keep_up, self._connection, upkeep)
            self._upkeep.addErrback(self._not_kept_up).addBoth(self._kept_up)
        return failed

    def _kept_up(self, _: object) -> None:
        self._upkeep = None

    def _not_kept_up(self, failure: Failure) -> None:
        error = failure.value
        assert isinstance(error, Exception)
        self._log.error("the store could not be kept up: {reason}", reason=_reason(error))
        # A full disk: the next commits will say so themselves. Anything else may have broken the store.
        if not self._database.is_refusal(error):
            self._failed = True

    # Reading.

    def _read(self, question: Callable[..., Any], *arguments: Any) -> Deferred[Any]:
        return self._unless_failed(self._readers, self._answer, question, arguments)

    def _answer(self, question: Callable[..., Any], arguments: tuple[Any, ...]) -> Any:
        try:
            with self._database.read() as connection:
                return question(connection, *arguments)
        except SQLAlchemyError as error:
            raise self._explained(error, certain=True) from error

    def _unless_failed(self, executor: IExecutor, work: Callable[..., Any], *arguments: Any) -> Deferred[Any]:
        if self._failed:
            return fail(StoreFailed("the store failed before"))
        return executor.run(work, *arguments)

    def name(self, name: str) -> Deferred[NameRow | None]:
        return self._read(reading.name, name)

    def account(self, name: str) -> Deferred[AccountRow | None]:
        return self._read(reading.account, name)

    def accounts(self, after: str, limit: int) -> Deferred[list[AccountRow]]:
        return self._read(reading.accounts_after, after, limit)

    def password(self, account: str) -> Deferred[str | None]:
        return self._read(reading.password, account)

    def device(self, account: str, name: str) -> Deferred[int | None]:
        return self._read(reading.device, account, name)

    def login(self, token_hash: bytes) -> Deferred[LoginRow | None]:
        return self._read(reading.login, token_hash)

    def logins(self, account: str) -> Deferred[list[LoginRow]]:
        return self._read(reading.logins_of, account)

    def old_logins(self, before: int, unused: int, limit: int) -> Deferred[list[LoginRow]]:
        return self._read(reading.old_logins, before, unused, limit)

    def invite(self, token_hash: bytes) -> Deferred[InviteRow | None]:
        return self._read(reading.invite, token_hash)

    def invites(self) -> Deferred[list[InviteRow]]:
        return self._read(reading.invites_all)

    def blocks(self, account: str) -> Deferred[list[BlockRow]]:
        return self._read(reading.blocks_of, account)

    def group(self, name: str) -> Deferred[GroupRow | None]:
        return self._read(reading.group, name)

    def groups(self, after: str, limit: int) -> Deferred[list[GroupRow]]:
        return self._read(reading.groups_after, after, limit)

    def conversation(self, a: str, b: str) -> Deferred[ConversationRow | None]:
        return self._read(reading.conversation, a, b)

    def newest(self, conversation: int) -> Deferred[tuple[int, int]]:
        return self._read(reading.newest, conversation)

    def member(self, conversation: int, member: str) -> Deferred[MemberRow | None]:
        return self._read(reading.member, conversation, member)

    def members(self, conversation: int) -> Deferred[list[MemberRow]]:
        return self._read(reading.members_of, conversation)

    def memberships(self, member: str) -> Deferred[list[Membership]]:
        return self._read(reading.memberships, member)

    def messages(
        self, conversation: int, after: int, before: int, limit: int, newest: bool, but: Sequence[str]
    ) -> Deferred[list[MessageRow]]:
        return self._read(reading.messages_between, conversation, after, before, limit, newest, but)

    def replay(self, member: str, after: int, limit: int) -> Deferred[ReplayPage]:
        return self._read(replay, member, after, limit)

    def unread(
        self, conversation: int, after: int, until: int, but: Sequence[str], limit: int
    ) -> Deferred[int]:
        return self._read(reading.unread, conversation, after, until, but, limit)

    def cursor(self, account: str, kind: str, scope: int) -> Deferred[int]:
        return self._read(reading.cursor, account, kind, scope)

    def cursors(self, account: str, kind: str) -> Deferred[dict[int, int]]:
        return self._read(reading.cursors_of, account, kind)

    def cid(self, account: str, prefix: str, counter: int, ordered: bool) -> Deferred[CidRow | None]:
        return self._read(reading.cid, account, prefix, counter, ordered)

    def newest_counter(self, account: str, prefix: str) -> Deferred[int | None]:
        return self._read(reading.newest_counter, account, prefix)

    def epochs(self) -> Deferred[list[EpochRow]]:
        return self._read(reading.epochs_all)


def _revision(connection: Connection) -> str | None:
    """Return the revision of the schema, None for an empty database."""
    tables = inspect(connection).get_table_names()
    if "alembic_version" in tables:
        revision: str = connection.execute(text("SELECT version_num FROM alembic_version")).scalar_one()
        return revision
    if tables:
        raise StoreError("the database belongs to something else: it has tables that no store has")
    return None


def _claim(connection: Connection, realm: RealmName) -> None:
    connection.execute(insert(schema.meta).values(name="realm", value=realm))
    connection.execute(insert(schema.state).values(id=1, batch=0, seq=0, serial=0))


def _check_realm(connection: Connection, realm: RealmName) -> None:
    owner = connection.execute(select(schema.meta.c.value).filter_by(name="realm")).scalar_one()
    if owner != realm:
        raise StoreError(f"this store belongs to the realm {owner}, not to {realm}")


def _rolled_back(connection: Connection) -> bool:
    try:
        connection.rollback()
        # SQLAlchemy believes that the transaction ended with COMMIT, also if that failed.
        connection.connection.rollback()
    except Exception:
        return False
    return True


def _state(connection: Connection, newest: int) -> StoreState:
    batch, seq, serial = connection.execute(
        select(schema.state.c.batch, schema.state.c.seq, schema.state.c.serial)
    ).one()
    epochs = reading.epochs_all(connection)
    return StoreState(batch, seq, serial, epochs[-1] if epochs else None, newest if batch < newest else 0)


def _reason(error: Exception) -> str:
    """Return what the database said, without the statement."""
    return str(getattr(error, "orig", error))
