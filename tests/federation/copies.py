"""Groups with a copy elsewhere, as links need them: honest and simple, on the realm's own disk.

Everything that is known stands in rows, and is read again when a batch is lost.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Sequence
from typing import Any

from msgspec.structs import replace

from chatproto.errors import NoSuchGroup
from chatproto.frames import Digest, Entry, Start
from chatproto.names import RealmName
from chatproto.realm.writer import Work
from chatproto.records import (
    ARRIVED,
    ConversationRow,
    LifeRow,
    MemberList,
    MemberRow,
    MessageRow,
    Position,
    Record,
    ReplicaRow,
    SubscriptionRow,
)
from tests.federation.town import Place, Town

#: Numbers of conversations, which these rules give themselves.
ROOM, CLUB, HALL = 900, 901, 902
NAMES = {ROOM: "room@alpha", CLUB: "club@alpha", HALL: "hall@alpha"}
NUMBERS = {name: number for number, name in NAMES.items()}


def digest_of(members: Sequence[tuple[str, str]]) -> str:
    """Return the digest of members."""
    hashes = (hashlib.sha256(f"{address} {role}".encode()).digest()[:16] for address, role in members)
    return f"{sum(int.from_bytes(each, 'big') for each in hashes) % 2**128:x}"


class Posted(Work):
    """An entry of a group at home."""

    __slots__ = ("told",)

    def __init__(self, inserts: Sequence[Record], puts: Sequence[Record], told: Callable[[], None]) -> None:
        super().__init__(inserts, puts)
        self.told = told

    def committed(self) -> None:
        self.told()


class Homes:
    """The groups of a realm, and who has copies: what :class:`Copies` asks for."""

    def __init__(self, place: Place) -> None:
        self._place = place
        self._store = place.slow
        self.on_entry: Callable[[RealmName, int], None] = lambda realm, conversation: None
        self.rows: dict[tuple[str, int], SubscriptionRow] = {}
        self.roles: dict[int, dict[str, str]] = {}
        self.newest: dict[int, int] = {}
        self.changed: dict[int, int] = {}
        self._read()
        place.realm.writer.on_reset(self._read)

    def _read(self) -> None:
        self.rows = {(row.realm, row.conversation): row for row in self._place.rows(SubscriptionRow)}
        self.roles = {number: {} for number in NAMES}
        for row in self._place.rows(MemberRow):
            if row.conversation in NAMES and not row.until:
                self.roles[row.conversation][row.member] = row.role
        logs = [row for row in self._place.rows(MessageRow) if row.conversation in NAMES]
        for number in NAMES:
            log = [row.gseq for row in logs if row.conversation == number]
            self.newest[number] = max(log, default=0)
            self.changed[number] = self.newest[number]

    # -- what happens at home

    def post(
        self, conversation: int, text: str = "halo", kind: str = "text", sender: str = "messi@alpha"
    ) -> None:
        """Say something, or come, or go."""
        realm = self._place.realm
        self.newest[conversation] += 1
        number, seq = self.newest[conversation], realm.writer.next_seq()
        now = int(self._place.clock.seconds() * 1000)
        mid = f"alpha/{realm.lives.epoch}.{conversation}.{number}"
        message = MessageRow(seq, conversation, mid, sender, 0, now, kind, number, text)
        puts: list[Record] = []
        if kind in ("joined", "left"):
            puts.append(self.member(conversation, sender, "member" if kind == "joined" else ""))
            self.changed[conversation] = number
        far = sender.rpartition("@")[2]
        row = self.rows.get((far, conversation))
        roles = self.roles[conversation]
        there = any(each.endswith(f"@{far}") for each in roles)
        if far != "alpha" and kind == "joined" and (row is None or row.until):
            row = SubscriptionRow(far, conversation, number, 0, "", number - 1, seq - 1)
            puts.append(row)
        elif far != "alpha" and kind == "left" and row is not None and not there:
            row = replace(row, until=number)
            puts.append(row)
        if row is not None:
            self.rows[far, conversation] = row
        listeners = [realm for realm, number in self.rows if number == conversation]

        def told() -> None:
            for each in listeners:
                self.on_entry(RealmName(each), conversation)

        realm.writer.append(Posted([message], puts, told))

    def member(self, conversation: int, address: str, role: str) -> MemberRow:
        """Give somebody a role, or none; without an entry that is a drift."""
        if role:
            self.roles[conversation][address] = role
        else:
            self.roles[conversation].pop(address, None)
        return MemberRow(conversation, address, 0, 0 if role else 1, role or "left")

    # -- what links ask

    def of(self, realm: RealmName) -> Sequence[SubscriptionRow]:
        return [row for (name, _), row in self.rows.items() if name == realm]

    def find(self, realm: RealmName, conversation: int) -> SubscriptionRow | None:
        return self.rows.get((str(realm), conversation))

    def address(self, conversation: int) -> str:
        return NAMES[conversation]

    def epoch_of(self, seq: int) -> str:
        return next(row.epoch for row in reversed(self._place.realm.lives.rows) if row.first <= seq)

    async def entries(self, conversation: int, after: int, limit: int, size: int) -> Sequence[MessageRow]:
        found: Sequence[MessageRow] = await self._store.entries(conversation, after, limit, size)
        return found

    async def resume(self, subscription: SubscriptionRow, lives: Sequence[tuple[str, int]]) -> Position:
        epochs = [row.epoch for row in self._place.realm.lives.rows]
        for epoch, last in lives:
            if epoch in epochs:
                index = epochs.index(epoch) + 1
                after = self._place.realm.lives.rows[index].first if index < len(epochs) else 2**53
                seq, number = await self._store.entry(subscription.conversation, last, after)
                return Position(self.epoch_of(seq), number, seq)
        number = subscription.first - 1
        seq, _ = await self._store.entry(subscription.conversation, number, 2**53)
        return Position("", number, seq)

    async def history(self, subscription: SubscriptionRow, place: Position) -> str:
        return ""

    def settled(self, realm: RealmName, conversation: int, epoch: str, number: int, seq: int) -> None:
        row = replace(self.rows[str(realm), conversation], epoch=epoch, number=number, seq=seq)
        self.rows[str(realm), conversation] = row
        over = row.until and number >= row.until
        if over:
            del self.rows[str(realm), conversation]
        self._place.realm.writer.append(Work(puts=() if over else [row], removes=[row] if over else ()))

    async def digest(self, conversation: int) -> Digest:
        members = digest_of([*self.roles[conversation].items()])
        return Digest(stream=NAMES[conversation], number=self.newest[conversation], members=members)

    async def members(self, realm: RealmName, group: str, after: str, limit: int) -> MemberList:
        number = NUMBERS.get(group, 0)
        if (str(realm), number) not in self.rows:
            raise NoSuchGroup
        found = [item for item in sorted(self.roles[number].items()) if item[0] > after]
        page = found[:2]
        return MemberList(page, self.newest[number], self.changed[number], len(page) == len(found))


class Effect:
    """What an entry does to a copy."""

    def __init__(self, inserts: Sequence[Record], puts: Sequence[Record], told: Callable[[], None]) -> None:
        self.inserts = inserts
        self.puts = puts
        self.otherwise: Sequence[Record] = ()
        self.told = told

    def lost(self) -> None:
        """Nothing was begun for it."""


class Copied:
    """The copies in a realm: what :class:`Replicas` asks for."""

    def __init__(self, place: Place) -> None:
        self._place = place
        self._store = place.slow
        self.rows: dict[str, ReplicaRow] = {}
        self.roles: dict[str, dict[str, str]] = {}
        self.read: set[str] = set()
        #: What the rules say of texts: a code, an exception, or that there is more to read.
        self.codes: dict[str, str | Exception | None] = {}
        self.refuse = ""
        self.suspected: list[str] = []
        self.told: list[str] = []
        self.digests: list[Digest] = []
        self._read()
        place.realm.writer.on_reset(self._read)

    def _read(self) -> None:
        self.rows = {row.group: row for row in self._place.rows(ReplicaRow)}
        self.roles = {group: {} for group in self.rows}
        for row in self._place.rows(MemberRow):
            if row.conversation in NAMES and NAMES[row.conversation] in self.roles and not row.until:
                self.roles[NAMES[row.conversation]][row.member] = row.role
        self.read.clear()

    def log(self, group: str = "room@alpha") -> list[MessageRow]:
        """What is on the disk of a copy, by number."""
        found = [row for row in self._place.rows(MessageRow) if row.conversation == NUMBERS[group]]
        return sorted(found, key=lambda row: row.gseq)

    # -- what links ask

    def of(self, realm: RealmName) -> Sequence[ReplicaRow]:
        return [row for row in self.rows.values() if row.home == realm and not row.over]

    async def lives(self, group: str) -> Sequence[tuple[str, int]]:
        return [(row.epoch, row.last) for row in await self._store.lives(group)]

    async def begin(self, realm: RealmName, start: Start) -> str:
        if self.refuse:
            return self.refuse
        group, number = start.stream, start.next - 1
        beyond = [replace(row, gseq=0) for row in self.log(group) if row.gseq > number]
        row = ReplicaRow(group, str(realm), NUMBERS[group], start.first, start.epoch, number)
        await self._place.realm.writer.save(puts=[row, *beyond])
        self.rows[group] = row
        self.roles.setdefault(group, {})
        return ""

    def judge(self, realm: RealmName, entry: Entry) -> Any:
        group = entry.stream
        row = self.rows[group]
        assert entry.number == row.number + 1, (entry, row)
        assert entry.epoch
        if entry.text in self.codes:
            verdict = self.codes[entry.text]
            if isinstance(verdict, Exception):
                raise verdict
            return verdict
        if group not in self.read:
            return None
        writer = self._place.realm.writer
        device = 0 if entry.kind == "void" else ARRIVED
        message = MessageRow(
            writer.next_seq(),
            row.conversation,
            entry.mid,
            entry.from_,
            device,
            1,
            entry.kind,
            entry.number,
            entry.text,
        )
        self.rows[group] = row = replace(row, epoch=entry.epoch, number=entry.number)
        puts: list[Record] = [row, LifeRow(group, entry.epoch, entry.number)]
        if entry.kind in ("joined", "left"):
            if entry.kind == "joined":
                self.roles[group][entry.from_] = "member"
            else:
                self.roles[group].pop(entry.from_, None)
            puts.append(MemberRow(row.conversation, entry.from_, 0, int(entry.kind == "left"), "member"))
        return Effect([message], puts, lambda: self.told.append(entry.text))

    async def prepare(self, realm: RealmName, entry: Entry) -> None:
        await self._store.lives(entry.stream)
        self.read.add(entry.stream)

    def suspect(self, group: str) -> None:
        self.suspected.append(group)

    def number(self, group: str) -> int:
        return self.rows[group].number if group in self.rows else 0

    async def digest(self, group: str) -> str:
        return digest_of([*self.roles[group].items()])

    def settings(self, realm: RealmName, digest: Digest) -> None:
        self.digests.append(digest)

    async def correct(
        self, realm: RealmName, group: str, members: Sequence[tuple[str, str]], number: int
    ) -> bool:
        if number != self.number(group):
            return False
        conversation = NUMBERS[group]
        gone = set(self.roles[group]) - {address for address, _ in members}
        rows = [MemberRow(conversation, address, 0, 0, role) for address, role in members]
        rows += [MemberRow(conversation, address, 0, 1, "left") for address in gone]
        self.roles[group] = dict(members)
        await self._place.realm.writer.save(puts=rows)
        return True

    async def end(self, realm: RealmName, group: str) -> None:
        if group in self.rows:
            self.rows[group] = replace(self.rows[group], over=True)
            await self._place.realm.writer.save(puts=[self.rows[group]])


class GroupPlace(Place):
    """A realm with such groups and copies."""

    homes: Homes
    copied: Copied

    def furnish(self) -> None:
        if not {row.conversation for row in self.rows(ConversationRow)} & set(NAMES):
            made = [ConversationRow(number, name, "", name, "") for number, name in NAMES.items()]
            self.wait(self.realm.writer.save(made))
        self.homes, self.copied = Homes(self), Copied(self)
        realm: Any = self.realm
        realm.copies, realm.replicas = self.homes, self.copied


class GroupTown(Town):
    """Two realms: groups are of alpha, and beta has copies."""

    place = GroupPlace
    alpha: GroupPlace
    beta: GroupPlace

    def join(self, conversation: int, *people: str) -> None:
        """Let people come, and post."""
        for each in people:
            self.alpha.homes.post(conversation, "", "joined", each)
        self.turn()

    def post(self, conversation: int, *texts: str) -> None:
        for text in texts:
            self.alpha.homes.post(conversation, text)
        self.turn()
