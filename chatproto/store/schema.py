"""The tables of a SQL store, in SQLAlchemy Core.

The columns of a table are the fields of its record, in the record's order, so that rows and records
turn into each other without names. What is different: ordered cids are packed, and the store keeps
its own name and state. A change here needs a new revision under ``migrations/versions``.
"""

from __future__ import annotations

from sqlalchemy import Column, Index, Integer, LargeBinary, Table, UniqueConstraint, text

from chatproto.records import (
    ARRIVED,
    AccountRow,
    AliasRow,
    AppliedRow,
    AuditRow,
    BlockRow,
    BoxRow,
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
from chatproto.store import columns
from chatproto.store.columns import Name as _Name
from chatproto.store.columns import Number as _Number
from chatproto.store.columns import bytes_ as _bytes
from chatproto.store.columns import conversation as _conversation
from chatproto.store.columns import key as _key
from chatproto.store.columns import name as _name
from chatproto.store.columns import number as _number
from chatproto.store.file_schema import files, uploads
from chatproto.store.link_schema import (
    aliases,
    applied,
    audit,
    boxes,
    dead_letters,
    dials,
    held,
    keys,
    lives,
    outbox,
    peers,
    refusals,
    remotes,
    replicas,
    streams,
    subscriptions,
    verdicts,
)

#: The newest revision of the schema; the name of a file under ``migrations/versions`` begins with it.
REVISION = "0008"

metadata = columns.metadata

names = Table("names", metadata, _key("name"), _name("kind"))

accounts = Table(
    "accounts",
    metadata,
    _key("name"),
    _name("shown"),
    _name("display"),
    _name("country"),
    _number("created"),
    _number("deleted"),
)

passwords = Table("passwords", metadata, _key("account"), _name("hash"))

devices = Table("devices", metadata, _key("account"), _key("name"), _number("device"))

logins = Table(
    "logins",
    metadata,
    _key("token_hash", LargeBinary()),
    _number("login"),
    _name("account"),
    _number("device"),
    Column("device_name", _Name),
    _number("created"),
    _number("used"),
    _number("expires"),
    _number("ended"),
    UniqueConstraint("login", name="logins_login"),
    Index("logins_account", "account"),
)

invites = Table(
    "invites",
    metadata,
    _key("token_hash", LargeBinary()),
    _number("number"),
    _number("created"),
    _number("expires"),
    _name("note"),
    UniqueConstraint("number", name="invites_number"),
)

blocks = Table("blocks", metadata, _key("account"), _key("address"), _name("shown"), _number("at"))

conversations = Table(
    "conversations",
    metadata,
    _key("conversation", _Number),
    _name("a"),
    _name("b"),
    _name("shown_a"),
    _name("shown_b"),
    UniqueConstraint("a", "b", name="conversations_a_b"),
)

groups = Table(
    "groups",
    metadata,
    _key("name"),
    _name("shown"),
    _number("conversation", _conversation()),
    _name("owner"),
    _number("created"),
    _name("topic"),
    _name("history"),
    _name("access"),
    _number("deleted"),
    _name("home"),
)

members = Table(
    "members",
    metadata,
    _key("conversation", _Number, _conversation()),
    _key("member"),
    _number("since"),
    _number("until"),
    _name("role"),
    _number("joined"),
    Index("members_member", "member"),
)

#: Which messages came over a link. A condition that stands so in a question, too, lets the index be used.
HAS_ARRIVED = text(f"device = {ARRIVED}")

#: The log. Every index here costs some microseconds per message: there is the key, and one more. A third has
#: only what came over links.
messages = Table(
    "messages",
    metadata,
    _key("seq", _Number),
    _number("conversation", _conversation()),
    _name("mid"),
    _name("sender"),
    _number("device"),
    _number("at"),
    _name("kind"),
    _number("gseq"),
    _name("text"),
    Index("messages_conversation_seq", "conversation", "seq"),
    Index(
        "messages_arrived",
        "mid",
        "conversation",
        unique=True,
        sqlite_where=HAS_ARRIVED,
        postgresql_where=HAS_ARRIVED,
    ),
)

cursors = Table("cursors", metadata, _key("account"), _key("kind"), _key("scope", _Number), _number("seq"))

#: Ordered cids: those of one prefix that one batch brought share a row, from ``first`` to ``last``.
#: ``data`` is msgpack: a list of ``[counter, digest, outcome]``.
cid_runs = Table(
    "cid_runs",
    metadata,
    _key("account"),
    _key("prefix"),
    _key("first", _Number),
    _number("last"),
    _bytes("data"),
)

#: All other cids; ``outcome`` is msgpack.
cids = Table(
    "cids",
    metadata,
    _key("account"),
    _key("cid"),
    _bytes("digest"),
    _bytes("outcome"),
)

epochs = Table("epochs", metadata, _key("number", _Number), _name("epoch"), _number("first"), _number("at"))

#: What the store is: ``realm``, the name of the realm it belongs to.
meta = Table("meta", metadata, _key("name"), _name("value"))

#: Where the store stands. One row, which every commit updates.
state = Table("state", metadata, _key("id", Integer()), _number("batch"), _number("seq"), _number("serial"))

#: The table of every record that has one of the same columns; what others refer to comes first.
TABLES: dict[type[Record], Table] = {
    NameRow: names,
    AccountRow: accounts,
    PasswordRow: passwords,
    DeviceRow: devices,
    LoginRow: logins,
    InviteRow: invites,
    BlockRow: blocks,
    ConversationRow: conversations,
    GroupRow: groups,
    MemberRow: members,
    MessageRow: messages,
    CursorRow: cursors,
    EpochRow: epochs,
    KeyRow: keys,
    PeerRow: peers,
    DialRow: dials,
    StreamRow: streams,
    OutboxRow: outbox,
    AppliedRow: applied,
    RefusalRow: refusals,
    DeadRow: dead_letters,
    RemoteRow: remotes,
    HeldRow: held,
    VerdictRow: verdicts,
    ReplicaRow: replicas,
    LifeRow: lives,
    SubscriptionRow: subscriptions,
    AuditRow: audit,
    FileRow: files,
    UploadRow: uploads,
    AliasRow: aliases,
    BoxRow: boxes,
}
