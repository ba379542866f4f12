"""What must be unique in every store, and what refers to what.

The columns of a table are the fields of its record. These declarations hold in memory and in SQL
alike; a test compares them with the schema.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from operator import attrgetter
from typing import Any

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
    DialRow,
    EpochRow,
    FileRow,
    GroupRow,
    HeldRow,
    InviteRow,
    KeyRow,
    LifeRow,
    LoginRow,
    MemberRow,
    MessageRow,
    NameRow,
    OutboxRow,
    PasswordRow,
    PeerRow,
    Record,
    RefusalRow,
    RemoteRow,
    ReplicaRow,
    StreamRow,
    SubscriptionRow,
    UploadRow,
    VerdictRow,
)

#: The fields that name a row. A put replaces the row of the same key.
KEYS: dict[type[Record], tuple[str, ...]] = {
    NameRow: ("name",),
    AccountRow: ("name",),
    PasswordRow: ("account",),
    DeviceRow: ("account", "name"),
    LoginRow: ("token_hash",),
    InviteRow: ("token_hash",),
    BlockRow: ("account", "address"),
    ConversationRow: ("conversation",),
    GroupRow: ("name",),
    MemberRow: ("conversation", "member"),
    MessageRow: ("seq",),
    CursorRow: ("account", "kind", "scope"),
    CidRow: ("account", "prefix", "counter", "ordered"),
    EpochRow: ("number",),
    KeyRow: ("name",),
    PeerRow: ("realm",),
    DialRow: ("realm",),
    StreamRow: ("realm", "stream"),
    OutboxRow: ("realm", "number"),
    AppliedRow: ("realm", "stream"),
    RefusalRow: ("mid", "recipient", "realm"),
    DeadRow: ("mid",),
    RemoteRow: ("address",),
    HeldRow: ("hop", "origin", "realm", "stream", "since", "number"),
    VerdictRow: ("origin", "realm", "stream"),
    ReplicaRow: ("group",),
    LifeRow: ("group", "epoch"),
    SubscriptionRow: ("realm", "conversation"),
    AuditRow: ("serial",),
    FileRow: ("mid",),
    UploadRow: ("mid",),
    AliasRow: ("alias",),
    BoxRow: ("account", "seq"),
}

#: Other fields that no two rows share.
UNIQUE: dict[type[Record], tuple[str, ...]] = {
    LoginRow: ("login",),
    InviteRow: ("number",),
    ConversationRow: ("a", "b"),
    MessageRow: ("mid", "conversation"),
    UploadRow: ("account", "cid"),
}

#: Of these kinds that holds only for rows of which a field has a value, or has another than that.
PARTIAL: dict[type[Record], tuple[str, str, Any]] = {
    MessageRow: ("device", "=", ARRIVED),
    UploadRow: ("cid", "<>", ""),
}

#: Rows that are read in ranges: a field that parts them, and one that orders each part.
RANGES: dict[type[Record], tuple[str, str]] = {
    MessageRow: ("conversation", "seq"),
    OutboxRow: ("realm", "number"),
    BoxRow: ("account", "seq"),
}

#: Rows whose field ``conversation`` must be that of a stored conversation.
REFERRING = (GroupRow, MemberRow, MessageRow, ReplicaRow, SubscriptionRow)

#: Above every seq: JSON numbers are exact below 2**53.
MAXIMUM = 2**53
#: The kind of a message that only fills a number; nobody reads it.
VOID = "void"


def within(rows: Iterable[MessageRow], size: int) -> list[MessageRow]:
    """Return messages up to the one with which their texts have so many bytes."""
    found: list[MessageRow] = []
    for row in rows:
        if size <= 0:
            break
        size -= len(row.text.encode())
        found.append(row)
    return found


KeyOf = Callable[[Record], Any]

#: The key of a row, for each kind of row.
KEY_OF: dict[type[Record], KeyOf] = {kind: attrgetter(*fields) for kind, fields in KEYS.items()}


def _unique_of(kind: type[Record]) -> KeyOf:
    value = attrgetter(*UNIQUE[kind])
    if kind not in PARTIAL:
        return value
    field, sign, wanted = PARTIAL[kind]
    return lambda row: value(row) if (getattr(row, field) == wanted) == (sign == "=") else None


#: The other unique value of a row, for the kinds that have one; None if it need not be unique.
UNIQUE_OF: dict[type[Record], KeyOf] = {kind: _unique_of(kind) for kind in UNIQUE}
