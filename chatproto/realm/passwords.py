"""Passwords: argon2id in a few threads, with a bound on what waits.

A hash takes tens of milliseconds and 19 MiB by design. Unbounded, a herd of logins would be a bomb for
memory and processor; on the reactor's thread, one login would stop everybody.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TypeVar

import argon2
from argon2.exceptions import InvalidHashError, VerificationError
from twisted.internet.defer import Deferred

from chatproto.errors import BadField, Busy
from chatproto.interfaces import IExecutor

T = TypeVar("T")

#: Longest password in bytes of UTF-8.
PASSWORD_BYTES = 128


class PasswordHasher:
    """Hashes and checks passwords.

    The cost is that of OWASP's first choice for argon2id (19 MiB, two passes, one lane). ``cheap`` is the
    minimum, for class rooms and tests, where nobody's real password is at stake.
    """

    def __init__(self, executor: IExecutor, *, cheap: bool = False, waiting: int = 64) -> None:
        self._executor = executor
        self._argon2 = (
            argon2.PasswordHasher(time_cost=1, memory_cost=8, parallelism=1)
            if cheap
            else argon2.PasswordHasher(time_cost=2, memory_cost=19_456, parallelism=1)
        )
        self._waiting = waiting
        self._under_way = 0
        #: Hashes and checks that were done.
        self.done = 0
        #: Compared with for an unknown user, so that it takes as long as for a known one.
        self._nobody = self._argon2.hash("nobody has this password")

    def hash(self, password: str) -> Deferred[str]:
        """Return the argon2id string of a new password.

        :raises BadField: it is empty or longer than 128 bytes.
        :raises Busy: too many wait already.
        """
        if not 1 <= len(password.encode()) <= PASSWORD_BYTES:
            raise BadField(f"a password has 1 to {PASSWORD_BYTES} bytes")
        return self._run(self._argon2.hash, password)

    def check(self, stored: str | None, password: str) -> Deferred[bool]:
        """Tell whether a password is the stored one; with ``None`` it never is, and takes as long.

        :raises Busy: too many wait already.
        """
        return self._run(self._verify, stored, password)

    def outdated(self, stored: str) -> bool:
        """Tell whether a stored string was made at another cost than today's."""
        try:
            return self._argon2.check_needs_rehash(stored)
        except InvalidHashError:
            return True

    @property
    def load(self) -> tuple[int, int]:
        """How many are under way or wait, and how many may."""
        return self._under_way, self._waiting

    def stop(self) -> None:
        """Wait for what is under way and end the threads."""
        self._executor.stop()

    def _verify(self, stored: str | None, password: str) -> bool:
        try:
            return self._argon2.verify(stored or self._nobody, password) and stored is not None
        except (VerificationError, InvalidHashError):
            return False

    def _run(self, work: Callable[..., T], *arguments: object) -> Deferred[T]:
        if self._under_way >= self._waiting:
            raise Busy("too many logins at once; try again", retry_after=2.0)
        self._under_way += 1

        def done(result: T) -> T:
            self._under_way -= 1
            self.done += 1
            return result

        return self._executor.run(work, *arguments).addBoth(done)
