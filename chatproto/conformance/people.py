"""Users for checks: made by the server that is checked, or those that it has."""

from __future__ import annotations

import secrets
from collections.abc import Callable, Sequence

from msgspec import Struct

from chatproto.conformance.checks import Skipped

#: Users of the older systems' documents, where a server registers nobody.
DEMO = (("messi", "Lionel Messi"), ("henderson", "Jordan Henderson"), ("lineker", "Gary Lineker"))
DEMO_PASSWORD = "surabaya"  # noqa: S105 - it stands in every document of the course


class Person(Struct, frozen=True):
    """A user of the server; ``shown`` is empty where the display name is not known."""

    user: str
    password: str
    shown: str = ""


def fresh(start: str = "k") -> str:
    """Return a name that nobody has."""
    return start + secrets.token_hex(4)


class People:
    """The users of one server. ``register`` makes one if the server can, and returns who it is then."""

    def __init__(self, given: Sequence[Person], register: Callable[[Person], Person | None]) -> None:
        self._given = given
        self._register = register
        self._found: list[Person] = []
        self._refused = False

    def __getitem__(self, number: int) -> Person:
        while len(self._found) <= number:
            self._found.append(self._next())
        return self._found[number]

    def _next(self) -> Person:
        number = len(self._found)
        if self._given:
            if number < len(self._given):
                return self._given[number]
            raise Skipped(f"needs {number + 1} users; give more with --user and --password")
        person = Person(fresh(), DEMO_PASSWORD, f"Kit {number + 1}")
        made = None if self._refused else self._register(person)
        if made is not None:
            return made
        self._refused = True
        if number < len(DEMO):
            user, shown = DEMO[number]
            return Person(user, DEMO_PASSWORD, shown)
        raise Skipped("the server registers nobody; give users with --user and --password")

    def new(self) -> Person:
        """Return a user that was never logged in, for checks that need one.

        :raises Skipped: the server registers nobody.
        """
        person = Person(fresh(), DEMO_PASSWORD, "Kit Baru")
        made = None if self._given or self._refused else self._register(person)
        if made is None:
            raise Skipped("needs a server that registers users")
        return made
