"""Copies here of groups whose home is another realm: what an entry of the home's log does here.

A copy is made of entries alone, one after another: messages, who is a member, what a member here may read.
What it cannot know from them, as it began in the middle, is compared with the home and corrected.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from functools import partial

from msgspec.structs import replace
from twisted.logger import Logger

from chatproto.errors import BadName, ChatError
from chatproto.frames import Digest, Entry, Start
from chatproto.interfaces import IStore
from chatproto.limits import TEXT_BYTES, TOPIC_CHARACTERS
from chatproto.names import Address, RealmName, fold, parse_display_name, parse_shown
from chatproto.realm.audit import Audit
from chatproto.realm.changes import Change, Changes
from chatproto.realm.conversations import Group
from chatproto.realm.copying import EFFECTS, correct, leave_all
from chatproto.realm.digests import digest_of
from chatproto.realm.others import Others
from chatproto.realm.outbound import size_of
from chatproto.realm.routes import Routes
from chatproto.realm.waiters import Waiters
from chatproto.realm.writer import Writer
from chatproto.records import ARRIVED, LifeRow, MessageRow, Record, RemoteRow, ReplicaRow
from chatproto.records.audit import ENTRY

#: A mid as it may come from another realm, with the realm that made it.
_MID = re.compile(r"[a-z0-9][a-z0-9.-]{0,62}/[A-Za-z0-9._:-]{1,96}")
#: Lives of a home's store that are told to it: it was put back from a copy that old, or this is begun anew.
_LIVES = 16
#: Groups, and people in them, that are kept at hand: those where something is said at the same time.
_AT_HAND = 4096
#: Copies of one realm's groups: its first lines on a connection have one of each.
_COPIES = 10_000
#: Messages that are taken out of the order at a time.
_PORTION = 200
_END = 2**53


class Replicas:
    """All copies."""

    _log = Logger()

    def __init__(
        self,
        realm: RealmName,
        store: IStore,
        writer: Writer,
        routes: Routes,
        changes: Changes,
        others: Others,
        waiters: Waiters,
        audit: Audit,
    ) -> None:
        self._realm = realm
        self._store = store
        self._writer = writer
        self._routes = routes
        self._changes = changes
        self._others = others
        self._waiters = waiters
        self._audit = audit
        #: As on disk, and what entries on their way there make of them.
        self._rows: dict[str, ReplicaRow] = {}
        self._open: dict[str, ReplicaRow] = {}
        self._groups: dict[str, Group] = {}
        #: People as they were told last, by folded address, and what is known of them.
        self._people: dict[str, RemoteRow | None] = {}
        #: Groups of which an entry may be here already, and which one was looked up, and found.
        self._suspects: set[str] = set()
        self._looked_up: tuple[str, str, MessageRow | None] | None = None
        #: What the home said of a group that was not at hand.
        self._said: Digest | None = None
        writer.on_reset(self._forget)

    async def load(self) -> None:
        """Read what there is, before anything else happens."""
        self._rows = {row.group: row for row in await self._store.replicas()}

    def _forget(self) -> None:
        self._open.clear()
        self._groups.clear()
        self._people.clear()
        self._looked_up = None

    def _row(self, group: str) -> ReplicaRow | None:
        key = fold(group)
        return self._open.get(key) or self._rows.get(key)

    def _put(self, change: Change, row: ReplicaRow) -> None:
        """Let a change move a copy."""
        self._open[row.group] = row
        change.put(row)
        change.then(partial(self._stored, row))

    def _stored(self, row: ReplicaRow) -> None:
        if self._open.get(row.group) is row:
            del self._open[row.group]
        self._rows[row.group] = row

    # -- where a copy stands

    def of(self, realm: RealmName) -> Sequence[ReplicaRow]:
        """Return the copies of a realm's groups that go on."""
        return [row for row in self._rows.values() if row.home == realm and not row.over]

    def number(self, group: str) -> int:
        """Return the newest number that has its effect, also in the open batch; 0 if there is no copy."""
        row = self._row(group)
        return 0 if row is None else row.number

    async def lives(self, group: str) -> Sequence[tuple[str, int]]:
        """Return the newest lives of the home's store, the newest first, with the last number of each."""
        row = self._row(group)
        if row is None:
            return []
        older = [life for life in await self._store.lives(row.group) if life.epoch != row.epoch]
        return [(row.epoch, row.number), *((life.epoch, life.last) for life in older[: _LIVES - 1])]

    async def begin(self, realm: RealmName, start: Start) -> str:
        """Go on where the home says; return ``""``, or the code why that cannot be.

        :raises Unavailable: not now.
        """
        try:
            address = Address.parse(start.stream, realm)
        except BadName:
            return "bad-name"
        if address.realm != realm or "@" not in start.stream:
            return "not-yours"
        row = self._row(address.folded)
        if row is None:
            return await self._make(address, start)
        await self._move(row, start)
        return ""

    async def _make(self, address: Address, start: Start) -> str:
        if sum(row.home == address.realm for row in self._rows.values()) >= _COPIES:
            return "quota-reached"
        group = self._routes.new_copy(address, start.stream, self._changes.log.now())
        change = self._changes.begin()
        change.insert(group.row, group.settings)
        row = ReplicaRow(
            group=group.name,
            home=str(address.realm),
            conversation=group.row.conversation,
            first=start.first,
            epoch=start.epoch,
            number=start.next - 1,
        )
        self._put(change, row)
        await self._changes.save(change)
        return ""

    async def _move(self, row: ReplicaRow, start: Start) -> None:
        """Let a copy go on: where it is, later as it had no members, or where the home has an older copy."""
        number = start.next - 1
        lives = await self._store.lives(row.group)
        if number < row.number:
            await self._take_out(row, number)
        change = self._changes.begin()
        if start.epoch != row.epoch and row.number and row.number <= number:
            change.put(LifeRow(row.group, row.epoch, row.number))
        if (row.first, row.epoch, row.number, row.over) != (start.first, start.epoch, number, False):
            moved = replace(row, first=start.first, epoch=start.epoch, number=number, over=False)
            self._put(change, moved)
            gone = [life for life in lives if life.last > number and life.epoch != start.epoch]
            change.remove(*gone, *lives[2 * _LIVES :])
            await self._changes.save(change)
            self._groups.pop(row.group, None)

    async def _take_out(self, row: ReplicaRow, number: int) -> None:
        """Keep what the home lost outside of the order."""
        self._log.error(
            "{home} has an older copy of its store: what {group} has here above {number} is kept, and has no "
            "place there",
            home=row.home,
            group=row.group,
            number=number,
        )
        self._suspects.add(row.group)
        before, beyond = _END, True
        while beyond:
            page = await self._store.messages(row.conversation, 0, before, _PORTION, True, ())
            rows: list[Record] = [replace(each, gseq=0) for each in page if each.gseq > number]
            beyond = bool(rows)
            if rows:
                before = page[0].seq
                await self._writer.save(puts=rows)

    async def end(self, realm: RealmName, group: str) -> None:
        """Hear that the home knows of no subscription: nothing more comes.

        :raises Unavailable: not now.
        """
        row = self._row(group)
        if row is None or row.home != realm or row.over:
            return
        found = await self._group(row)
        change = self._changes.begin()
        leave_all(change, found, self._changes, self._realm)
        self._put(change, replace(row, over=True))
        await self._changes.save(change)

    async def drop(self, realm: RealmName) -> None:
        """End all copies of a realm's groups: there is no link to it any more.

        :raises Unavailable: not now.
        """
        for row in self.of(realm):
            await self.end(realm, row.group)

    async def _group(self, row: ReplicaRow) -> Group:
        while True:
            group = await self._routes.group_ever(row.group)
            assert group is not None, "a copy is stored with its group"
            if self._routes.group_in_memory(row.group) is group:
                break
        if self._groups.get(row.group) is not group:
            if len(self._groups) >= _AT_HAND:
                self._groups.clear()
            group.gseq = group.changed = self.number(row.group)
            self._groups[row.group] = group
        return group

    # -- entries

    def suspect(self, group: str) -> None:
        """Hear that an effect broke a constraint: from now on each mid is looked up first."""
        self._suspects.add(fold(group))

    def judge(self, realm: RealmName, entry: Entry) -> Change | str | None:
        """Return the effect of the next entry, or a code why it cannot be one; None if to :meth:`prepare`."""
        row = self._row(entry.stream)
        if row is None or row.home != realm or row.over:
            return "no-such-group"
        if entry.number != row.number + 1:
            return "gap"
        group = self._groups.get(row.group)
        if group is None or self._routes.group_in_memory(row.group) is not group:
            return None
        kind = entry.kind if self._is_fit(entry) else "void"
        if kind != "void" and not self._knows(row.group, entry):
            return None
        return self._effect(row, group, entry, kind)

    def _is_fit(self, entry: Entry) -> bool:
        """Tell whether an entry makes sense in itself; what this version does not know makes none."""
        if entry.kind not in EFFECTS or _MID.fullmatch(entry.mid) is None:
            return False
        if size_of(entry.text) > TEXT_BYTES or "\0" in entry.text:
            return False
        return _is_address(entry.from_)

    def _knows(self, group: str, entry: Entry) -> bool:
        """Tell whether everything is read that has to be."""
        if self._is_stranger(entry) and fold(entry.from_) not in self._people:
            return False
        if group not in self._suspects:
            return True
        return self._looked_up is not None and self._looked_up[:2] == (group, entry.mid)

    def _is_stranger(self, entry: Entry) -> bool:
        return not entry.from_.endswith(f"@{self._realm}") and entry.from_ != entry.stream

    async def prepare(self, realm: RealmName, entry: Entry) -> None:
        """Read what is needed to judge an entry; it can be judged in the turn in which this returns."""
        row = self._row(entry.stream)
        if row is None:
            return
        sender = fold(entry.from_)
        person = await self._others.find(sender)
        held: Sequence[MessageRow] = ()
        if row.group in self._suspects:
            held = await self._store.copied(row.conversation, [entry.mid])
        await self._group(row)
        if len(self._people) >= _AT_HAND:
            self._people.clear()
        self._people[sender] = person
        self._looked_up = (row.group, entry.mid, held[0] if held else None)

    def _effect(self, row: ReplicaRow, group: Group, entry: Entry, kind: str) -> Change:
        change = self._changes.begin()
        held = None
        if row.group in self._suspects and kind != "void" and self._looked_up is not None:
            held = self._looked_up[2]
        group.gseq = entry.number
        if held is None:
            message = self._message(group, entry, kind)
            change.insert(message)
            if kind != "void":
                change.publish(message, group.row.shown_a, self._changes.audiences(group))
        else:
            message = replace(held, gseq=entry.number)
            change.put(message)
        if kind != "void":
            self._learn(change, group, entry)
            EFFECTS[kind](change, group, message, self._realm)
        if entry.epoch != row.epoch and row.number:
            change.put(LifeRow(row.group, row.epoch, row.number))
        self._put(change, replace(row, epoch=entry.epoch, number=entry.number))
        told = self._audit.row(ENTRY, entry.mid, row.home, group.row.shown_a, entry.number)
        change.insert(told)
        change.then(partial(self._waiters.entered, entry.mid))
        return self._changes.hand_over(change)

    def _message(self, group: Group, entry: Entry, kind: str) -> MessageRow:
        void = kind == "void"
        return MessageRow(
            self._writer.next_seq(),
            group.row.conversation,
            entry.mid if _MID.fullmatch(entry.mid) else f"{group.settings.home}/void.{entry.number}",
            group.row.shown_a if void else entry.from_,
            0 if void else ARRIVED,  # the mid of what makes no sense may be somebody else's
            min(entry.at, self._changes.log.now()),
            kind,
            entry.number,
            "" if void else entry.text,
        )

    def _learn(self, change: Change, group: Group, entry: Entry) -> None:
        """Keep what a sender is called; of whom a third realm knows better, only what is new."""
        if not self._is_stranger(entry):
            return
        sender = fold(entry.from_)
        known = self._people[sender]
        if known is not None and not sender.endswith(f"@{group.settings.home}"):
            return
        try:
            name = parse_display_name(entry.name)
        except BadName:
            name = ""
        row = RemoteRow(sender, entry.from_, name)
        if row != known:
            self._people[sender] = row
            self._others.change(row)
            change.put(row)

    # -- what a group is

    async def digest(self, group: str) -> str:
        """Return the digest of the members, as of :meth:`number` in the turn in which this returns."""
        row = self._row(group)
        if row is None:
            return ""
        found = await self._group(row)
        if self._said is not None and fold(self._said.stream) == row.group:
            self.settings(RealmName(row.home), self._said)
        self._said = None
        return digest_of(found.members.values())

    def settings(self, realm: RealmName, digest: Digest) -> None:
        """Take over what the home says of a group at this very number, beside its members."""
        row = self._row(digest.stream)
        if row is None or row.home != realm or row.number != digest.number:
            return
        group = self._routes.group_in_memory(row.group)
        if group is None:
            self._said = digest
            return
        before = group.settings
        try:
            topic = parse_shown(digest.topic, TOPIC_CHARACTERS, "a topic")
        except BadName:
            topic = before.topic
        after = replace(
            before,
            topic=topic,
            history="all" if digest.history == "all" else "joined",
            access="invited" if digest.access == "invited" else "open",
            created=digest.created or before.created,
        )
        if after != before:
            change = self._changes.begin()
            change.settings(group, after)
            change.done.addErrback(lambda failure: failure.trap(ChatError) and None)
            self._writer.append(self._changes.hand_over(change))

    async def correct(
        self, realm: RealmName, group: str, members: Sequence[tuple[str, str]], number: int
    ) -> bool:
        """Take over the members as of a number; False if that does not fit.

        :raises Unavailable: not now.
        """
        row = self._row(group)
        if row is None or row.home != realm or row.over:
            return True
        found = await self._group(row)
        before = {
            address: await self._changes.outsider(found, address)
            for address, _ in members
            if address.endswith(f"@{self._realm}") and address not in found.members
        }
        row = self._row(group)
        if row is None or row.number < number or found.changed > number:
            return False
        if self._routes.group_in_memory(row.group) is not found:
            return False
        wanted = {address: role for address, role in members if _is_address(address)}
        change = self._changes.begin()
        correct(change, found, wanted, before, self._changes, self._realm)
        await self._changes.save(change)
        return True


def _is_address(text: str) -> bool:
    name, at, realm = text.partition("@")
    try:
        Address.parse(text, RealmName(""))
    except BadName:
        return False
    return bool(name and at and realm)
