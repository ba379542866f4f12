"""What names a row: a put replaces the row of the same key, in every store and within a batch."""

from __future__ import annotations

from collections.abc import Callable
from operator import attrgetter
from typing import Any

from chatproto.records import (
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

#: The key of a row, for each kind of row.
KEY_OF: dict[type[Record], Callable[[Record], Any]] = {
    kind: attrgetter(*fields) for kind, fields in KEYS.items()
}


def key_of(row: Record) -> tuple[type[Record], Any]:
    """Return what tells a row from all others."""
    return type(row), KEY_OF[type(row)](row)
