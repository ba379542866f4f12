"""What the sender of a message to another realm hears of it: that it came to nothing, still waits, or is
there.

A bounce is a message of its own, in the same conversation, whose mid is made of that of the message. So there
is never more than one, it comes by every way by which messages come, and it obeys no rate, block or quota.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Sequence
from functools import partial

from chatproto.frames import Receipt
from chatproto.names import RealmName, fold
from chatproto.realm.audit import Audit
from chatproto.realm.conversations import Conversation
from chatproto.realm.log import Log
from chatproto.realm.others import Progress
from chatproto.realm.outbound import refusal
from chatproto.realm.router import Router
from chatproto.realm.routes import Routes
from chatproto.realm.waiters import Waiters
from chatproto.realm.writer import Writer
from chatproto.records import NOWHERE, BoxRow, DeadRow, MessageRow, Outgoing, Record
from chatproto.records.audit import ANSWERED, BOUNCED

#: A code as it may come from another realm. It stands before a blank in the text of a bounce.
_CODE = re.compile(r"[a-z][a-z0-9-]{0,63}")


class Bounce:
    """The rows of something that a sender is told: to be appended in the turn in which it was made."""

    __slots__ = ("_bounces", "_message", "inserts")

    def __init__(self, bounces: Bounces, message: MessageRow, to: str, *others: Record) -> None:
        self._bounces = bounces
        self._message = (message, to)
        self.inserts: list[Record] = [*others, message]

    def told(self) -> None:
        """Tell the sender's listeners: it is durable."""
        self._bounces.publish(*self._message)


class Ending:
    """The rows of what nobody is told by a message."""

    __slots__ = ("inserts", "told")

    def __init__(self, told: Callable[[], None], *rows: Record) -> None:
        self.told = told
        self.inserts: list[Record] = list(rows)


class Bounces:
    """Makes what senders are told."""

    def __init__(
        self,
        log: Log,
        writer: Writer,
        router: Router,
        routes: Routes,
        progress: Progress,
        audit: Audit,
        waiters: Waiters,
    ) -> None:
        self.waiters = waiters
        #: The conversations for what is told of items that stand in none, by sender and group, as prepared.
        self._pairs: dict[tuple[str, str], Conversation] = {}
        self._resets = 0
        writer.on_reset(self._forget)
        self._log = log
        self._writer = writer
        self._router = router
        self._routes = routes
        self._progress = progress
        self._audit = audit

    def _forget(self) -> None:
        self._pairs.clear()
        self._resets += 1

    async def prepare(self, outgoings: Sequence[Outgoing]) -> None:
        """Read what is needed to tell of items; that is done in the turn in which this returns."""
        wanted = {
            (each.message.sender, each.to): each.message
            for each in outgoings
            if each.message is not None and each.message.conversation == NOWHERE
        }
        while wanted:
            resets = self._resets
            pairs = {key: await self._routes.between(*key) for key in wanted}
            if resets == self._resets:
                self._pairs = pairs
                return

    def bounce(self, outgoing: Outgoing, code: str) -> Bounce | Ending:
        """Tell that a message came to nothing, and keep a record of it. Its sender may not exist any more."""
        message = _message_of(outgoing)
        row = outgoing.row
        code = code if _CODE.fullmatch(code) else "unknown"
        if message.conversation == NOWHERE and message.kind != "text" and self.waiters.decide(row.mid):
            told = self._audit.row(ANSWERED, row.mid, row.realm, outgoing.to, row.number, code)
            return Ending(partial(self.waiters.refused, row.mid, refusal(code, message.kind)), told)
        told = self._audit.row(BOUNCED, row.mid, row.realm, outgoing.to, row.number, code)
        dead = DeadRow(
            row.mid, row.realm, row.number, row.seq, message.sender, outgoing.to, code, self._log.now()
        )
        # An invitation was the group's; and whom the realm lets leave, on no device, never asked to.
        if message.kind == "invitation" or (message.kind == "leave" and not message.device):
            return Ending(lambda: None, dead, told)
        rows, notice = self._notice(outgoing, "bounce", f"{code} {row.mid}")
        if row.box:
            place = _box_row(outgoing, notice)
            foretold = self._progress.awaited.get(row.mid)
            rows = [*rows, place if foretold is None else foretold.refuse(row.mid, place)]
        return Bounce(self, notice, message.sender, *rows, dead, told)

    def delayed(self, outgoing: Outgoing) -> Bounce | Ending:
        """Tell that a message still waits, though it is too late for it. Told twice it has the same mid."""
        message = _message_of(outgoing)
        if message.kind == "invitation":
            return Ending(lambda: None)
        rows, notice = self._notice(outgoing, "delayed", outgoing.row.mid)
        return Bounce(self, notice, message.sender, *rows)

    def _notice(self, outgoing: Outgoing, kind: str, text: str) -> tuple[Sequence[Record], MessageRow]:
        """Return a message to the sender, and the rows that make its conversation if it is new."""
        message = _message_of(outgoing)
        rows: Sequence[Record] = ()
        conversation = message.conversation
        if conversation == NOWHERE:
            pair = self._pairs[message.sender, outgoing.to]
            rows = self._routes.born(pair) if pair.unborn else ()
            conversation = pair.row.conversation
        return rows, MessageRow(
            self._writer.next_seq(),
            conversation,
            f"{outgoing.row.mid}.{kind}",
            outgoing.to,
            0,
            self._log.now(),
            kind,
            0,
            text,
        )

    def publish(self, notice: MessageRow, to: str) -> None:
        """Tell listeners of a message that is durable."""
        self._log.publish(notice, to, (self._router.account(fold(to.partition("@")[0])),))

    def stored(self, outgoings: Iterable[Outgoing]) -> None:
        """Hear that another realm took messages."""
        found = [(each.message, each.to) for each in outgoings if each.message is not None]
        for message, _ in found:
            if message.conversation == NOWHERE:
                self.waiters.taken(message.mid)
        self._progress.stored(each for each in found if each[0].conversation != NOWHERE)

    def receipt(self, peer: RealmName, receipt: Receipt) -> None:
        """Hear from a realm how far one of its users has got with what one of ours wrote."""
        by, to = receipt.by, receipt.to
        if by.endswith(f"@{peer}") and not self._routes.is_far(to):
            self._progress.receipt(by, to, receipt.delivered, receipt.read)


def _box_row(outgoing: Outgoing, notice: MessageRow) -> BoxRow:
    """Return where an answer to a message for a box would stand."""
    name, _, realm = fold(_message_of(outgoing).sender).partition("@")
    box = fold(outgoing.row.box)
    return BoxRow(name, notice.seq, box if box != realm else outgoing.row.realm)


def _message_of(outgoing: Outgoing) -> MessageRow:
    """Return the message of an item; a number that is skipped has none, and nobody to tell."""
    assert outgoing.message is not None
    return outgoing.message
