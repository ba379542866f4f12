"""Whom to talk to, and what was said."""

from __future__ import annotations

from typing import TYPE_CHECKING

from chatproto.cli.slashes.base import Mistake

if TYPE_CHECKING:
    from chatproto.cli.talk import Talk

#: Messages that a page shows: about a screen.
PAGE_ITEMS = 20


async def talk_to(talk: Talk, name: str) -> None:
    """Send what is typed from now on to NAME, a user or a group."""
    await talk.talk_to(name)


async def msg(talk: Talk, name: str, text: str) -> None:
    """Send one text to NAME, and stay where you are."""
    await talk.send(name, text)


async def history(talk: Talk, name: str | None = None) -> None:
    """Show the last messages with NAME, and mark them as read."""
    name = talk.here(name)
    page = await talk.client.history(name, limit=PAGE_ITEMS)
    found = talk.conversations[name]
    if not page.messages:
        talk.note(f"nothing was said with {name}")
        return
    talk.view.page(found, page.messages, talk.printing.name(found.address))
    talk.conversations.paged(found, page.messages)
    found.unread = 0
    talk.view.changed()
    await talk.client.read(name, page.messages[-1].seq)


async def more(talk: Talk, name: str | None = None) -> None:
    """Show what was said before the messages that were shown last; the key PageUp does it too."""
    name = talk.here(name)
    found = talk.conversations[name]
    if found.top is None:
        await history(talk, name)
        return
    page = await talk.client.history(name, before=found.top, limit=PAGE_ITEMS)
    if page.messages:
        talk.view.page(found, page.messages, f"{talk.printing.name(found.address)}, earlier")
        talk.conversations.paged(found, page.messages)
    if page.complete:
        talk.note(f"there is nothing before, with {talk.printing.name(found.address)}")


async def conversations(talk: Talk) -> None:
    """List your conversations, and how much of each is unread."""
    since, complete, empty = 0, False, True
    while not complete:
        page = await talk.client.conversations(since)
        for state in page.conversations:
            talk.show(f"{talk.printing.name(state.with_)}  {state.unread} unread")
            since, empty = state.seq, False
        complete = page.complete
    if empty:
        talk.note("there are none")


async def show_all(talk: Talk) -> None:
    """Show a line on every message of other groups too, or only count them again."""
    talk.note(talk.view.show_all())


async def help_(talk: Talk, command: str | None = None) -> None:
    """List the commands, or explain one."""
    from chatproto.cli.slashes import SLASHES, SUBJECTS  # noqa: PLC0415 - the table holds this function

    if command is not None:
        slash = SLASHES.get(f"/{command.removeprefix('/')}")
        if slash is None:
            raise Mistake(f"there is no {command}; /help lists what there is")
        talk.show(slash.usage)
        for line in slash.help().split("\n\n"):
            talk.show(talk.printing.fitted("  " + " ".join(line.split())))
        return
    rows = [
        (subject, [(slash.usage, slash.summary()) for slash in slashes])
        for subject, slashes in SUBJECTS.items()
    ]
    rows.append(("everything else", [("TEXT", "Say it to whom /to named; // stands for a first /.")]))
    for subject, entries in rows:
        talk.show(talk.printing.rule(subject))
        for line in talk.printing.entries(entries):
            talk.show(line)


async def quit_(talk: Talk) -> None:
    """Leave; what waits to be sent has a moment for it."""
    talk.ended = True
