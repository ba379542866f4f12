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

from chatproto.errors import BadName
from chatproto.frames import Digest, Entry
from chatproto.interfaces import IStore
from chatproto.limits import TEXT_BYTES, TOPIC_CHARACTERS
from chatproto.names import Address, RealmName, fold, is_guest, parse_display_name, parse_shown
from chatproto.realm.audit import Audit
from chatproto.realm.changes import Change, Changes
from chatproto.realm.conversations import Group
from chatproto.realm.copied_files import CopiedFiles
from chatproto.realm.copying import EFFECTS, correct
from chatproto.realm.digests import digest_of
from chatproto.realm.offers import Offers
from chatproto.realm.others import Others
from chatproto.realm.outbound import size_of
from chatproto.realm.resuming import DOUBTED, Resuming
from chatproto.realm.routes import Routes
from chatproto.realm.standing import Standing
from chatproto.realm.waiters import Waiters
from chatproto.realm.welcome import Welcome
from chatproto.realm.writer import Writer
from chatproto.records import (
    ARRIVED,
    FILE,
    LifeRow,
    MessageRow,
    RemoteRow,
    ReplicaRow,
)
from chatproto.records.audit import ENTRY

#: A mid as it may come from another realm, with the realm that made it.
_MID = re.compile(r"[a-z0-9][a-z0-9.-]{0,62}/[A-Za-z0-9._:-]{1,96}")
#: People who are kept at hand: those who say something at the same time.
_AT_HAND = 4096


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
        offers: Offers,
        welcome: Welcome,
    ) -> None:
        self._files = CopiedFiles(realm, store, offers, changes.log)
        self._realm = realm
        self._store = store
        self._writer = writer
        self._routes = routes
        self._changes = changes
        self._others = others
        self._waiters = waiters
        self._audit = audit
        self._welcome = welcome
        self._standing = standing = Standing(store, writer, routes)
        #: People as they were told last, by folded address, and what is known of them.
        self._people: dict[str, RemoteRow | None] = {}
        #: Groups of which entries may be here already, up to which number; and which one was looked up, and
        #: found.
        self._suspects: dict[str, int] = {}
        self._looked_up: tuple[str, str, MessageRow | None] | None = None
        #: Of which group and mid it was looked up whether who joined by it may, and who may not.
        self._strangers: tuple[str, str, set[str]] | None = None
        #: What the home said of a group that was not at hand.
        self._said: Digest | None = None
        resuming = Resuming(realm, store, writer, routes, changes, standing, self._suspects, welcome)
        self.lives = standing.lives
        self.begin, self.end, self.drop = resuming.begin, resuming.end, resuming.drop
        writer.on_reset(self._forget)

    async def load(self) -> None:
        """Read what there is, before anything else happens."""
        await self._standing.load()

    def _forget(self) -> None:
        self._people.clear()
        self._files.forget()
        self._looked_up = self._strangers = None

    # -- where a copy stands

    def of(self, realm: RealmName) -> Sequence[ReplicaRow]:
        """Return the copies of a realm's groups that go on."""
        return self._standing.of(realm)

    def number(self, group: str) -> int:
        """Return the newest number that has its effect, also in the open batch; 0 if there is no copy."""
        row = self._standing.row(group)
        return 0 if row is None else row.number

    # -- entries

    def suspect(self, group: str) -> None:
        """Hear that an effect broke a constraint: for a while each mid is looked up first."""
        self._suspects[fold(group)] = self.number(group) + DOUBTED

    def judge(self, realm: RealmName, entry: Entry) -> Change | str | None:
        """Return the effect of the next entry, or a code why it cannot be one; None if to :meth:`prepare`."""
        row = self._standing.row(entry.stream)
        if row is None or row.home != realm or row.over:
            return "no-such-group"
        if entry.number != row.number + 1:
            return "gap"
        group = self._standing.at_hand(row)
        if group is None:
            return None
        kind = entry.kind if self._is_fit(entry) else "void"
        self._trust(row.group, entry.number)
        if kind != "void" and not self._knows(row.group, entry):
            return None
        if not self._files.is_at_its_place(group, entry):
            self._log.error("{mid} is another file here", mid=entry.mid)
            kind = "void"
        return self._effect(row, group, entry, kind)

    def _is_fit(self, entry: Entry) -> bool:
        """Tell whether an entry makes sense in itself; what this version does not know makes none."""
        if entry.kind not in EFFECTS or _MID.fullmatch(entry.mid) is None:
            return False
        if size_of(entry.text) > TEXT_BYTES or "\0" in entry.text:
            return False
        return self._files.is_fit(entry) and is_address(entry.from_)

    def _trust(self, group: str, number: int) -> None:
        """Look nothing up any more in the end: what comes again later breaks a constraint, once."""
        if self._suspects.get(group, number) < number:
            del self._suspects[group]

    def _knows(self, group: str, entry: Entry) -> bool:
        """Tell whether everything is read that has to be."""
        if self._is_stranger(entry) and fold(entry.from_) not in self._people:
            return False
        if not self._files.knows(group, entry):
            return False
        if self._needs_welcome(entry) and (
            self._strangers is None or self._strangers[:2] != (group, entry.mid)
        ):
            return False
        if group not in self._suspects:
            return True
        return self._looked_up is not None and self._looked_up[:2] == (group, entry.mid)

    def _needs_welcome(self, entry: Entry) -> bool:
        return entry.kind == "joined" and self._welcome.is_own(entry.from_)

    def _is_stranger(self, entry: Entry) -> bool:
        return not entry.from_.endswith(f"@{self._realm}") and entry.from_ != entry.stream

    async def prepare(self, realm: RealmName, entry: Entry) -> None:
        """Read what is needed to judge an entry; it can be judged in the turn in which this returns."""
        row = self._standing.row(entry.stream)
        if row is None:
            return
        sender = fold(entry.from_)
        person = await self._others.find(sender)
        held: Sequence[MessageRow] = ()
        if row.group in self._suspects:
            held = await self._store.copied(row.conversation, [entry.mid])
        await self._files.look_up(row.group, entry)
        strangers: set[str] = set()
        if self._needs_welcome(entry) and is_address(entry.from_):
            strangers = await self._welcome.strangers(realm, row.group, [sender])
        await self._standing.group(row)
        if len(self._people) >= _AT_HAND:
            self._people.clear()
        self._people[sender] = person
        self._strangers = (row.group, entry.mid, strangers)
        self._looked_up = (row.group, entry.mid, held[0] if held else None)

    def _effect(self, row: ReplicaRow, group: Group, entry: Entry, kind: str) -> Change:
        change = self._changes.begin()
        held = None
        if row.group in self._suspects and kind != "void" and self._looked_up is not None:
            held = self._looked_up[2]
            self._looked_up = None  # it is not there any more in a moment
        group.gseq = entry.number
        if held is None:
            message = self._message(group, entry, kind)
            change.insert(message)
        else:
            left, message = self._move(held, entry.number)
            change.put(left, message)
        if kind != "void":
            change.publish(message, group.row.shown_a, self._changes.audiences(group))
            self._learn(change, group, entry)
            self._change(change, group, message)
        if kind == FILE:
            self._files.keep(change, row, group, message)
        if entry.epoch != row.epoch and row.number:
            change.put(LifeRow(row.group, row.epoch, row.number))
        self._standing.put(change, replace(row, epoch=entry.epoch, number=entry.number))
        told = self._audit.row(ENTRY, entry.mid, row.home, group.row.shown_a, entry.number)
        change.insert(told)
        change.then(partial(self._waiters.entered, entry.mid))
        return self._changes.hand_over(change)

    def _change(self, change: Change, group: Group, message: MessageRow) -> None:
        """Do what an entry does beside being a message, unless somebody would be a member who may be none."""
        strangers = set() if self._strangers is None else self._strangers[2]
        self._strangers = None
        if message.kind == "joined" and fold(message.sender) in strangers:
            self._welcome.leave(change, RealmName(group.settings.home), group.row.shown_a, strangers)
        else:
            EFFECTS[message.kind](change, group, message, self._realm)

    def _move(self, held: MessageRow, number: int) -> tuple[MessageRow, MessageRow]:
        """Return what is left where an entry stood, which lets go of its mid, and the entry in its place."""
        left = replace(held, kind="void", text="", device=0)
        return left, replace(held, seq=self._writer.next_seq(), gseq=number)

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
            "" if void else self._files.text_of(entry),
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
        row = self._standing.row(group)
        if row is None:
            return ""
        found = await self._standing.group(row)
        if self._said is not None and fold(self._said.stream) == row.group:
            self.settings(RealmName(row.home), self._said)
        self._said = None
        return digest_of(found.members.values())

    def settings(self, realm: RealmName, digest: Digest) -> None:
        """Take over what the home says of a group at this very number, beside its members."""
        row = self._standing.row(digest.stream)
        if row is None or row.home != realm or row.number != digest.number:
            return
        group = self._standing.at_hand(row)
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
            change.done.addErrback(lambda failure: None)  # the home says it again
            self._writer.append(self._changes.hand_over(change))

    async def correct(
        self, realm: RealmName, group: str, members: Sequence[tuple[str, str]], number: int
    ) -> bool:
        """Take over the members as of a number; False if that does not fit.

        :raises Unavailable: not now.
        """
        row = self._standing.row(group)
        if row is None or row.home != realm or row.over:
            return True
        found = await self._standing.group(row)
        before = {
            address: await self._changes.outsider(found, address)
            for address, _ in members
            if address.endswith(f"@{self._realm}") and address not in found.members
        }
        strangers = await self._welcome.strangers(realm, group, before)
        row = self._standing.row(group)
        if row is None or row.number < number or found.changed > number:
            return False
        if self._standing.at_hand(row) is not found:
            return False
        wanted = {address: role for address, role in members if is_address(address)}
        for address in strangers:
            wanted.pop(address, None)
        change = self._changes.begin()
        self._welcome.leave(change, realm, found.row.shown_a, strangers)
        correct(change, found, wanted, before, self._changes, self._realm)
        await self._changes.save(change)
        return True


def is_address(text: str) -> bool:
    """Tell whether a text of another realm is the full address of somebody."""
    name, at, realm = text.partition("@")
    if is_guest(name):
        text = f"guest{at}{realm}"
    try:
        Address.parse(text, RealmName(""))
    except BadName:
        return False
    return bool(name and at and realm)
