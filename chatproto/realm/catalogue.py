"""What there is to know of groups: for their members, for who is invited, and for an operator."""

from __future__ import annotations

from bisect import bisect_right

from chatproto.errors import NotMember
from chatproto.events import (
    AllGroups,
    GroupDetails,
    GroupMembership,
    GroupPage,
    GroupState,
    GroupSummary,
)
from chatproto.interfaces import IStore
from chatproto.names import fold
from chatproto.realm.changes import Changes, is_member
from chatproto.realm.groups import Groups, with_role
from chatproto.realm.live import Live
from chatproto.realm.logins import Login
from chatproto.realm.routes import Routes
from chatproto.realm.spelling import Spelling
from chatproto.realm.times import Timestamps
from chatproto.records import GroupRow


class Catalogue:
    """Describes groups."""

    def __init__(
        self,
        routes: Routes,
        changes: Changes,
        groups: Groups,
        spelling: Spelling,
        live: Live,
        store: IStore,
    ) -> None:
        self._spelling = spelling
        self._routes = routes
        self._changes = changes
        self._groups = groups
        self._live = live
        self._store = store

    async def describe(self, login: Login, name: str) -> GroupState:
        """Describe one group to its members, to the invited, and if it is open to everybody.

        :raises NoSuchGroup: there is no such group.
        :raises NotMember: it is none of the caller's business.
        """
        group = await self._routes.any_group(name)
        own = fold(login.address)
        row = group.members.get(own) or await self._changes.outsider(group, own)
        role = "" if row is None or row.role == "left" else row.role
        settings = group.settings
        if role == "kicked" or (not role and settings.access != "open"):
            raise NotMember
        owner = with_role(group, "owner")
        return GroupState(
            group=group.row.shown_a,
            topic=settings.topic,
            owner=None if owner is None else await self._spelling.look_up(owner.member),
            history=settings.history,
            access=settings.access,
            created=Timestamps().text(settings.created),
            members=len(group.members),
            role=role,
            live=self._live.members(group) if own in group.members else [],
        )

    async def own(self, login: Login, after: str, limit: int) -> GroupPage:
        """List the groups that the caller is in or invited to, by name."""
        found = [
            (entry.conversation.a, entry.conversation.shown_a, entry.member.role)
            for entry in await self._store.memberships(fold(login.address))
            if entry.conversation.is_group and (is_member(entry.member) or entry.member.role == "invited")
        ]
        found.sort()
        start = bisect_right(found, self._routes.key(after), key=lambda entry: entry[0]) if after else 0
        page: list[GroupMembership] = []
        for address, shown, role in found[start:]:
            if role == "invited" and await self._is_deleted(address):
                continue
            if len(page) == limit:
                return GroupPage(groups=page, complete=False)
            page.append(GroupMembership(group=shown, role=role))
        return GroupPage(groups=page, complete=True)

    async def _is_deleted(self, address: str) -> bool:
        row = await self._store.group(address.partition("@")[0])
        return row is None or row.deleted > 0

    async def all(self, after: str, limit: int) -> AllGroups:
        """List all groups by name, and after those of this realm the copies of others."""
        key = self._routes.key(after)
        rows: list[GroupRow] = []
        if not self._routes.is_far(after):
            rows = await self._store.groups(key.partition("@")[0], limit + 1)
            key = ""
        if len(rows) <= limit:
            copies = [row.group for row in await self._store.replicas() if not row.over and row.group > key]
            for name in sorted(copies)[: limit + 1 - len(rows)]:
                row = await self._store.group(name)
                assert row is not None
                rows.append(row)
        return AllGroups(groups=[self._summary(row) for row in rows[:limit]], complete=len(rows) <= limit)

    async def details(self, name: str, after: str, limit: int) -> GroupDetails:
        """Return a group, or the copy of one of another realm, with a page of its members.

        :raises NoSuchGroup: there is no such group, or no copy.
        """
        group = await self._routes.any_group(name)
        page = await self._groups.page(group, after, limit)
        return GroupDetails(
            summary=self._summary(group.settings),
            members=page.members,
            roles=page.roles,
            complete=page.complete,
        )

    def _summary(self, row: GroupRow) -> GroupSummary:
        return GroupSummary(
            group=f"{row.shown}@{row.home}" if row.home else self._routes.shown(row.shown),
            topic=row.topic,
            history=row.history,
            access=row.access,
            created=Timestamps().text(row.created),
        )
