"""Groups: the copies of each log against their own audit logs, and against the log at the group's home.

A home that is put back from an older copy gives numbers again. A number of a copy was given in one life of
the home's store; what that life of the store has no more where the home is, is lost there, and no violation.
"""

from __future__ import annotations

from typing import NamedTuple

from chatproto.auditing.report import Lost, Report, Violation
from chatproto.auditing.scratch import Scratch
from chatproto.realm.copying import EFFECTS
from chatproto.records.audit import ENTRY, OLDER, PRUNED_ENTRY

#: Above every number, seq and serial.
_END = 2**53
#: What an entry of this version may be. Of what a newer home says, a copy has only the number.
_KINDS = frozenset(EFFECTS)
_LOG = "FROM said WHERE store = ? AND a = ? AND b = '' AND number"
#: The condition on events lets an index be used.
_TOLD = f"FROM audit WHERE event = '{ENTRY}' AND store = ? AND address = ?"
_UNTOLD = (
    f"SELECT number, mid {_LOG} > ? AND kind <> 'void' AND NOT EXISTS (SELECT 1 FROM audit "
    f"INDEXED BY audit_mid WHERE audit.mid = said.mid AND audit.store = said.store AND event = '{ENTRY}' "
    "AND audit.number = said.number AND address = a)"
)
_PRUNED = f"SELECT MAX(number) FROM audit WHERE event = '{PRUNED_ENTRY}' AND store = ? AND address = ?"
_BOTH = (
    "SELECT copy.number, copy.mid, copy.kind, copy.sender, copy.digest, "
    "home.mid, home.kind, home.sender, home.digest FROM said AS copy "
    "LEFT JOIN said AS home ON home.store = ? AND home.a = copy.a AND home.b = '' "
    "AND home.number = copy.number "
    "WHERE copy.store = ? AND copy.a = ? AND copy.b = '' AND copy.number > 0 ORDER BY copy.number"
)
_OUTSIDE = (
    "SELECT COUNT(*) FROM said WHERE store = ? AND a = ? AND b = '' AND number = 0 AND arrived "
    "AND kind <> 'void'"
)
_TWICE = (
    "SELECT store, a, b, mid FROM said WHERE kind NOT IN ('void', 'delayed') "
    "GROUP BY mid, store, a, b HAVING COUNT(*) > 1"
)
_OWN = (
    "SELECT DISTINCT store, a FROM said WHERE b = '' AND number > 0 AND substr(a, instr(a, '@') + 1) = store"
)


class _Copy(NamedTuple):
    """Where a copy stands: it has each number from ``first`` to ``number``, the newest given in ``epoch``."""

    store: str
    group: str
    home: str
    first: int
    number: int
    epoch: str


class _Entry(NamedTuple):
    mid: str
    kind: str
    sender: str
    digest: bytes


class _Lives:
    """Which numbers of a copy its home may have lost, by the lives of the home's store that gave them."""

    def __init__(self, scratch: Scratch, copy: _Copy) -> None:
        found = scratch.ask(
            "SELECT last, epoch FROM lives WHERE store = ? AND address = ? ORDER BY last",
            *(copy.store, copy.group),
        )
        self._given = [*found, (copy.number, copy.epoch)]
        #: How far the home has the log of each of its lives: those in which it was put back end before.
        self._kept: dict[str, int] = {}
        epochs = list(
            scratch.ask("SELECT epoch, first, at FROM epochs WHERE store = ? ORDER BY first", copy.home)
        )
        ends = [*(first for _, first, _ in epochs[1:]), _END]
        backs = [
            (at, serial)
            for at, serial in scratch.ask(
                "SELECT at, serial FROM audit WHERE store = ? AND event = ?", copy.home, OLDER
            )
        ]
        for (epoch, _, begun), end, following in zip(epochs, ends, [*epochs[1:], None], strict=True):
            until = _END if following is None else following[2]
            put_back = any(begun < at <= until or (serial == _END and until == _END) for at, serial in backs)
            self._kept[epoch] = self._newest(scratch, copy, end) if put_back else _END

    @staticmethod
    def _newest(scratch: Scratch, copy: _Copy, end: int) -> int:
        question = f"SELECT MAX(number) {_LOG} > 0 AND seq < ?"
        ((number,),) = scratch.ask(question, copy.home, copy.group, end)
        return int(number or 0)

    def lost(self, number: int) -> bool:
        """Tell whether the home may have lost what it gave this number."""
        epoch = next((epoch for last, epoch in self._given if last >= number), "")
        return bool(epoch) and number > self._kept.get(epoch, 0)


def compare_entries(scratch: Scratch, report: Report) -> int:
    """See that each number of a group is the same message everywhere; return how many were compared."""
    return _Entries(scratch, report).run()


