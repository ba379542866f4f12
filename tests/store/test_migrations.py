"""The schema and its revisions."""

from __future__ import annotations

import logging
import shutil
import sqlite3
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import pytest
from alembic.autogenerate import compare_metadata
from alembic.migration import MigrationContext
from alembic.script import ScriptDirectory
from msgspec.structs import fields
from pytest_twisted import ensureDeferred
from sqlalchemy import Index, UniqueConstraint, create_engine

from chatproto.errors import StoreError
from chatproto.names import RealmName
from chatproto.records import AccountRow, GroupRow, MemberRow
from chatproto.records.keys import KEYS
from chatproto.store import migrating, schema
from chatproto.store.keys import PARTIAL, RANGES, REFERRING, UNIQUE
from tests.store.places import ALPHA, SqlitePlace, batch, conversation, entry

NOW = schema.REVISION
NEXT = f"{int(NOW) + 1:04}"
SECOND = f'''
"""Another column."""
import sqlalchemy as sa
from alembic import op
revision = "{NEXT}"
down_revision = "{NOW}"
def upgrade():
    op.add_column("names", sa.Column("more", sa.Text()))
'''


@pytest.fixture
def place(tmp_path: Path) -> SqlitePlace:
    return SqlitePlace(tmp_path / "alpha.db")


