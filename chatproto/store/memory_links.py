"""What the reference store is asked about links to other realms."""

# ruff: noqa: D102 - the methods of IStore are described there

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Iterable, Sequence
from operator import attrgetter
from typing import Any, TypeVar

from twisted.internet.defer import Deferred

from chatproto.names import fold
from chatproto.records import (
    ITEMS,
    AppliedRow,
    Arrived,
    AuditRow,
    ConversationRow,
    DeadRow,
    DialRow,
    KeyRow,
    MessageRow,
    OutboxRow,
    Outgoing,
    PeerRow,
    RefusalRow,
    RemoteRow,
    StreamRow,
    Waiting,
)
from chatproto.records.audit import SENT, SETTLED
from chatproto.records.keys import KEYS
from chatproto.store.keys import MAXIMUM
from chatproto.store.tables import MemoryTables

T = TypeVar("T")


class MemoryLinks(ABC):
    """A part of :class:`~chatproto.store.memory.MemoryStore`."""

    @abstractmethod
    def _now(self, read: Callable[[MemoryTables], T]) -> Deferred[T]:
        """Answer from the tables, if they are open."""

    def key(self, name: str) -> Deferred[KeyRow | None]:
        return self._now(lambda tables: tables.find(KeyRow, name))

    def peers(self) -> Deferred[list[PeerRow]]:
        return self._now(lambda tables: _sorted(tables.every(PeerRow), "realm"))

    def dials(self) -> Deferred[list[DialRow]]:
        return self._now(lambda tables: _sorted(tables.every(DialRow), "realm"))

    def streams(self) -> Deferred[list[StreamRow]]:
        return self._now(lambda tables: _sorted(tables.every(StreamRow), "realm", "stream"))

    def applied(self) -> Deferred[list[AppliedRow]]:
        return self._now(lambda tables: _sorted(tables.every(AppliedRow), "realm", "stream"))

    def outbox(
        self, realm: str, after: int, before: int, limit: int, newest: bool
    ) -> Deferred[list[OutboxRow]]:
        def read(tables: MemoryTables) -> list[OutboxRow]:
            found = tables.range(OutboxRow, realm, after, before)
            return found[max(0, len(found) - limit) :] if newest else found[:limit]

        return self._now(read)

    def outgoing(self, realm: str, after: int, limit: int, size: int) -> Deferred[list[Outgoing]]:
        def read(tables: MemoryTables) -> list[Outgoing]:
            found: list[Outgoing] = []
            total = 0
            for row in tables.range(OutboxRow, realm, after, MAXIMUM)[:limit]:
                if total >= size:
                    break
                total += row.size if row.seq else 0
                found.append(_outgoing(tables, row))
            return found

        return self._now(read)

    def waiting(self, realm: str, after: int) -> Deferred[Waiting]:
        def read(tables: MemoryTables) -> Waiting:
            found = [row for row in tables.range(OutboxRow, realm, after, MAXIMUM) if row.seq]
            return Waiting(
                len(found), sum(row.size for row in found), min((row.at for row in found), default=0)
            )

        return self._now(read)

    def arrived(self, mids: Sequence[str]) -> Deferred[list[Arrived]]:
        return self._now(
            lambda tables: [
                Arrived(row.mid, fold(_recipient(tables, row)))
                for row in _sorted(_of(tables.every_unique(MessageRow), mids), "seq")
            ]
        )

    def refusals(self, mids: Sequence[str]) -> Deferred[list[RefusalRow]]:
        return self._now(lambda tables: _sorted(_of(tables.every(RefusalRow), mids), *KEYS[RefusalRow]))

    def refused(self, realm: str, epoch: str, after: int, limit: int) -> Deferred[list[RefusalRow]]:
        def read(tables: MemoryTables) -> list[RefusalRow]:
            found = (
                row
                for row in tables.every(RefusalRow)
                if row.realm == realm and row.epoch == epoch and row.number > after and row.code
            )
            return _sorted(found, "number", "mid", "recipient")[:limit]

        return self._now(read)

    def old_refusals(self, before: int, limit: int) -> Deferred[list[RefusalRow]]:
        def read(tables: MemoryTables) -> list[RefusalRow]:
            found = (row for row in tables.every(RefusalRow) if row.until < before)
            return _sorted(found, "until", *KEYS[RefusalRow])[:limit]

        return self._now(read)

    def dead_letters(self, realm: str, after: int, limit: int) -> Deferred[list[DeadRow]]:
        def read(tables: MemoryTables) -> list[DeadRow]:
            found = (row for row in tables.every(DeadRow) if row.seq > after and realm in ("", row.realm))
            return _sorted(found, "seq", "mid")[:limit]

        return self._now(read)

    def remote(self, address: str) -> Deferred[RemoteRow | None]:
        return self._now(lambda tables: tables.find(RemoteRow, address))

    def audit(self, after: int, limit: int) -> Deferred[list[AuditRow]]:
        return self._now(lambda tables: _audit(tables, after)[:limit])

    def traced(self, mid: str, limit: int) -> Deferred[list[AuditRow]]:
        def read(tables: MemoryTables) -> list[AuditRow]:
            found: list[AuditRow] = []
            for row in [row for row in _audit(tables, 0) if row.mid == mid][:limit]:
                found.append(row)
                stream = tables.find(StreamRow, (row.realm, ITEMS))
                if row.event == SENT and stream is not None and stream.settled >= row.number:
                    found += [each for each in _audit(tables, row.serial) if _covers(each, row)][:1]
            return _sorted(found, "serial")

        return self._now(read)


def _sorted(rows: Iterable[T], *fields: str) -> list[T]:
    key: Callable[[T], Any] = attrgetter(*fields)
    return sorted(rows, key=key)


M = TypeVar("M", MessageRow, RefusalRow)


def _of(rows: Iterable[M], mids: Sequence[str]) -> list[M]:
    wanted = frozenset(mids)
    return [row for row in rows if row.mid in wanted]


def _outgoing(tables: MemoryTables, row: OutboxRow) -> Outgoing:
    message = tables.find(MessageRow, row.seq)
    if message is None:
        return Outgoing(row, None, "")
    return Outgoing(row, message, row.to or _recipient(tables, message))


def _recipient(tables: MemoryTables, message: MessageRow) -> str:
    conversation = tables.find(ConversationRow, message.conversation)
    assert conversation is not None  # a constraint
    return conversation.recipient(message.sender)


def _audit(tables: MemoryTables, after: int) -> list[AuditRow]:
    return _sorted((row for row in tables.every(AuditRow) if row.serial > after), "serial")


def _covers(row: AuditRow, sent: AuditRow) -> bool:
    return row.event == SETTLED and row.realm == sent.realm and row.number >= sent.number
