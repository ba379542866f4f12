"""What a check is, and what can come of it."""

from __future__ import annotations

import enum
from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING, Never

from msgspec import Struct

if TYPE_CHECKING:
    from chatproto.conformance.trial import Trial

#: Makes a check; returns if the server did as it should.
Run = Callable[["Trial"], None]
#: Of what was sent or seen so much is shown; a reply may hold a whole file.
SHOWN_CHARACTERS = 400


class Outcome(enum.Enum):
    """What came of a check."""

    PASSED = "passed"
    FAILED = "failed"
    SKIPPED = "skipped"


class Departure(Exception):
    """A server did something else than it should have done."""

    def __init__(self, expected: str, seen: str, sent: str = "") -> None:
        super().__init__(expected)
        self.expected = expected
        self.seen = seen
        self.sent = sent


class Skipped(Exception):
    """A check cannot be made here; says what it would need."""


class Check(Struct, frozen=True):
    """One thing that a server of a level does: by which line of the specification, and how one sees it."""

    level: str
    name: str
    #: The section of the specification, or its rule.
    section: str
    #: What the line says.
    line: str
    run: Run
    #: Whether it tells things apart by pauses, as what it is about does: then it fails, too, where somebody,
    #: the kit itself perhaps, was kept waiting by a busy machine.
    paused: bool = False


class Step(Struct, frozen=True):
    """Something that was sent (``>``) or came (``<``), or what became of a connection (``-``)."""

    who: str
    way: str
    text: str


class Result(Struct, frozen=True, kw_only=True):
    """What came of a check, as programs read it."""

    level: str
    name: str
    section: str
    line: str
    outcome: Outcome
    sent: str = ""
    expected: str = ""
    seen: str = ""
    #: Why it was skipped.
    why: str = ""
    seconds: float = 0.0
    #: How often it was made until it passed, or was believed to fail.
    tries: int = 1
    #: The talk in which a check failed.
    steps: list[Step] = []


class Checks:
    """Checks of one subject, in the order in which they are made; ``level`` is their system."""

    def __init__(self, level: str, *, paused: bool = False) -> None:
        self._level = level
        self._paused = paused
        self._checks: list[Check] = []

    def __iter__(self) -> Iterator[Check]:
        return iter(self._checks)

    def __call__(self, section: str, line: str) -> Callable[[Run], Run]:
        """Return a decorator: a function is the check, of its name, of a line of the specification."""

        def add(run: Run) -> Run:
            name = run.__name__.replace("_", "-")
            self._checks.append(Check(self._level, name, section, line, run, self._paused))
            return run

        return add


def shown(data: bytes | str) -> str:
    """Return what passed on a wire so that one sees every byte, and not too many of them."""
    # A character has at most four bytes; a flood is not decoded whole.
    some = data[: 4 * SHOWN_CHARACTERS]
    text = some if isinstance(some, str) else some.decode("utf-8", "backslashreplace")
    cut = text[:SHOWN_CHARACTERS]
    more = f" ... ({len(data)} in all)" if len(text) > len(cut) or len(data) > len(some) else ""
    visible = "".join(each if each.isprintable() else each.encode("unicode_escape").decode() for each in cut)
    return (visible or "nothing") + more


def depart(expected: str, seen: object, sent: str = "") -> Never:
    """Say that a server did something else.

    :raises Departure: always.
    """
    raise Departure(expected, seen if isinstance(seen, str) else repr(seen)[:SHOWN_CHARACTERS], sent)
