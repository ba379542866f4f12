"""``chatproto store``: look at a store, back it up, move it."""

from __future__ import annotations

import os
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import click
from twisted.internet.task import Clock

from chatproto.cli.options import place_options, settings
from chatproto.configuration import Settings, locate
from chatproto.errors import ConfigError, StoreError, StoreInUse
from chatproto.store import open_database
from chatproto.store.copying import back_up, copy_store
from chatproto.store.database import Database
from chatproto.store.information import describe
from chatproto.store.urls import MEMORY, shown


@click.group()
def store() -> None:
    """Look at a store, back it up, move it.

    A store is named by its URL, or by the realm or the configuration that it belongs to.
    """
    os.umask(0o077)


@store.command()
@click.argument("source", metavar="FROM")
@click.argument("target", metavar="TO")
def copy(source: str, target: str) -> None:
    """Copy the store at the URL FROM to the URL TO.

    The realm must not run, and there must be nothing at TO. Prints the rows of each table.
    """
    with _told(source, target), _opened(source) as have, _opened(target) as wanted:
        rows: dict[str, int] = {}

        def copied(table: str, count: int) -> None:
            rows[table] = count
            print(table, count, sep="\t")

        batch = copy_store(have, wanted, copied)
    click.echo(f"copied everything up to batch {batch}; serve the realm from {shown(target)} now", err=True)
    if rows.get("files"):
        click.echo('files that people sent stay where they are: say `files = "FOLDER"`, or move it', err=True)


@store.command()
@click.argument("file", type=click.Path(path_type=Path))
@place_options
def backup(file: Path, config: Path | None, **place: Any) -> None:
    """Copy a store into the new SQLite file FILE, while its realm runs or not.

    FILE must not be there yet. It is the store at one moment, and can be served or copied like any other.
    """
    url = _url(settings(config, **place))
    with _told(url), _opened(url) as database:
        try:
            batch = back_up(database, file, Clock())
        except FileExistsError:
            raise click.ClickException(f"{file} is there already, and is left as it is") from None
        except OSError as error:
            raise click.ClickException(f"{file}: cannot be made: {error.strerror or error}") from error
    click.echo(f"{file} has everything up to batch {batch}", err=True)


@store.command()
@place_options
def info(config: Path | None, **place: Any) -> None:
    """Print what a store says of itself, and its rows by table, with tabs between."""
    url = _url(settings(config, **place))
    with _told(url), _opened(url) as database:
        found = describe(database)
    print("store", shown(url), sep="\t")
    for name in ("kind", "realm", "revision", "batch", "seq", "size"):
        print(name, getattr(found, name), sep="\t")
    for table, rows in found.rows.items():
        print(f"rows {table}", rows, sep="\t")
    for row in found.epochs:
        began = time.strftime("%Y-%m-%d %H:%M:%S", time.gmtime(row.at / 1000))
        print("epoch", row.number, row.epoch, f"from seq {row.first}", f"{began} UTC", sep="\t")


def _url(said: Settings) -> str:
    """Return the URL of the store that settings speak of."""
    url = locate(said).store
    if url is None:
        raise ConfigError("store: expected one of --realm, --store and --config")
    if url == MEMORY:
        raise ConfigError("store: a store in memory is nowhere but in its process")
    return url


@contextmanager
def _opened(url: str) -> Iterator[Database]:
    database = open_database(_url(Settings(store=url)), Clock())
    try:
        yield database
    finally:
        database.close()


@contextmanager
def _told(*urls: str) -> Iterator[None]:
    """Say which store it is that something is wrong with."""
    where = " to ".join(map(shown, urls))
    try:
        yield
    except StoreInUse as error:
        raise click.ClickException(f"store-in-use: {where}: {error}") from error
    except StoreError as error:
        raise click.ClickException(f"store: {where}: {error}") from error
