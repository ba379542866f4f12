"""What a SQL store is asked about links to other realms; :mod:`~chatproto.store.reading` has the rest."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from sqlalchemy import BigInteger, BindParameter, Connection, bindparam, case, cast, func, select

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
from chatproto.store.link_schema import applied, audit, dead_letters, dials, outbox, peers, refusals, streams
from chatproto.store.schema import HAS_ARRIVED, conversations, messages
from chatproto.store.selecting import find_row, list_rows, where


def key(connection: Connection, name: str) -> KeyRow | None:
    """Find a private key."""
    return find_row(connection, KeyRow, name)


_PEERS = select(peers).order_by(peers.c.realm)


def peers_all(connection: Connection) -> list[PeerRow]:
    """List what was decided about other realms."""
    return list_rows(connection, PeerRow, _PEERS)


_DIALS = select(dials).order_by(dials.c.realm)


def dials_all(connection: Connection) -> list[DialRow]:
    """List how realms were dialled."""
    return list_rows(connection, DialRow, _DIALS)


_STREAMS = select(streams).order_by(streams.c.realm, streams.c.stream)


def streams_all(connection: Connection) -> list[StreamRow]:
    """List the sender's sides."""
    return list_rows(connection, StreamRow, _STREAMS)


_APPLIED = select(applied).order_by(applied.c.realm, applied.c.stream)


def applied_all(connection: Connection) -> list[AppliedRow]:
    """List the receiver's sides."""
    return list_rows(connection, AppliedRow, _APPLIED)


_WAITING = where(outbox, "realm").where(outbox.c.number > bindparam("after"))
_RANGE = _WAITING.where(outbox.c.number < bindparam("before")).limit(bindparam("limit"))
_FIRST = _RANGE.order_by(outbox.c.number)
_LAST = _RANGE.order_by(outbox.c.number.desc())


def outbox_between(
    connection: Connection, realm: str, after: int, before: int, limit: int, newest: bool
) -> list[OutboxRow]:
    """Read a range of an outbox."""
    found = list_rows(
        connection,
        OutboxRow,
        _LAST if newest else _FIRST,
        realm=realm,
        after=after,
        before=before,
        limit=limit,
    )
    return found[::-1] if newest else found


#: Bytes of text of a row; a skipped one is sent without.
_SIZE = case((outbox.c.seq == 0, 0), else_=outbox.c.size)
#: Rows with what those up to each of them have together, itself included.
_ADDED = (
    _WAITING.add_columns(_SIZE.label("own"), func.sum(_SIZE).over(order_by=outbox.c.number).label("total"))
    .order_by(outbox.c.number)
    .limit(bindparam("limit"))
    .subquery()
)
# One row after another by its key, and only as long as they are wanted: so the texts of others stay unread.
_OUTGOING = (
    select(*(_ADDED.c[column.name] for column in outbox.c), messages, conversations)
    .select_from(
        _ADDED.outerjoin(messages, messages.c.seq == _ADDED.c.seq).outerjoin(
            conversations, conversations.c.conversation == messages.c.conversation
        )
    )
    .where(_ADDED.c.total - _ADDED.c.own < bindparam("size"))
    .order_by(_ADDED.c.number)
)
_MESSAGE = len(outbox.columns)
_CONVERSATION = _MESSAGE + len(messages.columns)


def outgoing(connection: Connection, realm: str, after: int, limit: int, size: int) -> list[Outgoing]:
    """Read items to send."""
    values = {"realm": realm, "after": after, "limit": limit, "size": size}
    return [_outgoing(found) for found in connection.execute(_OUTGOING, values)]


def _outgoing(found: Sequence[Any]) -> Outgoing:
    row = OutboxRow(*found[:_MESSAGE])
    if found[_MESSAGE] is None:
        return Outgoing(row, None, "")
    message = MessageRow(*found[_MESSAGE:_CONVERSATION])
    return Outgoing(row, message, row.to or ConversationRow(*found[_CONVERSATION:]).recipient(message.sender))


_SUMS = select(
    func.count(),
    cast(func.coalesce(func.sum(outbox.c.size), 0), BigInteger),
    func.coalesce(func.min(outbox.c.at), 0),
).where(outbox.c.realm == bindparam("realm"), outbox.c.number > bindparam("after"), outbox.c.seq != 0)


def waiting(connection: Connection, realm: str, after: int) -> Waiting:
    """Count what waits."""
    return Waiting(*connection.execute(_SUMS, {"realm": realm, "after": after}).one())


