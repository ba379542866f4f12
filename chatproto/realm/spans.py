"""Parts of the log that an account was told, so that no box gives them once more.

What is told from one moment to another is one span, however many messages that are: its two ends are cursors,
which are written once a second at most.
"""

from __future__ import annotations

from chatproto.realm.cursors import Cursors

#: Spans of one account, or of it in one group. A further one takes the place of the oldest, whose messages
#: then come once more: that takes somebody who was there so often, with mail each time, and never takes any.
_SPANS = 32


class Span:
    """A part of the log of which everything that is for an account was told."""

    __slots__ = ("after", "slot", "until")

    def __init__(self, slot: int, after: int, until: int) -> None:
        self.slot = slot
        self.after = after
        self.until = until


class Spans:
    """The spans of one account, of those with one number; ``kinds`` are the cursors of their two ends."""

    def __init__(self, cursors: Cursors, account: str, kinds: tuple[str, str], number: int = 0) -> None:
        self._cursors = cursors
        self._account = account
        self._after, self._until = kinds
        self._first = number * _SPANS
        self._spans: dict[int, Span] = {}

    @classmethod
    async def load(cls, cursors: Cursors, account: str, kinds: tuple[str, str]) -> dict[int, Spans]:
        """Read all spans of an account, by number."""
        until = await cursors.of_kind(account, kinds[1])
        after = await cursors.of_kind(account, kinds[0])  # if one moves meanwhile, the span is too short
        found: dict[int, Spans] = {}
        for scope, end in until.items():
            number, slot = divmod(scope, _SPANS)
            spans = found.setdefault(number, cls(cursors, account, kinds, number))
            spans._spans[slot] = Span(slot, after.get(scope, 0), end)
        return found

    @property
    def newest(self) -> int:
        """Up to where something was told."""
        return max([0, *(span.until for span in self._spans.values())])

    def __contains__(self, seq: int) -> bool:
        return any(span.after < seq <= span.until for span in self._spans.values())

    def span(self, after: int, taken: int) -> Span:
        """Return the span for what is told from behind a seq on; up to ``taken`` nobody asks any more."""
        for span in self._spans.values():
            if after in (span.until, span.after):
                return span
        free = [slot for slot in range(_SPANS) if self._is_free(slot, taken)]
        slot = free[0] if free else min(self._spans, key=lambda slot: self._spans[slot].after)
        self._cursors.move((self._account, self._after, self._first + slot), after)
        span = self._spans[slot] = Span(slot, after, after)
        return span

    def _is_free(self, slot: int, taken: int) -> bool:
        span = self._spans.get(slot)
        return span is None or span.until <= taken

    def tell(self, span: Span, seq: int) -> None:
        """Note that everything up to a seq was told."""
        if seq > span.until:
            span.until = seq
            self._cursors.move((self._account, self._until, self._first + span.slot), seq)
