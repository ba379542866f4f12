"""Files, and uploads that are not finished."""

from typing import Any

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql

revision = "0007"
down_revision = "0006"

_Number = sa.BigInteger().with_variant(sa.Integer(), "sqlite")
_Name = sa.Text().with_variant(postgresql.TEXT(collation="C"), "postgresql")


def _column(name: str, kind: Any = _Name) -> sa.Column[Any]:
    return sa.Column(name, kind, nullable=False)


def _where(text: str) -> dict[str, Any]:
    return {"sqlite_where": sa.text(text), "postgresql_where": sa.text(text)}


def upgrade() -> None:
    """Add their tables."""
    op.create_table(
        "files",
        sa.Column("mid", _Name, primary_key=True),
        _column("seq", _Number),
        _column("conversation", _Number),
        _column("realm"),
        _column("sender"),
        _column("recipient"),
        _column("name"),
        _column("size", _Number),
        _column("sha256"),
        _column("type"),
        _column("at", _Number),
        _column("state"),
    )
    op.create_index("files_seq", "files", ["seq"])
    op.create_index("files_sha256", "files", ["sha256"])
    op.create_index("files_wanted", "files", ["realm", "seq"], **_where("state = 'wanted'"))
    op.create_index("files_sent", "files", ["sender", "at"], **_where("realm = ''"))
    op.create_index("files_came", "files", ["realm", "at"], **_where("realm <> ''"))
    op.create_table(
        "uploads",
        sa.Column("mid", _Name, primary_key=True),
        _column("account"),
        _column("cid"),
        _column("to"),
        _column("name"),
        _column("size", _Number),
        _column("sha256"),
        _column("type"),
        _column("began", _Number),
    )
    op.create_index("uploads_account", "uploads", ["account"])
    op.create_index("uploads_cid", "uploads", ["account", "cid"], unique=True, **_where("cid <> ''"))