_OF_MIDS: BindParameter[list[str]] = bindparam("mids", expanding=True)
_ARRIVED = (
    select(messages.c.mid, messages.c.sender, conversations)
    .join_from(messages, conversations, conversations.c.conversation == messages.c.conversation)
    .where(HAS_ARRIVED, messages.c.mid.in_(_OF_MIDS))
    .order_by(messages.c.seq)
)


def arrived(connection: Connection, mids: Sequence[str]) -> list[Arrived]:
    """Find messages that came over a link."""
    return [
        Arrived(mid, fold(ConversationRow(*conversation).recipient(sender)))
        for mid, sender, *conversation in connection.execute(_ARRIVED, {"mids": list(mids)})
    ]


_REFUSALS = (
    select(refusals)
    .where(refusals.c.mid.in_(_OF_MIDS))
    .order_by(refusals.c.mid, refusals.c.recipient, refusals.c.realm)
)


def refusals_of(connection: Connection, mids: Sequence[str]) -> list[RefusalRow]:
    """Find refusals by mid."""
    return list_rows(connection, RefusalRow, _REFUSALS, mids=list(mids))


_REFUSED = (
    where(refusals, "realm", "epoch")
    .where(refusals.c.number > bindparam("after"), refusals.c.code != "")
    .order_by(refusals.c.number, refusals.c.mid, refusals.c.recipient)
    .limit(bindparam("limit"))
)


def refused(connection: Connection, realm: str, epoch: str, after: int, limit: int) -> list[RefusalRow]:
    """List what was refused in an epoch."""
    return list_rows(connection, RefusalRow, _REFUSED, realm=realm, epoch=epoch, after=after, limit=limit)


_OLD_REFUSALS = (
    select(refusals)
    .where(refusals.c.until < bindparam("before"))
    .order_by(refusals.c.until, refusals.c.mid, refusals.c.recipient, refusals.c.realm)
    .limit(bindparam("limit"))
)


def old_refusals(connection: Connection, before: int, limit: int) -> list[RefusalRow]:
    """List refusals that may be forgotten."""
    return list_rows(connection, RefusalRow, _OLD_REFUSALS, before=before, limit=limit)


_DEAD = (
    select(dead_letters)
    .where(dead_letters.c.seq > bindparam("after"))
    .order_by(dead_letters.c.seq, dead_letters.c.mid)
    .limit(bindparam("limit"))
)
_DEAD_OF = _DEAD.where(dead_letters.c.realm == bindparam("realm"))


def dead_letters_after(connection: Connection, realm: str, after: int, limit: int) -> list[DeadRow]:
    """List bounced items."""
    if not realm:
        return list_rows(connection, DeadRow, _DEAD, after=after, limit=limit)
    return list_rows(connection, DeadRow, _DEAD_OF, realm=realm, after=after, limit=limit)


def remote(connection: Connection, address: str) -> RemoteRow | None:
    """Find somebody of another realm."""
    return find_row(connection, RemoteRow, address)


_AUDIT = select(audit).where(audit.c.serial > bindparam("after")).order_by(audit.c.serial)
_AUDIT_PAGE = _AUDIT.limit(bindparam("limit"))


def audit_after(connection: Connection, after: int, limit: int) -> list[AuditRow]:
    """List rows of the audit log."""
    return list_rows(connection, AuditRow, _AUDIT_PAGE, after=after, limit=limit)


_OF_MID = where(audit, "mid").order_by(audit.c.serial).limit(bindparam("limit"))
_SETTLED = (
    _AUDIT.where(audit.c.event == SETTLED, audit.c.realm == bindparam("realm"))
    .where(audit.c.number >= bindparam("number"))
    # What waits is not looked for in all the rows that came after it.
    .where(
        select(streams)
        .where(streams.c.realm == bindparam("realm"), streams.c.stream == ITEMS)
        .where(streams.c.settled >= bindparam("number"))
        .exists()
    )
    .limit(1)
)


def traced(connection: Connection, mid: str, limit: int) -> list[AuditRow]:
    """Find what happened to a message."""
    rows = []
    for row in list_rows(connection, AuditRow, _OF_MID, mid=mid, limit=limit):
        rows.append(row)
        if row.event == SENT:
            values = {"after": row.serial, "realm": row.realm, "number": row.number}
            rows += list_rows(connection, AuditRow, _SETTLED, **values)
    return sorted(rows, key=lambda row: row.serial)
