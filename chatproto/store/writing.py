"""A batch as few statements, within a transaction that somebody else begins and ends.

One statement with many rows costs a few microseconds a row and gives up the interpreter a few times
a batch; ``executemany`` would do so at every row, and a busy reactor would keep it waiting each time.
The text of such a statement depends on the number of rows only. It is built once for each power of
two, so that neither SQLAlchemy nor the database compiles anything for a batch. A database that has
something better for new rows (``bulk``) is given them as they are.
"""

from __future__ import annotations

import enum
from collections.abc import Iterable, Sequence
from itertools import chain
from operator import attrgetter
from typing import Any, assert_never

from msgspec import msgpack
from msgspec.structs import astuple
from sqlalchemy import Connection, Dialect, Insert, Table, bindparam, cast, delete, insert, update
from sqlalchemy.exc import DataError, IntegrityError

from chatproto.errors import StoreFailed
from chatproto.records import Batch, CidRow, ConversationRow, Entry, Record
from chatproto.records.keys import KEY_OF, KEYS
from chatproto.store import schema
from chatproto.store.database import Database
from chatproto.store.keys import REFERRING

Values = tuple[Any, ...]
Inserts = dict[type[Record], list[Record]]
Puts = dict[type[Record], dict[Any, Record]]
Removes = dict[type[Record], set[Any]]

#: Rows in one statement: more would not be cheaper, and would hold the database for longer at a time.
LARGEST = 1024

_encode = msgpack.Encoder().encode


class _Form(enum.Enum):
    """What a statement does with its rows; for removing, a row is a key."""

    INSERT = "insert"
    REPLACE = "replace"
    REMOVE = "remove"


class Clash(Exception):
    """The order of these entries matters, or a cid breaks a rule that the tables cannot hold."""


#: What one row may do wrong. Its entry is left out; the rest of the batch is stored.
BROKEN = (Clash, IntegrityError, DataError, UnicodeError, OverflowError)


