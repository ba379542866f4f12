"""What a client asks about groups: :class:`Groups`, which :attr:`ChatClient.groups` is."""

from __future__ import annotations

from collections.abc import Callable
from typing import Literal

from twisted.internet.defer import Deferred
from twisted.python.failure import Failure

from chatproto.client.requests import Request
from chatproto.commands import (
    Configure,
    Create,
    DeleteGroup,
    Group,
    Invite,
    Join,
    Kick,
    Leave,
    Live,
    Members,
    SetRole,
    SetTopic,
    Transfer,
)
from chatproto.commands import (
    Groups as ListGroups,
)
from chatproto.errors import ChatError, NoSuchGroup, NotMember
from chatproto.events import Done, GroupChanged, GroupPage, GroupState, LiveMembers, MemberPage
from chatproto.limits import LIST_ITEMS
from chatproto.names import fold


class Groups:
    """The groups of a realm, as its client's user may see and change them.

    Every method asks over the present connection and returns a Deferred; a refusal is a
    :class:`~chatproto.ChatError`, such as ``NoSuchGroup``, ``NotMember`` or ``NotAllowed``.
    """

    def __init__(self, request: Request) -> None:
        self._request = request
        # As the application wrote them, by the folded name; it has to ask for each of them, one by one.
        self._live: dict[str, str] = {}

    def create(
        self,
        group: str,
        *,
        topic: str | None = None,
        history: Literal["joined", "all"] | None = None,
        access: Literal["open", "invited"] | None = None,
    ) -> Deferred[GroupChanged]:
        """Make a group and become its owner and first member; the options are those of :meth:`configure`."""
        return self._request(Create(group=group, topic=topic, history=history, access=access), GroupChanged)

    def join(self, group: str) -> Deferred[GroupChanged]:
        """Become a member of a group."""
        return self._request(Join(group=group), GroupChanged)

    def leave(self, group: str) -> Deferred[GroupChanged]:
        """Stop being a member of a group."""
        return self._request(Leave(group=group), GroupChanged)

    def list(self, *, after: str = "", limit: int = LIST_ITEMS) -> Deferred[GroupPage]:
        """List the groups that the user is in or invited to by name, those after ``after``."""
        return self._request(ListGroups(after=after, limit=limit), GroupPage)

    def describe(self, group: str) -> Deferred[GroupState]:
        """Tell a group's topic, owner and options, who is live in it, and what the user is in it."""
        return self._request(Group(group=group), GroupState)

    def members(self, group: str, *, after: str = "", limit: int = LIST_ITEMS) -> Deferred[MemberPage]:
        """List the members of a group by name, those after ``after``, and their roles."""
        return self._request(Members(group=group, after=after, limit=limit), MemberPage)

    def invite(self, group: str, user: str) -> Deferred[Done]:
        """Let a user join, who is told so by a message of the kind ``invitation``."""
        return self._request(Invite(group=group, user=user), Done)

    def kick(self, group: str, user: str) -> Deferred[Done]:
        """Remove a member."""
        return self._request(Kick(group=group, user=user), Done)

    def set_topic(self, group: str, topic: str) -> Deferred[Done]:
        """Say what a group is about."""
        return self._request(SetTopic(group=group, topic=topic), Done)

    def set_role(self, group: str, user: str, role: Literal["admin", "member"]) -> Deferred[Done]:
        """Make a member an admin, or an admin a member."""
        return self._request(SetRole(group=group, user=user, role=role), Done)

    def transfer(self, group: str, user: str) -> Deferred[Done]:
        """Make another member the owner."""
        return self._request(Transfer(group=group, user=user), Done)

    def configure(
        self,
        group: str,
        *,
        history: Literal["joined", "all"] | None = None,
        access: Literal["open", "invited"] | None = None,
    ) -> Deferred[Done]:
        """Set what newcomers may read, what follows their join or all, and who may join."""
        return self._request(Configure(group=group, history=history, access=access), Done)

    def delete(self, group: str) -> Deferred[Done]:
        """Delete a group, for ever."""
        return self._request(DeleteGroup(group=group), Done)

    def live(self, group: str, *, on: bool = True) -> Deferred[LiveMembers]:
        """Be shown in a group as there right now, or no longer, and be told who else is.

        It holds until it is switched off or the client is closed, over lost connections too. Who comes and
        goes is told as ``LiveChange`` to :meth:`~chatproto.ChatClient.on_hint`, and after a lost connection
        who is there then as ``LiveMembers``.
        """
        if not on:
            # Now: a connection that stands before the reply is there would begin with it being so again.
            self._live.pop(fold(group), None)
        asking = self._request(Live(group=group, on=on), LiveMembers)
        return asking.addCallback(self._is_live, group, on)

    def _is_live(self, reply: LiveMembers, group: str, on: bool) -> LiveMembers:
        if on:
            self._live[fold(group)] = group
        else:
            self._live.pop(fold(group), None)
        return reply

    def heard_again(self, request: Request, tell: Callable[[LiveMembers], object]) -> None:
        """Be live again where the application was, and tell it who is: each ``listen`` begins with nobody."""
        for name in list(self._live.values()):
            asking = request(Live(group=name, on=True), LiveMembers)
            asking.addCallbacks(tell, self._not_live, errbackArgs=(name, tell))

    def _not_live(self, failure: Failure, group: str, tell: Callable[[LiveMembers], object]) -> None:
        failure.trap(ChatError)
        if failure.check(NoSuchGroup, NotMember):
            self._live.pop(fold(group), None)
            tell(LiveMembers(group=group, live=[]))
