"""Conversations in memory, groups among them, and what a session keeps of one to send to it."""

from __future__ import annotations

from collections.abc import Sequence

from msgspec import Struct

from chatproto.names import RealmName
from chatproto.realm.router import Hearer
from chatproto.records import ConversationRow, GroupRow, MemberRow, Record


class Conversation:
    """A conversation in memory.

    ``unborn`` are the rows that make it, until a message takes them along into its own transaction.
    """

    __slots__ = ("__weakref__", "row", "unborn")

    def __init__(self, row: ConversationRow, unborn: tuple[Record, ...] = ()) -> None:
        self.row = row
        self.unborn = unborn


class Group(Conversation):
    """A group, or the copy of one whose home is another realm, in memory."""

    __slots__ = ("changed", "gseq", "members", "name", "settings")

    def __init__(
        self, settings: GroupRow, row: ConversationRow, members: dict[str, MemberRow], gseq: int
    ) -> None:
        super().__init__(row)
        #: The folded name; of a copy the folded address.
        self.name = settings.name
        #: What it is about, who may join, and whether it is deleted.
        self.settings = settings
        #: Who is a member now, by folded address.
        self.members = members
        #: The newest number given in the group.
        self.gseq = gseq
        #: A number since which no member came, went, or got another role.
        self.changed = gseq


class Route(Struct):
    """What a session needs to know to send to one address."""

    conversation: Conversation
    group: Group | None
    to: str
    audiences: Sequence[Hearer]
    generation: int
    #: The realm in which the address is, None if it is this one.
    peer: RealmName | None = None
    #: The copy of the group that it is, if it is one of another realm.
    copy: Group | None = None
    #: When others were last told that a text is being written.
    typed_at: float = 0.0
