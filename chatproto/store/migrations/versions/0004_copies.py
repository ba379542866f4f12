"""Groups with members in several realms: replicas, subscriptions, and what waits for a group elsewhere."""

from typing import Any

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql

revision = "0004"
down_revision = "0003"

_Number = sa.BigInteger().with_variant(sa.Integer(), "sqlite")
_Name = sa.Text().with_variant(postgresql.TEXT(collation="C"), "postgresql")


def _key(name: str, kind: Any = _Name, *more: Any) -> sa.Column[Any]:
    return sa.Column(name, kind, *more, primary_key=True, autoincrement=False)


def _column(name: str, kind: Any = _Name, *more: Any) -> sa.Column[Any]:
    return sa.Column(name, kind, *more, nullable=False)


def _conversation() -> Any:
    return sa.ForeignKey("conversations.conversation")


def upgrade() -> None:
    """Add columns and tables; every group so far is of this realm."""
    op.add_column("groups", sa.Column("home", _Name, nullable=False, server_default=""))
    op.add_column("outbox", sa.Column("to", _Name, nullable=False, server_default=""))
    op.create_table(
        "replicas",
        _key("group"),
        _column("home"),
        _column("conversation", _Number, _conversation()),
        _column("first", _Number),
        _column("epoch"),
        _column("number", _Number),
        _column("over", sa.Boolean()),
    )
    op.create_table("lives", _key("group"), _key("epoch"), _column("last", _Number))
    op.create_table(
        "subscriptions",
        _key("realm"),
        _key("conversation", _Number, _conversation()),
        _column("first", _Number),
        _column("until", _Number),
        _column("epoch"),
        _column("number", _Number),
        _column("seq", _Number),
        _column("group"),
    )
    op.create_index("subscriptions_conversation", "subscriptions", ["conversation"])
