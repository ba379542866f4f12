"""Several stores, read into one place where they can be compared.

That place is a database in a temporary file of its own, so that logs of any size fit. Each store is locked as
long as it is read, all of them together: what one of them got must not be compared with what the other had
not sent yet.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from typing import Any

from sqlalchemy import Connection, Select, func, select
from sqlalchemy.exc import SQLAlchemyError

from chatproto.errors import StoreError
from chatproto.names import RealmName
from chatproto.records.audit import OLDER
from chatproto.store import link_schema, schema
from chatproto.store.committing import owner, revision_of
from chatproto.store.database import Database

#: Rows fetched at once.
_PORTION = 5000

_TABLES = """
CREATE TABLE audit (store TEXT, serial INTEGER, at INTEGER, event TEXT, mid TEXT, realm TEXT, address TEXT,
    number INTEGER, code TEXT);
CREATE TABLE arrived (store TEXT, mid TEXT);
CREATE TABLE dead (store TEXT, mid TEXT, sender TEXT);
CREATE TABLE bounces (store TEXT, mid TEXT);
CREATE TABLE groups (store TEXT, name TEXT);
CREATE TABLE entries (store TEXT, address TEXT, number INTEGER, mid TEXT);
"""
_INDICES = """
CREATE INDEX audit_mid ON audit (mid, store, serial);
CREATE INDEX audit_event ON audit (store, event, realm, serial);
CREATE INDEX audit_entry ON audit (store, address, number, serial) WHERE event = 'entry';
CREATE INDEX arrived_mid ON arrived (store, mid);
CREATE INDEX dead_mid ON dead (store, mid);
CREATE INDEX entries_number ON entries (store, address, number);
CREATE INDEX bounces_mid ON bounces (store, mid);
"""


class Scratch:
    """The audit logs of some realms, and what of their stores has to agree with them."""

    def __init__(self, connection: sqlite3.Connection) -> None:
        self._connection = connection
        self.realms: list[str] = []

    def ask(self, question: str, *values: Any) -> Iterator[Any]:
        """Return what a question finds, row by row."""
        return self._connection.execute(question, values)

    def add(self, database: Database, newest: int) -> None:
        """Read a store that is locked, and of which ``newest`` is the newest batch that was committed.

        :raises StoreError: there is none, it is of another version, or its realm was read before.
        """
        try:
            with database.read() as connection:
                _check_version(connection)
                realm = owner(connection)
                if realm in self.realms:
                    raise StoreError(f"two of the stores belong to the realm {realm}")
                self.realms.append(str(realm))
                self._read(connection, realm)
                batch = connection.execute(select(schema.state.c.batch)).scalar_one()
        except SQLAlchemyError as error:
            raise StoreError(f"the store cannot be read: {database.reason(error)}") from error
        if batch < newest:  # nobody has started it since
            row = (realm, 2**53, 0, OLDER, "", "", "", newest, "")
            self._connection.execute(f"INSERT INTO audit VALUES ({_marks(9)})", row)

    def _read(self, connection: Connection, realm: RealmName) -> None:
        messages = schema.messages.c
        self._copy(connection, realm, "audit", 9, select(link_schema.audit))
        # Those of groups have an order of their own.
        arrived = select(messages.mid).where(schema.HAS_ARRIVED, messages.gseq == 0)
        self._copy(connection, realm, "arrived", 2, arrived)
        dead = link_schema.dead_letters.c
        self._copy(connection, realm, "dead", 3, select(dead.mid, dead.sender))
        original = func.substr(messages.mid, 1, func.length(messages.mid) - len(".bounce"))
        self._copy(connection, realm, "bounces", 2, select(original).where(messages.kind == "bounce"))
        groups = select(schema.names.c.name).where(schema.names.c.kind == "group")
        self._copy(connection, realm, "groups", 2, groups)
        self._copy(connection, realm, "entries", 4, _shared(realm))

    def _copy(
        self, source: Connection, realm: RealmName, table: str, width: int, question: Select[Any]
    ) -> None:
        text = f"INSERT INTO {table} VALUES ({_marks(width)})"
        found = source.execution_options(yield_per=_PORTION).execute(question)
        for rows in found.partitions():
            self._connection.executemany(text, [(str(realm), *row) for row in rows])


def _shared(realm: RealmName) -> Select[Any]:
    """Return the question for the entries of groups here that had members elsewhere."""
    members, messages, named = schema.members.c, schema.messages.c, schema.conversations.c
    far = select(members.conversation).where(~members.member.endswith(f"@{realm}", autoescape=True))
    return (
        select(named.shown_a, messages.gseq, messages.mid)
        .join_from(schema.messages, schema.conversations, named.conversation == messages.conversation)
        .where(named.b == "", named.a.endswith(f"@{realm}", autoescape=True), named.conversation.in_(far))
    )


def _marks(count: int) -> str:
    return ", ".join("?" * count)


def _check_version(connection: Connection) -> None:
    revision = revision_of(connection)
    if revision is None:
        raise StoreError("there is no realm in this store")
    if revision != schema.REVISION:
        raise StoreError(
            f"the store's schema is revision {revision}, and this version compares {schema.REVISION}: let it "
            "serve the store once"
        )


@contextmanager
def gathered(databases: Sequence[Database]) -> Iterator[Scratch]:
    """Read stores that nobody uses.

    :raises StoreInUse: somebody does.
    :raises StoreError: one cannot be read.
    """
    with ExitStack() as stack:
        connection = sqlite3.connect("")  # a file that is gone when it is closed
        stack.callback(connection.close)
        connection.executescript(_TABLES)
        scratch = Scratch(connection)
        newest = []
        for database in databases:
            if not database.exists():
                raise StoreError("there is no store")
            stack.callback(database.close)
            newest.append(database.lock())
        for database, batch in zip(databases, newest, strict=True):
            scratch.add(database, batch)
        connection.executescript(_INDICES)
        yield scratch