@pytest.fixture
def one_more_revision(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Let the package have one more revision."""
    folder = tmp_path / "100% migrations"
    shutil.copytree(migrating.MIGRATIONS, folder)
    (folder / "versions" / f"{NEXT}_more.py").write_text(SECOND)
    monkeypatch.setattr(migrating, "MIGRATIONS", folder)
    monkeypatch.setattr(schema, "REVISION", NEXT)
    return folder


def execute(path: Path, statement: str) -> list[tuple[object, ...]]:
    with closing(sqlite3.connect(path, isolation_level=None)) as connection:
        return connection.execute(statement).fetchall()


async def make(place: SqlitePlace) -> None:
    store = place.store()
    await store.open(ALPHA)
    await store.commit(batch(1, entry(conversation(1))))
    await store.close()


def test_tables_are_records_with_their_keys() -> None:
    for kind, table in schema.TABLES.items():
        assert [column.name for column in table.columns] == [field.name for field in fields(kind)]
        assert tuple(column.name for column in table.primary_key.columns) == KEYS[kind]
        partial = [index for index in table.indexes if index.unique]
        unique = [
            tuple(column.name for column in each.columns)
            for each in (*table.constraints, *partial)
            if isinstance(each, UniqueConstraint | Index)
        ]
        assert unique == ([UNIQUE[kind]] if kind in UNIQUE else [])
        conditions = [
            str(index.dialect_options[dialect]["where"])
            for index in partial
            for dialect in ("sqlite", "postgresql")
        ]
        field, sign, value = PARTIAL.get(kind, ("", "", None))
        assert conditions == ([f"{field} {sign} {value!r}"] * 2 if kind in PARTIAL else [])
        assert RANGES.get(kind, ())[1:] == (KEYS[kind][-1:] if kind in RANGES else ())
        assert bool(table.foreign_keys) == (kind in REFERRING)


def test_the_revision_is_the_newest_of_the_package() -> None:
    script = ScriptDirectory(str(migrating.MIGRATIONS))
    assert script.get_current_head() == schema.REVISION


@ensureDeferred
async def test_the_revisions_lead_to_the_schema(place: SqlitePlace) -> None:
    await make(place)
    engine = create_engine(f"sqlite:///{place.path}")
    with engine.connect() as connection:
        context = MigrationContext.configure(connection, opts={"compare_type": True})
        assert compare_metadata(context, schema.metadata) == []
    engine.dispose()
    # What is not compared: conditions of indices, and where rows are kept.
    found = execute(place.path, "SELECT name, sql FROM sqlite_master WHERE sql IS NOT NULL")
    texts = {name: str(sql) for name, sql in found}
    for table in schema.metadata.sorted_tables:
        assert ("WITHOUT ROWID" in texts[table.name]) == (not table.dialect_options["sqlite"]["with_rowid"])
        for index in table.indexes:
            condition = index.dialect_options["sqlite"]["where"]
            assert texts[index.name].partition(" WHERE ")[2] == ("" if condition is None else str(condition))


@ensureDeferred
async def test_an_empty_file_becomes_a_store_without_a_copy(place: SqlitePlace) -> None:
    place.path.touch()
    await make(place)
    assert sorted(path.name for path in place.path.parent.iterdir()) == ["alpha.db", "alpha.db.lock"]


@ensureDeferred
async def test_a_database_of_something_else_is_left_alone(place: SqlitePlace) -> None:
    execute(place.path, "CREATE TABLE recipes (name TEXT)")
    with pytest.raises(StoreError, match="belongs to something else"):
        await place.store().open(ALPHA)
    assert execute(place.path, "SELECT name FROM sqlite_master") == [("recipes",)]


@ensureDeferred
async def test_a_store_of_an_unknown_revision_is_left_alone(place: SqlitePlace) -> None:
    await make(place)
    execute(place.path, "UPDATE alembic_version SET version_num = '9999'")
    with pytest.raises(StoreError, match=f"newer version of chatproto.*9999.*{NOW}"):
        await place.store().open(ALPHA)
    execute(place.path, f"UPDATE alembic_version SET version_num = '{NOW}'")
    await make_again(place)


async def make_again(place: SqlitePlace) -> None:
    store = place.store()
    state = await store.open(ALPHA)
    assert state.batch == 1
    await store.close()


@ensureDeferred
async def test_an_older_store_is_copied_and_brought_up_to_date(
    place: SqlitePlace, request: pytest.FixtureRequest
) -> None:
    await make(place)
    request.getfixturevalue("one_more_revision")
    await make_again(place)
    assert execute(place.path, "SELECT version_num FROM alembic_version") == [(NEXT,)]
    assert execute(place.path, "SELECT more FROM names") == []
    copy = place.path.with_name(f"alpha.db.before-{NOW}")
    assert execute(copy, "SELECT version_num FROM alembic_version") == [(NOW,)]
    assert execute(copy, "SELECT a FROM conversations") == [("group1@alpha",)]
    assert copy.stat().st_mode & 0o077 == 0


@ensureDeferred
async def test_a_store_of_the_first_revision_keeps_what_it_has(place: SqlitePlace) -> None:
    engine = create_engine(f"sqlite:///{place.path}")
    with engine.begin() as connection:
        migrating.migrate(connection, "0001")
    engine.dispose()
    for statement in (
        "INSERT INTO meta VALUES ('realm', 'alpha')",
        "INSERT INTO state VALUES (1, 1, 9, 9)",
        "INSERT INTO conversations VALUES (1, 'g@alpha', '', 'G@alpha', '')",
        "INSERT INTO groups VALUES ('g', 'G', 1, 'messi', 5)",
        "INSERT INTO members VALUES (1, 'messi@alpha', 3, 0, 'owner'), (1, 'lineker@alpha', 2, 7, 'member')",
        "INSERT INTO accounts VALUES ('messi', 'messi', 'Lionel Messi', 'Argentina', 5)",
        "INSERT INTO messages VALUES (4, 1, 'm', 'a', 0, 5, '', 1, ''), (5, 1, 'm', 'a', 2, 5, '', 2, '')",
    ):
        execute(place.path, statement)
    store = place.store()
    await store.open(ALPHA)
    assert await store.group("g") == GroupRow("g", "G", 1, "messi", 5, "", "joined", "open", 0)
    assert await store.member(1, "messi@alpha") == MemberRow(1, "messi@alpha", 3, 0, "owner", 3)
    assert await store.member(1, "lineker@alpha") == MemberRow(1, "lineker@alpha", 2, 7, "left", 2)
    assert await store.account("messi") == AccountRow("messi", "messi", "Lionel Messi", "Argentina", 5, 0)
    assert await store.invites() == []
    assert await store.blocks("messi") == []
    assert await store.newest(1) == (5, 2)
    assert await store.arrived(["m"]) == []
    assert await store.streams() == []
    await store.close()


@ensureDeferred
async def test_a_migration_that_fails_leaves_the_store_as_it_was(
    place: SqlitePlace, request: pytest.FixtureRequest
) -> None:
    await make(place)
    folder: Path = request.getfixturevalue("one_more_revision")
    with (folder / "versions" / f"{NEXT}_more.py").open("a") as script:
        script.write("    op.drop_table('missing')\n")
    with pytest.raises(StoreError, match="missing"):
        await place.store().open(ALPHA)
    assert execute(place.path, "SELECT version_num FROM alembic_version") == [(NOW,)]
    with pytest.raises(sqlite3.OperationalError):
        execute(place.path, "SELECT more FROM names")


@ensureDeferred
async def test_the_store_of_another_realm_is_not_migrated(
    place: SqlitePlace, request: pytest.FixtureRequest
) -> None:
    await make(place)
    request.getfixturevalue("one_more_revision")
    with pytest.raises(StoreError, match="belongs to the realm alpha"):
        await place.store().open(RealmName("beta"))
    assert execute(place.path, "SELECT version_num FROM alembic_version") == [(NOW,)]


@pytest.fixture
def quiet_logging() -> Iterator[None]:
    """Show that the root logger is as it was."""
    handlers, level = list(logging.root.handlers), logging.root.level
    yield
    assert (logging.root.handlers, logging.root.level) == (handlers, level)


@ensureDeferred
async def test_a_migration_prints_nothing(
    place: SqlitePlace, capfd: pytest.CaptureFixture[str], quiet_logging: None
) -> None:
    await make(place)
    assert capfd.readouterr() == ("", "")
