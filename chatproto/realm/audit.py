"""Rows of the audit log, for whoever writes what they tell of: they go into the same entry."""

from __future__ import annotations

from chatproto.realm.times import Clock
from chatproto.realm.writer import Writer
from chatproto.records import AuditRow


class Audit:
    """Makes rows of the audit log, in the order in which they are appended."""

    def __init__(self, writer: Writer, clock: Clock) -> None:
        self._writer = writer
        self._clock = clock

    def row(
        self,
        event: str,
        mid: str = "",
        realm: str = "",
        address: str = "",
        number: int = 0,
        code: str = "",
    ) -> AuditRow:
        """Return the next row; ``event`` is one of :mod:`chatproto.records.audit`."""
        at = int(self._clock.seconds() * 1000)
        # A realm's name is a kind of str, which drivers of databases take only after a look.
        return AuditRow(self._writer.next_serial(), at, event, mid, str(realm), address, number, code)
