"""Passwords that are tried: how soon after each other, and how many at a time.

An address has so many attempts, whoever it tries to be. An account that had too many wrong passwords is not
locked, or anybody could lock anybody out: each further attempt is delayed, twice as long as the one before.
The delay comes before the password is looked at, so that to go away early tells nothing.

From where an account's password, or a session's token, was right before, attempts are counted apart: what
others try elsewhere does not delay the owner. An unknown user is treated as a known one, or the delay would
tell.
"""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Awaitable, Callable
from typing import TypeVar

from twisted.internet.defer import Deferred
from twisted.internet.interfaces import IDelayedCall
from twisted.logger import Logger

from chatproto.endpoints import network_of
from chatproto.errors import BadToken, LoginFailed, RateLimited
from chatproto.limits import Limits
from chatproto.realm.gate import refused
from chatproto.realm.rates import Buckets, Rate
from chatproto.realm.times import Clock

T = TypeVar("T")

#: An address, of IPv6 a network, and an account; one of the two is ``""`` where only the other counts.
Key = tuple[str, str]

#: Addresses that are remembered for one account: the places in which somebody lives.
_PLACES = 8
#: How often the delay doubles beyond the longest one: so soon an account is at rest after an attack.
_DOUBLINGS = 6


class Delay:
    """An attempt that waits. :meth:`cancel` ends it, when who made it is gone."""

    def __init__(self, clock: Clock, seconds: float) -> None:
        self._call: IDelayedCall = clock.callLater(seconds, self._over)
        self.done: Deferred[None] = Deferred()

    def cancel(self) -> None:
        """Wait no longer: the attempt fails."""
        if self._call.active():
            self._call.cancel()
            self.done.errback(RateLimited())

    def _over(self) -> None:
        self.done.callback(None)


class Attempts:
    """All attempts to prove to be somebody in one realm."""

    _log = Logger()

    def __init__(self, clock: Clock, size: int) -> None:
        self._clock = clock
        self._size = size
        self._tried: Buckets[Key] = Buckets(size)
        #: Wrong tokens by address.
        self._tokens: Buckets[str] = Buckets(size)
        self._failed: Buckets[Key] = Buckets(size)
        #: From where an account was right, the newest last; accounts that were so longest ago stand first.
        self._places: dict[str, dict[str, None]] = {}
        self._waiting: Counter[str] = Counter()
        self._waiting_from: set[Key] = set()

    def right(self, address: str, account: str) -> None:
        """Remember that somebody at an address proved to be an account."""
        place = network_of(address)
        places = self._places.pop(account, {})
        places.pop(place, None)
        places[place] = None
        if len(places) > _PLACES:
            del places[next(iter(places))]
        self._places[account] = places
        if len(self._places) > self._size:
            del self._places[next(iter(self._places))]

    async def password(
        self,
        limits: Limits,
        address: str,
        account: str,
        check: Callable[[], Awaitable[T]],
        wait: Callable[[Delay], None],
    ) -> T:
        """Return what ``check`` makes of a password, perhaps later. ``wait`` is told of the delay.

        :raises RateLimited: there were too many attempts; this one was not looked at.
        :raises LoginFailed: as ``check`` does.
        """
        now = self._clock.seconds()
        place = network_of(address)
        apart = place in self._places.get(account, ())
        self._take(limits, (place, account if apart else ""), now)
        failures = Rate(limits.failures_per_minute, 60.0, limits.failures_burst)
        failed = ("" if not apart else place, account)
        seconds = self._delay(failures, failed, limits, now)
        if seconds:
            await self._rest(limits, (place, account), seconds, wait)
        # Until it is known to be right it counts as wrong: who tries many at once is delayed too.
        now = self._clock.seconds()
        full = failures.taken(self._failed.full(failed), now)
        self._failed.put(failed, min(full, now + failures.depth + _DOUBLINGS * failures.interval), now)
        try:
            result = await check()
        except LoginFailed:
            self._log.info("a wrong login from {address}", address=address)
            raise
        except BaseException:
            self._forgive(failures, failed)
            raise
        self._forgive(failures, failed)
        self.right(address, account)
        return result

    async def token(self, limits: Limits, address: str, find: Callable[[], Awaitable[T]]) -> T:
        """Return what ``find`` makes of a token; one that is wrong costs the address as a password does.

        Wrong passwords do not keep who has a token from taking its session up again, only wrong tokens do.

        :raises RateLimited: there were too many wrong ones; this one was not looked at.
        """
        rate = _per_address(limits)
        place = network_of(address)
        wait = rate.wait(self._tokens.full(place), self._clock.seconds())
        if wait:
            raise refused("wrong tokens from your address", wait)
        try:
            return await find()
        except BadToken:
            self._log.info("a wrong token from {address}", address=address)
            now = self._clock.seconds()
            self._tokens.take(place, rate, now)
            self._tried.take((place, ""), rate, now)
            raise

    def _take(self, limits: Limits, key: Key, now: float) -> None:
        wait = self._tried.take(key, _per_address(limits), now)
        if wait:
            raise refused("logins from your address", wait)

    def _delay(self, failures: Rate, failed: Key, limits: Limits, now: float) -> float:
        """Return how long an attempt has to wait, by how many were wrong and are not long past."""
        if not failures.interval:
            return 0.0
        # One counts until it is as good as forgiven.
        wrong = math.ceil((self._failed.full(failed) - now) / failures.interval - 0.1)
        over = wrong - limits.failures_burst
        return 0.0 if over < 0 else min(2.0 ** min(over, 30), limits.delay_seconds)

    async def _rest(self, limits: Limits, who: Key, seconds: float, wait: Callable[[Delay], None]) -> None:
        """Wait, unless too many do, or one from there does already."""
        _, account = who
        if (
            who in self._waiting_from
            or self._waiting[account] >= limits.delayed_per_account
            or len(self._waiting_from) >= limits.delayed
        ):
            raise refused("wrong logins", seconds)
        self._waiting[account] += 1
        self._waiting_from.add(who)
        delay = Delay(self._clock, seconds)
        wait(delay)
        try:
            await delay.done
        finally:
            self._waiting_from.discard(who)
            self._waiting[account] -= 1
            if not self._waiting[account]:
                del self._waiting[account]

    def _forgive(self, failures: Rate, failed: Key) -> None:
        self._failed.put(failed, self._failed.full(failed) - failures.interval, self._clock.seconds())


def _per_address(limits: Limits) -> Rate:
    return Rate(limits.logins_per_minute, 60.0, limits.logins_burst)
