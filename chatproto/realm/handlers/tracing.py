"""What each command about the audit log does."""

from __future__ import annotations

from typing import TYPE_CHECKING

from chatproto import commands, events
from chatproto.events import Reply
from chatproto.realm.logins import Login

if TYPE_CHECKING:
    from chatproto.realm.session import ClientSession


async def trace(session: ClientSession, _: Login | None, command: commands.Trace) -> Reply:
    """Tell where a message went."""
    return events.Traced(mid=command.mid, steps=await session.realm.tracing.trace(command.mid))


async def audit_prune(session: ClientSession, _: Login | None, command: commands.AuditPrune) -> Reply:
    """Remove old rows."""
    return await session.realm.tracing.prune(command.older)
