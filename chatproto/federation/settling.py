"""The end of items at their sender: verdicts become durable, and only then anybody is told.

What the other side refused gets its bounce and its dead letter in the transaction that moves ``settled`` past
it, and its row loses the message, so that it is never sent again. What is lost with the batch is made again
from the store: the other side tells its refusals until it hears that they are settled.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence

from msgspec.structs import replace
from twisted.logger import Logger
from twisted.python.failure import Failure

from chatproto.errors import ChatError
from chatproto.faults import Discreet
from chatproto.federation.errand import Step, tell
from chatproto.federation.outgoing import OutgoingStream
from chatproto.federation.rules import Bounces, Effect
from chatproto.records import NOWHERE, AuditRow, Outgoing, Record, StreamRow
from chatproto.records.audit import SETTLED, UNBOUNCED

#: Hears of an item that has ended: its code, ``""`` if it was applied.
Ended = Callable[[Outgoing, str], None]


class Settlement(Step):
    """Items that end, and the row of their stream if ``settled`` moves."""

    _log = Logger()

    __slots__ = ("_applied", "_bounces", "_effects", "_ended", "_refused", "_risky", "_stream")

    def __init__(
        self,
        stream: OutgoingStream,
        bounces: Bounces,
        ended: Ended,
        items: Sequence[Outgoing],
        codes: Mapping[int, str],
        *,
        settled: int | None = None,
        silent: bool = False,
    ) -> None:
        """Make the rows; to be appended in this turn. ``silent`` leaves out bounces that cannot be stored."""
        super().__init__()
        self._stream = stream
        self._bounces = bounces
        self._ended = ended
        self._effects: list[Effect] = []
        self._applied: list[Outgoing] = []
        self._refused: list[tuple[Outgoing, str]] = []
        inserts: list[Record] = []
        puts: list[Record] = []
        removes: list[Record] = []
        #: What the audit log has of it, which breaks no constraint.
        told: list[Record] = []
        for item in items:
            if item.message is None:
                continue
            code = codes.get(item.row.number, "")
            stream.waiting_items -= 1
            stream.waiting_bytes -= item.row.size
            if not code:
                self._applied.append(item)
                continue
            self._refused.append((item, code))
            puts.append(replace(item.row, seq=0))
            if item.message.conversation == NOWHERE:  # it lived in the outbox only
                removes.append(item.message)
            effect = None if silent else self._bounce(item, code)
            if effect is not None:
                self._effects.append(effect)
                inserts.extend(effect.inserts)
            else:
                told.append(self._unbounced(item, code))
        if settled is not None:
            row = replace(stream.row, settled=settled, offered=max(stream.row.offered, settled))
            stream.put(self, row)
            puts.append(row)
            told.append(stream.audit.row(SETTLED, realm=row.realm, number=settled))
        self._risky = settled is not None and bool(inserts)
        if self._risky:
            stream.risk()
        self.inserts = inserts + told
        self.puts = puts
        self.removes = removes
        self.size = sum(item.row.size for item, _ in self._refused)

    def _bounce(self, item: Outgoing, code: str) -> Effect | None:
        try:
            return self._bounces.bounce(item, code)
        except Exception:
            self._log.failure(
                "no bounce could be made of {mid}, refused with {code}",
                mid=item.row.mid,
                code=code,
                failure=Discreet(Failure()),
            )
            return None

    def _unbounced(self, item: Outgoing, code: str) -> AuditRow:
        row = item.row
        return self._stream.audit.row(UNBOUNCED, row.mid, row.realm, item.to, row.number, code)

    def committed(self) -> None:
        """Tell senders and who waits, then go on."""
        self._risk_over()
        row = self.puts[-1] if self.puts else None
        if isinstance(row, StreamRow):
            self._stream.marked(row)
        for effect in self._effects:
            tell(effect.told)
        if self._applied:
            tell(self._bounces.stored, self._applied)
        for item in self._applied:
            tell(self._ended, item, "")
        for item, code in self._refused:
            tell(self._ended, item, code)
        super().committed()

    def failed(self, error: ChatError) -> None:
        """See :class:`Step`."""
        self._risk_over()
        super().failed(error)

    def _risk_over(self) -> None:
        if self._risky:
            self._stream.risk_over()
