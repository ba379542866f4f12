"""``chatproto conformance``: what a server, of whatever make, lacks."""

from __future__ import annotations

import contextlib
import socket
import sys
from collections.abc import Iterator, Sequence
from pathlib import Path

import click
import msgspec
from rich.console import Console
from rich.table import Table
from rich.text import Text

from chatproto.cli.printing import printable
from chatproto.conformance import LEVELS, LINE_LEVELS, Check, Outcome, Person, Result, Target, Traces
from chatproto.conformance import check as results_of

_STYLES = {Outcome.PASSED: "green", Outcome.FAILED: "bold red", Outcome.SKIPPED: "yellow"}
#: What failed is to be seen among many.
_WORDS = {Outcome.PASSED: "passed", Outcome.FAILED: "FAILED", Outcome.SKIPPED: "skipped"}
#: How ours is rid of what the kit left.
_RID = (
    "A chatproto realm forgets them by `chatproto user delete NAME` and `chatproto realm drop NAME`, "
    "a lab with `--store memory:` when it ends."
)
#: For tables that go into a file: nothing is cut off.
_WIDE = 200


class _Where(click.ParamType):  # type: ignore[type-arg]  # it has no argument in older versions of click
    """An address as HOST:PORT."""

    name = "address"

    def convert(
        self, value: object, param: click.Parameter | None, ctx: click.Context | None
    ) -> tuple[str, int]:
        """Return host and port, or fail."""
        host, colon, port = str(value).rpartition(":")
        if not colon or not host or not port.isascii() or not port.isdigit() or not 0 < int(port) < 65536:
            self.fail(f"expected HOST:PORT, such as 127.0.0.1:8889, not {value!r}", param, ctx)
        return host.removeprefix("[").removesuffix("]"), int(port)


class _Play(click.ParamType):  # type: ignore[type-arg]
    """A realm and its address as R=HOST:PORT."""

    name = "neighbour"

    def convert(
        self, value: object, param: click.Parameter | None, ctx: click.Context | None
    ) -> tuple[str, str, int]:
        """Return realm, host and port, or fail."""
        realm, equals, where = str(value).partition("=")
        if not realm or not equals:
            self.fail(f"expected R=HOST:PORT, such as r2=127.0.0.1:8899, not {value!r}", param, ctx)
        return (realm, *_WHERE.convert(where, param, ctx))


_WHERE = _Where()
_PLAY = _Play()


@click.command()
@click.argument("server", type=_WHERE, metavar="HOST:PORT", required=False)
@click.option(
    "--level",
    "levels",
    multiple=True,
    type=click.Choice([*LEVELS], case_sensitive=False),
    help="What to check; may be repeated. [default: those of a line port: " + ", ".join(LINE_LEVELS) + "]",
)
@click.option(
    "--peer", type=_WHERE, metavar="HOST:PORT", help="A second server, linked or to be linked with the first."
)
@click.option(
    "--play",
    type=_PLAY,
    metavar="R=HOST:PORT",
    help="A neighbour in the server's configuration, at an address of this machine: the kit plays it.",
)
@click.option(
    "--main",
    type=_WHERE,
    metavar="HOST:PORT",
    help="System A's main server, where users are made, or that behind a front.",
)
@click.option("--talk", type=_WHERE, metavar="HOST:PORT", help="System A's program for two.")
@click.option(
    "--realm",
    default="realm1",
    show_default=True,
    metavar="R",
    help="The realm's name, for `daftar` at the main server.",
)
@click.option(
    "--user", "users", multiple=True, metavar="U", help="A user that the server has; may be repeated."
)
@click.option("--password", "passwords", multiple=True, metavar="PW", help="Of each --user, or one for all.")
@click.option("--peer-user", "peer_users", multiple=True, metavar="U", help="A user of the second server.")
@click.option("--peer-password", "peer_passwords", multiple=True, metavar="PW", help="Likewise.")
@click.option("--only", default="", metavar="TEXT", help="Only checks with TEXT in their name.")
@click.option(
    "--patience",
    type=click.FloatRange(0.1, 60),
    default=5.0,
    show_default=True,
    metavar="SECONDS",
    help="How long the server may take for a reply.",
)
@click.option(
    "--json", "as_json", metavar="FILE", help="Write the results as JSON, too; - for standard output."
)
@click.option("--list", "listing", is_flag=True, help="Print what would be checked, and check nothing.")
def conformance(
    server: tuple[str, int] | None,
    levels: Sequence[str],
    peer: tuple[str, int] | None,
    play: tuple[str, str, int] | None,
    main: tuple[str, int] | None,
    talk: tuple[str, int] | None,
    realm: str,
    users: Sequence[str],
    passwords: Sequence[str],
    peer_users: Sequence[str],
    peer_passwords: Sequence[str],
    only: str,
    patience: float,
    as_json: str | None,
    listing: bool,
) -> int:
    """Check whether a server keeps to the protocols: ours, or your own in any language.

    Each check is a short talk over a plain socket. For each that fails it is told what was sent, what was
    expected, what came, and which line of the specification it is about. The exit code is 0 only if none
    failed; what is skipped says what it would need.

    Users are made by `register` where the server can, and are messi, henderson and lineker with the password
    surabaya where it cannot and none are given.
    """
    chosen = [level for level in LEVELS if level in (levels or LINE_LEVELS)]
    if listing:
        _list(chosen, only)
        return 0
    if server is None:
        raise click.UsageError("Missing argument 'HOST:PORT'.")
    target = Target(
        server=server,
        peer=peer,
        plays=play,
        main=main,
        talk=talk,
        realm=realm,
        users=_people("--user", users, passwords),
        peer_users=_people("--peer-user", peer_users, peer_passwords),
        patience=patience,
    )
    for where in (each for each in (server, peer, main, talk) if each is not None):
        _reach(where, patience)
    traces = Traces()
    planned = [each for level in chosen for each in LEVELS[level] if only in each.name]
    rows = _Rows(planned, to_error=as_json == "-")
    results = []
    with rows.waiting():
        for result in results_of(target, chosen, only, traces):
            results.append(result)
            rows.add(result)
    if as_json is not None:
        _write(as_json, target, results, traces)
    _show(rows.console, results, traces)
    return int(any(result.outcome is Outcome.FAILED for result in results))


