"""The comparison: every item of one realm for another has one end, in the order in which they were sent.

What only a store held that was replaced by an older copy is lost, and known to be: after that the sender
begins a new epoch of its stream, and both logs say where. What was settled or came before that may be missing
on the other side; what came after it may not.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from itertools import groupby
from typing import Any

from chatproto.auditing.entries import compare_entries
from chatproto.auditing.report import Pair, Report, Violation
from chatproto.auditing.scratch import Scratch, gathered
from chatproto.auditing.stories import End, Fact, Story, Ways
from chatproto.auditing.texts import compare_texts
from chatproto.names import fold
from chatproto.records.audit import (
    ANSWERED,
    APPLIED,
    BOUNCED,
    EPOCH,
    OLDER,
    PRUNED_APPLIED,
    PRUNED_SENT,
    REFUSED,
    RENEWED,
    SENT,
    SETTLED,
    UNBOUNCED,
)
from chatproto.store.database import Database

#: Above every serial.
_END = 2**53
_ABOUT_ITEMS = (SENT, BOUNCED, ANSWERED, UNBOUNCED, APPLIED, REFUSED)
#: What each code means, for people.
_MEANS = {
    "sent-twice": "was numbered twice",
    "bounced-twice": "has two bounces",
    "entry-twice": "has two entries",
    "entry-and-refusal": "has an entry and was refused",
    "entry-and-bounce": "has an entry and a bounce",
    "no-bounce": "came to nothing, and its bounce could not be stored",
    "lost": "was settled, and has neither an entry nor a bounce",
    "refused-without-bounce": "was refused, and has no bounce",
    "entry-without-sending": "has an entry, and its origin never sent it",
    "refusal-without-sending": "was refused, and its origin never sent it",
    "bounce-without-sending": "has a bounce, and was never sent",
    "order": "stands behind one that was sent later",
    "entry-gone": "has an entry by the audit log, and none in the log of messages",
    "entry-untold": "has an entry in the log of messages, and none by the audit log",
    "bounce-gone": "has a bounce by the audit log, and none in the log of messages",
}


def verify(databases: Sequence[Database]) -> Report:
    """Compare the stores of realms that do not run.

    :raises StoreInUse: one of them does.
    :raises StoreError: one of the stores cannot be read.
    """
    with gathered(databases) as scratch:
        return _Verifying(scratch).run()


class _Verifying:
    def __init__(self, scratch: Scratch) -> None:
        self._scratch = scratch
        self._report = Report(realms=sorted(scratch.realms))
        self._pairs: dict[tuple[str, str], tuple[Pair, Ways]] = {}

    def run(self) -> Report:
        report = self._report
        report.older = sorted(
            {each for (each,) in self._ask("SELECT store FROM audit WHERE event = ?", OLDER)}
        )
        for story in self._stories():
            self._tell(story)
        for sender, receiver in sorted(self._pairs):
            if receiver in report.realms:
                self._compare_order(sender, receiver)
        for realm in report.realms:
            self._compare_with_messages(realm)
        compare_texts(self._scratch, report)
        report.entries = compare_entries(self._scratch, report)
        report.pairs = [self._pairs[key][0] for key in sorted(self._pairs)]
        return report

    def _ask(self, question: str, *values: Any) -> Iterator[Any]:
        return self._scratch.ask(question, *values)

    def _number(self, question: str, *values: Any) -> int:
        ((number,),) = self._ask(question, *values)
        return int(number or 0)

    def _violate(self, what: str, sender: str, receiver: str, mid: str, about: str = "") -> None:
        about = about or f"{mid} of {sender} for {receiver} {_MEANS[what]}"
        self._report.add(Violation(what=what, sender=sender, receiver=receiver, mid=mid, about=about))

    # -- items

    def _stories(self) -> Iterator[tuple[str, Story]]:
        """Return each item that a realm of ours sent, or one is said to have sent, with its origin."""
        found = self._ask(
            "SELECT store, serial, event, mid, realm, address, number, code FROM audit "
            f"WHERE event IN ({', '.join('?' * len(_ABOUT_ITEMS))}) ORDER BY mid, store, serial",
            *_ABOUT_ITEMS,
        )
        for mid, rows in groupby((Fact(*row) for row in found), lambda fact: fact.mid):
            origin = mid.partition("/")[0]
            if origin not in self._report.realms:
                continue
            by_address: dict[str, list[Fact]] = {}
            for fact in rows:
                by_address.setdefault(fold(fact.address), []).append(fact)
            for facts in by_address.values():
                yield origin, Story.of(facts, origin)

    def _tell(self, found: tuple[str, Story]) -> None:
        origin, story = found
        facts = [*story.sent, *story.ended, *story.applied, *story.refused]
        if not facts:
            return  # of a realm that had no right to the mid, and was told so
        first = facts[0]
        receiver = first.realm if first.store == origin else first.store
        pair, ways = self._pair(origin, receiver)
        if story.sent:
            pair.sent += 1
            if not story.ended and not story.applied:
                story.settled = self._settled(story.sent[0])
        end, wrong = story.judge(ways)
        if end is not None:
            setattr(pair, end.value, getattr(pair, end.value) + 1)
            pair.unknown_arrived += end is End.UNKNOWN and bool(story.applied)
        if wrong:
            pair.violations += 1
            self._violate(wrong, origin, receiver, first.mid)

    def _settled(self, sent: Fact) -> int:
        return self._number(
            "SELECT MIN(serial) FROM audit WHERE store = ? AND event = ? AND realm = ? AND serial > ? "
            "AND number >= ?",
            *(sent.store, SETTLED, sent.realm, sent.serial, sent.number),
        )

    def _pair(self, sender: str, receiver: str) -> tuple[Pair, Ways]:
        found = self._pairs.get((sender, receiver))
        if found is None:
            pair = Pair(sender=sender, receiver=receiver)
            found = self._pairs[sender, receiver] = pair, self._ways(sender, receiver)
        return found

    # -- older copies, and what was removed

    def _ways(self, sender: str, receiver: str) -> Ways:
        renewed = self._newest(sender, RENEWED, receiver)
        return Ways(
            sender=sender,
            receiver=receiver,
            compared=receiver in self._report.realms,
            sent_removed=self._most(sender, PRUNED_SENT, receiver),
            applied_removed=self._most(receiver, PRUNED_APPLIED, sender),
            resent=_END if self._is_unnoticed(receiver, (APPLIED, REFUSED, EPOCH), sender) else renewed,
            renewed=_END
            if self._is_unnoticed(sender, (SETTLED,), receiver)
            else self._begun(sender, receiver),
        )

    def _newest(self, store: str, event: str, realm: str) -> int:
        return self._number(
            "SELECT MAX(serial) FROM audit WHERE store = ? AND event = ? AND realm = ?", store, event, realm
        )

    def _most(self, store: str, event: str, realm: str) -> int:
        return self._number(
            "SELECT MAX(number) FROM audit WHERE store = ? AND event = ? AND realm = ?", store, event, realm
        )

    def _is_unnoticed(self, store: str, events: Sequence[str], other: str) -> bool:
        """Tell whether a store is an older copy, and has exchanged nothing with the other realm since."""
        older = self._newest(store, OLDER, "")
        return older > max(self._newest(store, event, other) for event in (*events, RENEWED))

    def _begun(self, sender: str, receiver: str) -> int:
        """Return the receiver's serial of the sender's newest renewal: the end if it has not heard of it."""
        codes = self._ask(
            "SELECT code FROM audit WHERE store = ? AND event = ? AND realm = ? ORDER BY serial DESC LIMIT 1",
            *(sender, RENEWED, receiver),
        )
        for (code,) in codes:
            begun = self._number(
                "SELECT MAX(serial) FROM audit WHERE store = ? AND event = ? AND realm = ? AND code = ?",
                *(receiver, EPOCH, sender, code),
            )
            return begun or _END
        return 0

    # -- order, and the log of messages

    def _compare_order(self, sender: str, receiver: str) -> None:
        """See that what came stands in the order in which it was sent, whoever sent it."""
        newest = 0
        last = 0
        for mid, serial, seq in self._ask(
            "SELECT came.mid, sent.serial, said.seq FROM audit AS came CROSS JOIN audit AS sent "
            "INDEXED BY audit_mid "
            "ON sent.mid = came.mid AND sent.store = ? AND sent.event = ? AND sent.realm = came.store "
            "AND sent.address = came.address "
            "LEFT JOIN said ON said.mid = came.mid AND said.store = came.store AND said.arrived "
            "WHERE came.store = ? AND came.event = ? AND came.realm = ? ORDER BY came.serial",
            *(sender, SENT, receiver, APPLIED, sender),
        ):
            if serial < newest or (seq or _END) < last:
                self._pairs[sender, receiver][0].violations += 1
                self._violate("order", sender, receiver, mid)
            newest, last = max(newest, serial), seq or last

    def _compare_with_messages(self, realm: str) -> None:
        """See that what an audit log tells of is in its own store: entries, bounces, dead letters."""
        groups = {
            f"{name}@{realm}" for (name,) in self._ask("SELECT name FROM groups WHERE store = ?", realm)
        }
        for mid, sender, address in self._ask(
            "SELECT mid, realm, address FROM audit WHERE store = ? AND event = ? AND NOT EXISTS (SELECT 1 "
            "FROM said WHERE said.store = audit.store AND said.mid = audit.mid AND arrived AND b <> '')",
            *(realm, APPLIED),
        ):
            if fold(address) not in groups:
                self._violate("entry-gone", sender, realm, mid)
        for (mid,) in self._ask(
            # What came in the copy of a group has an order of its own, or none any more.
            "SELECT mid FROM said WHERE store = ? AND arrived AND b <> '' AND NOT EXISTS "
            "(SELECT 1 FROM audit INDEXED BY audit_mid WHERE audit.mid = said.mid "
            "AND audit.store = said.store AND audit.event = ?)",
            *(realm, APPLIED),
        ):
            origin = mid.partition("/")[0]
            if not self._most(realm, PRUNED_APPLIED, origin):
                self._violate("entry-untold", origin, realm, mid)
        for mid, receiver, sender, bounce in self._ask(
            "SELECT audit.mid, audit.realm, dead.sender, bounces.mid FROM audit "
            "LEFT JOIN dead ON dead.store = audit.store AND dead.mid = audit.mid "
            "LEFT JOIN bounces ON bounces.store = audit.store AND bounces.mid = audit.mid "
            "WHERE audit.store = ? AND audit.event = ?",
            *(realm, BOUNCED),
        ):
            # What a group sent, an invitation, nobody is told of.
            if sender is None or (bounce is None and fold(sender) not in groups):
                self._violate("bounce-gone", realm, receiver, mid)
