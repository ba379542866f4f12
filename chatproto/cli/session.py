"""``chatproto session``: who is logged in to a realm, whether it runs or not."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import click

from chatproto.cli.administration import carry_out
from chatproto.cli.listing import json_option, print_list, report
from chatproto.cli.options import place_options, settings
from chatproto.commands import SessionList, SessionRevoke
from chatproto.events import SessionList as Sessions


@click.group()
def session() -> None:
    """Sessions of an account: list, revoke.

    Asks the running realm over its control socket; without one, opens the store itself.
    """


@session.command("list")
@click.argument("user")
@json_option
@place_options
def list_(user: str, as_json: bool, config: Path | None, **place: Any) -> None:
    """Print the sessions of USER: number, device, begun, last used and until."""
    held = carry_out(settings(config, **place), SessionList(user=user), Sessions)
    print_list(("session", "device", "created", "used", "expires"), held.sessions, as_json=as_json)


@session.command()
@click.argument("user")
@click.argument("number", type=click.IntRange(min=0, max=2**53 - 1), required=False)
@click.option("--all", "everything", is_flag=True, help="End all sessions of USER.")
@place_options
def revoke(user: str, number: int | None, everything: bool, config: Path | None, **place: Any) -> None:
    """End the session NUMBER of USER, or all: tokens stop to hold, connections end.

    USER can log in again with the password.
    """
    if (number is None) is not everything:
        raise click.UsageError("say either the NUMBER of a session or --all.")
    carry_out(settings(config, **place), SessionRevoke(user=user, session=number))
    report(f"ended all sessions of {user}" if number is None else f"ended session {number} of {user}")
