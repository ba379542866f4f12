"""``chatproto audit``: compare the audit logs of realms, and remove old rows of one."""

from __future__ import annotations

import os
import sys
from collections.abc import Sequence
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import click
import msgspec
from twisted.internet.task import Clock

from chatproto.auditing import Pair, Report, verify
from chatproto.cli.administration import Administrator, administer
from chatproto.cli.listing import Duration, confirm, json_option, print_list, report, yes_option
from chatproto.cli.options import place_options, settings
from chatproto.cli.printing import printable
from chatproto.commands import AuditPrune
from chatproto.errors import StoreError, StoreInUse
from chatproto.events import AuditPruned
from chatproto.store import open_database
from chatproto.store.urls import SQLITE, shown


@click.group()
def audit() -> None:
    """Compare the audit logs of realms; remove old rows of one.

    A realm notes of every message that leaves it, or comes from another one, what becomes of it.
    """
    os.umask(0o077)


@audit.command("verify")
@click.argument("stores", nargs=-1, required=True, metavar="STORE...")
@json_option
def verify_(stores: tuple[str, ...], as_json: bool) -> None:
    """Compare the stores of realms that do not run: files of SQLite, or URLs.

    Every message from one to another has one entry there or one bounce here, in the order in which it was
    sent, and nothing arrived that was not sent. Each copy of a group has what the group's home has. What two
    stores have, they have with one text and sender. Prints for each two realms what became of how many, and
    each violation. Exits with 1 if there is one. What only a store held that an older copy replaced is
    counted as lost; that is no violation.
    """
    urls = [store if "://" in store else f"{SQLITE}{store}" for store in stores]
    try:
        found = compare(urls)
    except StoreInUse as error:
        raise click.ClickException(f"store-in-use: {error}; stop the realm, or compare a backup") from error
    except StoreError as error:
        raise click.ClickException(f"store: {', '.join(map(shown, urls))}: {error}") from error
    if as_json:
        print(msgspec.json.encode(found).decode())
    else:
        _print(found)
    sys.exit(0 if found.holds else 1)


def compare(urls: Sequence[str]) -> Report:
    """Compare stores of realms that do not run.

    :raises StoreError: a store cannot be opened or read.
    """
    places = {_place(url) for url in urls}
    if len(places) < len(urls):
        raise StoreError("a store is named twice")
    with ExitStack() as stack:
        databases = []
        for url in urls:
            database = open_database(url, Clock())
            stack.callback(database.close)
            databases.append(database)
        return verify(databases)


def _place(url: str) -> str:
    """Return what names a store and no other."""
    return os.path.realpath(url.removeprefix(SQLITE)) if url.startswith(SQLITE) else url


def verdict(found: Report) -> str:
    """Say in a line what a comparison came to."""
    sent = sum(pair.sent for pair in found.pairs)
    outcome = "the promise holds" if found.holds else f"{found.found} violations"
    return f"{sent} messages and {found.entries} entries of groups compared: {outcome}"


def _print(found: Report) -> None:
    print_list(Pair.__struct_fields__, found.pairs, as_json=False)
    for realm in found.older:
        report(f"the store of {realm} was once replaced by an older copy")
    for lost in found.lost:
        where = "outside of its order" if lost.outside else "and has not heard of that yet"
        report(
            f"{lost.entries} entries of {lost.group} are not at its home, whose store was replaced by an "
            f"older copy: {lost.copy} has them, {where}"
        )
    for violation in found.violations:
        print("violation", violation.what, printable(violation.about), sep="\t")
    if found.found > len(found.violations):
        report(f"and {found.found - len(found.violations)} more")
    report(verdict(found))


@audit.command()
@click.option(
    "--before", type=Duration(), required=True, help="Older than this, such as 90d.", metavar="DURATION"
)
@yes_option
@place_options
def prune(before: int, yes: bool, config: Path | None, **place: Any) -> None:
    """Remove the rows of the audit log that are older than a time.

    What became of such messages can no longer be traced or compared.
    """
    confirm("removing old rows of the audit log", yes=yes)

    async def work(realm: Administrator) -> int:
        removed = 0
        while True:
            page = await realm.ask(AuditPrune(older=before), AuditPruned)
            removed += page.removed
            if page.complete:
                return removed

    removed = administer(settings(config, **place), work)
    report(f"removed {removed} rows")
