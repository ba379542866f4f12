"""What was taken out of boxes and may not have arrived: kept until it is known that it did.

Who takes something through a front names the attempt. If the reply is lost on its way, the same attempt made
again gets the same reply, and takes nothing more.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Coroutine
from typing import Any

from twisted.internet.defer import Deferred
from twisted.internet.interfaces import IDelayedCall
from twisted.python.failure import Failure

from chatproto.errors import OutcomeUnknown
from chatproto.events import FilesTaken, InboxTaken, RealmBoxTaken, Reply
from chatproto.limits import INBOX_BYTES
from chatproto.realm.inboxes import most_bytes
from chatproto.realm.times import Clock

#: Bytes of all replies that are kept: four of the largest. Then the oldest ones are given up.
_ALL_BYTES = 4 * INBOX_BYTES
#: What a reply takes beyond its entries.
_AROUND_BYTES = 1024
#: So long a reply is kept: clients that stay connected while a front has no link for longer are few.
_KEEP_SECONDS = 600.0
#: Attempts that have arrived and are still known, should one of them come late over a link that was lost.
_ARRIVED = 10_000


class _Attempt:
    """One that has not arrived."""

    __slots__ = ("account", "reply", "size", "timer", "waiting")

    def __init__(self, account: str) -> None:
        self.account = account
        self.reply: Reply | None = None
        self.size = 0
        self.timer: IDelayedCall | None = None
        self.waiting: list[Deferred[Reply]] = []


class Undelivered:
    """The replies to all attempts of a realm's users to take something."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        #: By name; those that have a reply in the order in which they got it.
        self._attempts: dict[str, _Attempt] = {}
        self._arrived: set[str] = set()
        self._order: deque[str] = deque()
        #: Bytes of replies that are kept.
        self.size = 0

    async def take(self, account: str, name: str, take: Callable[[], Coroutine[Any, Any, Reply]]) -> Reply:
        """Return the reply to an attempt: what ``take`` takes, or what it took when it was made before.

        :raises OutcomeUnknown: the reply has arrived; so nobody waits for this one.
        """
        if name in self._arrived:
            raise OutcomeUnknown
        made = self._attempts.get(name)
        if made is None:
            return await self._make(account, name, take)
        if made.account != account:
            return await take()  # names are not guessed: a front has mixed them up
        if made.reply is not None:
            return made.reply
        found: Deferred[Reply] = Deferred()
        made.waiting.append(found)
        return await found

    def arrived(self, name: str) -> None:
        """Hear that an attempt is not made again: its reply is where it belongs, or its client is gone."""
        self._forget(name)
        if name not in self._arrived:
            self._arrived.add(name)
            self._order.append(name)
        if len(self._order) > _ARRIVED:
            self._arrived.discard(self._order.popleft())

    def close(self) -> None:
        """Keep nothing any more."""
        for name in list(self._attempts):
            self._forget(name)

    async def _make(self, account: str, name: str, take: Callable[[], Coroutine[Any, Any, Reply]]) -> Reply:
        made = self._attempts[name] = _Attempt(account)
        try:
            reply = await take()
        except BaseException:
            self._forget(name)
            failure = Failure()
            for each in made.waiting:
                each.errback(failure)
            raise
        if self._attempts.get(name) is made:
            self._keep(name, made, reply)
        waiting, made.waiting = made.waiting, []
        for each in waiting:
            each.callback(reply)
        return reply

    def _keep(self, name: str, made: _Attempt, reply: Reply) -> None:
        del self._attempts[name]
        if not isinstance(reply, InboxTaken | FilesTaken | RealmBoxTaken) or not reply.entries:
            return  # the next one takes no less
        self._attempts[name] = made
        made.reply = reply
        made.size = _AROUND_BYTES + sum(map(most_bytes, reply.entries))
        made.timer = self._clock.callLater(_KEEP_SECONDS, self._forget, name)
        self.size += made.size
        while self.size > _ALL_BYTES:
            oldest = next(each for each, attempt in self._attempts.items() if attempt.reply is not None)
            if oldest == name:
                break
            self._forget(oldest)

    def _forget(self, name: str) -> None:
        made = self._attempts.pop(name, None)
        if made is not None:
            self.size -= made.size
            if made.timer is not None and made.timer.active():
                made.timer.cancel()
