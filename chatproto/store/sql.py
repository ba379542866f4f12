"""A store in a SQL database: which thread does what, and what a failure means.

One thread writes, so that a commit never waits for a read; others read, each question in a short
transaction of its own. What is asked stands in :mod:`~chatproto.store.reading` and
:mod:`~chatproto.store.links`, how batches are committed in :mod:`~chatproto.store.committing`, in what
databases differ in :mod:`~chatproto.store.database`.
"""

# ruff: noqa: D102 - the methods of IStore are described there

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

from sqlalchemy.exc import SQLAlchemyError
from twisted.internet.defer import Deferred, fail
from twisted.logger import Logger
from twisted.python.failure import Failure
from zope.interface import implementer

from chatproto.errors import StoreFailed
from chatproto.interfaces import IExecutor, IStore
from chatproto.names import RealmName
from chatproto.records import (
    AccountRow,
    AppliedRow,
    Arrived,
    AuditRow,
    Batch,
    BlockRow,
    CidRow,
    ConversationRow,
    DeadRow,
    DialRow,
    EpochRow,
    GroupRow,
    HeldRow,
    InviteRow,
    KeyRow,
    LifeRow,
    LoginRow,
    MemberRow,
    Membership,
    MessageRow,
    NameRow,
    OutboxRow,
    Outgoing,
    PeerRow,
    RefusalRow,
    RemoteRow,
    ReplayPage,
    ReplicaRow,
    Run,
    StoreState,
    StreamRow,
    SubscriptionRow,
    VerdictRow,
    Waiting,
)
from chatproto.store import groups, links, reading, routes
from chatproto.store.boxes import SqlBoxes
from chatproto.store.committing import Committing
from chatproto.store.database import Database, Upkeep, explained
from chatproto.store.replay import replay
from chatproto.store.sql_files import SqlFiles


