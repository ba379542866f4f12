"""Where people of several realms meet live who each know only a group's name.

In the original systems a group exists as long as somebody is live in it. Here one that was made for that
stays, with what was said. But while nobody is there, whoever looks for its name goes where others are.

Two realms may look at the same moment. Then the one with the lower name decides first: it has the other wait
for its answer, which then is that there is one.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from typing import Any, cast

from msgspec import Struct
from twisted.internet.defer import Deferred, DeferredList, TimeoutError
from twisted.internet.interfaces import IReactorTime

from chatproto.bells import Bell
from chatproto.errors import ChatError, NoSuchGroup, Unavailable
from chatproto.names import Address, RealmName, fold
from chatproto.realm.conversations import Group
from chatproto.realm.routes import Routes
from chatproto.realm.times import Clock

#: So long a neighbour may take to say whether it has a group: somebody waits for it.
ASK_SECONDS = 3.0
#: Groups that were made so, of which it is remembered: those of some weeks. Others count as made to stay.
_MADE = 10_000


class Found(Struct, frozen=True):
    """A group of a neighbour, and who is live in it."""

    address: str
    users: list[str]
    vacant: bool


class Decision:
    """Where those of this realm go who look for one name."""

    def __init__(self) -> None:
        #: Realms that said already what they have.
        self.answered: set[RealmName] = set()
        #: Rings when it is over.
        self.made = Bell()


class Meetings:
    """Looks for groups by name, and says to neighbours what there is here."""

    def __init__(
        self, realm: RealmName, routes: Routes, clock: Clock, live: Callable[[Group], Sequence[str]]
    ) -> None:
        """``live`` tells who is live in a group."""
        self._realm = realm
        self._routes = routes
        self._clock = clock
        self._live = live
        #: By folded name.
        self._decisions: dict[str, Decision] = {}
        #: Conversations of groups that were made by somebody who came to be live.
        self._made: dict[int, None] = {}

    def made(self, group: Group) -> None:
        """Hear that a group was made by somebody who came to be live in it."""
        if len(self._made) >= _MADE:
            del self._made[next(iter(self._made))]
        self._made[group.row.conversation] = None

    def is_vacant(self, group: Group) -> bool:
        """Tell whether a group is there only for who is live in it, and nobody is."""
        return group.row.conversation in self._made and not self._live(group)

    # -- looking

    async def decide(self, name: str) -> Decision:
        """Begin to decide where a name is, when nobody else does; :meth:`over` ends it."""
        key = fold(name)
        while key in self._decisions:
            await self._decisions[key].made.wait()
        decision = self._decisions[key] = Decision()
        return decision

    async def decided(self, name: str) -> None:
        """Return when nobody of this realm is deciding where a name is."""
        while (decision := self._decisions.get(fold(name))) is not None:
            await decision.made.wait()

    def over(self, name: str) -> None:
        """Hear that what was decided is done."""
        self._decisions.pop(fold(name)).made.ring()

    async def near(
        self, decision: Decision, name: str, realms: Iterable[RealmName]
    ) -> dict[RealmName, Found]:
        """Return what neighbours have of that name that anybody may join; those that answer in time."""
        found: dict[RealmName, Found] = {}
        asked = [Deferred.fromCoroutine(self._look(decision, realm, name, found)) for realm in realms]
        await DeferredList(asked, consumeErrors=True)
        return found

    async def _look(
        self, decision: Decision, realm: RealmName, name: str, found: dict[RealmName, Found]
    ) -> None:
        try:
            group = await self._ask(realm, name)
        except Unavailable:  # it is away, or has none
            pass
        else:
            found[realm] = group
        decision.answered.add(realm)

    async def there(self, group: Group) -> list[str]:
        """Return who is live in a group of another realm, as that says; nobody, if it does not answer."""
        try:
            return (await self._ask(RealmName(group.settings.home), group.row.shown_a)).users
        except Unavailable:
            return []

    async def _ask(self, realm: RealmName, name: str) -> Found:
        try:
            asked = self._routes.remotes.ask(realm, "live", name)
            said = await asked.addTimeout(ASK_SECONDS, cast("IReactorTime", self._clock))
            group = Address.parse(str(said.get("group", "")), realm)
        except (ChatError, TimeoutError):
            raise Unavailable from None
        users = said.get("users", [])
        if group.realm != realm or not isinstance(users, list):
            raise Unavailable
        return Found(str(group), [str(user) for user in users], bool(said.get("vacant")))

    # -- answering

    async def answer(self, peer: RealmName, name: str) -> dict[str, Any]:
        """Return what there is here of a name.

        :raises NoSuchGroup: nothing that people of that realm may join.
        """
        decision = self._decisions.get(fold(name))
        if decision is not None and (peer in decision.answered or self._realm < peer):
            await decision.made.wait()
        group = await self._routes.group(name)
        known = any(member.endswith(f"@{peer}") for member in group.members)
        if group.settings.access != "open" and not known:
            raise NoSuchGroup
        return {
            "group": group.row.shown_a,
            "users": self._live(group),
            "vacant": self.is_vacant(group),
        }
