"""Who is live in a group: there right now, with a connection that listens, in this realm or another.

Nothing of it is stored. Each realm tells the group's home who of its own users is live, and the home tells
each realm that has somebody live there about all others. What is told is who is there now, so that what is
lost on the way is made good by what is told next, and after a link was down by telling everything again.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

from twisted.internet.defer import Deferred
from twisted.internet.interfaces import IDelayedCall
from twisted.logger import Logger
from twisted.python.failure import Failure

from chatproto.errors import ChatError, QuotaReached, StoreError
from chatproto.events import LiveChange
from chatproto.faults import Discreet
from chatproto.limits import LIVE_USERS
from chatproto.names import RealmName, fold
from chatproto.realm.conversations import Group
from chatproto.realm.logins import Login
from chatproto.realm.meetings import Meetings
from chatproto.realm.relays import NoRelays, Relays
from chatproto.realm.replicas import is_address
from chatproto.realm.routes import Routes
from chatproto.realm.times import Clock

#: So long a link may be down until who is live behind it is so no more: a connection that is replaced, or a
#: restart, is not worth a word.
GRACE_SECONDS = 15.0


#: Groups of which something was told and is being looked at; of more it is told again when it changes.
_NEWS = 1024


class Visit:
    """One connection that is live in a group. ``hint`` tells it of the others."""

    __slots__ = ("group", "hint", "login")

    def __init__(self, group: Group, login: Login, hint: Callable[[LiveChange], None]) -> None:
        self.group = group
        self.login = login
        self.hint = hint


class _Room:
    """A group in which somebody is live."""

    def __init__(self, group: Group) -> None:
        self.group = group
        self.visits: dict[Visit, None] = {}
        #: By the realm that tells of them, by folded address, as shown.
        self.far: dict[RealmName, dict[str, str]] = {}

    @property
    def home(self) -> str:
        """The group's home, ``""`` if it is this realm."""
        return self.group.settings.home

    def own(self) -> list[str]:
        """Return who of this realm is there, by name."""
        return sorted({visit.login.address for visit in self.visits})


