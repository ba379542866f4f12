"""``chatproto check``: what is wrong with a set-up, a line each."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import click

from chatproto.checking import Finding, Level
from chatproto.checking import check as findings_of
from chatproto.cli.options import settings
from chatproto.cli.printing import printable
from chatproto.cli.serve import serve
from chatproto.errors import ConfigError

#: Options of `serve` that say how it runs, not what.
_NOT_CHECKED = ("log_level", "log_file")


@click.command(params=[option for option in serve.params if option.name not in _NOT_CHECKED])
@click.option(
    "--passwords",
    type=click.IntRange(0),
    default=10,
    show_default=True,
    metavar="N",
    help="Accounts whose password is compared with the most usual ones; each takes a tenth of a second.",
)
@click.option("--quiet", "-q", is_flag=True, help="Print only what is wrong.")
@click.option(
    "--ignore",
    multiple=True,
    metavar="TEXT",
    help="Leave out warnings whose line has TEXT in it. May be repeated.",
)
def check(config: Path | None, passwords: int, quiet: bool, ignore: Sequence[str], **flags: Any) -> int:
    """Tell what is wrong with a set-up and what to do about it.

    Takes the options of `chatproto serve`, and changes nothing. Run it as the user that the realm runs as,
    before the first start, while the realm runs, or when it does not start. Each line begins with ok, warn or
    FAIL; the exit code is 1 if anything is FAIL. What is FAIL cannot be ignored.
    """
    if not all(text.strip() for text in ignore):
        raise click.UsageError("--ignore: expected a part of a warning.")
    worst = 0
    for finding in _findings(config, passwords, flags):
        line = printable(str(finding))
        if finding.level is Level.FAIL:
            worst = 1
        elif finding.level is Level.WARN and any(text in line for text in ignore):
            continue
        if not quiet or finding.level is not Level.OK:
            print(line)
    return worst


def _findings(config: Path | None, passwords: int, flags: dict[str, Any]) -> list[Finding]:
    try:
        said = settings(config, **flags)
    except ConfigError as error:
        return [Finding(Level.FAIL, "configuration", str(error))]
    return list(findings_of(said, config, passwords))
