"""The ledger of a simulation: what was acknowledged to whom, what is on which disk, what anybody heard.

It believes neither realms nor clients: it sees what a user was answered, and what a store has committed, and
compares the two. A rule that is broken is noted, since it may be noticed deep inside of a realm's own calls,
and raised as :class:`Broken` at the end of the step.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Container, Iterable, Iterator, Sequence
from typing import Any

from msgspec import Struct

from chatproto.names import fold
from chatproto.records import (
    ARRIVED,
    FILE,
    ITEMS,
    Batch,
    ConversationRow,
    MessageRow,
    OutboxRow,
    Record,
    StreamRow,
)
from chatproto.testing.file_ledger import FileLedger
from chatproto.testing.group_ledger import GroupLedger
from chatproto.testing.hosts import RealmHost
from chatproto.testing.mirror import Mirror

#: A word that may never be stored.
EVIL = "evil-words"
#: What a bounce's mid has after that of its message.
BOUNCED = ".bounce"
#: The one code with which a bounce does not say that there is no entry.
UNKNOWN = "outcome-unknown"
#: What was settled is kept so long, but for a clock that is set back after that was decided.
_KEPT_SECONDS = 7 * 86_400 - 120


class Broken(AssertionError):
    """A rule was broken; the text begins with its name."""


class Sending(Struct):
    """One message to one recipient, as its sender knows it. ``text`` begins with a word that no other has."""

    sender: str
    to: str
    cid: str
    text: str
    mid: str = ""
    code: str = ""
    #: Whether the store that knew it was replaced by an older copy, so that it may be gone, or come twice.
    excused: bool = False


class Backup(Struct, frozen=True):
    """A copy of a realm's store and of its files, and where the ledger stood then."""

    copy: Any
    mark: int
    files: Any = None


