"""Several stores, read into one place where they can be compared.

That place is a database in a temporary file of its own, so that logs of any size fit. Each store is locked as
long as it is read, all of them together: what one of them got must not be compared with what the other had
not sent yet.
"""

from __future__ import annotations

import hashlib
import sqlite3
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, contextmanager
from typing import Any

from sqlalchemy import Connection, Select, and_, case, func, or_, select
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
CREATE TABLE said (store TEXT, origin TEXT, mid TEXT, seq INTEGER, arrived INTEGER, a TEXT, b TEXT,
    number INTEGER, sender TEXT, kind TEXT, digest BLOB);
CREATE TABLE dead (store TEXT, mid TEXT, sender TEXT);
CREATE TABLE bounces (store TEXT, mid TEXT);
CREATE TABLE unsaid (store TEXT, mid TEXT, realm TEXT);
CREATE TABLE groups (store TEXT, name TEXT);
CREATE TABLE copies (store TEXT, address TEXT, home TEXT, first INTEGER, number INTEGER, epoch TEXT);
CREATE TABLE lives (store TEXT, address TEXT, epoch TEXT, last INTEGER);
CREATE TABLE epochs (store TEXT, epoch TEXT, first INTEGER, at INTEGER);
"""
_INDICES = """
CREATE INDEX audit_mid ON audit (mid, store, serial);
CREATE INDEX audit_event ON audit (store, event, realm, serial);
CREATE INDEX audit_entry ON audit (store, address, serial) WHERE event = 'entry';
CREATE INDEX said_mid ON said (mid, store);
CREATE INDEX said_number ON said (store, a, number) WHERE b = '';
CREATE INDEX dead_mid ON dead (store, mid);
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
        # As rows of a log may name a group as it is written, they are compared as folded.
        columns = [func.lower(each) if each.name == "address" else each for each in link_schema.audit.c]
        self._copy(connection, realm, "audit", 9, select(*columns))
        self._copy(connection, realm, "said", 11, _said(realm), _with_digest)
        messages, dead = schema.messages.c, link_schema.dead_letters.c
        self._copy(connection, realm, "dead", 3, select(dead.mid, dead.sender))
        original = func.substr(messages.mid, 1, func.length(messages.mid) - len(".bounce"))
        self._copy(connection, realm, "bounces", 2, select(original).where(messages.kind == "bounce"))
        self._copy(connection, realm, "unsaid", 3, _unsaid())
        groups = select(schema.names.c.name).where(schema.names.c.kind == "group")
        self._copy(connection, realm, "groups", 2, groups)
        copies, lives, epochs = link_schema.replicas.c, link_schema.lives.c, schema.epochs.c
        places = select(copies.group, copies.home, copies.first, copies.number, copies.epoch)
        self._copy(connection, realm, "copies", 6, places)
        self._copy(connection, realm, "lives", 4, select(lives.group, lives.epoch, lives.last))
        starts = select(epochs.epoch, epochs.first, epochs.at).order_by(epochs.number)
        self._copy(connection, realm, "epochs", 4, starts)

    def _copy(
        self,
        source: Connection,
        realm: RealmName,
        table: str,
        width: int,
        question: Select[Any],
        made: Callable[[Any], Sequence[Any]] = tuple,
    ) -> None:
        text = f"INSERT INTO {table} VALUES ({_marks(width)})"
        found = source.execution_options(yield_per=_PORTION).execute(question)
        for rows in found.partitions():
            self._connection.executemany(text, [(str(realm), *made(row)) for row in rows])


def _said(realm: RealmName) -> Select[Any]:
    """Return the question for all messages in which other realms have a part.

    They stand in conversations with somebody elsewhere, in groups here that had members elsewhere, in copies
    of groups elsewhere, and nowhere: what goes to these.
    """
    members, messages, named = schema.members.c, schema.messages.c, schema.conversations.c
    far = select(members.conversation).where(~members.member.endswith(f"@{realm}", autoescape=True))
    here = named.a.endswith(f"@{realm}", autoescape=True)
    both = and_(here, named.b.endswith(f"@{realm}", autoescape=True))
    wanted = case((named.b == "", or_(~here, named.conversation.in_(far))), else_=~both)
    arrived = case((schema.HAS_ARRIVED, 1), else_=0)
    return (
        select(
            *(messages.mid, messages.seq, arrived, named.a, named.b),
            *(messages.gseq, messages.sender, messages.kind, messages.text),
        )
        .join_from(schema.messages, schema.conversations, named.conversation == messages.conversation)
        .where(wanted)
    )


def _with_digest(row: Any) -> Sequence[Any]:
    """Return a message with the realm that made its mid, and a digest in the place of its text."""
    mid, *others, text = row
    digest = hashlib.blake2b(text.encode("utf-8", "surrogatepass"), digest_size=16).digest()
    return (mid.partition("/")[0], mid, *others, digest)


def _unsaid() -> Select[Any]:
    """Return the question for items that wait for another realm, or were kept, and have no message."""
    waiting, messages = link_schema.outbox, schema.messages.c
    return (
        select(waiting.c.mid, waiting.c.realm)
        .join_from(waiting, schema.messages, messages.seq == waiting.c.seq, isouter=True)
        .where(waiting.c.seq > 0, messages.seq.is_(None))
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
