"""``chatproto group``: the groups of a realm, whether it runs or not."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import click
import msgspec
from msgspec import Struct

from chatproto.cli.administration import Administrator, administer, carry_out
from chatproto.cli.listing import confirm, json_option, print_list, report, yes_option
from chatproto.cli.options import place_options, settings
from chatproto.commands import GroupDelete, GroupKick, GroupList, GroupShow, GroupTransfer
from chatproto.events import AllGroups, GroupDetails, GroupSummary

_COLUMNS = ("group", "topic", "history", "access", "created")


class _Member(Struct, frozen=True):
    """One line about a member."""

    member: str
    role: str


@click.group()
def group() -> None:
    """Groups: list, show, kick, transfer, delete.

    Asks the running realm over its control socket; without one, opens the store itself. People make their
    groups themselves, with `create`.
    """


@group.command("list")
@json_option
@place_options
def list_(as_json: bool, config: Path | None, **place: Any) -> None:
    """Print the groups: group, topic, history, access and time of making."""
    print_list(_COLUMNS, administer(settings(config, **place), _all_groups), as_json=as_json)


async def _all_groups(realm: Administrator) -> list[GroupSummary]:
    groups: list[GroupSummary] = []
    while True:
        page = await realm.ask(GroupList(after=groups[-1].group if groups else ""), AllGroups)
        groups += page.groups
        if page.complete or not page.groups:
            return groups


@group.command()
@click.argument("name", metavar="GROUP")
@json_option
@place_options
def show(name: str, as_json: bool, config: Path | None, **place: Any) -> None:
    """Print the members of GROUP, each with what they are in it.

    With `--json` one object with everything about the group.
    """

    async def work(realm: Administrator) -> GroupDetails:
        return await _whole_group(realm, name)

    whole = administer(settings(config, **place), work)
    if as_json:
        print(msgspec.json.encode(whole).decode())
        return
    group = whole.summary
    report(f"{group.group}: {group.topic or 'no topic'}")
    report(f"history {group.history}, access {group.access}, made {group.created}")
    members = [_Member(member, whole.roles.get(member, "member")) for member in whole.members]
    print_list(("member", "role"), members, as_json=False)


async def _whole_group(realm: Administrator, name: str) -> GroupDetails:
    whole = await realm.ask(GroupShow(group=name), GroupDetails)
    while not whole.complete and whole.members:
        page = await realm.ask(GroupShow(group=name, after=whole.members[-1]), GroupDetails)
        members, roles = [*whole.members, *page.members], {**whole.roles, **page.roles}
        whole = msgspec.structs.replace(page, members=members, roles=roles)
        if not page.members:
            break
    return whole


@group.command()
@click.argument("name", metavar="GROUP")
@click.argument("user")
@place_options
def kick(name: str, user: str, config: Path | None, **place: Any) -> None:
    """Remove USER from GROUP, also its owner."""
    carry_out(settings(config, **place), GroupKick(group=name, user=user))
    report(f"removed {user} from {name}")


@group.command()
@click.argument("name", metavar="GROUP")
@click.argument("user")
@place_options
def transfer(name: str, user: str, config: Path | None, **place: Any) -> None:
    """Make USER, who has to be a member, the owner of GROUP."""
    carry_out(settings(config, **place), GroupTransfer(group=name, user=user))
    report(f"{user} is the owner of {name}")


@group.command()
@click.argument("name", metavar="GROUP")
@yes_option
@place_options
def delete(name: str, yes: bool, config: Path | None, **place: Any) -> None:
    """Delete GROUP, for ever: nobody is a member any more, and nobody gets its name again."""
    where = settings(config, **place)
    confirm(f"deleting the group {name}", yes=yes)
    carry_out(where, GroupDelete(group=name))
    report(f"deleted {name}")
