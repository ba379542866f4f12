"""What simulated users do about groups: make them, come and go, invite and remove others, set what is set."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from random import Random
from typing import Any

from twisted.internet.defer import Deferred
from twisted.internet.interfaces import IReactorTime
from twisted.python.failure import Failure

from chatproto.client import ChatClient
from chatproto.errors import ChatError, GroupExists

#: How often one does what.
_DEEDS = {"join": 8, "leave": 2, "invite": 2, "kick": 2, "topic": 2, "role": 2, "transfer": 1}


class GroupLife:
    """One user's part in groups. What it asks for may be refused, or lost with a connection."""

    def __init__(
        self, random: Random, pause: float, own: Sequence[str], groups: Sequence[str], people: Sequence[str]
    ) -> None:
        self._random = random
        self._pause = pause
        #: Groups that it is to make.
        self._missing = list(own)
        self._groups = groups
        self._people = people
        self._over = False

    def begin(self, clock: IReactorTime, client: ChatClient) -> None:
        """Live on with a new client, which may not be connected yet."""
        if not self._over:
            self._plan(clock, client)

    def end(self) -> None:
        """Do nothing more."""
        self._over = True

    def _plan(self, clock: IReactorTime, client: ChatClient) -> None:
        clock.callLater(self._random.expovariate(1 / self._pause), self._act, clock, client)

    def _act(self, clock: IReactorTime, client: ChatClient) -> None:
        if self._over:
            return
        if self._missing:
            self._make(client, self._missing[-1])
        else:
            _ask(self._deed(client))
        self._plan(clock, client)

    def _make(self, client: ChatClient, group: str) -> None:
        # Of some groups newcomers may read everything.
        history: Any = self._random.choice(("joined", "joined", "all"))
        made = client.groups.create(group.partition("@")[0], history=history)
        made.addCallbacks(self._made, self._not_made, callbackArgs=(group,), errbackArgs=(group,))

    def _made(self, _: object, group: str) -> None:
        if group in self._missing:
            self._missing.remove(group)

    def _not_made(self, failure: Failure, group: str) -> None:
        failure.trap(ChatError)
        if failure.check(GroupExists):
            self._made(None, group)

    def _deed(self, client: ChatClient) -> Deferred[Any]:
        random, groups = self._random, client.groups
        group, person = random.choice(self._groups), random.choice(self._people)
        (deed,) = random.choices(list(_DEEDS), list(_DEEDS.values()))
        asked: dict[str, Callable[[], Deferred[Any]]] = {
            "join": lambda: groups.join(group),
            "leave": lambda: groups.leave(group),
            "invite": lambda: groups.invite(group, person),
            "kick": lambda: groups.kick(group, person),
            "topic": lambda: groups.set_topic(group, f"topic {random.randrange(1000)}"),
            "role": lambda: groups.set_role(group, person, random.choice(("admin", "member"))),
            "transfer": lambda: groups.transfer(group, person),
        }
        return asked[deed]()


def _ask(answer: Deferred[Any]) -> None:
    answer.addErrback(_refused)


def _refused(failure: Failure) -> None:
    failure.trap(ChatError)
