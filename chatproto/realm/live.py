"""Who is live in a group: there right now, with a connection that listens."""

from __future__ import annotations

from collections.abc import Callable

from chatproto.errors import QuotaReached
from chatproto.events import LiveChange
from chatproto.realm.conversations import Group
from chatproto.realm.logins import Login

#: Connections that are live in one group: each hears of each other's coming and going, and all are one list.
_MOST = 1000


class Visit:
    """One connection that is live in a group. ``hint`` tells it of the others."""

    __slots__ = ("group", "hint", "login")

    def __init__(self, group: Group, login: Login, hint: Callable[[LiveChange], None]) -> None:
        self.group = group
        self.login = login
        self.hint = hint


class Live:
    """All visits, by the group's conversation. Nothing of it is stored."""

    def __init__(self) -> None:
        self._rooms: dict[int, dict[Visit, None]] = {}

    def members(self, group: Group) -> list[str]:
        """Return who is live in a group, by name."""
        room = self._rooms.get(group.row.conversation, {})
        return sorted({visit.login.address for visit in room})

    def enter(self, visit: Visit, before: Visit | None = None) -> None:
        """Let a connection be live in a group, in the place of an earlier visit if it has one there.

        Tell the others if its account was not live.

        :raises QuotaReached: too many are.
        """
        number = visit.group.row.conversation
        if len(self._rooms.get(number, ())) >= _MOST and before is None:
            raise QuotaReached(f"at most {_MOST} connections are live in a group")
        room = self._rooms.setdefault(number, {})
        known = any(other.login.account == visit.login.account for other in room)
        room[visit] = None
        if not known:
            self._tell(visit, on=True)
        if before is not None:
            self.exit(before)

    def exit(self, visit: Visit) -> None:
        """Let a connection not be live any more, and tell the others if it was the last of its account."""
        number = visit.group.row.conversation
        room = self._rooms.get(number, {})
        if visit not in room:
            return  # it was told to go before
        del room[visit]
        if not any(other.login.account == visit.login.account for other in room):
            self._tell(visit, on=False)
        if not room:
            del self._rooms[number]

    def account_left(self, account: str, conversation: int) -> None:
        """Hear that an account is no member of a group any more."""
        for visit in [v for v in self._rooms.get(conversation, {}) if v.login.account == account]:
            self.exit(visit)

    def _tell(self, visit: Visit, *, on: bool) -> None:
        if visit.group.settings.deleted:
            return  # that is told to everybody, and says it
        change = LiveChange(group=visit.group.row.shown_a, from_=visit.login.address, on=on)
        for other in list(self._rooms[visit.group.row.conversation]):
            if other is not visit:
                other.hint(change)
