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
    BoxRow,
    ConversationRow,
    GroupRow,
    InviteRow,
    LoginRow,
    MemberRow,
    MessageRow,
    OutboxRow,
    Record,
    ReplicaRow,
    SubscriptionRow,
    UploadRow,
)

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


def _unique_of(kind: type[Record]) -> KeyOf:
    value = attrgetter(*UNIQUE[kind])
    if kind not in PARTIAL:
        return value
    field, sign, wanted = PARTIAL[kind]
    return lambda row: value(row) if (getattr(row, field) == wanted) == (sign == "=") else None


#: The other unique value of a row, for the kinds that have one; None if it need not be unique.
UNIQUE_OF: dict[type[Record], KeyOf] = {kind: _unique_of(kind) for kind in UNIQUE}
