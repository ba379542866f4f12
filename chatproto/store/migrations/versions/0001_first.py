"""The first schema."""

from typing import Any

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql

revision = "0001"
down_revision = None

_Number = sa.BigInteger().with_variant(sa.Integer(), "sqlite")
_Name = sa.Text().with_variant(postgresql.TEXT(collation="C"), "postgresql")


def _key(name: str, kind: Any = _Name, *more: Any) -> sa.Column[Any]:
    return sa.Column(name, kind, *more, primary_key=True, autoincrement=False)


def _column(name: str, kind: Any = _Name, *more: Any, nullable: bool = False) -> sa.Column[Any]:
    return sa.Column(name, kind, *more, nullable=nullable)


def upgrade() -> None:
    """Make all tables."""
    op.create_table(
        "accounts",
        _key("name"),
        _column("shown"),
        _column("display"),
        _column("country"),
        _column("created", _Number),
    )
    op.create_table(
        "cid_runs",
        _key("account"),
        _key("prefix"),
        _key("first", _Number),
        _column("last", _Number),
        _column("data", sa.LargeBinary()),
    )
    op.create_table(
        "cids",
        _key("account"),
        _key("cid"),
        _column("digest", sa.LargeBinary()),
        _column("outcome", sa.LargeBinary()),
    )
    op.create_table(
        "conversations",
        _key("conversation", _Number),
        _column("a"),
        _column("b"),
        _column("shown_a"),
        _column("shown_b"),
        sa.UniqueConstraint("a", "b", name="conversations_a_b"),
    )
    op.create_table("cursors", _key("account"), _key("kind"), _key("scope", _Number), _column("seq", _Number))
    op.create_table("devices", _key("account"), _key("name"), _column("device", _Number))
    op.create_table(
        "epochs", _key("number", _Number), _column("epoch"), _column("first", _Number), _column("at", _Number)
    )
    op.create_table(
        "logins",
        _key("token_hash", sa.LargeBinary()),
        _column("login", _Number),
        _column("account"),
        _column("device", _Number),
        _column("device_name", nullable=True),
        _column("created", _Number),
        _column("used", _Number),
        _column("expires", _Number),
        _column("ended", _Number),
        sa.UniqueConstraint("login", name="logins_login"),
    )
    op.create_index("logins_account", "logins", ["account"])
    op.create_table("meta", _key("name"), _column("value"))
    op.create_table("names", _key("name"), _column("kind"))
    op.create_table("passwords", _key("account"), _column("hash"))
    op.create_table(
        "state",
        _key("id", sa.Integer()),
        _column("batch", _Number),
        _column("seq", _Number),
        _column("serial", _Number),
    )
    op.create_table(
        "groups",
        _key("name"),
        _column("shown"),
        _column("conversation", _Number, sa.ForeignKey("conversations.conversation")),
        _column("owner"),
        _column("created", _Number),
    )
    op.create_table(
        "members",
        _key("conversation", _Number, sa.ForeignKey("conversations.conversation")),
        _key("member"),
        _column("since", _Number),
        _column("until", _Number),
        _column("role"),
    )
    op.create_index("members_member", "members", ["member"])
    op.create_table(
        "messages",
        _key("seq", _Number),
        _column("conversation", _Number, sa.ForeignKey("conversations.conversation")),
        _column("mid"),
        _column("sender"),
        _column("device", _Number),
        _column("at", _Number),
        _column("kind"),
        _column("gseq", _Number),
        _column("text"),
    )
    op.create_index("messages_conversation_seq", "messages", ["conversation", "seq"])