class BatchWriting:
    """Writes batches into one database, in its dialect of SQL."""

    def __init__(self, dialect: Dialect, database: Database) -> None:
        self._dialect = dialect
        self._database = database
        self._texts: dict[tuple[Table, _Form, int], str] = {}
        numbers = ["batch", "seq", "serial"]
        behind = update(schema.state).where(schema.state.c.batch < bindparam("new"))
        self._move = str(behind.compile(dialect=dialect, column_keys=numbers))

    def write(self, connection: Connection, batch: Batch) -> list[int]:
        """Write a batch and where the store then stands; return the indices of entries that failed.

        The whole batch at once if that goes; otherwise all of it is rolled back and written entry by
        entry, each in a savepoint.
        """
        failed: list[int] = []
        connection.begin()
        try:
            self._store(connection, batch.entries)
        except BROKEN:
            connection.rollback()
            connection.begin()
            failed = self._store_each(connection, batch.entries)
        moved = connection.exec_driver_sql(self._move, (batch.number, batch.seq, batch.serial, batch.number))
        if moved.rowcount != 1:
            # The lock forbids it; but what shares connections between processes shares the lock as well.
            raise StoreFailed("another process writes to the same store")
        return failed

    def _store_each(self, connection: Connection, entries: Sequence[Entry]) -> list[int]:
        failed = []
        for index, entry in enumerate(entries):
            if not self._stored(connection, entry):
                failed.append(index)
                self._stored(connection, Entry(inserts=entry.otherwise))
        return failed

    def _stored(self, connection: Connection, entry: Entry) -> bool:
        try:
            with connection.begin_nested():
                self._store(connection, [entry])
        except BROKEN:
            return False
        return True

    def _store(self, connection: Connection, entries: Sequence[Entry]) -> None:
        inserts, puts, removes = _by_kind(entries)
        for kind, table in schema.TABLES.items():
            if kind in inserts:
                self.insert(connection, table, map(astuple, inserts[kind]))
        if CidRow in inserts:
            runs, others = _packed(inserts[CidRow])  # type: ignore[arg-type]  # rows are filed by their kind
            self.insert(connection, schema.cid_runs, runs)
            self.insert(connection, schema.cids, others)
        for kind, rows in puts.items():
            self._run(connection, schema.TABLES[kind], _Form.REPLACE, map(astuple, rows.values()))
        for kind, keys in removes.items():
            rows_of_keys = keys if len(KEYS[kind]) > 1 else zip(keys, strict=True)
            self._run(connection, schema.TABLES[kind], _Form.REMOVE, rows_of_keys)

    def insert(self, connection: Connection, table: Table, rows: Iterable[Sequence[Any]]) -> None:
        """Store new rows, whose values stand in the order of the table's columns."""
        if self._database.bulk is None:
            self._run(connection, table, _Form.INSERT, rows)
        else:
            self._database.bulk(connection, table, rows)

    def _run(self, connection: Connection, table: Table, form: _Form, rows: Iterable[Sequence[Any]]) -> None:
        width = len(table.primary_key if form is _Form.REMOVE else table.columns)
        values = tuple(chain.from_iterable(rows))
        largest = min(LARGEST, self._database.variables // width)
        done, left = 0, len(values) // width
        while left:
            count = 1 << min(left, largest).bit_length() - 1
            text = self._texts.get((table, form, count)) or self._text(table, form, count)
            connection.exec_driver_sql(text, values[done * width : (done + count) * width])
            done, left = done + count, left - count

    def _text(self, table: Table, form: _Form, count: int) -> str:
        head, row, tail = self._pieces(table, form)
        text = f"{head} VALUES {', '.join([f'({row})'] * count)}{tail}"
        self._texts[table, form, count] = text
        return text

    def _pieces(self, table: Table, form: _Form) -> tuple[str, str, str]:
        """Return what stands before the rows of a statement, one row, and what stands behind them."""
        match form:
            case _Form.INSERT:
                return self._storing(insert(table))
            case _Form.REPLACE:
                return self._storing(self._database.replacing(table))
            case _Form.REMOVE:
                return self._removing(table)
        assert_never(form)

    def _storing(self, statement: Insert) -> tuple[str, str, str]:
        """Take the statement apart that SQLAlchemy makes for one row."""
        columns = statement.table.columns.keys()
        text = str(statement.compile(dialect=self._dialect, column_keys=columns))
        head, _, rest = text.partition(" VALUES (")
        row, _, tail = rest.partition(")")
        assert row.count(",") == len(columns) - 1, text
        return head, row, tail

    def _removing(self, table: Table) -> tuple[str, str, str]:
        """Return a statement in which the keys are a table, of columns with types.

        Given as a plain list, SQLite would look for each row of the table in it, and PostgreSQL think long.
        """
        head = delete(table).compile(dialect=self._dialect)
        keys = list(table.primary_key)
        names = ", ".join(map(self._dialect.identifier_preparer.quote, (key.name for key in keys)))
        values = ", ".join(
            str(cast(bindparam(key.name), key.type).compile(dialect=self._dialect)) for key in keys
        )
        text = f"{head} WHERE ({names}) IN (SELECT * FROM ("  # noqa: S608 - names of the schema
        return text, values, ") AS gone)"


def _by_kind(entries: Sequence[Entry]) -> tuple[Inserts, Puts, Removes]:
    """Sort rows by kind: all inserts can go before all puts, and these before all removes.

    The last put of a key counts.

    :raises Clash: a row would fail in its own place, and pass if it were sorted.
    """
    inserts: Inserts = {}
    puts: Puts = {}
    removes: Removes = {}
    for entry in entries:
        if removes:
            _check_not_removed(entry, removes)
        for row in entry.inserts:
            kind = type(row)
            if kind in puts and KEY_OF[kind](row) in puts[kind]:
                raise Clash
            if kind in inserts:
                inserts[kind].append(row)
            else:
                inserts[kind] = [row]
        for row in entry.puts:
            puts.setdefault(type(row), {})[KEY_OF[type(row)](row)] = row
        for row in entry.removes:
            removes.setdefault(type(row), set()).add(KEY_OF[type(row)](row))
    if ConversationRow in inserts:
        _check_references(entries, {KEY_OF[ConversationRow](row) for row in inserts[ConversationRow]})
    return inserts, puts, removes


def _check_not_removed(entry: Entry, removes: Removes) -> None:
    for row in chain(entry.inserts, entry.puts):
        kind = type(row)
        if kind in removes and KEY_OF[kind](row) in removes[kind]:
            raise Clash


def _check_references(entries: Sequence[Entry], to_come: set[int]) -> None:
    for entry in entries:
        for row in chain(entry.inserts, entry.puts):
            if isinstance(row, ConversationRow):
                to_come.discard(row.conversation)
            elif isinstance(row, REFERRING) and row.conversation in to_come:
                raise Clash


def _packed(rows: Sequence[CidRow]) -> tuple[list[Values], list[Values]]:
    """Return the rows of the two tables of cids.

    :raises Clash: ordered counters of a prefix do not rise.
    """
    others: list[Values] = []
    runs: dict[tuple[str, str], list[CidRow]] = {}
    for row in rows:
        if row.ordered:
            run = runs.setdefault((row.account, row.prefix), [])
            if run and run[-1].counter >= row.counter:
                raise Clash
            run.append(row)
        else:
            others.append((row.account, row.prefix, row.digest, _encode(row.outcome)))
    packed = [(*key, run[0].counter, run[-1].counter, _encode(_contents(run))) for key, run in runs.items()]
    return packed, others


_contents_of = attrgetter("counter", "digest", "outcome")


def _contents(run: Iterable[CidRow]) -> list[Values]:
    return list(map(_contents_of, run))
