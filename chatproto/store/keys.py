"""What must be unique in every store, and what refers to what.

The columns of a table are the fields of its record. These declarations hold in memory and in SQL
alike; a test compares them with the schema.
"""

from __future__ import annotations

from collections.abc import Callable
from operator import attrgetter
from typing import Any

from chatproto.records import (
    AccountRow,
    BlockRow,
    CidRow,
    ConversationRow,
    CursorRow,
    DeviceRow,
    EpochRow,
    GroupRow,
    InviteRow,
    LoginRow,
    MemberRow,
    MessageRow,
    NameRow,
    PasswordRow,
    Record,
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
}

#: Other fields that no two rows share.
UNIQUE: dict[type[Record], tuple[str, ...]] = {
    LoginRow: ("login",),
    InviteRow: ("number",),
    ConversationRow: ("a", "b"),
}

#: Rows whose field ``conversation`` must be that of a stored conversation.
REFERRING = (GroupRow, MemberRow, MessageRow)

#: Above every seq: JSON numbers are exact below 2**53.
MAXIMUM = 2**53
#: The kind of a message that only fills a number; nobody reads it.
VOID = "void"

KeyOf = Callable[[Record], Any]

#: The key of a row, for each kind of row.
KEY_OF: dict[type[Record], KeyOf] = {kind: attrgetter(*fields) for kind, fields in KEYS.items()}
#: The other unique value of a row, for the kinds that have one.
UNIQUE_OF: dict[type[Record], KeyOf] = {kind: attrgetter(*fields) for kind, fields in UNIQUE.items()}