class _Entries:
    def __init__(self, scratch: Scratch, report: Report) -> None:
        self._scratch = scratch
        self._report = report

    def run(self) -> int:
        for store, group in list(self._scratch.ask(_OWN)):
            self._find_gaps(store, store, group, 1, self._newest(store, group))
        compared = 0
        rows = self._scratch.ask("SELECT store, address, home, first, number, epoch FROM copies")
        for copy in [_Copy(*row) for row in rows]:
            self._find_gaps(copy.home, copy.store, copy.group, copy.first, copy.number)
            self._compare_with_audit(copy)
            if copy.home in self._report.realms:
                compared += self._compare_with_home(copy)
            self._count_lost(copy)
        for store, a, b, mid in self._scratch.ask(_TWICE):
            place = f"the conversation of {a} and {b}" if b else a or "what goes to other realms"
            origin = mid.partition("/")[0]
            self._violate("entry-twice", origin, store, mid, f"{mid} is more than once in {place} in {store}")
        return compared

    def _newest(self, store: str, group: str) -> int:
        ((number,),) = self._scratch.ask(f"SELECT MAX(number) {_LOG} > 0", store, group)
        return int(number or 0)

    def _find_gaps(self, home: str, store: str, group: str, first: int, last: int) -> None:
        """See that a log has each number of a range."""
        wanted = first
        rows = self._scratch.ask(
            f"SELECT number {_LOG} BETWEEN ? AND ? ORDER BY number", store, group, first, last
        )
        for (number,) in rows:
            if number > wanted:
                self._miss(home, store, group, wanted, number - 1)
            wanted = max(wanted, number + 1)
        if wanted <= last:
            self._miss(home, store, group, wanted, last)

    def _miss(self, home: str, store: str, group: str, first: int, last: int) -> None:
        numbers = f"number {first}" if first == last else f"each number from {first} to {last}"
        self._violate(
            "entry-missing", home, store, "", f"{numbers} of {group} is missing in the log in {store}"
        )

    # -- with what the copy's realm noted as they came

    def _compare_with_audit(self, copy: _Copy) -> None:
        place = copy.store, copy.group
        least = _END
        for number, mid in self._scratch.ask(f"SELECT number, mid {_TOLD} ORDER BY serial DESC", *place):
            if number >= least:  # it was given again later, or taken out of the order
                continue
            least = number
            if number > copy.number:
                continue
            found = list(self._scratch.ask(f"SELECT mid, kind {_LOG} = ?", *place, number))
            if not found and number < copy.first:
                self._miss(copy.home, *place, number, number)
            elif found and found[0][0] != mid and found[0][1] != "void":
                about = (
                    f"{mid} came to {copy.store} as number {number} of {copy.group}, {found[0][0]} is there"
                )
                self._violate("other-entry", copy.home, copy.store, mid, about)
        ((pruned,),) = self._scratch.ask(_PRUNED, *place)
        for number, mid in self._scratch.ask(_UNTOLD, *place, pruned or 0):
            about = f"{mid} is number {number} of {copy.group} in {copy.store}, and not by its audit log"
            self._violate("entry-untold", copy.home, copy.store, mid, about)

    # -- with the home

    def _compare_with_home(self, copy: _Copy) -> int:
        compared = lost = 0
        lives = _Lives(self._scratch, copy)
        newest = self._newest(copy.home, copy.group)
        begun = self._gone_back(copy)
        for number, *columns in self._scratch.ask(_BOTH, copy.home, copy.store, copy.group):
            compared += 1
            here, there = _Entry(*columns[:4]), _Entry(*columns[4:])
            wrong = _differ(here, there)
            if not wrong:
                continue
            # What a home lost is behind the end of its log, or the number was given to another meanwhile.
            if (
                (there.mid or number > newest)
                and here.mid != there.mid
                and (lives.lost(number) or self._came_before(copy, here.mid, number, begun))
            ):
                lost += 1
                continue
            what = "other-entry" if here.mid != there.mid else "entry-differs"
            about = f"number {number} of {copy.group} has {wrong} in {copy.store} than at its home"
            if what == "other-entry":
                home = there.mid or "nothing"
                about = f"{here.mid} is number {number} of {copy.group} in {copy.store}, {home} at its home"
            self._violate(what, copy.home, copy.store, here.mid, about)
        if lost:
            self._report.lost.append(Lost(group=copy.group, copy=copy.store, entries=lost))
        return compared

    def _gone_back(self, copy: _Copy) -> int:
        """Return the serial from which on the numbers of a copy only rise."""
        begun = highest = 0
        rows = self._scratch.ask(f"SELECT number, serial {_TOLD} ORDER BY serial", copy.store, copy.group)
        for number, serial in rows:
            if number <= highest:
                begun = serial
            highest = number
        return begun

    def _came_before(self, copy: _Copy, mid: str, number: int, begun: int) -> bool:
        if not begun:
            return False
        question = f"SELECT MAX(serial) {_TOLD} AND mid = ? AND number = ?"
        ((serial,),) = self._scratch.ask(question, copy.store, copy.group, mid, number)
        return serial is not None and int(serial) < begun

    def _count_lost(self, copy: _Copy) -> None:
        ((outside,),) = self._scratch.ask(_OUTSIDE, copy.store, copy.group)
        if outside:
            self._report.lost.append(Lost(group=copy.group, copy=copy.store, entries=outside, outside=True))

    def _violate(self, what: str, home: str, receiver: str, mid: str, about: str) -> None:
        self._report.add(Violation(what=what, sender=home, receiver=receiver, mid=mid, about=about))


def _differ(here: _Entry, there: _Entry) -> str:
    """Say in what an entry of a copy is other than at home."""
    if here.kind == "void" and (there.kind == "void" or (there.kind and there.kind not in _KINDS)):
        return ""
    if here.mid != there.mid:
        return "another mid"
    names = ("another kind", "another sender", "another text")
    return next((name for name, a, b in zip(names, here[1:], there[1:], strict=True) if a != b), "")
