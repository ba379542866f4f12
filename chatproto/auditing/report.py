"""What a comparison of audit logs found."""

from __future__ import annotations

from msgspec import Struct, field

#: Of so many violations each is told; more are counted. One is enough to look for its cause.
VIOLATIONS = 10_000


class Violation(Struct, frozen=True, kw_only=True):
    """One thing that must not be: ``what`` is a stable code, ``about`` says it to people."""

    what: str
    sender: str
    receiver: str
    mid: str
    about: str


class Pair(Struct, kw_only=True):
    """What became of the items of one realm for another.

    Each of ``sent`` is among ``arrived``, ``bounced``, ``unknown`` (a bounce says that it may have arrived,
    and ``unknown_arrived`` of them did), ``waiting``, ``lost`` (only a store held it that an older copy
    replaced), ``uncompared`` (its rows were removed, or the other store is not here), or a violation.
    ``unsent`` arrived, and the sender's store that knew them was replaced by an older copy.
    """

    sender: str
    receiver: str
    sent: int = 0
    arrived: int = 0
    bounced: int = 0
    unknown: int = 0
    unknown_arrived: int = 0
    waiting: int = 0
    lost: int = 0
    unsent: int = 0
    uncompared: int = 0
    violations: int = 0


class Lost(Struct, frozen=True, kw_only=True):
    """Entries of a group that its home has no more, as its store was replaced by an older copy.

    A copy keeps them: ``outside`` of the order, once it has heard of that.
    """

    group: str
    copy: str
    entries: int
    outside: bool = False


class Report(Struct, kw_only=True):
    """All of it. ``older`` has the realms whose store is known to have been replaced by an older copy.

    ``entries`` of groups were compared.
    """

    realms: list[str]
    older: list[str] = []
    pairs: list[Pair] = []
    entries: int = 0
    lost: list[Lost] = []
    violations: list[Violation] = field(default_factory=list)
    #: Those that are not in the list as well.
    found: int = 0

    @property
    def holds(self) -> bool:
        """Tell whether nothing is as it must not be."""
        return self.found == 0

    def add(self, violation: Violation) -> None:
        """Note something that must not be."""
        self.found += 1
        if len(self.violations) < VIOLATIONS:
            self.violations.append(violation)
