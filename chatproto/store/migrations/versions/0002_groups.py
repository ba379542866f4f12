"""Groups with topics, options and roles; blocks; invitations to register; deleted accounts."""

from typing import Any

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql

revision = "0002"
down_revision = "0001"

_Number = sa.BigInteger().with_variant(sa.Integer(), "sqlite")
_Name = sa.Text().with_variant(postgresql.TEXT(collation="C"), "postgresql")


def _key(name: str, kind: Any = _Name) -> sa.Column[Any]:
    return sa.Column(name, kind, primary_key=True, autoincrement=False)


def _column(name: str, kind: Any = _Name) -> sa.Column[Any]:
    return sa.Column(name, kind, nullable=False)


def _add(table: str, name: str, kind: Any, default: str) -> None:
    op.add_column(table, sa.Column(name, kind, nullable=False, server_default=default))


def upgrade() -> None:
    """Add columns and tables; who left a group before had no role of its own."""
    _add("accounts", "deleted", _Number, "0")
    _add("groups", "topic", _Name, "")
    _add("groups", "history", _Name, "joined")
    _add("groups", "access", _Name, "open")
    _add("groups", "deleted", _Number, "0")
    _add("members", "joined", _Number, "0")
    op.execute("UPDATE members SET joined = since")
    op.execute("UPDATE members SET role = 'left' WHERE until <> 0")
    op.create_table(
        "invites",
        _key("token_hash", sa.LargeBinary()),
        _column("number", _Number),
        _column("created", _Number),
        _column("expires", _Number),
        _column("note"),
        sa.UniqueConstraint("number", name="invites_number"),
    )
    op.create_table("blocks", _key("account"), _key("address"), _column("shown"), _column("at", _Number))
