"""Random groups on virtual time: whatever overlaps, gets lost or ends, the log and what is told of it agree.

What happened is read from the log alone, by :mod:`tests.realm.model`, and everything that the realm says is
compared with that. A seed that fails here is one line to reproduce.
"""

from __future__ import annotations

import gc
from collections.abc import Sequence
from random import Random
from typing import Any

import pytest
from twisted.internet.defer import Deferred

from chatproto import commands, events
from chatproto.commands import Command
from chatproto.errors import Blocked, ChatError, DiskFull, NotMember, StoreFailed
from chatproto.limits import Limits
from chatproto.names import fold
from chatproto.realm.posting import Posting
from chatproto.records import Batch, Entry, MemberRow
from chatproto.store.memory import MemoryStore
from chatproto.testing.faults import FaultyStore
from tests.conftest import LoggedFailures
from tests.realm.house import Client, House
from tests.realm.model import REALM, GroupModel, Model

NAMES = ("messi", "Henderson", "lineker", "amsal")
STEPS = 250
SEEDS = range(25)


class BreakingStore(FaultyStore):
    """A store in which a message to a group breaks a constraint now and then, and leaves a void number."""

    def __init__(self, store: Any, random: Random) -> None:
        super().__init__(store)
        self._random = random
        self.breaking = False

    def commit(self, batch: Batch) -> Deferred[Sequence[int]]:
        broken: list[int] = []
        entries = list(batch.entries)
        for index, entry in enumerate(entries):
            if (
                isinstance(entry, Posting)
                and entry.otherwise
                and self.breaking
                and self._random.random() < 0.1
            ):
                broken.append(index)
                entries[index] = Entry(entry.otherwise)
        done: Deferred[Sequence[int]] = super().commit(Batch(batch.number, batch.seq, batch.serial, entries))
        return done.addCallback(lambda others: sorted({*others, *broken}))


class RandomHouse(House):
    """A realm whose store is slow, refuses, and breaks entries; its caches hold next to nothing."""

    def __init__(self, random: Random) -> None:
        self.random = random
        super().__init__(limits=Limits(cached_names=random.choice([1, 3, 10_000])))

    def make_store(self) -> FaultyStore:
        self.breaking = BreakingStore(MemoryStore(self.disk), self.random)
        return self.breaking


class Person:
    """A user with a connection that acts, and one that listens."""

    def __init__(self, name: str) -> None:
        self.name = name
        self.address = fold(name) + REALM
        self.hand: Client
        self.ear: Client
        self.answers: list[Any] = []
        self.asked: Command | None = None
        #: Whether all that is told since the beginning was heard.
        self.listens = False
        self.epoch = ""
        self.heard: list[int] = []
        self.ever_blocked: set[str] = set()
        self.deleted = False
        self.logged_out = False

    def log_in(self, house: House) -> None:
        self.asked, self.answers, self.logged_out = None, [], False
        if not self.deleted:
            self.hand, self.ear = house.client(self.name), house.client(self.name, "ear")

    def collect(self) -> None:
        self.heard += self.ear.seqs
        self.ear.pushed.clear()


