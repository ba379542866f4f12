"""``chatproto files``: what a realm keeps of files, whether it runs or not."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import click

from chatproto.cli.administration import Administrator, administer
from chatproto.cli.listing import Duration, confirm, json_option, print_list, report, yes_option
from chatproto.cli.options import files_option, place_options, settings
from chatproto.commands import FilesExport, FilesGc, FilesList
from chatproto.events import FileExported, FilesCollected, StoredFile, StoredFilePage

_COLUMNS = ("file", "at", "from_", "to", "state", "size", "name")


@click.group()
def files() -> None:
    """Files that people sent: list, copy out, remove what nobody needs.

    Asks the running realm over its control socket; without one, opens the store and the files itself.
    """


@files.command("list")
@json_option
@place_options
@files_option
def list_(as_json: bool, config: Path | None, **place: Any) -> None:
    """Print the files: id, time, sender, recipient, state, size and the name that the sender gave.

    With `--json` also the hash, the type, and from which realm it came.
    """
    found = administer(settings(config, **place), _all_files, files=True)
    print_list(_COLUMNS, found, as_json=as_json)


async def _all_files(realm: Administrator) -> list[StoredFile]:
    found: list[StoredFile] = []
    while True:
        page = await realm.ask(FilesList(after=found[-1].seq if found else 0), StoredFilePage)
        found += page.files
        if page.complete or not page.files:
            return found


@files.command()
@click.argument("file", metavar="ID")
@click.argument("path", type=click.Path(path_type=Path))
@place_options
@files_option
def export(file: str, path: Path, config: Path | None, **place: Any) -> None:
    """Copy the file ID, as `chatproto files list` has it, to PATH, which must not be there yet.

    The copy is verified. A running realm makes it, and so it belongs to the realm's user.
    """
    command = FilesExport(file=file, path=str(path.absolute()))

    async def work(realm: Administrator) -> FileExported:
        return await realm.ask(command, FileExported)

    made = administer(settings(config, **place), work, files=True)
    report(f"{path} has {made.size} bytes")


@files.command()
@click.option(
    "--older-than",
    type=Duration(),
    metavar="DURATION",
    help="Remove the contents of files that came before that, such as 90d; their messages stay.",
)
@yes_option
@place_options
@files_option
def gc(older_than: int | None, yes: bool, config: Path | None, **place: Any) -> None:
    """Remove what nobody needs: contents that no file refers to, and uploads that were never finished.

    A running realm does so every hour by itself, but leaves it to you if most of what it has would go, as
    after an older copy of its store was put back. What was kept within the last hour stays in any case.
    """
    if older_than is not None:
        confirm("removing the contents of old files", yes=yes)

    async def work(realm: Administrator) -> FilesCollected:
        removed = FilesCollected()
        while True:
            done = await realm.ask(FilesGc(older=older_than, after=removed.next), FilesCollected)
            removed = _sum(removed, done)
            if not done.next:
                return removed

    removed = administer(settings(config, **place), work, files=True)
    report(
        f"removed {removed.contents} contents of {removed.bytes} bytes, {removed.parts + removed.uploads} "
        f"that were never finished; {removed.gone} files are gone"
    )


def _sum(before: FilesCollected, done: FilesCollected) -> FilesCollected:
    return FilesCollected(
        gone=before.gone + done.gone,
        uploads=before.uploads + done.uploads,
        parts=before.parts + done.parts,
        contents=before.contents + done.contents,
        bytes=before.bytes + done.bytes,
        next=done.next,
    )
