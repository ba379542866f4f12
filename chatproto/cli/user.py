"""``chatproto user``: the accounts of a realm and the leaves to make one, whether it runs or not."""

from __future__ import annotations

import secrets
import string
import sys
from pathlib import Path
from typing import Any

import click

from chatproto.cli.administration import Administrator, administer, carry_out
from chatproto.cli.listing import Duration, confirm, json_option, print_list, report, yes_option
from chatproto.cli.options import place_options, settings
from chatproto.commands import (
    InviteAdd,
    InviteList,
    InviteRevoke,
    UserAdd,
    UserDelete,
    UserList,
    UserPasswd,
)
from chatproto.events import InviteList as Invites
from chatproto.events import InviteMade, UserPage, UserState

#: Letters and digits that nobody takes for one another when reading a password out.
_ALPHABET = "".join(sorted(set(string.ascii_letters + string.digits) - set("0O1lI")))
#: 16 of 57 characters are 93 bits, beyond any guessing.
_GENERATED = 16

_generate_option = click.option(
    "--generate", is_flag=True, help="Make a random password and print it, this once."
)


@click.group()
def user() -> None:
    """Accounts: add, passwd, list, delete; invitations.

    Asks the running realm over its control socket; without one, opens the store itself. The password
    comes from a prompt, or is a line on standard input.
    """


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
    carry_out(where, UserAdd(user=name, password=password, name=display, country=country), new=True)
    _report(password if generate else None, f"added {name}")


@user.command()
@click.argument("name")
@_generate_option
@place_options
def passwd(name: str, generate: bool, config: Path | None, **place: Any) -> None:
    """Set the password of the account NAME, and end its sessions."""
    where = settings(config, **place)
    password = _password(generate)
    carry_out(where, UserPasswd(user=name, password=password))
    _report(password if generate else None, f"changed the password of {name}")


@user.command("list")
@json_option
@place_options
def list_(as_json: bool, config: Path | None, **place: Any) -> None:
    """Print the accounts: user, name, country and time of making."""
    states = administer(settings(config, **place), _all_users)
    print_list(("user", "name", "country", "created"), states, as_json=as_json)


async def _all_users(realm: Administrator) -> list[UserState]:
    users: list[UserState] = []
    while True:
        page = await realm.ask(UserList(after=users[-1].user if users else ""), UserPage)
        users += page.users
        if page.complete or not page.users:
            return users


@user.command()
@click.argument("name")
@yes_option
@place_options
def delete(name: str, yes: bool, config: Path | None, **place: Any) -> None:
    """Delete the account NAME, for ever.

    Its sessions end, it leaves its groups, and nobody gets its name again. What it sent stays.
    """
    where = settings(config, **place)
    confirm(f"deleting the user {name}", yes=yes)
    carry_out(where, UserDelete(user=name))
    report(f"deleted {name}")


@user.command()
@click.option(
    "--expires", type=Duration(), default="7d", show_default=True, metavar="TIME", help="Such as 12h or 7d."
)
@click.option("--note", metavar="TEXT", help="Whom it is for, for the list.")
@place_options
def invite(expires: int, note: str | None, config: Path | None, **place: Any) -> None:
    """Make an invitation, and print its token, this once.

    With it one person makes one account, where registration is by invitation.
    """
    where = settings(config, **place)
    if expires > 366 * 86_400:
        raise click.UsageError("an invitation holds for 366 days at most.")
    made = carry_out(where, InviteAdd(seconds=expires, note=note), InviteMade, new=True)
    print(made.token)
    report(f"invitation {made.number}, until {made.expires}")


@user.command()
@json_option
@place_options
def invites(as_json: bool, config: Path | None, **place: Any) -> None:
    """Print the invitations that nobody has used: number, made, until and note."""
    held = carry_out(settings(config, **place), InviteList(), Invites)
    print_list(("number", "created", "expires", "note"), held.invites, as_json=as_json)


@user.command("revoke-invite")
@click.argument("number", type=click.IntRange(min=0, max=2**53 - 1))
@place_options
def revoke_invite(number: int, config: Path | None, **place: Any) -> None:
    """Take the invitation NUMBER back."""
    carry_out(settings(config, **place), InviteRevoke(number=number))
    report(f"took invitation {number} back")


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
    report(done)