class Live:
    """All visits, by the group's conversation."""

    _log = Logger()

    def __init__(self, realm: RealmName, routes: Routes, clock: Clock) -> None:
        self._realm = realm
        self._routes = routes
        self._clock = clock
        self._rooms: dict[int, _Room] = {}
        #: What a realm told last of a group, until it is looked at.
        self._news: dict[tuple[RealmName, str], Sequence[str]] = {}
        #: Realms whose link is down, with the end of their grace.
        self._lost: dict[RealmName, IDelayedCall] = {}
        self._closed = False
        #: Whoever connects to original servers; replaced once.
        self.relays: Relays = NoRelays()
        self.meetings = Meetings(realm, routes, clock, self.members)

    def close(self) -> None:
        """Hear nothing any more."""
        self._closed = True
        for call in self._lost.values():
            call.cancel()
        self._lost.clear()

    def members(self, group: Group) -> list[str]:
        """Return who is live in a group, by name."""
        room = self._rooms.get(group.row.conversation)
        if room is None:
            return []
        return sorted({*room.own(), *(shown for users in room.far.values() for shown in users.values())})

    # -- visits

    def enter(self, visit: Visit, before: Visit | None = None, there: Sequence[str] = ()) -> None:
        """Let a connection be live in a group, in the place of an earlier visit if it has one there.

        Tell the others if its account was not live. ``there`` are those who are, as the group's home said, if
        that is another realm.

        :raises QuotaReached: too many are.
        """
        number = visit.group.row.conversation
        room = self._rooms.get(number)
        if room is not None and len(room.visits) >= LIVE_USERS and before is None:
            raise QuotaReached(f"at most {LIVE_USERS} connections are live in a group")
        if room is None:
            room = self._rooms[number] = _Room(visit.group)
            if room.home and there:
                room.far[RealmName(room.home)] = self._others(visit.group, there)
        room.group = visit.group
        known = any(other.login.account == visit.login.account for other in room.visits)
        room.visits[visit] = None
        if not known:
            self._moved(room, visit, on=True)
        if before is not None:
            self.exit(before)

    def exit(self, visit: Visit) -> None:
        """Let a connection not be live any more, and tell the others if it was the last of its account."""
        room = self._rooms.get(visit.group.row.conversation)
        if room is None or visit not in room.visits:
            return  # it was told to go before
        del room.visits[visit]
        if not any(other.login.account == visit.login.account for other in room.visits):
            self._moved(room, visit, on=False)
        self._leave_empty(room)

    def account_left(self, account: str, conversation: int) -> None:
        """Hear that an account is no member of a group any more."""
        room = self._rooms.get(conversation)
        for visit in [] if room is None else [v for v in room.visits if v.login.account == account]:
            self.exit(visit)

    def _moved(self, room: _Room, visit: Visit, *, on: bool) -> None:
        """Tell that somebody of this realm came or went."""
        if not visit.group.settings.deleted:  # that is told to everybody, and says it
            self._tell(room, visit.login.address, on=on, but=visit)
        for realm in [RealmName(room.home)] if room.home else list(room.far):
            self._tell_realm(realm, room)

    def _tell(self, room: _Room, address: str, *, on: bool, but: Visit | None = None) -> None:
        change = LiveChange(group=room.group.row.shown_a, from_=address, on=on)
        for visit in list(room.visits):
            if visit is not but:
                visit.hint(change)

    def _leave_empty(self, room: _Room) -> None:
        """Forget a group in which nobody is, or of which nobody here has to know."""
        if not room.visits and (room.home or not room.far):
            self._rooms.pop(room.group.row.conversation, None)

    # -- other realms

    def _tell_realm(self, realm: RealmName, room: _Room) -> None:
        users = room.own()
        if not room.home:
            users += [shown for other, far in room.far.items() if other != realm for shown in far.values()]
        group = room.group
        self._routes.remotes.live(realm, group.row.shown_a, users[:LIVE_USERS], group.gseq)

    def heard(self, peer: RealmName, group: str, users: Sequence[str]) -> None:
        """Hear who is live in a group, as a realm tells: of its own users to the home, of all others from it.

        What it says of others is not believed.
        """
        key = (peer, fold(group))
        if key in self._news:
            self._news[key] = users
        elif len(self._news) < _NEWS:
            self._news[key] = users
            Deferred.fromCoroutine(self._take(*key)).addErrback(self._not_taken)

    def _not_taken(self, failure: Failure) -> None:
        if not failure.check(ChatError, StoreError):
            self._log.failure("who is live elsewhere could not be told", failure=Discreet(failure))

    async def _take(self, peer: RealmName, address: str) -> None:
        try:
            group = await self._routes.any_group(address)
        finally:
            users = self._news.pop((peer, address), None)
        if users is None or self._closed:
            return
        if group.settings.home in ("", peer):
            self._set(group, peer, users)

    def _others(self, group: Group, users: Sequence[str], peer: RealmName | None = None) -> dict[str, str]:
        """Return those of whom a realm may speak, by folded address: a home knows who its members are."""
        found = {fold(user): user for user in users[:LIVE_USERS] if is_address(user)}
        if group.settings.home:
            return {key: user for key, user in found.items() if not key.endswith(f"@{self._realm}")}
        return {key: user for key, user in found.items() if key.endswith(f"@{peer}") and key in group.members}

    def _set(self, group: Group, peer: RealmName, users: Sequence[str]) -> None:
        """Take over who is live in a group behind a realm, and tell what is new."""
        room = self._rooms.get(group.row.conversation)
        if room is None:
            room = _Room(group)
            if group.settings.home:  # nobody of this realm is there, whatever the home thinks
                if users:
                    self._tell_realm(peer, room)
                return
            self._rooms[group.row.conversation] = room
        before, now = room.far.pop(peer, {}), self._others(group, users, peer)
        if now:
            room.far[peer] = now
        for key in before.keys() - now.keys():
            self._tell(room, before[key], on=False)
        for key in now.keys() - before.keys():
            self._tell(room, now[key], on=True)
        for realm in () if room.home else list(room.far):
            if realm != peer or not before:
                self._tell_realm(realm, room)
        self._leave_empty(room)

    def link_changed(self, peer: RealmName, *, is_up: bool) -> None:
        """Hear that the link to a realm is up, or is not: tell everything anew, or forget it in a while."""
        call = self._lost.pop(peer, None)
        if call is not None:
            call.cancel()
        rooms = [room for room in self._rooms.values() if peer == room.home or peer in room.far]
        if is_up:
            for room in rooms:
                self._tell_realm(peer, room)
        elif rooms and not self._closed:
            self._lost[peer] = self._clock.callLater(GRACE_SECONDS, self._forget, peer)

    def _forget(self, peer: RealmName) -> None:
        del self._lost[peer]
        for room in list(self._rooms.values()):
            if peer in room.far:
                self._set(room.group, peer, ())