class Play:
    """One random run."""

    def __init__(self, seed: int) -> None:
        self.random = random = Random(seed)
        self.house = RandomHouse(random)
        self.people = [Person(name) for name in NAMES]
        self.groups = ["tim", "Club"]
        self.texts = 0
        self.stored: dict[str, str] = {}
        self.refused: set[str] = set()
        self.unknown: set[str] = set()
        self.sends: list[tuple[str, list[Any]]] = []
        self._log_in()
        self.people[0].hand.send("henderson", "hello")
        self.stored["hello"] = self.people[0].hand.history("henderson").messages[0].mid
        for person, group in zip(self.people, self.groups, strict=False):
            person.hand.ask(commands.Create(group=group))

    def _log_in(self) -> None:
        for person in self.people:
            person.log_in(self.house)
            if person.listens and not person.deleted:
                self._listen(person)
        self.operator = Client(self.house, administrator=True)

    def _listen(self, person: Person) -> None:
        person.collect()
        after = person.heard[-1] if person.heard else 0
        person.listens = True
        person.ear.begin(commands.Listen(after=after, own=True, receipts=True, typing=True))

    @property
    def living(self) -> list[Person]:
        return [person for person in self.people if not person.deleted]

    def run(self) -> None:
        self.house.slow.slow = True
        for _ in range(STEPS):
            self.step()
        self.house.breaking.breaking = self.house.slow.slow = False
        self.rest()
        self.check()
        self.house.restart()
        self._log_in()
        self.house.turn()
        self.check()

    def step(self) -> None:
        house, random = self.house, self.random
        kind = random.random()
        if kind < 0.45:
            self.act(random.choice(self.people))
        elif kind < 0.9:
            for _ in range(random.randrange(1, 12)):
                house.slow.go_on(random)
                if random.random() < 0.5:
                    house.turn()
        elif kind < 0.93:
            house.faults.refuse_next()
        elif kind < 0.94:
            house.breaking.breaking = not house.breaking.breaking
        elif kind < 0.96:
            self.rest()
        elif kind < 0.965:
            self.rest()
            house.restart()
            self._log_in()
            house.slow.slow = True
        elif kind < 0.97:
            self.crash()
        else:
            for person in self.living:
                person.ear.drain(random.choice([1, 3, 2**53]))
        house.turn()

    def rest(self) -> None:
        """Let everything end that is under way."""
        house = self.house
        slow = house.slow.slow
        house.faults._errors.clear()
        house.slow.rush()
        house.turn(1.0)  # cursors
        for person in self.living:
            assert person.asked is None or person.answers, person.asked
            person.ear.drain()
        house.turn()
        self.settle()
        assert not self.sends
        for person in self.living:
            if person.logged_out:
                person.collect()
                person.log_in(house)
                if person.listens:
                    self._listen(person)
        house.turn()
        house.slow.slow = slow

    def settle(self) -> None:
        """Note what became of what was asked."""
        for text, answers in list(self.sends):
            if answers:
                self.sends.remove((text, answers))
                if isinstance(answers[0], ChatError):
                    self.refused.add(text)
                else:
                    self.stored[text] = answers[0].mid
        for person in self.people:
            if person.asked is not None and person.answers:
                done = not isinstance(person.answers[0], ChatError)
                if isinstance(person.asked, commands.DeleteAccount):
                    person.deleted, person.logged_out = done, not done
                person.asked = None

    def crash(self) -> None:
        self.settle()
        for person in self.living:
            person.collect()
            if isinstance(person.asked, commands.DeleteAccount):
                self.rest()  # or nobody could tell whether the account is there
        self.unknown |= {text for text, _ in self.sends}
        self.sends.clear()
        calls = self.house.slow.calls
        self.house.crash()
        for call in calls:
            call.told.errback(StoreFailed("the realm has crashed"))
        self._log_in()
        self.house.slow.slow = True

    def act(self, person: Person) -> None:
        self.settle()
        random = self.random
        if person.deleted or person.logged_out or person.asked is not None:
            return
        if random.random() < 0.4:
            self.texts += 1
            text = f"{person.name} {self.texts}"
            to = random.choice(self.groups) if random.random() < 0.8 else random.choice(NAMES)
            if to != person.name:
                self.sends.append((text, person.hand.begin(commands.Send(to=to, text=text))))
            return
        if random.random() < 0.08:
            self._listen(person)
            return
        command = self.command(person)
        if isinstance(command, commands.Block):
            person.ever_blocked.add(fold(command.address) + REALM)
        if command.guard is commands.Guard.ADMINISTRATOR:
            self.operator.begin(command)
        else:
            person.asked, person.answers = command, person.hand.begin(command)

    def command(self, person: Person) -> Command:
        random = self.random
        group, user = random.choice(self.groups), random.choice([n for n in NAMES if n != person.name])
        (kind,) = random.choices(list(WEIGHTS), list(WEIGHTS.values()))
        made: Command
        match kind:
            case commands.Join | commands.Leave | commands.DeleteGroup | commands.GroupDelete:
                made = kind(group=group)
            case commands.Invite | commands.Kick | commands.Transfer | commands.GroupKick:
                made = kind(group=group, user=user)
            case commands.GroupTransfer:
                made = kind(group=group, user=user)
            case commands.SetRole:
                made = kind(group=group, user=user, role=random.choice(["admin", "member"]))
            case commands.Block | commands.Unblock:
                made = kind(address=user)
            case commands.Configure:
                made = kind(
                    group=group,
                    history=random.choice([None, "joined", "all"]),
                    access=random.choice([None, "open", "invited"]),
                )
            case commands.SetTopic:
                made = kind(group=group, topic=random.choice("abc"))
            case commands.Create:
                name = f"g{len(self.groups)}"
                if len(self.groups) < 5:
                    self.groups.append(name)
                made = kind(group=self.groups[-1])
            case _:
                made = commands.DeleteAccount(password="surabaya")
        return made

    # What has to be true when everything has come to rest.

    def check(self) -> None:
        model = Model(self.house)
        self.check_texts(model)
        self.check_members(model)
        for person in self.living:
            self.check_told(model, person)
            self.check_read(model, person)
            self.check_heard(model, person)
        self.check_sending(model)

    def check_texts(self, model: Model) -> None:
        texts = {row.text: row.mid for row in model.rows if row.kind == "text"}
        assert len(texts) == sum(row.kind == "text" for row in model.rows)
        assert not self.refused & texts.keys()
        assert self.stored.items() <= texts.items()
        assert texts.keys() <= self.stored.keys() | self.unknown

    def check_members(self, model: Model) -> None:
        for number, group in model.groups.items():
            rows = {row.member: row for row in self.house.rows(MemberRow) if row.conversation == number}
            assert {name: row.role for name, row in rows.items() if not row.until} == group.roles
            known = self.house.wait(self.house.realm.routes._group(group.address.partition("@")[0]))
            assert known.members == {name: row for name, row in rows.items() if not row.until}
            assert (known.gseq, bool(known.settings.deleted)) == (len(group.log), group.deleted)
            assert known.settings.access == group.access
            assert known.settings.history == group.history

    def check_told(self, model: Model, person: Person) -> None:
        device = self.house.client(person.name)
        device.listen(after=0, own=True)
        assert device.seqs == model.news(person.address)
        device.session.closed()

    def check_read(self, model: Model, person: Person) -> None:
        for group in model.groups.values():
            if group.may_read(person.address):
                assert self.history(person, group) == model.history(person.address, group)
            else:
                with pytest.raises(NotMember):
                    self.history(person, group)
        states = person.hand.ask(commands.Conversations()).conversations
        unread = {fold(state.with_): state.unread for state in states if state.unread}
        assert unread == model.unread(person.address)
        blocked = person.hand.ask(commands.Blocks()).addresses
        assert {fold(address) for address in blocked} == model.blocks.get(person.address, set())

    def history(self, person: Person, group: GroupModel) -> list[int]:
        found: list[events.HistoryItem] = []
        while True:
            page = person.hand.history(group.address, after=found[-1].seq if found else 0, limit=7)
            found += page.messages
            if page.complete:
                return [item.seq for item in found]

    def check_heard(self, model: Model, person: Person) -> None:
        """A listener hears in order, what it may, and everything that it still may read."""
        if not person.listens:
            return
        person.collect()
        assert person.heard == sorted(set(person.heard))
        void = {row.seq for row in model.rows if row.kind == "void"}
        assert set(person.heard) <= model.ever.get(person.address, set()) - void
        assert set(model.news(person.address, person.ever_blocked)) <= set(person.heard)

    def check_sending(self, model: Model) -> None:
        """Who may write to whom is what the log says, too."""
        for person in self.living:
            for group in model.groups.values():
                if person.address not in group.roles:
                    with pytest.raises(ChatError):
                        person.hand.send(group.address)
            for other in self.living:
                if person.address in model.blocks.get(other.address, ()):
                    with pytest.raises(Blocked):
                        person.hand.send(other.name)


WEIGHTS: dict[type[Any], float] = {
    commands.Join: 14,
    commands.Leave: 8,
    commands.Invite: 8,
    commands.Kick: 6,
    commands.Transfer: 3,
    commands.SetRole: 5,
    commands.Configure: 5,
    commands.SetTopic: 2,
    commands.Create: 2,
    commands.DeleteGroup: 0.5,
    commands.GroupKick: 1,
    commands.GroupTransfer: 1,
    commands.GroupDelete: 0.2,
    commands.Block: 3,
    commands.Unblock: 4,
    commands.DeleteAccount: 0.4,
}


@pytest.mark.parametrize("seed", SEEDS)
def test_whatever_happens_everybody_reads_what_the_log_says(
    seed: int, logged_failures: LoggedFailures
) -> None:
    Play(seed).run()
    while gc.collect():  # a failure may stand in the frames of another one
        pass
    logged_failures.take(StoreFailed, DiskFull)  # of realms that crashed
