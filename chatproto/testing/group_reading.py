"""What members read of groups: by their windows, in the order in which it is shown to them.

Numbers say what a copy has; members never see them. So a copy with the right numbers may still show something
else than the home does.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from itertools import pairwise

from chatproto.records import MemberRow, MessageRow
from chatproto.store.keys import VOID
from chatproto.testing.mirror import Mirror


class Shown:
    """One realm's rows of a group, as they are shown there."""

    def __init__(self, realm: str, group: str, mirror: Mirror) -> None:
        self._realm = realm
        self._group = group
        number = mirror.groups.get(group, 0)
        rows = [row for row in mirror.every(MessageRow) if row.conversation == number]
        #: By seq, as pages are read.
        self.rows = sorted((row for row in rows if row.kind != VOID), key=lambda row: row.seq)
        self._members = {row.member: row for row in mirror.every(MemberRow) if row.conversation == number}

    def faults(self) -> Iterator[str]:
        """Return what is shown twice, or elsewhere than its number says."""
        for mid, count in Counter(row.mid for row in self.rows).items():
            if count > 1:
                yield f"{self._realm} shows {mid} {count} times in {self._group}"
        entries = [row for row in self.rows if row.gseq]
        for before, row in pairwise(entries):
            if before.gseq >= row.gseq:
                yield f"{self._realm} shows {row} of {self._group} behind {before}, whose number is higher"

    def read(self, member: str, first: int) -> list[str]:
        """Return the mids that somebody reads of the home's log from a number on."""
        row = self._members.get(member)
        if row is None:
            return []
        return [
            each.mid
            for each in self.rows
            if each.gseq >= first and row.since < each.seq and (not row.until or each.seq <= row.until)
        ]

    def members(self, realm: str) -> list[str]:
        """Return who of a realm ever was, or is to be, in the group."""
        return sorted(member for member in self._members if member.endswith(f"@{realm}"))

    def is_in(self, member: str) -> bool:
        """Tell whether somebody is a member now."""
        row = self._members.get(member)
        return row is not None and not row.until


def differing(home: Shown, copy: Shown, realm: str, first: int) -> Iterator[str]:
    """Return where members of a realm read something else of a copy, from its first number, than at home."""
    for member in sorted({*home.members(realm), *copy.members(realm)}):
        there, here = home.read(member, first), copy.read(member, first)
        if there != here:
            yield f"{member} reads {here} in its realm, and at home {there}"
