"""``chatproto send-file``: a file to a user or a group, from a script."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any

import click
from twisted.internet.defer import Deferred

from chatproto.cli.errand import Entry, Errand, errand_options, run_errand
from chatproto.cli.printing import printable
from chatproto.client import Progress, Sent


@click.command()
@click.argument("place", metavar="HOST:PORT")
@click.argument("to")
@click.argument("paths", metavar="PATH...", nargs=-1, required=True, type=click.Path(path_type=Path))
@click.option("--name", metavar="TEXT", help="Another name for the file.")
@click.option("--cid", metavar="ID", help="Of your own: what was sent with it once is not sent again.")
@errand_options
def send_file(
    place: str, to: str, paths: tuple[Path, ...], name: str | None, cid: str | None, **options: Any
) -> int:
    """Send files to the user or group TO, at the realm HOST:PORT.

    Prints the id and the path of each when the realm has it, verified and on its disk. The exit code is 0
    if it has all of them, 3 if the same command, given again, goes on where this one ended, and else 1.
    A command that was killed is gone on with in the same way.
    """
    if len(paths) > 1 and (name or cid):
        raise click.UsageError("--name and --cid are for one file.")
    entry = Entry.parse(place, **options)

    async def work(errand: Errand) -> None:
        send = partial(errand.client.send_file, to, name=name, cid=cid)
        for path in paths:
            sent = await errand.follow(str(path), partial(_begin, send, path))
            click.echo(f"{sent.mid}\t{printable(str(path))}")

    return run_errand(entry, work)


def _begin(
    send: Callable[..., Deferred[Sent]], path: Path, progress: Callable[[Progress], None]
) -> Deferred[Sent]:
    return send(path, progress=progress)
