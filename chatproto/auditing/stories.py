"""What became of one item, from what the audit logs of its sender's and its recipient's realm say of it."""

from __future__ import annotations

import enum
from collections.abc import Sequence

from msgspec import Struct

from chatproto.records.audit import ANSWERED, APPLIED, BOUNCED, REFUSED, SENT, UNBOUNCED

#: The code of the one bounce that does not say that there is no entry.
UNKNOWN = "outcome-unknown"


class Fact(Struct, frozen=True):
    """A row of an audit log, and whose."""

    store: str
    serial: int
    event: str
    mid: str
    realm: str
    address: str
    number: int
    code: str


class End(enum.Enum):
    """How an item ended; the values are fields of a :class:`~chatproto.auditing.report.Pair`."""

    ARRIVED = "arrived"
    BOUNCED = "bounced"
    UNKNOWN = "unknown"
    WAITING = "waiting"
    LOST = "lost"
    UNSENT = "unsent"
    UNCOMPARED = "uncompared"


class Ways(Struct, kw_only=True):
    """What is known of the items of one realm for another as a whole.

    The numbers say of which rows the logs have none any more: of what was sent, and of what came. What the
    sender heard to be settled before ``resent`` (a serial of its store) it sent again, as far as it had it.
    What came before ``renewed`` (a serial of the receiver's store) its sender may not know any more.
    """

    sender: str
    receiver: str
    #: Whether the receiver's store is here.
    compared: bool = False
    sent_removed: int = 0
    applied_removed: int = 0
    resent: int = 0
    renewed: int = 0


class Story(Struct, kw_only=True):
    """All that is said of one item. ``settled`` is the serial at which its sender heard that it is."""

    sent: list[Fact]
    ended: list[Fact]
    applied: list[Fact]
    refused: list[Fact]
    settled: int = 0

    @classmethod
    def of(cls, facts: Sequence[Fact], origin: str) -> Story:
        """Sort what is said of one mid and recipient; only the origin sends, everybody else receives."""
        here = [fact for fact in facts if fact.store == origin]
        there = [fact for fact in facts if fact.store != origin and fact.realm == origin]
        return cls(
            sent=[fact for fact in here if fact.event == SENT],
            ended=[fact for fact in here if fact.event in (BOUNCED, ANSWERED, UNBOUNCED)],
            applied=[fact for fact in there if fact.event == APPLIED],
            refused=[fact for fact in there if fact.event == REFUSED],
        )

    def judge(self, ways: Ways) -> tuple[End | None, str]:
        """Return how the item ended, and a code for what must not be; ``""`` if everything is well."""
        if not self.sent:
            return self._judge_unsent(ways)
        for wrong, code in (
            (len(self.sent) > 1, "sent-twice"),
            (len(self.ended) > 1, "bounced-twice"),
            (len(self.applied) > 1, "entry-twice"),
            (bool(self.applied and self.refused), "entry-and-refusal"),
            (any(fact.event == UNBOUNCED for fact in self.ended), "no-bounce"),
        ):
            if wrong:
                return None, code
        if self.ended:
            if self.ended[0].code == UNKNOWN:
                return End.UNKNOWN, ""
            return (None, "entry-and-bounce") if self.applied else (End.BOUNCED, "")
        if self.applied:
            return End.ARRIVED, ""
        return self._judge_missing(ways)

    def _judge_missing(self, ways: Ways) -> tuple[End | None, str]:
        """Judge what has neither an entry nor a bounce."""
        if not self.settled:
            return End.WAITING, ""
        if not ways.compared or self.sent[0].number <= ways.applied_removed:
            return End.UNCOMPARED, ""
        if self.settled < ways.resent:
            return End.LOST, ""
        return None, "refused-without-bounce" if self.refused else "lost"

    def _judge_unsent(self, ways: Ways) -> tuple[End | None, str]:
        """Judge what nobody knows to have sent."""
        came = [*self.applied, *self.refused]
        if any(fact.number > ways.sent_removed for fact in self.ended):
            return None, "bounce-without-sending"
        if not came or all(fact.number <= ways.sent_removed for fact in came):
            return End.UNCOMPARED, ""
        if all(fact.serial < ways.renewed for fact in came):
            return End.UNSENT, ""
        return None, "entry-without-sending" if self.applied else "refusal-without-sending"
