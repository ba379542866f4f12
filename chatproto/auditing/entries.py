"""Groups: the copies of a log against the log at the group's home."""

from __future__ import annotations

from chatproto.auditing.report import Report, Violation
from chatproto.auditing.scratch import Scratch
from chatproto.records.audit import ENTRY

#: The same number of one group, in a copy and at its home. The condition on events lets an index be used.
_SAME = (
    "SELECT copy.store, copy.realm, copy.address, copy.number, copy.mid, home.mid "
    "FROM audit AS copy CROSS JOIN audit AS home INDEXED BY audit_entry "
    "ON home.store = copy.realm AND home.address = copy.address "
    f"AND home.number = copy.number AND home.event = '{ENTRY}' AND home.realm = '' "
    f"WHERE copy.event = '{ENTRY}' AND copy.realm <> ''"
)
_TWICE = (
    "SELECT store, realm, address, MIN(number), mid FROM audit "
    f"WHERE event = '{ENTRY}' AND realm <> '' AND mid <> '' GROUP BY store, address, mid HAVING COUNT(*) > 1"
)


def compare_entries(scratch: Scratch, report: Report) -> int:
    """See that each number of a group is the same message everywhere; return how many entries were compared.

    A home that is an older copy gives numbers again; its copies have what it lost, outside the order.
    """
    compared = 0
    for receiver, home, group, number, mid, there in scratch.ask(_SAME):
        compared += 1
        if mid != there and home not in report.older:
            about = f"{mid} is number {number} of {group} in {receiver}, and {there} is at its home"
            _violate(report, "other-entry", home, receiver, mid, about)
    for receiver, home, group, number, mid in scratch.ask(_TWICE):
        if home not in report.older:
            about = f"{mid} is in {receiver} more than once in {group}, first as number {number}"
            _violate(report, "entry-twice", home, receiver, mid, about)
    return compared


def _violate(report: Report, what: str, home: str, receiver: str, mid: str, about: str) -> None:
    report.add(Violation(what=what, sender=home, receiver=receiver, mid=mid, about=about))
