"""The audit log, and by whom a realm was introduced."""

from typing import Any

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql

revision = "0006"
down_revision = "0005"

_Number = sa.BigInteger().with_variant(sa.Integer(), "sqlite")
_Name = sa.Text().with_variant(postgresql.TEXT(collation="C"), "postgresql")


def _column(name: str, kind: Any = _Name) -> sa.Column[Any]:
    return sa.Column(name, kind, nullable=False)


def upgrade() -> None:
    """Add them; of what was numbered before, the log says that it has no rows."""
    op.add_column("peers", sa.Column("introducer", _Name, nullable=False, server_default=""))
    op.create_table(
        "audit",
        sa.Column("serial", _Number, primary_key=True, autoincrement=False),
        _column("at", _Number),
        _column("event"),
        _column("mid"),
        _column("realm"),
        _column("address"),
        _column("number", _Number),
        _column("code"),
    )
    op.create_index("audit_mid", "audit", ["mid"])
    _begin("pruned-sent", "SELECT realm, MAX(number) FROM outbox GROUP BY realm")
    _begin("pruned-applied", "SELECT realm, number FROM applied WHERE stream = 'items'")


def _begin(event: str, question: str) -> None:
    """Take serials as the realm does, above those that were given."""
    connection = op.get_bind()
    for realm, number in connection.execute(sa.text(question)).all():
        connection.execute(sa.text("UPDATE state SET serial = serial + 1"))
        connection.execute(
            sa.text(
                "INSERT INTO audit (serial, at, event, mid, realm, address, number, code) "
                "SELECT serial, 0, :event, '', :realm, '', :number, '' FROM state"
            ),
            {"event": event, "realm": realm, "number": number},
        )
