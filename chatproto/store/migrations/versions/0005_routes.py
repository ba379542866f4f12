"""What gateways hold, and when epochs of streams began."""

from typing import Any

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql

revision = "0005"
down_revision = "0004"

_Number = sa.BigInteger().with_variant(sa.Integer(), "sqlite")
_Name = sa.Text().with_variant(postgresql.TEXT(collation="C"), "postgresql")


def _key(name: str, kind: Any = _Name) -> sa.Column[Any]:
    return sa.Column(name, kind, primary_key=True, autoincrement=False)


def _column(name: str, kind: Any = _Name) -> sa.Column[Any]:
    return sa.Column(name, kind, nullable=False)


def upgrade() -> None:
    """Add them; epochs that there are began before all others."""
    for table in ("streams", "applied"):
        op.add_column(table, sa.Column("since", _Number, nullable=False, server_default="0"))
    op.create_table(
        "held",
        _key("hop"),
        _key("origin"),
        _key("realm"),
        _key("stream"),
        _key("since", _Number),
        _key("number", _Number),
        _column("epoch"),
        _column("mid"),
        _column("via"),
        _column("ttl", _Number),
        _column("body"),
        _column("signature"),
        _column("size", _Number),
        sqlite_with_rowid=False,
    )
    op.create_table(
        "verdicts",
        _key("origin"),
        _key("realm"),
        _key("stream"),
        _column("hop"),
        _column("since", _Number),
        _column("number", _Number),
        _column("epoch"),
        _column("body"),
        _column("signature"),
    )
