"""Realm boxes: other names of realms, and which messages stand under which."""

from typing import Any

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql

revision = "0008"
down_revision = "0007"

_Number = sa.BigInteger().with_variant(sa.Integer(), "sqlite")
_Name = sa.Text().with_variant(postgresql.TEXT(collation="C"), "postgresql")


def _key(name: str, kind: Any = _Name) -> sa.Column[Any]:
    return sa.Column(name, kind, primary_key=True, autoincrement=False)


def _column(name: str, kind: Any = _Name) -> sa.Column[Any]:
    return sa.Column(name, kind, nullable=False)


def upgrade() -> None:
    """Add the tables; nothing that waits for another realm so far is for a box."""
    op.add_column("outbox", sa.Column("box", _Name, nullable=False, server_default=""))
    op.create_table(
        "aliases",
        _key("alias"),
        _column("shown"),
        _column("realm"),
        _column("at", _Number),
    )
    op.create_table(
        "boxes",
        _key("account"),
        _key("seq", _Number),
        _column("box"),
        sqlite_with_rowid=False,
    )
    op.create_index("boxes_box", "boxes", ["account", "box", "seq"])
