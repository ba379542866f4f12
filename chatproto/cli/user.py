"""``chatproto user``: the accounts of a realm, whether it runs or not."""

from __future__ import annotations

import os
import secrets
import string
import sys
from pathlib import Path
from typing import Any

import click

from chatproto.cli.administration import Administrator, administer
from chatproto.cli.options import place_options, settings
from chatproto.commands import UserAdd, UserList, UserPasswd
from chatproto.events import Done, UserPage, UserState

#: Letters and digits that nobody takes for one another when reading a password out.
_ALPHABET = "".join(sorted(set(string.ascii_letters + string.digits) - set("0O1lI")))
#: 16 of 57 characters are 93 bits, beyond any guessing.
_GENERATED = 16

_generate_option = click.option(
    "--generate", is_flag=True, help="Make a random password and print it, this once."
)


@click.group()
def user() -> None:
    """Add users, set passwords, list users.

    Asks the running realm over its control socket; without one, opens the store itself. The password
    comes from a prompt, or is a line on standard input.
    """
    os.umask(0o077)


@user.command()
@click.argument("name")
@click.option("--name", "display", metavar="TEXT", help="Name to show (default: the user name).")
@click.option("--country", metavar="TEXT")
@_generate_option
@place_options
def add(
    name: str, display: str | None, country: str | None, generate: bool, config: Path | None, **place: Any
) -> None:
    """Make the account NAME."""
    where = settings(config, **place)
    password = _password(generate)
    command = UserAdd(user=name, password=password, name=display, country=country)

    async def work(realm: Administrator) -> None:
        await realm.ask(command, Done)

    administer(where, work)
    _report(password if generate else None, f"added {name}")


@user.command()
@click.argument("name")
@_generate_option
@place_options
def passwd(name: str, generate: bool, config: Path | None, **place: Any) -> None:
    """Set the password of the account NAME, and end its sessions."""
    where = settings(config, **place)
    password = _password(generate)

    async def work(realm: Administrator) -> None:
        await realm.ask(UserPasswd(user=name, password=password), Done)

    administer(where, work)
    _report(password if generate else None, f"changed the password of {name}")


@user.command("list")
@place_options
def list_(config: Path | None, **place: Any) -> None:
    """Print the accounts: user, name, country and day of making, with tabs between."""
    for state in administer(settings(config, **place), _all_users):
        print(state.user, state.name, state.country, state.created, sep="\t")


async def _all_users(realm: Administrator) -> list[UserState]:
    users: list[UserState] = []
    while True:
        page = await realm.ask(UserList(after=users[-1].user if users else ""), UserPage)
        users += page.users
        if page.complete or not page.users:
            return users


def _password(generate: bool) -> str:
    if generate:
        return "".join(secrets.choice(_ALPHABET) for _ in range(_GENERATED))
    if sys.stdin.isatty():
        return str(click.prompt("Password", hide_input=True, confirmation_prompt=True))
    password = sys.stdin.readline().removesuffix("\n").removesuffix("\r")
    if not password:
        raise click.UsageError("expected a password on standard input, or --generate.")
    return password


def _report(generated: str | None, done: str) -> None:
    """Print a generated password alone on standard output, so that scripts can take it from there."""
    if generated is not None:
        print(generated)
    print(done, file=sys.stderr)
