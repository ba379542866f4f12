"""``chatproto chat``: talk to a realm from a terminal, or from a script through a pipe.

The password comes from CHATPROTO_PASSWORD or is asked for; a command line is visible to everybody.
"""

from __future__ import annotations

import os
import sys
from pathlib import Path

import click

from chatproto.cli.places import Place

#: Where a script has its password.
PASSWORD = "CHATPROTO_PASSWORD"  # noqa: S105 - the name of a variable
#: Where the token of an invitation to register may stand.
INVITE = "CHATPROTO_INVITE"


@click.command()
@click.argument("place", metavar="HOST:PORT")
@click.option("--user", metavar="NAME", help="Who you are.  [default: asked for]")
@click.option("--register", is_flag=True, help="Make the account if there is none.")
@click.option(
    "--invite",
    metavar="TOKEN",
    envvar=INVITE,
    help=f"With --register: the invitation that the realm asks for.  [default: {INVITE}]",
)
@click.option("--plain", is_flag=True, help="Read lines as from a pipe, also from a terminal.")
@click.option(
    "--patience",
    type=click.FloatRange(min=0),
    default=10.0,
    show_default=True,
    metavar="SECONDS",
    help="How long a script waits for the realm to answer at first.",
)
@click.option("--tls", is_flag=True, help="Speak TLS; the certificate has to prove to be that of HOST.")
@click.option("--pin", metavar="FINGERPRINT", help="Speak TLS with the server of this key, and no other.")
@click.option(
    "--ca",
    type=click.Path(path_type=Path),
    metavar="FILE",
    help="Speak TLS, trusting the authorities in a file.",
)
@click.option("--insecure", is_flag=True, help="Go without TLS to another machine: others read along.")
def chat(
    place: str,
    user: str | None,
    *,
    register: bool,
    invite: str | None,
    plain: bool,
    patience: float,
    tls: bool,
    pin: str | None,
    ca: Path | None,
    insecure: bool,
) -> int:
    """Talk to the realm at HOST:PORT.

    In a terminal, type /help. Lines from a pipe are carried out in order, each when the one before is done;
    the exit code is 0 if all of them worked. The password is asked for, or taken from CHATPROTO_PASSWORD.
    """
    where = Place.parse(place, tls=tls, pin=pin, ca=ca)
    if not where.private and not insecure:
        raise click.UsageError("the password would cross the network readable: add --tls, or --insecure.")
    # A dumb terminal cannot put the cursor anywhere; lines as from a pipe work there too.
    dumb = os.environ.get("TERM", "dumb") in ("dumb", "unknown", "")
    terminal = sys.stdin.isatty() and sys.stdout.isatty() and not plain and not dumb
    if user is None:
        if not sys.stdin.isatty():
            raise click.UsageError("a script has to say --user.")
        user = str(click.prompt("user"))
    password = os.environ.get(PASSWORD)
    if not password:
        if not sys.stdin.isatty():
            raise click.UsageError(f"a script has to set {PASSWORD}.")
        password = str(click.prompt("password", hide_input=True))
    if terminal:
        from chatproto.cli.terminal import talk_in_terminal  # noqa: PLC0415 - scripts do not need it

        return talk_in_terminal(where, user=user, password=password, register=register, invite=invite)
    from chatproto.cli.script import run_script  # noqa: PLC0415 - it is imported to be run only

    return run_script(
        where, user=user, password=password, register=register, invite=invite, patience=patience
    )
