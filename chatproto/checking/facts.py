"""What stands in a store, read without its lock and without changing a byte of it."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from urllib.parse import quote

from msgspec import Struct
from sqlalchemy import Connection, NullPool, create_engine, func, inspect, select, text

from chatproto.store import schema


class Account(Struct, frozen=True):
    """An account and the hash of its password."""

    name: str
    hash: str

    def __repr__(self) -> str:
        return f"Account({self.name!r})"


class Facts(Struct, frozen=True, kw_only=True):
    """What a store says of itself. ``revision`` is empty for an empty database."""

    revision: str
    realm: str = ""
    batch: int = 0
    #: When the newest message was sent, in milliseconds; 0 if there is none.
    newest: int = 0
    messages: int = 0
    accounts: int = 0
    #: The oldest accounts with a password, as many as were asked for.
    sample: tuple[Account, ...] = ()
    #: How many passwords have hashes of the cost of a lab.
    cheap: int = 0


class NotAStore(Exception):
    """The database has other things in it."""


@contextmanager
def sqlite_file(path: Path) -> Iterator[Connection]:
    """Open a store's file to read, so that not even SQLite's own files beside it change.

    :raises SQLAlchemyError: it is no database.
    """
    log = path.with_name(path.name + "-wal")
    # Without a log nobody has it open, or nothing was written; with one the other files are there as well.
    how = "mode=ro" if log.exists() else "immutable=1"
    uri = f"file:{quote(str(path))}?{how}"
    engine = create_engine(
        "sqlite://",
        creator=lambda: sqlite3.connect(uri, uri=True, check_same_thread=False),
        poolclass=NullPool,
        hide_parameters=True,
    )
    with engine.connect() as connection:
        yield connection


def read_facts(connection: Connection, sample: int) -> Facts:
    """Return what a store says of itself.

    :raises NotAStore: it is another program's database.
    """
    tables = set(inspect(connection).get_table_names())
    if "alembic_version" not in tables:
        if tables:
            raise NotAStore
        return Facts(revision="")
    revision = str(connection.execute(text("SELECT version_num FROM alembic_version")).scalar_one())
    realm = connection.execute(select(schema.meta.c.value).filter_by(name="realm")).scalar_one()
    found = select(schema.passwords.c.account, schema.passwords.c.hash)
    joined = schema.passwords.join(schema.accounts, schema.passwords.c.account == schema.accounts.c.name)
    oldest = found.select_from(joined).order_by(schema.accounts.c.created).limit(sample)
    cheap = schema.passwords.c.hash.like("%$m=8,%")
    newest = select(schema.messages.c.at).order_by(schema.messages.c.seq.desc()).limit(1)
    return Facts(
        revision=revision,
        realm=realm,
        batch=connection.execute(select(schema.state.c.batch)).scalar_one(),
        newest=connection.execute(newest).scalar() or 0,
        accounts=_count(connection, select(func.count()).select_from(schema.passwords)),
        sample=tuple(Account(*row) for row in connection.execute(oldest)),
        cheap=_count(connection, select(func.count()).select_from(schema.passwords).where(cheap)),
    )


def _count(connection: Connection, question: object) -> int:
    number: int = connection.execute(question).scalar_one()  # type: ignore[call-overload]
    return number