@implementer(IStore)
class SqlStore(SqlFiles, SqlBoxes):
    """An :class:`~chatproto.interfaces.IStore` in a SQL database.

    ``writer`` must run one call at a time, in order. The store stops both executors when it is closed,
    and when it could not be opened.
    """

    _log = Logger()

    def __init__(self, database: Database, writer: IExecutor, readers: IExecutor) -> None:
        self._database = database
        self._writer = writer
        self._readers = readers
        self._committing = Committing(database)
        self._failed = False
        self._closing = False
        self._upkeep: Deferred[None] | None = None

    # Opening and closing.

    def open(self, realm: RealmName) -> Deferred[StoreState]:
        return Deferred.fromCoroutine(self._open(realm))

    async def _open(self, realm: RealmName) -> StoreState:
        try:
            state: StoreState = await self._writer.run(self._committing.open, realm)
        except BaseException:
            self._stop()
            raise
        return state

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
            await self._writer.run(self._committing.close)
        finally:
            self._stop()

    def _stop(self) -> None:
        self._readers.stop()
        self._writer.stop()

    # Writing.

    def commit(self, batch: Batch) -> Deferred[Sequence[int]]:
        return self._unless_failed(self._writer, self._commit, batch).addCallback(self._committed)

    def _commit(self, batch: Batch) -> tuple[list[int], Upkeep]:
        try:
            failed = self._committing.commit(batch)
        except StoreFailed:
            self._failed = True
            raise
        rows = sum(len(entry.inserts) + len(entry.puts) for entry in batch.entries)
        return failed, self._database.committed(batch.number, rows)

    def _committed(self, result: tuple[list[int], Upkeep]) -> list[int]:
        failed, upkeep = result
        if upkeep is not Upkeep.NONE and self._upkeep is None and not self._closing:
            executor = self._writer if upkeep is Upkeep.BEFORE_NEXT else self._readers
            self._upkeep = executor.run(self._database.keep_up, self._committing.connection, upkeep)
            self._upkeep.addErrback(self._not_kept_up).addBoth(self._kept_up)
        return failed

    def _kept_up(self, _: object) -> None:
        self._upkeep = None

    def _not_kept_up(self, failure: Failure) -> None:
        error = failure.value
        assert isinstance(error, Exception)
        self._log.error("the store could not be kept up: {reason}", reason=self._database.reason(error))
        # A full disk: the next commits will say so themselves. Anything else may have broken the store.
        if self._database.refusal(error) is None:
            self._failed = True

    # Reading.

    def _read(self, question: Callable[..., Any], *arguments: Any) -> Deferred[Any]:
        return self._unless_failed(self._readers, self._answer, question, arguments)

    def _answer(self, question: Callable[..., Any], arguments: tuple[Any, ...]) -> Any:
        try:
            try:
                return self._ask(question, arguments)
            except SQLAlchemyError as error:
                if not self._database.lost(error):
                    raise
            # All connections that wait are as old; a new one tells whether the database is there.
            return self._ask(question, arguments)
        except SQLAlchemyError as error:
            told = explained(self._database, error, certain=True)
            self._failed = self._failed or isinstance(told, StoreFailed)
            raise told from error

    def _ask(self, question: Callable[..., Any], arguments: tuple[Any, ...]) -> Any:
        with self._database.read() as connection:
            return question(connection, *arguments)

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

    # Links to other realms.

    def key(self, name: str) -> Deferred[KeyRow | None]:
        return self._read(links.key, name)

    def peers(self) -> Deferred[list[PeerRow]]:
        return self._read(links.peers_all)

    def dials(self) -> Deferred[list[DialRow]]:
        return self._read(links.dials_all)

    def streams(self) -> Deferred[list[StreamRow]]:
        return self._read(links.streams_all)

    def applied(self) -> Deferred[list[AppliedRow]]:
        return self._read(links.applied_all)

    def outbox(
        self, realm: str, after: int, before: int, limit: int, newest: bool
    ) -> Deferred[list[OutboxRow]]:
        return self._read(links.outbox_between, realm, after, before, limit, newest)

    def outgoing(self, realm: str, after: int, limit: int, size: int) -> Deferred[list[Outgoing]]:
        return self._read(links.outgoing, realm, after, limit, size)

    def waiting(self, realm: str, after: int) -> Deferred[Waiting]:
        return self._read(links.waiting, realm, after)

    def arrived(self, mids: Sequence[str]) -> Deferred[list[Arrived]]:
        return self._read(links.arrived, mids)

    def refusals(self, mids: Sequence[str]) -> Deferred[list[RefusalRow]]:
        return self._read(links.refusals_of, mids)

    def refused(self, realm: str, epoch: str, after: int, limit: int) -> Deferred[list[RefusalRow]]:
        return self._read(links.refused, realm, epoch, after, limit)

    def old_refusals(self, before: int, limit: int) -> Deferred[list[RefusalRow]]:
        return self._read(links.old_refusals, before, limit)

    def dead_letters(self, realm: str, after: int, limit: int) -> Deferred[list[DeadRow]]:
        return self._read(links.dead_letters_after, realm, after, limit)

    def remote(self, address: str) -> Deferred[RemoteRow | None]:
        return self._read(links.remote, address)

    def audit(self, after: int, limit: int) -> Deferred[list[AuditRow]]:
        return self._read(links.audit_after, after, limit)

    def traced(self, mid: str, limit: int) -> Deferred[list[AuditRow]]:
        return self._read(links.traced, mid, limit)

    # Groups with members in several realms.

    def entries(self, conversation: int, after: int, limit: int, size: int) -> Deferred[list[MessageRow]]:
        return self._read(groups.entries, conversation, after, limit, size)

    def entry(self, conversation: int, number: int, before: int) -> Deferred[tuple[int, int]]:
        return self._read(groups.entry, conversation, number, before)

    def copied(self, conversation: int, mids: Sequence[str]) -> Deferred[list[MessageRow]]:
        return self._read(groups.copied, conversation, mids)

    def replicas(self) -> Deferred[list[ReplicaRow]]:
        return self._read(groups.replicas_all)

    def lives(self, group: str) -> Deferred[list[LifeRow]]:
        return self._read(groups.lives_of, group)

    def subscriptions(self, conversation: int) -> Deferred[list[SubscriptionRow]]:
        return self._read(groups.subscriptions_of, conversation)

    def runs(self) -> Deferred[list[Run]]:
        return self._read(routes.runs)

    def relayed(
        self, hop: str, origin: str, realm: str, stream: str, since: int, after: int, limit: int, size: int
    ) -> Deferred[list[HeldRow]]:
        return self._read(routes.relayed, (hop, origin, realm, stream, since), after, limit, size)

    def verdicts(self) -> Deferred[list[VerdictRow]]:
        return self._read(routes.verdicts_all)
