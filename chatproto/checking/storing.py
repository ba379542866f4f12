"""The store: whether it can be reached, is this realm's, and is as new as it was."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path

from sqlalchemy import Connection, text
from sqlalchemy.exc import SQLAlchemyError
from twisted.internet.task import Clock

from chatproto.checking.accounts import check_accounts
from chatproto.checking.clock import behind_newest
from chatproto.checking.facts import Facts, NotAStore, read_facts, sqlite_file
from chatproto.checking.findings import Finding, Setup, fail, ok, warn
from chatproto.checking.processes import lock_holder, name_of
from chatproto.errors import ConfigError, StoreError
from chatproto.store import open_database, schema
from chatproto.store.urls import MEMORY, shown

#: What a server may be told to do faster than is safe.
_UNSAFE = ("fsync", "full_page_writes")


def check_store(setup: Setup) -> Iterator[Finding]:
    """Look at the store, and at what is in it."""
    url = setup.config.store
    what = f"store {shown(url)}"
    if url == MEMORY:
        yield warn(what, "keeps nothing when the realm ends; use sqlite:///PATH or postgresql://...")
    elif setup.database is not None:
        yield from _sqlite(setup, what, setup.database)
    else:
        yield from _postgresql(setup, what)


def _sqlite(setup: Setup, what: str, path: Path) -> Iterator[Finding]:
    if not path.exists():
        yield _missing(what, path)
        return
    if not os.access(path, os.R_OK):
        yield fail(what, "may not be read; run this as the user that the realm runs as")
        return
    lock = path.with_name(path.name + ".lock")
    yield from _locked(setup, what, lock)
    remembered = _remembered(lock)
    try:
        with sqlite_file(path) as connection:
            facts = read_facts(connection, setup.passwords)
    except (SQLAlchemyError, NotAStore):
        yield fail(what, "is not a store; name another file, or put a backup in its place")
        return
    yield from _facts(setup, what, facts)
    yield from _age(what, facts, remembered)


def _missing(what: str, path: Path) -> Finding:
    folder = path.parent
    while not folder.exists():
        folder = folder.parent
    if not os.access(folder, os.W_OK):
        return fail(
            what, f"is not there, and {folder} may not be written to; make {path.parent} for the realm's user"
        )
    return ok(what, "is not there yet; the first start makes it")


def _locked(setup: Setup, what: str, lock: Path) -> Iterator[Finding]:
    holder = lock_holder(lock) if lock.exists() else None
    if holder is not None and setup.running is None:
        process = (
            f"process {holder} ({name_of(holder)})" if holder else "a process that cannot be seen from here"
        )
        yield fail(what, f"is held by {process}, which does not answer at {setup.config.control}; end it")
    elif holder is not None:
        yield ok(what, "is held by the running realm")


def _remembered(lock: Path) -> int:
    """Return the newest batch that was ever committed, as the lock file beside a store knows it."""
    try:
        number = lock.read_text().strip()
    except (OSError, UnicodeDecodeError):
        return 0
    return int(number) if number.isdecimal() else 0


def _age(what: str, facts: Facts, remembered: int) -> Iterator[Finding]:
    if facts.revision and facts.batch < remembered:
        yield fail(
            what,
            f"is an older copy: it ends at batch {facts.batch}, and {remembered} was committed once; put the "
            "newest copy in its place, or start with the loss, which clients are told of",
        )


def _postgresql(setup: Setup, what: str) -> Iterator[Finding]:
    try:
        database = open_database(setup.config.store, Clock())
    except ConfigError as error:
        yield fail(what, str(error).removeprefix("store: "))
        return
    try:
        with database.read() as connection:
            yield from _server(what, connection)
            yield from _held(setup, what, connection)
            facts = read_facts(connection, setup.passwords)
    except SQLAlchemyError as error:
        yield fail(what, f"cannot be reached: {database.reason(error)}; does it run, and let this user in?")
    except NotAStore:
        yield fail(what, "is another program's database; make one for the realm alone")
    else:
        yield from _facts(setup, what, facts)
        if setup.config.newest is not None:
            yield from _age(what, facts, _remembered(setup.config.newest))
    finally:
        database.close()


def _server(what: str, connection: Connection) -> Iterator[Finding]:
    version = connection.execute(text("SHOW server_version")).scalar_one()
    yield ok(what, f"PostgreSQL {version} answers")
    for setting in _UNSAFE:
        if connection.execute(text(f"SHOW {setting}")).scalar_one() == "off":
            yield fail(
                what, f"the server runs with {setting}=off and may lose everything in a crash; set it on"
            )
    if connection.execute(text("SELECT pg_is_in_recovery()")).scalar_one():
        yield fail(what, "the server is a standby, which only reads; connect to the primary")
    encoding = connection.execute(text("SHOW server_encoding")).scalar_one()
    if encoding != "UTF8":
        yield fail(what, f"the database has the encoding {encoding}; make one with ENCODING 'UTF8'")
    clear = text(
        "SELECT NOT (ssl OR client_addr IS NULL OR client_addr << '127.0.0.0/8' OR client_addr = '::1') "
        "FROM pg_stat_ssl JOIN pg_stat_activity USING (pid) WHERE pid = pg_backend_pid()"
    )
    if connection.execute(clear).scalar():
        yield warn(
            what, "the connection crosses the network in the clear; add ?sslmode=verify-full to the URL"
        )


def _held(setup: Setup, what: str, connection: Connection) -> Iterator[Finding]:
    from chatproto.store.postgresql import find_holder  # noqa: PLC0415 - needs an extra

    holder = find_holder(connection)
    if holder is not None and setup.running is None:
        where = setup.config.control
        yield fail(what, f"is held by a process {holder}, which does not answer at {where}; end it")
    elif holder is not None:
        yield ok(what, f"is held by the running realm, {holder}")


def _facts(setup: Setup, what: str, facts: Facts) -> Iterator[Finding]:
    if not facts.revision:
        yield ok(what, "is empty; the first start makes its tables")
        return
    if facts.realm != setup.config.realm:
        yield fail(
            what, f"belongs to the realm {facts.realm}, not to {setup.config.realm}; name another store"
        )
    yield _revision(what, facts.revision)
    late = behind_newest(facts.newest)
    if late is not None:
        yield late
    yield from check_accounts(setup, facts)


def _revision(what: str, revision: str) -> Finding:
    if revision == schema.REVISION:
        return ok(what, f"is up to date (schema {revision})")
    from chatproto.store.migrating import check_known  # noqa: PLC0415 - slow to import, and rarely needed

    try:
        check_known(revision)
    except StoreError as error:
        return fail(what, f"{error}; install that one")
    return warn(
        what, f"has the schema {revision}; the next start brings it to {schema.REVISION}; back it up before"
    )
