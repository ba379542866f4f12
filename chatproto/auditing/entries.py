"""Groups: what copies say that they got of a log, against the log at the group's home."""

from __future__ import annotations

from collections.abc import Iterator

from chatproto.auditing.report import Report, Violation
from chatproto.auditing.scratch import Scratch
from chatproto.records.audit import ENTRY

#: The entries of one copy. The condition on events lets an index be used.
_COPIES = f"SELECT DISTINCT store, realm, address FROM audit WHERE event = '{ENTRY}' AND realm <> ''"
_OF_COPY = f"FROM audit WHERE event = '{ENTRY}' AND store = ? AND address = ?"
_IN_ORDER = f"SELECT number, serial {_OF_COPY} ORDER BY serial"
_BY_NUMBER = f"SELECT number, serial, mid {_OF_COPY} ORDER BY number, serial DESC"
_TWICE = f"SELECT mid, MIN(number) {_OF_COPY} AND mid <> '' GROUP BY mid HAVING COUNT(*) > 1"
_AT_HOME = "SELECT mid FROM entries WHERE store = ? AND address = ? AND number = ?"


def compare_entries(scratch: Scratch, report: Report) -> int:
    """See that each number of a group is the same message everywhere; return how many entries were compared.

    A home that is an older copy goes back in its numbers. What a copy had got before that it may have lost.
    """
    compared = 0
    for receiver, home, group in list(scratch.ask(_COPIES)):
        if home not in report.realms:
            continue
        begun = 2**53 if home in report.older else _gone_back(scratch, receiver, group)
        for number, serial, mid in _newest(scratch, receiver, group):
            compared += 1
            there = [found for (found,) in scratch.ask(_AT_HOME, home, group, number)]
            if there != [mid] and serial >= begun:
                about = f"{mid} is number {number} of {group} in {receiver}, {there or 'nothing'} at its home"
                _violate(report, "other-entry", home, receiver, mid, about)
        for mid, number in scratch.ask(_TWICE, receiver, group):
            if not begun:
                about = f"{mid} is in {receiver} more than once in {group}, first as number {number}"
                _violate(report, "entry-twice", home, receiver, mid, about)
    return compared


def _gone_back(scratch: Scratch, receiver: str, group: str) -> int:
    """Return the serial from which on the numbers of a copy only rise."""
    begun = highest = 0
    for number, serial in scratch.ask(_IN_ORDER, receiver, group):
        if number <= highest:
            begun = serial
        highest = number
    return begun


def _newest(scratch: Scratch, receiver: str, group: str) -> Iterator[tuple[int, int, str]]:
    """Return what a copy got under each number, the last time that it got it."""
    last = 0
    for number, serial, mid in scratch.ask(_BY_NUMBER, receiver, group):
        if number != last:
            last = number
            yield number, serial, mid


def _violate(report: Report, what: str, home: str, receiver: str, mid: str, about: str) -> None:
    report.add(Violation(what=what, sender=home, receiver=receiver, mid=mid, about=about))
