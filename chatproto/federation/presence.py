"""Who is there in other realms: asked when somebody wants to know, and told again for a moment."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from twisted.internet.defer import Deferred
from twisted.python.failure import Failure

from chatproto.errors import Unavailable
from chatproto.federation.bounds import ACTIVE_SECONDS
from chatproto.names import RealmName
from chatproto.realm.times import Clock

#: Names and display names, and as of when, in milliseconds.
There = tuple[list[tuple[str, str]], int]


class Presence:
    """What linked realms said last of who is there: one answer for each."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._known: dict[RealmName, tuple[There, float]] = {}
        self._waiting: dict[RealmName, list[Deferred[There]]] = {}

    def of(self, realm: RealmName, ask: Callable[[], Deferred[dict[str, Any]]]) -> Deferred[There]:
        """Fire with who is there; who asks while a question is under way shares its answer."""
        done: Deferred[There] = Deferred(lambda _: self._leave(realm, done))
        known = self._known.get(realm)
        if known is not None and 0 <= self._clock.seconds() - known[1] < ACTIVE_SECONDS:
            done.callback(known[0])
            return done
        waiting = self._waiting.get(realm)
        if waiting is not None:
            waiting.append(done)
            return done
        asked = ask()  # which may raise
        self._waiting[realm] = [done]
        asked.addCallback(self._learn, realm).addBoth(self._tell, realm)
        return done

    def _learn(self, found: dict[str, Any], realm: RealmName) -> There:
        try:
            users = [(str(name), str(shown)) for name, shown in found["users"]]
            there = (users, int(found["as_of"]))
        except (KeyError, TypeError, ValueError):
            raise Unavailable from None  # what it said is not to be understood
        self._known[realm] = (there, self._clock.seconds())
        return there

    def _tell(self, outcome: There | Failure, realm: RealmName) -> None:
        for waiter in self._waiting.pop(realm):
            waiter.callback(outcome)

    def _leave(self, realm: RealmName, waiter: Deferred[There]) -> None:
        if waiter in self._waiting.get(realm, []):
            self._waiting[realm].remove(waiter)
