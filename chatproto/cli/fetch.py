"""``chatproto fetch``: a file that was sent to somebody, into a folder, from a script."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import click

from chatproto.cli.errand import Entry, Errand, errand_options, run_errand
from chatproto.cli.finding import file_of_id, newest_file
from chatproto.client import FileInfo
from chatproto.names import clean_file_name


@click.command()
@click.argument("place", metavar="HOST:PORT")
@click.argument("words", metavar="[FILE] FOLDER", nargs=-1, required=True)
@click.option("--from", "from_", metavar="NAME", help="Whose file it is, or the group that it is in.")
@click.option("--overwrite", is_flag=True, help="Put it in the place of a file of its name.")
@errand_options
def fetch(place: str, words: tuple[str, ...], from_: str | None, *, overwrite: bool, **options: Any) -> int:
    """Save FILE in FOLDER, from the realm HOST:PORT, and print where it is.

    FILE is its id. With --from it may be its name, or be left out: it is the newest of these, then. A file
    that is in FOLDER already, with the same name and bytes, is only found there; another one of its name
    stays, unless --overwrite is given. The exit code is 0 if it is there, 3 if the same command, given again,
    goes on where this one ended, and else 1.
    """
    if len(words) > 2 or (len(words) == 1 and from_ is None):
        raise click.UsageError("it is FILE FOLDER, or --from NAME [FILE] FOLDER.")
    folder, file = Path(words[-1]), words[0] if len(words) == 2 else ""
    entry = Entry.parse(place, **options)

    async def work(errand: Errand) -> None:
        client = errand.client
        found: FileInfo | None
        if from_ is None:
            found = await file_of_id(client, file)
        else:
            found = await newest_file(client, from_, client.address or "", word=file)
        if found is None:
            where = "that you may read" if from_ is None else f"from {from_}"
            raise click.ClickException(" ".join(filter(None, ("there is no file", file, where))))
        path = await errand.follow(
            str(folder / clean_file_name(found.name)),
            lambda progress: client.save(found, folder, overwrite=overwrite, progress=progress),
        )
        click.echo(str(path))

    return run_errand(entry, work)
