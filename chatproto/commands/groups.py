"""Groups: who is in them, who may do what, what they are about."""

from __future__ import annotations

from typing import Annotated, Literal

from msgspec import Meta

from chatproto import events
from chatproto.commands.base import Command, ListLimit, Word
from chatproto.limits import TOPIC_CHARACTERS

#: What a group is about, for people.
Topic = Annotated[str, Meta(max_length=TOPIC_CHARACTERS)]
#: What a newcomer may read: what is said from the join on, or everything.
HistoryOption = Literal["joined", "all"]
#: Who may join: everybody, or who was invited.
AccessOption = Literal["open", "invited"]


class Create(Command, frozen=True, kw_only=True):
    """Make a group and become its owner and first member.

    ``history`` and ``access`` are as in ``configure``.
    """

    group: Word
    topic: Topic | None = None
    history: HistoryOption | None = None
    access: AccessOption | None = None

    replies = (events.GroupChanged,)
    forms = ("addgroup|creategroup [token] group *",)


class Join(Command, frozen=True, kw_only=True):
    """Become a member of a group; its messages from now on are yours to read.

    One that this realm does not have is looked for in linked realms, unless the name says in which it is.
    Where only the invited may join, and after being kicked, somebody of the group has to ``invite`` first.
    """

    group: Word

    replies = (events.GroupChanged,)
    forms = ("joingroup [token] group *",)


class Leave(Command, frozen=True, kw_only=True):
    """Stop being a member of a group; what was said until now stays readable."""

    group: Word

    replies = (events.GroupChanged,)


class Members(Command, frozen=True, kw_only=True):
    """List the members of a group by name, those after ``after`` only."""

    group: Word
    after: Word | None = None
    limit: ListLimit = None

    replies = (events.MemberPage,)


class Groups(Command, frozen=True, kw_only=True):
    """List the groups of which the account is a member, or to which it is invited, those after ``after``."""

    after: Word | None = None
    limit: ListLimit = None

    replies = (events.GroupPage,)


class Group(Command, frozen=True, kw_only=True):
    """Tell what a group is about, who owns it, and how it is set up; to whoever is in it, or may join it."""

    group: Word

    replies = (events.GroupState,)


class Invite(Command, frozen=True, kw_only=True):
    """Invite a user to a group, by a message of the kind ``invitation`` that stays until it is read.

    Any member of an open group may; otherwise admins and the owner, who also let the kicked come back.
    """

    group: Word
    user: Word


class Kick(Command, frozen=True, kw_only=True):
    """Remove a member, who then reads nothing of the group and comes back only by invitation.

    Admins may kick members, the owner everybody else.
    """

    group: Word
    user: Word


class SetTopic(Command, frozen=True, kw_only=True, tag="topic"):
    """Say what a group is about; for admins and the owner."""

    group: Word
    topic: Topic


class SetRole(Command, frozen=True, kw_only=True, tag="role"):
    """Make a member an admin, or an admin a member; for the owner."""

    group: Word
    user: Word
    role: Literal["admin", "member"]


class Transfer(Command, frozen=True, kw_only=True):
    """Make another member the owner; the one before becomes an admin."""

    group: Word
    user: Word


class Configure(Command, frozen=True, kw_only=True):
    """Set what newcomers may read (``history``) and who may join (``access``); for admins and the owner.

    With ``all`` everybody in the group, too, may read everything. Going back to ``joined`` takes nothing away
    from those who are in.
    """

    group: Word
    history: HistoryOption | None = None
    access: AccessOption | None = None


class DeleteGroup(Command, frozen=True, kw_only=True, tag="delete-group"):
    """Delete a group, for ever: nobody is a member any more, and nobody gets its name; for the owner.

    What was said stays readable to those who could read it.
    """

    group: Word


class Live(Command, frozen=True, kw_only=True):
    """Be shown in a group as there right now, until ``on`` is false or the connection ends.

    Needs ``listen``. Whoever is live in the group hears who comes and goes.
    """

    group: Word
    on: bool | None = None

    replies = (events.LiveMembers,)