def _people(option: str, users: Sequence[str], passwords: Sequence[str]) -> list[Person]:
    """Return users with their passwords."""
    if len(passwords) == 1:
        passwords = [*passwords] * len(users)
    if len(users) != len(passwords):
        raise click.UsageError(f"{option}: give one password for all of them, or one for each.")
    return [Person(user, password) for user, password in zip(users, passwords, strict=True)]


def _reach(where: tuple[str, int], patience: float) -> None:
    """Find out first whether there is anything to check."""
    try:
        socket.create_connection(where, patience).close()
    except OSError as error:
        reason = error.strerror or type(error).__name__
        raise click.ClickException(f"nothing answers at {where[0]}:{where[1]} ({reason})") from error


class _Rows:
    """The table of all checks, which grows by a line as each ends: a server that is silent takes long."""

    def __init__(self, planned: Sequence[Check], *, to_error: bool) -> None:
        self.console = Console(file=sys.stderr if to_error else sys.stdout)
        if not self.console.is_terminal:
            self.console.width = _WIDE
        self._planned = planned
        self._ended = 0
        names = ("level", "check", "section", "outcome")
        cells = [names, *((each.level, each.name, each.section, "skipped") for each in planned)]
        self._widths = [max(map(len, column)) for column in zip(*cells, strict=True)]

    @contextlib.contextmanager
    def waiting(self) -> Iterator[None]:
        """Show the heading, and on a terminal which check is being made."""
        self._print(("level", "check", "section", "outcome", "what the line says"), "bold")
        console = self.console if self.console.is_terminal else Console(stderr=True)
        with console.status(self._next()) as self._status:
            yield

    def add(self, result: Result) -> None:
        """Print the line of a check that ended."""
        cells = (result.level, result.name, result.section, _WORDS[result.outcome], result.line)
        self._print(cells, _STYLES[result.outcome])
        self._ended += 1
        self._status.update(self._next())

    def _next(self) -> Text:
        if self._ended >= len(self._planned):
            return Text("checking ...")
        check = self._planned[self._ended]
        return Text(f"checking {check.level} {check.name} ({self._ended + 1} of {len(self._planned)}) ...")

    def _print(self, cells: Sequence[str], style: str) -> None:
        table = Table(box=None, pad_edge=False, show_header=False)
        for width in self._widths:
            table.add_column(width=width, overflow="fold")
        table.add_column(overflow="fold")
        table.add_row(*(Text(cell) for cell in cells), style=style)
        self.console.print(table)


def _list(levels: Sequence[str], only: str) -> None:
    for check in (each for level in levels for each in LEVELS[level] if only in each.name):
        print(check.level, check.name, check.section, check.line, sep="\t")


def _write(file: str, target: Target, results: Sequence[Result], traces: Traces) -> None:
    """Write all of it for programs."""
    counts = {kind.name.lower(): sum(each.outcome is kind for each in results) for kind in Outcome}
    server = ":".join(map(str, target.server))
    rest = {"checks": results, "given_up": traces.given_up, "users": traces.users, "links": traces.links}
    told = msgspec.json.format(msgspec.json.encode({"server": server, **counts, **rest}), indent=1)
    if file == "-":
        print(told.decode())
    else:
        try:
            Path(file).write_bytes(told + b"\n")
        except OSError as error:
            raise click.ClickException(f"{file}: {error.strerror}") from error


def _show(console: Console, results: Sequence[Result], traces: Traces) -> None:
    """Print how those that failed did, and what stays at the server."""
    for result in results:
        if result.outcome is Outcome.FAILED:
            _tell(console, result)
    again = [each for each in results if each.outcome is Outcome.PASSED and each.tries > 1]
    if again:
        names = ", ".join(f"{each.name} ({each.tries} tries)" for each in again)
        console.print(Text(printable(f"\nnot passed at once (pauses; was the machine busy?): {names}")))
    for why in dict.fromkeys(result.why for result in results if result.why):
        names = ", ".join(result.name for result in results if result.why == why)
        console.print(Text("\n" + printable(f"skipped ({why}): {names}")))
    counts = (f"{sum(each.outcome is kind for each in results)} {kind.name.lower()}" for kind in Outcome)
    console.print(Text(", ".join(counts)))
    for reason in traces.given_up:
        console.print(Text(printable(reason), style="bold red"))
    for kind, things in (("users", traces.users), ("links to realms", traces.links)):
        if things:
            console.print(Text(printable(f"left behind, {kind}: {', '.join(things)}")))
    if traces.users or traces.links:
        console.print(Text(_RID))


def _tell(console: Console, result: Result) -> None:
    """Print how a check failed."""
    console.print(Text(f"\n{result.level} {result.name}", style="bold red"))
    for name, text in (
        ("line", f"{result.section}: {result.line}"),
        ("sent", result.sent),
        ("expected", result.expected),
        ("seen", result.seen),
    ):
        console.print(Text(f"  {name + ':':10}{printable(text)}"))