class Ledger:
    """Everything that was promised, and what became of it."""

    def __init__(self) -> None:
        self.mirrors: dict[str, Mirror] = {}
        self.counts: Counter[str] = Counter()
        self._sendings: list[Sending] = []
        self._by_mid: dict[str, Sending] = {}
        self._ever: dict[str, set[str]] = {}
        self._heard: dict[str, set[str]] = {}
        self._reset: set[str] = set()
        #: Messages whose entries were lost with a store, and those whose items were kept long enough by then.
        self._gone: set[str] = set()
        self._let_go: set[str] = set()
        #: Messages of which an older copy says that they were never sent, and nobody noticed that it is one:
        #: their realm may take them back alone, though they have arrived.
        self._unsent: set[str] = set()
        #: What was in mailboxes when everything was at rest; what comes later may come at the very end.
        self._early: dict[str, set[str]] = {}
        #: The first rule that was broken.
        self.broken: str | None = None
        self.groups = GroupLedger(self.mirrors, self.counts, self.broke, self._reset, self._unsent)
        self.files = FileLedger(self.mirrors, self.counts, self.broke, self.groups, self._reset)

    def broke(self, what: str) -> None:
        """Note that a rule was broken; the first one counts."""
        if self.broken is None:
            self.broken = what

    def look(self) -> None:
        """Raise what was noted.

        :raises Broken: a rule was broken.
        """
        if self.broken is not None:
            raise Broken(self.broken)

    def watch(self, host: RealmHost) -> None:
        """Follow a realm."""
        self.mirrors[host.name] = Mirror()
        self._ever[host.name] = set()
        self.files.watch(host)
        host.on_commit.append(self._committed)

    # -- what users see

    def sent(self, sendings: Sequence[Sending]) -> None:
        """Hear that a user asks for this, and will until it is answered."""
        self._sendings += sendings
        self.groups.sent(sendings)

    def acknowledged(self, sending: Sending, mid: str) -> None:
        """Hear that a user was told that a message is stored."""
        if sending.mid and sending.mid != mid and not sending.excused:
            self.broke(f"one-outcome: {sending.cid} to {sending.to} was {sending.mid}, and now is {mid}")
        if mid not in self._ever[realm_of(sending.sender)]:
            self.broke(f"durable-first: {mid} was acknowledged, and is not on disk")
        self.counts["acknowledged"] += 1
        sending.mid = mid
        self._by_mid[mid] = sending

    def refused(self, sendings: Sequence[Sending], code: str) -> None:
        """Hear that a user was told that a message is not stored and never will be."""
        self.counts[f"refused {code}"] += 1
        for sending in sendings:
            sending.code = code

    def heard(self, user: str, mid: str) -> None:
        """Hear that a user's client handed out a message."""
        realm = realm_of(user)
        if mid not in self._ever[realm]:
            self.broke(f"durable-first: {user} heard {mid}, which is not on disk")
        heard = self._heard.setdefault(user, set())
        if realm not in self._reset and mid in heard and mid not in self.mirrors[realm].moved:
            self.broke(f"once: {user} heard {mid} twice")
        heard.add(mid)
        self.groups.heard(user, mid)
        self.counts["heard"] += 1

    # -- what stores do

    def _committed(self, host: RealmHost, batch: Batch, failed: Sequence[int]) -> None:
        mirror = self.mirrors[host.name]
        rows = mirror.commit(batch, failed)
        self.files.committed(host.name, rows)
        for row in rows:
            if isinstance(row, MessageRow):
                self._ever[host.name].add(row.mid)
                self.groups.committed(host.name, row)
                if not mirror.is_of_group(row):
                    self._check_not_both(row)
                self._check_origin(host.name, row)
        for mid in mirror.twice:
            self.broke(f"once: {mid} is on the disk of {host.name} twice")
        left_out = set(failed)
        for index, entry in enumerate(batch.entries):
            for row in entry.removes if index not in left_out else ():
                if isinstance(row, OutboxRow):
                    self._check_removed(host, mirror, row)

    def _check_removed(self, host: RealmHost, mirror: Mirror, row: OutboxRow) -> None:
        """See that an item is kept as long as the other side may come back with an older copy."""
        stream = mirror.find(StreamRow, (row.realm, ITEMS))
        old = row.at / 1000 <= host.clock.seconds() - _KEPT_SECONDS
        newest = not any(
            each.realm == row.realm and each.number > row.number for each in mirror.every(OutboxRow)
        )
        if stream is None or row.number > stream.settled or newest or not old:
            self.broke(f"kept: {host.name} removes {row} of {stream}")
        self._let_go.add(row.mid)

    def _check_not_both(self, row: MessageRow) -> None:
        """See that a message does not have both an entry and a bounce."""
        if row.kind == "bounce":
            code, _, mid = row.text.partition(" ")
            self.counts[f"bounced {code}"] += 1
            if code != UNKNOWN and mid not in self._unsent and self._arrivals(mid):
                self.broke(f"one-end: {mid} bounced as {code}, and has an entry")
        elif row.device == ARRIVED:
            self.counts["arrived"] += 1
            bounce = self._bounce(row.mid) if row.mid not in self._unsent else None
            if bounce is not None and not bounce.text.startswith(UNKNOWN):
                self.broke(f"one-end: {row.mid} arrived, and bounced as {bounce.text}")

    def _check_origin(self, realm: str, row: MessageRow) -> None:
        """See that a message is one that somebody wrote who may."""
        origin = row.mid.partition("/")[0]
        if EVIL in row.text:
            self.broke(f"stranger: {row} is on the disk of {realm}")
        if row.device == ARRIVED and row.kind in ("text", FILE):
            forged = origin in self._ever and row.mid not in self._ever[origin]
            if forged or realm_of(row.sender) != origin:
                self.broke(f"forged: {row} of {row.sender} is on the disk of {realm}")

    def _arrivals(self, mid: str) -> list[tuple[str, MessageRow]]:
        """Return the entries that a message has in other realms."""
        found = ((name, mirror.by_mid.get(mid)) for name, mirror in self.mirrors.items())
        return [(name, row) for name, row in found if row is not None and row.device == ARRIVED]

    def _bounce(self, mid: str) -> MessageRow | None:
        mirror = self.mirrors.get(mid.partition("/")[0])
        return None if mirror is None else mirror.by_mid.get(mid + BOUNCED)

    # -- older copies

    def back_up(self, host: RealmHost) -> Backup:
        """Copy a realm's store."""
        return Backup(host.copy(), self.mirrors[host.name].mark(), host.files.backup())

    def put_back(self, host: RealmHost, backup: Backup, *, unnoticed: bool = False) -> None:
        """Put a copy back, and note what may be lost by that: what only this store held."""
        mirror = self.mirrors[host.name]
        before, in_groups = dict(mirror.by_mid), self.groups.mids(host.name)
        host.put_back(backup.copy, unnoticed=unnoticed)
        mirror.roll_back(backup.mark)
        self.groups.lost(host.name, in_groups)
        self.files.lost_store(host.name)
        self._reset.add(host.name)
        if unnoticed:
            self._unsent.update(_above_marks(mirror))
        for mid, row in before.items():
            if mid not in mirror.by_mid and mid in self._by_mid:
                self._excuse(self._by_mid[mid], row)
        for sending in self._sendings:
            if not sending.mid and realm_of(sending.sender) == host.name:
                sending.excused = True

    def _excuse(self, sending: Sending, row: MessageRow) -> None:
        if row.device == ARRIVED:
            self._gone.add(row.mid)
        else:
            sending.excused = True

    # -- the end

    def open(self, realms: Container[str]) -> Iterable[str]:
        """Return the messages between these realms that have neither an entry nor a bounce yet."""
        for mid, sending in self._by_mid.items():
            if self.groups.has(sending.to):
                continue
            between = realm_of(sending.sender) in realms and realm_of(sending.to) in realms
            if between and not sending.excused and not self._ends(sending) and not self._is_over(mid):
                yield f"{mid} to {sending.to}"

    def _is_over(self, mid: str) -> bool:
        """Tell whether an entry was lost with its store while its origin had kept the item long enough."""
        kept = self.mirrors[mid.partition("/")[0]].every(OutboxRow)
        return mid in self._gone & self._let_go and not any(item.mid == mid for item in kept)

    def _ends(self, sending: Sending) -> int:
        if realm_of(sending.to) == realm_of(sending.sender):
            return int(sending.mid in self.mirrors[realm_of(sending.to)].by_mid)
        return len(self._arrivals(sending.mid)) + (self._bounce(sending.mid) is not None)

    def check(self) -> None:
        """Check what must be so at any time, also in the middle of everything.

        :raises Broken: it is not.
        """
        self.look()
        for sending in self._sendings:
            if not self.groups.has(sending.to):
                self._check_sending(sending)
        self.groups.check()
        self.files.check()
        for name, mirror in self.mirrors.items():
            self._check_order(name, mirror)
        self.look()

    def at_rest(self) -> None:
        """Hear that everything is at rest: what comes from now on is from a realm that stays broken."""
        self._early = {name: set(mirror.by_mid) for name, mirror in self.mirrors.items()}

    def settled(self, realms: Container[str]) -> None:
        """Check what must be so when everything between these realms is at rest, and has been for a while.

        :raises Broken: it is not.
        """
        for lost in self.open(realms):
            self.broke(f"no-loss: {lost} has neither an entry nor a bounce")
        for sending in self._sendings:
            realm = realm_of(sending.to)
            if realm in realms and realm in self.mirrors and realm not in self._reset:
                self._check_heard(sending)
        self.groups.settled(realms)
        self.files.settled(realms)
        self.look()

    def _check_heard(self, sending: Sending) -> None:
        """See that who listens has heard what is in the mailbox."""
        stored = sending.mid in self._early[realm_of(sending.to)]
        nobody = fold(sending.to) == fold(sending.sender) or sending.to not in self._heard
        if stored and not nobody and sending.mid not in self._heard[sending.to]:
            self.broke(f"heard: {sending.to} has not heard {sending.mid}")

    def _check_sending(self, sending: Sending) -> None:
        realms = {realm_of(sending.sender), realm_of(sending.to)}
        stored = [row for name in realms & set(self.mirrors) for row in self._of_text(name, sending)]
        mids = {row.mid for row in stored}
        if sending.code and mids and not sending.excused:
            self.broke(f"refused: {sending.cid} to {sending.to} was refused {sending.code}, and is stored")
        if len(mids) > 1 and not sending.excused:
            self.broke(f"once: {sending.cid} to {sending.to} is stored as {sorted(mids)}")
        for row in stored:
            if row.text != sending.text or fold(row.sender) != fold(sending.sender):
                self.broke(f"content: {row.mid} is not what {sending.sender} wrote")

    def _of_text(self, realm: str, sending: Sending) -> list[MessageRow]:
        word = sending.text.partition(" ")[0]
        rows = self.mirrors[realm].by_word.get(word, ())
        return [row for row in rows if self._is_between(realm, row, sending)]

    def _is_between(self, realm: str, row: MessageRow, sending: Sending) -> bool:
        conversation = self.mirrors[realm].find(ConversationRow, row.conversation)
        return conversation is not None and {conversation.a, conversation.b} == {
            fold(sending.sender),
            fold(sending.to),
        }

    def _check_order(self, name: str, mirror: Mirror) -> None:
        """See that what came over links stands in each sender's order."""
        newest: dict[tuple[str, int], int] = {}
        for row in sorted(mirror.every(MessageRow), key=_seq):
            if row.device != ARRIVED or row.mid in self._gone & self._let_go:
                continue  # of the latter, one comes late that an older copy of its origin's store still had
            origin = self.mirrors.get(realm_of(row.sender))
            original = None if origin is None else origin.by_mid.get(row.mid)
            if original is None:
                continue
            key = (fold(row.sender), row.conversation)
            if original.seq < newest.get(key, 0):
                self.broke(f"order: {row.mid} stands in {name} behind a later one of {row.sender}")
            newest[key] = original.seq


def realm_of(address: str) -> str:
    """Return the realm of an address."""
    return address.rpartition("@")[2]


def _above_marks(mirror: Mirror) -> Iterator[str]:
    """Return the messages that a store says were never sent."""
    marks = {row.realm: row.offered for row in mirror.every(StreamRow)}
    return (row.mid for row in mirror.every(OutboxRow) if row.number > marks.get(row.realm, 0))


def _seq(row: Record) -> int:
    assert isinstance(row, MessageRow)
    return row.seq
