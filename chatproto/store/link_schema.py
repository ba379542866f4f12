"""The tables of links to other realms, and of what crosses them."""

from __future__ import annotations

from sqlalchemy import Boolean, Column, Index, Table

from chatproto.store.columns import Number as _Number
from chatproto.store.columns import bytes_ as _bytes
from chatproto.store.columns import conversation as _conversation
from chatproto.store.columns import key as _key
from chatproto.store.columns import metadata
from chatproto.store.columns import name as _name
from chatproto.store.columns import number as _number

keys = Table("keys", metadata, _key("name"), _bytes("seed"), _number("created"))

peers = Table(
    "peers",
    metadata,
    _key("realm"),
    _name("state"),
    _name("key"),
    _name("shown"),
    _name("connect"),
    _name("reason"),
    _number("changed"),
    _name("introducer"),
)

dials = Table("dials", metadata, _key("realm"), _number("failures"), _number("since"), _number("next"))

streams = Table(
    "streams",
    metadata,
    _key("realm"),
    _key("stream"),
    _name("epoch"),
    _name("previous"),
    _number("first"),
    _number("repeats"),
    _number("settled"),
    _number("offered"),
    _number("late"),
    _number("since"),
)

#: Read in ranges of one realm: without a number of its own, a row of SQLite stands where its key is.
outbox = Table(
    "outbox",
    metadata,
    _key("realm"),
    _key("number", _Number),
    _name("mid"),
    _number("seq"),
    _number("size"),
    _number("at"),
    _number("expires"),
    _name("to"),
    _name("box"),
    sqlite_with_rowid=False,
)

applied = Table(
    "applied",
    metadata,
    _key("realm"),
    _key("stream"),
    _name("epoch"),
    _number("number"),
    _name("mid"),
    _number("settled"),
    _number("repeats"),
    _number("since"),
)

refusals = Table(
    "refusals",
    metadata,
    _key("mid"),
    _key("recipient"),
    _key("realm"),
    _name("epoch"),
    _number("number"),
    _name("code"),
    _number("until"),
    Index("refusals_number", "realm", "epoch", "number"),
    Index("refusals_until", "until"),
)

dead_letters = Table(
    "dead_letters",
    metadata,
    _key("mid"),
    _name("realm"),
    _number("number"),
    _number("seq"),
    _name("sender"),
    _name("recipient"),
    _name("code"),
    _number("at"),
    Index("dead_letters_seq", "seq"),
    Index("dead_letters_realm_seq", "realm", "seq"),
)

remotes = Table("remotes", metadata, _key("address"), _name("shown"), _name("name"))

#: Only ever added to. Mids rise in each life of their realm, so that the index costs 1.5 us a row.
audit = Table(
    "audit",
    metadata,
    _key("serial", _Number),
    _number("at"),
    _name("event"),
    _name("mid"),
    _name("realm"),
    _name("address"),
    _number("number"),
    _name("code"),
    Index("audit_mid", "mid"),
)

replicas = Table(
    "replicas",
    metadata,
    _key("group"),
    _name("home"),
    _number("conversation", _conversation()),
    _number("first"),
    _name("epoch"),
    _number("number"),
    Column("over", Boolean(), nullable=False),
)

lives = Table("lives", metadata, _key("group"), _key("epoch"), _number("last"))

subscriptions = Table(
    "subscriptions",
    metadata,
    _key("realm"),
    _key("conversation", _Number, _conversation()),
    _number("first"),
    _number("until"),
    _name("epoch"),
    _number("number"),
    _number("seq"),
    _name("group"),
    Index("subscriptions_conversation", "conversation"),
)

#: Read in ranges of one run, as an outbox is.
held = Table(
    "held",
    metadata,
    _key("hop"),
    _key("origin"),
    _key("realm"),
    _key("stream"),
    _key("since", _Number),
    _key("number", _Number),
    _name("epoch"),
    _name("mid"),
    _name("via"),
    _number("ttl"),
    _name("body"),
    _name("signature"),
    _number("size"),
    sqlite_with_rowid=False,
)

verdicts = Table(
    "verdicts",
    metadata,
    _key("origin"),
    _key("realm"),
    _key("stream"),
    _name("hop"),
    _number("since"),
    _number("number"),
    _name("epoch"),
    _name("body"),
    _name("signature"),
)

aliases = Table("aliases", metadata, _key("alias"), _name("shown"), _name("realm"), _number("at"))

#: Read by account and seq, for all that is no mail, and by box.
boxes = Table(
    "boxes",
    metadata,
    _key("account"),
    _key("seq", _Number),
    _name("box"),
    Index("boxes_box", "account", "box", "seq"),
    sqlite_with_rowid=False,
)
