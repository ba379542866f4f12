"""Lists for people and for scripts, and what both are asked before something is gone for ever."""

from __future__ import annotations

import re
import sys
from collections.abc import Callable, Sequence
from datetime import datetime
from typing import Any, TypeVar

import click
import msgspec
from msgspec import Struct

from chatproto.cli.printing import printable

F = TypeVar("F", bound=Callable[..., Any])

_SECONDS = {"s": 1, "m": 60, "h": 3600, "d": 86_400, "w": 7 * 86_400}

#: Lists say it all to scripts that ask for it; without it the columns below are what they rely on.
json_option = click.option("--json", "as_json", is_flag=True, help="Print a JSON object for each line.")
yes_option = click.option("--yes", is_flag=True, help="Do not ask; for scripts.")


class Duration(click.ParamType):  # type: ignore[type-arg]  # it has no argument in older versions of click
    """A time such as ``7d``, ``12h`` or ``90s``, as seconds."""

    name = "duration"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> int:
        """Return the seconds, or fail."""
        match = re.fullmatch(r"([1-9][0-9]{0,8})([smhdw])", value) if isinstance(value, str) else None
        if match is None:
            self.fail(f"{value!r} is not a time such as 90s, 30m, 12h, 7d or 2w", param, ctx)
        return int(match[1]) * _SECONDS[match[2]]


def print_list(columns: Sequence[str], rows: Sequence[Struct], *, as_json: bool) -> None:
    """Print fields of rows: aligned under a heading on a terminal, else with tabs between."""
    if as_json:
        for row in rows:
            print(msgspec.json.encode(row).decode())
    elif sys.stdout.isatty():
        _print_table(columns, rows)
    else:
        for row in rows:
            print(*(printable(_text(getattr(row, column))) for column in columns), sep="\t")


def _print_table(columns: Sequence[str], rows: Sequence[Struct]) -> None:
    from rich.console import Console  # noqa: PLC0415 - scripts do not need it
    from rich.table import Table  # noqa: PLC0415
    from rich.text import Text  # noqa: PLC0415

    table = Table(box=None, pad_edge=False, header_style="bold")
    for column in columns:
        table.add_column(column, overflow="fold")
    for row in rows:
        table.add_row(*(Text(printable(_for_people(getattr(row, column)))) for column in columns))
    if rows:
        Console().print(table)
    else:
        click.echo("none", err=True)


def _text(value: object) -> str:
    if value is None:
        return ""
    return ("no", "yes")[value] if isinstance(value, bool) else str(value)


def _for_people(value: object) -> str:
    """Return a value; a time by the clock on the wall."""
    text = _text(value)
    if re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z", text):
        return datetime.fromisoformat(text).astimezone().strftime("%Y-%m-%d %H:%M")
    return text


def confirm(deed: str, *, yes: bool, lasting: bool = True) -> None:
    """Return if the operator means it; ``lasting`` is what cannot be undone.

    :raises ClickException: no.
    """
    shown = printable(deed)
    if yes:
        return
    if not sys.stdin.isatty():
        raise click.UsageError(
            f"{shown}{' cannot be undone' if lasting else ': nobody is asked here'}; say --yes."
        )
    if not click.confirm(f"{shown}{', for ever' if lasting else ''}?", err=True):
        raise click.ClickException("nothing was done")


def report(done: str) -> None:
    """Tell people what was done; standard output is for scripts."""
    click.echo(printable(done), err=True)
