"""What an operator asks of the audit log: where a message went, and that old rows go."""

from __future__ import annotations

from typing import Annotated

from msgspec import Meta

from chatproto import events
from chatproto.commands.base import Command, Guard

_Mid = Annotated[str, Meta(min_length=1, max_length=160)]


class Trace(Command, frozen=True, kw_only=True, tag="trace"):
    """Tell where a message to another realm, or from one, went and when; the realms on its way are asked."""

    mid: _Mid

    replies = (events.Traced,)
    guard = Guard.ADMINISTRATOR


class AuditPrune(Command, frozen=True, kw_only=True, tag="audit-prune"):
    """Remove the oldest rows of the audit log, if they are older than so many seconds: some at a time."""

    older: Annotated[int, Meta(ge=1, lt=2**40)]

    replies = (events.AuditPruned,)
    guard = Guard.ADMINISTRATOR
