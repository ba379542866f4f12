"""What a SQL store is asked about groups that have members in several realms."""

from __future__ import annotations

from collections.abc import Sequence

from sqlalchemy import Connection, bindparam, or_, select

from chatproto.records import LifeRow, MessageRow, ReplicaRow, SubscriptionRow
from chatproto.store.keys import within
from chatproto.store.link_schema import lives, replicas, subscriptions
from chatproto.store.schema import HAS_ARRIVED, messages
from chatproto.store.selecting import list_rows, where

_LOG = where(messages, "conversation").where(messages.c.gseq > 0)
_ENTRIES = _LOG.where(messages.c.seq > bindparam("after")).order_by(messages.c.seq).limit(bindparam("limit"))


def entries(connection: Connection, conversation: int, after: int, limit: int, size: int) -> list[MessageRow]:
    """Read a part of a group's log."""
    found = connection.execute(_ENTRIES, {"conversation": conversation, "after": after, "limit": limit})
    return within((MessageRow(*each) for each in found), size)


_ENTRY = (
    select(messages.c.seq, messages.c.gseq)
    .where(
        messages.c.conversation == bindparam("conversation"),
        messages.c.gseq.between(1, bindparam("number")),
        messages.c.seq < bindparam("before"),
    )
    .order_by(messages.c.seq.desc())
    .limit(1)
)


def entry(connection: Connection, conversation: int, number: int, before: int) -> tuple[int, int]:
    """Find the newest entry up to a number."""
    values = {"conversation": conversation, "number": number, "before": before}
    found = connection.execute(_ENTRY, values).first()
    return (found.seq, found.gseq) if found else (0, 0)


_COPIED = (
    where(messages, "conversation")
    .where(HAS_ARRIVED, messages.c.mid.in_(bindparam("mids", expanding=True)))
    .order_by(messages.c.seq)
)


def copied(connection: Connection, conversation: int, mids: Sequence[str]) -> list[MessageRow]:
    """Find entries that came from the home."""
    return list_rows(connection, MessageRow, _COPIED, conversation=conversation, mids=list(mids))


_REPLICAS = select(replicas).order_by(replicas.c.group)


def replicas_all(connection: Connection) -> list[ReplicaRow]:
    """List the replicas."""
    return list_rows(connection, ReplicaRow, _REPLICAS)


_LIVES = where(lives, "group").order_by(lives.c.last.desc(), lives.c.epoch)


def lives_of(connection: Connection, group: str) -> list[LifeRow]:
    """List what a replica has of each life of its home."""
    return list_rows(connection, LifeRow, _LIVES, group=group)


_SUBSCRIPTIONS = (
    select(subscriptions)
    .where(or_(subscriptions.c.conversation == bindparam("conversation"), bindparam("conversation") == 0))
    .order_by(subscriptions.c.realm, subscriptions.c.conversation)
)


def subscriptions_of(connection: Connection, conversation: int) -> list[SubscriptionRow]:
    """List who has a copy of a group, or of any."""
    return list_rows(connection, SubscriptionRow, _SUBSCRIPTIONS, conversation=conversation)
