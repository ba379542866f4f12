"""Several realms on one clock, and a carrier that brings items and entries of groups from one to another."""

from __future__ import annotations

from collections.abc import Sequence

from twisted.internet.defer import Deferred, fail

from chatproto.errors import ChatError, Unavailable
from chatproto.frames import Ask, Entry, Start
from chatproto.names import RealmName
from chatproto.realm.changes import Change
from chatproto.records import GroupRow, MemberRow, MessageRow
from chatproto.store.tables import MemoryTables
from tests.realm.house import Client, House, watch
from tests.realm.links import Effect, Links, carry, outgoing

ALPHA, BETA, GAMMA = (RealmName(name) for name in ("alpha", "beta", "gamma"))


class Asking(Links):
    """Links on which questions are answered by the houses themselves."""

    circle: Circle

    def ask(
        self, realm: RealmName, about: str, name: str = "", after: str = ""
    ) -> Deferred[dict[str, object]]:
        if realm in self.circle.away:
            return fail(Unavailable())
        answer = self.circle.houses[realm].realm.answer(
            self.circle.name_of(self), Ask(number=1, about=about, name=name, after=after)
        )
        return Deferred.fromCoroutine(answer)


class Circle:
    """Alpha, beta and gamma, each linked to the others."""

    def __init__(self, *names: RealmName) -> None:
        self.houses: dict[RealmName, House] = {}
        for name in names or (ALPHA, BETA, GAMMA):
            first = next(iter(self.houses.values()), None)
            self.houses[name] = House(name=name, clock=None if first is None else first.clock)
        self.links: dict[RealmName, Asking] = {}
        #: Realms that nothing comes to or from.
        self.away: set[RealmName] = set()
        #: How far items are carried, and by whom which group stands where.
        self._items: dict[tuple[RealmName, RealmName], int] = {}
        self._starts: dict[tuple[RealmName, RealmName, int], tuple[int, int]] = {}
        #: Groups that had other members than at home when they were compared.
        self.corrected: list[str] = []
        for name in self.houses:
            self._link(name)

    def _link(self, name: RealmName) -> None:
        house = self.houses[name]
        links = Asking(house.realm, house.clock, *(other for other in self.houses if other != name))
        links.circle = self
        for other, number in list(self._items.items()):
            if other[0] == name:
                links.numbers[other[1]] = number
        house.realm.link(links)
        self.links[name] = links

    def name_of(self, links: Links) -> RealmName:
        """Return whose links these are."""
        return next(name for name, own in self.links.items() if own is links)

    def reopen(self, name: RealmName, *, crash: bool = False, backup: MemoryTables | None = None) -> None:
        """Close a realm, or let it crash, put back a copy of its store, and open it; its links begin anew."""
        house = self.houses[name]
        numbers = self.links[name].numbers
        if crash:
            house.crash()
        else:
            house.wait(house.realm.close())
            if backup is not None:
                house.disk.restore(backup)
            house.open()
        self._starts = {key: at for key, at in self._starts.items() if name not in key[:2]}
        self._link(name)
        self.links[name].numbers = numbers

    def cut(self) -> None:
        """End all connections: groups are begun anew."""
        self._starts.clear()

    def client(self, address: str) -> Client:
        """Return a connection of a user."""
        name, _, realm = address.partition("@")
        return self.houses[RealmName(realm)].client(name)

    def carry(self, rounds: int = 8) -> None:
        """Bring everything to where it goes, until nothing is left."""
        for _ in range(rounds):
            for origin in self.houses:
                for target in self.houses:
                    if origin != target and not {origin, target} & self.away:
                        self.carry_items(origin, target)
                        self.carry_groups(origin, target)

    def carry_items(self, origin: RealmName, target: RealmName) -> None:
        """Bring what waits in one outbox."""
        for each in outgoing(self.houses[origin], target, self._items.get((origin, target), 0)):
            self._items[origin, target] = each.row.number
            carry(each, self.houses[origin], self.houses[target], self.links[origin])

    def carry_groups(self, home: RealmName, target: RealmName) -> None:
        """Bring what is new in the groups of one realm."""
        copies = self.houses[home].realm.copies
        for row in copies.of(target):
            key = home, target, row.conversation
            started = self._starts.get(key)
            if started is None or started[0] != row.first:
                started = self._starts[key] = (row.first, self._start(home, target, row.conversation))
            self._entries(home, target, row.conversation, started[1])
            self._compare(home, target, row.conversation)

    def _start(self, home: RealmName, target: RealmName, conversation: int) -> int:
        source, house = self.houses[home], self.houses[target]
        row = source.realm.copies.find(target, conversation)
        assert row is not None
        address = source.realm.copies.address(conversation)
        lives: Sequence[tuple[str, int]] = house.wait(house.realm.replicas.lives(address))
        place = source.wait(source.realm.copies.resume(row, lives))
        history = source.wait(source.realm.copies.history(row, place))
        start = Start(
            stream=address, epoch=place.epoch, first=row.first, next=place.number + 1, history=history
        )
        assert house.wait(house.realm.replicas.begin(home, start)) == ""
        return place.seq

    def _entries(self, home: RealmName, target: RealmName, conversation: int, after: int) -> None:
        source, house = self.houses[home], self.houses[target]
        copies = source.realm.copies
        row = copies.find(target, conversation)
        assert row is not None
        for message in source.wait(copies.entries(conversation, after, 1000, 2**30)):
            if row.until and message.gseq > row.until:
                break
            epoch = copies.epoch_of(message.seq)
            name = source.wait(source.realm.display_name(message.sender))
            entry = entry_of(copies.address(conversation), message, epoch, name)
            if take(house, home, entry):
                house.realm.replicas.suspect(entry.stream)
                assert take(house, home, entry) == []
            copies.settled(target, conversation, epoch, message.gseq, message.seq)
            self._starts[home, target, conversation] = (row.first, message.seq)

    def _compare(self, home: RealmName, target: RealmName, conversation: int) -> None:
        source, house = self.houses[home], self.houses[target]
        digest = source.wait(source.realm.copies.digest(conversation))
        replicas = house.realm.replicas
        if replicas.number(digest.stream) != digest.number:
            return
        replicas.settings(home, digest)
        if house.wait(replicas.digest(digest.stream)) != digest.members:
            self.corrected.append(digest.stream)
            found = source.wait(source.realm.copies.members(target, digest.stream, "", 1000))
            assert house.wait(replicas.correct(home, digest.stream, found.members, found.number))
            assert house.wait(replicas.digest(digest.stream)) == digest.members
        house.turn()


