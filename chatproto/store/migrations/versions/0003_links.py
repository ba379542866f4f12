"""Links to other realms: keys, peers, streams, what waits, what was applied, refused or bounced."""

from typing import Any

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql

revision = "0003"
down_revision = "0002"

_Number = sa.BigInteger().with_variant(sa.Integer(), "sqlite")
_Name = sa.Text().with_variant(postgresql.TEXT(collation="C"), "postgresql")


def _key(name: str, kind: Any = _Name) -> sa.Column[Any]:
    return sa.Column(name, kind, primary_key=True, autoincrement=False)


def _column(name: str, kind: Any = _Name) -> sa.Column[Any]:
    return sa.Column(name, kind, nullable=False)


def upgrade() -> None:
    """Add tables, and what keeps a message from arriving twice; none has come over a link so far."""
    arrived = sa.text("device = -1")
    op.create_index(
        "messages_arrived",
        "messages",
        ["mid", "conversation"],
        unique=True,
        sqlite_where=arrived,
        postgresql_where=arrived,
    )
    op.create_table("keys", _key("name"), _column("seed", sa.LargeBinary()), _column("created", _Number))
    op.create_table(
        "peers",
        _key("realm"),
        _column("state"),
        _column("key"),
        _column("shown"),
        _column("connect"),
        _column("reason"),
        _column("changed", _Number),
    )
    op.create_table(
        "dials",
        _key("realm"),
        _column("failures", _Number),
        _column("since", _Number),
        _column("next", _Number),
    )
    op.create_table(
        "streams",
        _key("realm"),
        _key("stream"),
        _column("epoch"),
        _column("previous"),
        _column("first", _Number),
        _column("repeats", _Number),
        _column("settled", _Number),
        _column("offered", _Number),
        _column("late", _Number),
    )
    op.create_table(
        "outbox",
        _key("realm"),
        _key("number", _Number),
        _column("mid"),
        _column("seq", _Number),
        _column("size", _Number),
        _column("at", _Number),
        _column("expires", _Number),
        sqlite_with_rowid=False,
    )
    op.create_table(
        "applied",
        _key("realm"),
        _key("stream"),
        _column("epoch"),
        _column("number", _Number),
        _column("mid"),
        _column("settled", _Number),
        _column("repeats", _Number),
    )
    op.create_table(
        "refusals",
        _key("mid"),
        _key("recipient"),
        _key("realm"),
        _column("epoch"),
        _column("number", _Number),
        _column("code"),
        _column("until", _Number),
    )
    op.create_index("refusals_number", "refusals", ["realm", "epoch", "number"])
    op.create_index("refusals_until", "refusals", ["until"])
    op.create_table(
        "dead_letters",
        _key("mid"),
        _column("realm"),
        _column("number", _Number),
        _column("seq", _Number),
        _column("sender"),
        _column("recipient"),
        _column("code"),
        _column("at", _Number),
    )
    op.create_index("dead_letters_seq", "dead_letters", ["seq"])
    op.create_index("dead_letters_realm_seq", "dead_letters", ["realm", "seq"])
    op.create_table("remotes", _key("address"), _column("shown"), _column("name"))
