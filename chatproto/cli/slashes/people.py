"""Other people, and one's own account."""

from __future__ import annotations

from typing import TYPE_CHECKING

from chatproto.cli.printing import local_time
from chatproto.cli.slashes.base import Mistake

if TYPE_CHECKING:
    from chatproto.cli.talk import Talk


async def who(talk: Talk) -> None:
    """List who is connected."""
    page = await talk.client.active()
    talk.conversations.active = page.users
    names = "  ".join(talk.printing.name(name) for name in page.users)
    talk.show(talk.printing.fitted(names + ("" if page.complete else "  ...")))


async def block(talk: Talk, name: str) -> None:
    """Block somebody."""
    await talk.client.account.block(name)
    talk.note(f"blocked {name}")


async def unblock(talk: Talk, name: str) -> None:
    """Unblock somebody."""
    await talk.client.account.unblock(name)
    talk.note(f"unblocked {name}")


async def blocks(talk: Talk) -> None:
    """List whom you block."""
    blocked = (await talk.client.account.blocks()).addresses
    if not blocked:
        talk.note("nobody is blocked")
        return
    talk.show(talk.printing.fitted("  ".join(talk.printing.name(name) for name in blocked)))


async def password(talk: Talk) -> None:
    """Change the password; it is asked for, and not shown. A script has it in its next three lines."""
    old = await talk.ask("old password: ")
    new = await talk.ask("new password: ")
    if new != await talk.ask("new password again: "):
        raise Mistake("these were two different passwords; nothing was changed")
    await talk.client.account.change_password(old, new)
    talk.note("the password is changed; your other sessions are ended")


async def delete_account(talk: Talk) -> None:
    """Delete the account."""
    await talk.client.account.delete(await talk.ask("your password, to delete the account for ever: "))
    talk.note("the account is deleted")
    talk.ended = True


async def sessions(talk: Talk) -> None:
    """List where you are logged in."""
    for state in (await talk.client.account.sessions()).sessions:
        times = f"since {local_time(state.created)}  used {local_time(state.used)}"
        device = f"  {state.device}" if state.device else ""
        this = "  (this one)" if state.current else ""
        talk.show(talk.printing.fitted(f"{state.session}  {times}{device}{this}"))


async def revoke(talk: Talk, number: str) -> None:
    """End a session."""
    if not number.isdecimal() or len(number) > 15:
        raise Mistake(f"{number} is not the number of a session; /sessions lists them")
    await talk.client.account.revoke(int(number))
    talk.note(f"session {number} is ended")
