"""Members of groups of one other realm that are not here what they are at home: they are asked for.

A new copy begins like this, too, as nobody tells it who had joined before.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import msgspec
from twisted.internet.defer import Deferred
from twisted.logger import Logger

from chatproto.errors import Unavailable
from chatproto.federation.bounds import MEMBERS, MEMBERS_PAUSE, MEMBERS_PAUSES
from chatproto.federation.errand import Errand
from chatproto.federation.rules import Replicas
from chatproto.names import RealmName
from chatproto.realm.times import Clock
from chatproto.realm.writer import Writer
from chatproto.records import MemberList

#: Asks another realm: about what, a name, and from where on.
Asking = Callable[[str, str, str], Deferred[dict[str, Any]]]


class Correction:
    """Asks on one connection who is in groups, and has that taken over."""

    _log = Logger()

    def __init__(
        self, realm: RealmName, replicas: Replicas, writer: Writer, clock: Clock, ask: Asking
    ) -> None:
        self._realm = realm
        self._replicas = replicas
        self._ask = ask
        #: Groups that differ, in the order in which that was found.
        self._doubted: dict[str, None] = {}
        self._pause = MEMBERS_PAUSE
        self._closed = False
        self._errand = Errand(writer, clock, "asking who is in groups", self._correct_some)

    def doubt(self, group: str) -> None:
        """Hear that a group has other members at home."""
        self._doubted[group] = None
        self._errand.soon()

    def close(self) -> None:
        """Ask nothing more."""
        self._closed = True
        self._errand.stop()

    async def _correct_some(self) -> None:
        late = False
        for group in list(self._doubted):
            done = await self._correct(group)
            if self._closed:
                return
            late = late or not done
            if done:
                self._doubted.pop(group, None)
        if not late:
            self._pause = MEMBERS_PAUSE
            return
        self._errand.rest(self._pause)
        self._pause = min(2 * self._pause, MEMBERS_PAUSES)

    async def _correct(self, group: str) -> bool:
        """Take over the members of a group; tell whether there is nothing more to do for it."""
        found = await self._fetch(group)
        if found is None or self._closed:
            return False
        here = self._replicas.number(group)
        if here < found.changed:
            return False  # what changed them is still to come
        number = min(here, found.number)
        return await self._replicas.correct(self._realm, group, found.members, number)

    async def _fetch(self, group: str) -> MemberList | None:
        """Return all members; None if they change all the time, or cannot be told."""
        found: list[tuple[str, str]] = []
        changed, number = -1, 0
        while True:
            try:
                answer = await self._ask("members", group, found[-1][0] if found else "")
                page = msgspec.convert(answer, MemberList)
            except (Unavailable, msgspec.ValidationError):
                return None
            if changed not in (-1, page.changed) or len(found) + len(page.members) > MEMBERS:
                self._log.info("the members of {group} are asked for again", group=group)
                return None
            changed, number = page.changed, max(number, page.number)
            found += page.members
            if page.complete or not page.members:
                return MemberList(found, number, changed, True)
