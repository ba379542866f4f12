"""What the tables of a SQL store are made of."""

from __future__ import annotations

from typing import Any

from sqlalchemy import BigInteger, Column, ForeignKey, Integer, LargeBinary, MetaData, Text
from sqlalchemy.dialects import postgresql

metadata = MetaData()

#: Numbers up to 2**53. SQLite numbers its rows by a column only if that is called INTEGER.
Number = BigInteger().with_variant(Integer(), "sqlite")
#: Text that is compared and ordered by its bytes whatever the server's locale, as Python and SQLite do.
Name = Text().with_variant(postgresql.TEXT(collation="C"), "postgresql")


def key(name: str, kind: Any = Name, *more: Any) -> Column[Any]:
    """Return a column of the key."""
    return Column(name, kind, *more, primary_key=True, autoincrement=False)


def name(name: str) -> Column[Any]:
    """Return a column of text."""
    return Column(name, Name, nullable=False)


def number(name: str, *more: Any) -> Column[Any]:
    """Return a column of numbers."""
    return Column(name, Number, *more, nullable=False)


def bytes_(name: str) -> Column[Any]:
    """Return a column of bytes."""
    return Column(name, LargeBinary(), nullable=False)


def conversation() -> ForeignKey:
    """Refer to a conversation, which has to be there."""
    return ForeignKey("conversations.conversation")