def entry_of(group: str, message: MessageRow, epoch: str, name: str = "") -> Entry:
    """Return what a home says of a message of its log."""
    return Entry(
        stream=group,
        number=message.gseq,
        mid=message.mid,
        from_=message.sender,
        text=message.text,
        at=message.at,
        kind=message.kind,
        name=name,
        epoch=epoch,
    )


def take(house: House, home: RealmName, entry: Entry) -> list[ChatError]:
    """Let an entry come to a copy; return why it could not be stored."""
    replicas = house.realm.replicas

    async def judged() -> Effect:
        verdict = replicas.judge(home, entry)
        if verdict is None:
            await replicas.prepare(home, entry)
            verdict = replicas.judge(home, entry)
        assert isinstance(verdict, Change), verdict
        effect = Effect(verdict)
        effect.otherwise = ()
        house.realm.writer.append(effect)
        return effect

    outcome = watch(judged())
    house.turn()
    (effect,) = outcome
    assert isinstance(effect, Effect), effect
    return effect.errors


def members(house: House, group: str) -> dict[str, str]:
    """Return who is in a group as it is on the disk, with roles."""
    row = next(row for row in house.rows(GroupRow) if row.name == group.lower())
    number = row.conversation
    return {
        each.member: each.role
        for each in house.rows(MemberRow)
        if each.conversation == number and not each.until
    }


def log(house: House, group: str) -> list[tuple[int, str, str, str]]:
    """Return the log of a group as it is on the disk: numbers, kinds, senders and texts."""
    row = next(row for row in house.rows(GroupRow) if row.name == group.lower())
    found = [each for each in house.rows(MessageRow) if each.conversation == row.conversation and each.gseq]
    return [
        (each.gseq, each.kind, each.sender, each.text) for each in sorted(found, key=lambda each: each.seq)
    ]
