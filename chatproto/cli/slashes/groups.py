"""Groups: who is in them, and what they are like. A group that is not named is the one you are in."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Literal, cast

from chatproto.cli.slashes.base import Mistake

if TYPE_CHECKING:
    from chatproto.cli.talk import Talk

#: What ``/set`` takes.
OPTIONS: dict[str, dict[str, Any]] = {
    "history=joined": {"history": "joined"},
    "history=all": {"history": "all"},
    "access=open": {"access": "open"},
    "access=invited": {"access": "invited"},
}


async def create(talk: Talk, group: str, topic: str | None = None) -> None:
    """Make a group."""
    made = await talk.client.groups.create(group, topic=topic)
    talk.note(f"made {made.group}")
    await _entered(talk, made.group)


async def join(talk: Talk, group: str) -> None:
    """Join a group."""
    joined = await talk.client.groups.join(group)
    if talk.done(joined, f"joined {joined.group}"):
        await _entered(talk, joined.group)


async def _entered(talk: Talk, group: str) -> None:
    talk.conversations[group].is_group = True
    if not talk.patient:  # a script says /to when it means it
        await talk.talk_to(talk.printing.name(group))


async def leave(talk: Talk, group: str | None = None) -> None:
    """Leave a group."""
    left = await talk.client.groups.leave(talk.here(group))
    if talk.done(left, f"left {left.group}"):
        talk.forget(left.group)


async def members(talk: Talk, group: str | None = None) -> None:
    """List the members of a group, and who is more than a member."""
    group = talk.here(group)
    page = await talk.client.groups.members(group)
    talk.conversations[group].members = page.members
    names = [_with(talk.printing.name(name), page.roles.get(name)) for name in page.members]
    talk.show(talk.printing.fitted("  ".join(names) + ("" if page.complete else "  ...")))


async def groups(talk: Talk) -> None:
    """List the groups that you are in or invited to."""
    page = await talk.client.groups.list()
    names = []
    for entry in page.groups:
        talk.conversations[entry.group].is_group = True
        names.append(_with(talk.printing.name(entry.group), entry.role if entry.role != "member" else None))
    if not names:
        talk.note("you are in none; /create GROUP makes one")
        return
    talk.show(talk.printing.fitted("  ".join(names) + ("" if page.complete else "  ...")))


async def group(talk: Talk, name: str | None = None) -> None:
    """Tell about a group."""
    state = await talk.client.groups.describe(talk.here(name))
    shown = talk.printing.name
    owner = "" if state.owner is None else f", owned by {shown(state.owner)}"
    talk.note(f"{shown(state.group)}: {state.topic or 'no topic'}")
    many = "1 member" if state.members == 1 else f"{state.members} members"
    talk.note(f"{many}{owner}; your role: {state.role}; history={state.history} access={state.access}")
    if state.live:
        talk.note(f"live: {', '.join(shown(name) for name in state.live)}")


async def invite(talk: Talk, user: str, group: str | None = None) -> None:
    """Invite a user."""
    group = talk.here(group)
    reply = await talk.client.groups.invite(group, user)
    talk.done(reply, f"invited {user} to {group}")


async def kick(talk: Talk, user: str, group: str | None = None) -> None:
    """Remove a member."""
    group = talk.here(group)
    reply = await talk.client.groups.kick(group, user)
    talk.done(reply, f"removed {user} from {group}")


async def topic(talk: Talk, text: str) -> None:
    """Set the topic of the group that you are in."""
    group = talk.here(None)
    reply = await talk.client.groups.set_topic(group, text)
    talk.done(reply, f"the topic of {group} is set")


async def role(talk: Talk, user: str, role: str, group: str | None = None) -> None:
    """Make a member an admin, or an admin a member."""
    if role not in ("admin", "member"):
        raise Mistake(f"a role is admin or member, not {role}")
    group = talk.here(group)
    reply = await talk.client.groups.set_role(group, user, cast("Literal['admin', 'member']", role))
    talk.done(reply, f"{user} is {role} in {group}")


async def transfer(talk: Talk, user: str, group: str | None = None) -> None:
    """Give a group to another member."""
    group = talk.here(group)
    reply = await talk.client.groups.transfer(group, user)
    talk.done(reply, f"{user} owns {group}")


async def configure(talk: Talk, option: str, group: str | None = None) -> None:
    """Set an option of a group."""
    if option not in OPTIONS:
        raise Mistake(f"an option is {', '.join([*OPTIONS][:-1])} or {[*OPTIONS][-1]}")
    group = talk.here(group)
    reply = await talk.client.groups.configure(group, **OPTIONS[option])
    talk.done(reply, f"{group} has {option}")


async def delete(talk: Talk, group: str) -> None:
    """Delete a group."""
    if talk.done(await talk.client.groups.delete(group), f"deleted {group}"):
        talk.forget(group)


async def live(talk: Talk, on: str = "on") -> None:
    """Be live in the group that you are in, or no longer."""
    if on not in ("on", "off"):
        raise Mistake("it is /live, /live on or /live off")
    group = talk.here(None)
    reply = await talk.client.groups.live(group, on=on == "on")
    talk.conversations[group].live = reply.live
    talk.note(f"live in {group}: {', '.join(talk.printing.name(name) for name in reply.live) or 'nobody'}")
    talk.view.changed()


def _with(name: str, role: str | None) -> str:
    return name if role is None else f"{name} ({role})"
