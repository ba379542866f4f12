"""What goes wrong in a simulation, and when: all of it chosen by the seed."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import partial
from random import Random

from chatproto.testing.hosts import RealmHost
from chatproto.testing.ledger import Backup, Ledger
from chatproto.testing.network import LATENCY, Network
from chatproto.testing.workload import SimulatedUser

#: Between two troubles, on average, at least and at most.
_CALM = (3.0, 60.0)
#: The share of users who write when there is one.
_CONCERNED = 0.4
#: How long a trouble lasts: most are short, and some outlast every time-out there is.
_SHORT = (0.0, 20.0)
_LONG = (60.0, 400.0)
#: A clock set back makes all that was planned late by so much, at most.
_BACK_SECONDS = 60.0
#: A clock set forward: by a little, by a time zone, by longer than anything is kept.
_FORWARD_SECONDS = (5.0, 3600.0, 9 * 86400.0)
#: A disk that hangs takes so long for one commit, at most.
_STALL_SECONDS = 8.0
#: The share of older copies that bring with them what would tell that they are.
_UNNOTICED = 0.3
#: Writes of files that fail one after the other, at most.
_FAILING = 6
#: The share of older copies of a store with which the files stay as they are, and the other way round.
_APART = 0.4
#: Copies of a store that are kept to be put back.
_BACKUPS = 4


class Troubles:
    """Troubles for realms and users, between :meth:`start` and :meth:`end`, which takes them back."""

    def __init__(
        self,
        network: Network,
        ledger: Ledger,
        hosts: Sequence[RealmHost],
        users: Sequence[SimulatedUser],
        random: Random,
        *,
        restore: bool,
        relapse: bool,
        files: bool,
        attacks: Sequence[tuple[int, Callable[[], None]]],
    ) -> None:
        self._network = network
        self._ledger = ledger
        self._hosts = hosts
        self._users = users
        self._random = random
        self._with_files = files
        self._calm = random.uniform(*_CALM)
        self._over = False
        self._backups: dict[str, list[Backup]] = {}
        table: list[tuple[int, Callable[[], None]]] = [
            (6, self._crash),
            (2, self._lose_power),
            (2, self._stop),
            (6, self._crash_at_commit),
            (4, self._freeze),
            (4, self._partition),
            (4, self._partition_one_way),
            (2, self._isolate),
            (6, self._cut),
            (5, self._fill_disk),
            (2, self._break_disk),
            (3, self._slow_disk),
            (4, self._stall_disk),
            (3, self._slow_path),
            (2, self._jump),
            (6, self._be_late),
            (4, self._crash_user),
            *attacks,
        ]
        if restore:
            table += [(6, self._back_up), (4, self._restore)]
        if relapse:
            table += [(8, self._relapse)]
        if files:
            table += [
                (6, self._fail_writes),
                (14, self._crash_at_file),
                (4, self._lose_power),
                (4, self._cut),
            ]
        # Each run leaves some out, so that others are not always hidden behind them.
        chosen = [entry for entry in table if random.random() < 0.7] or table
        self._weights = [weight for weight, _ in chosen]
        self._kinds = [kind for _, kind in chosen]

    def start(self) -> None:
        """Begin."""
        for host in self._hosts:
            self._backups[host.name] = [self._ledger.back_up(host)]
        self._plan()

    def end(self, hosts: Sequence[RealmHost]) -> None:
        """Make no trouble any more, and repair these realms, their users, and what is between them."""
        self._over = True
        self._network.redirect()
        names = {host.name for host in hosts}
        for host in hosts:
            host.troubles.__init__()  # type: ignore[misc]  # as it was
            host.supervised = True
            if host.clock.stopped:
                host.clock.go_on()
            host.start_again()
        whole = [user for user in self._users if user.realm in names]
        for user in whole:
            user.start()
        machines = names | {user.address for user in whole}
        for here in sorted(machines):
            for there in sorted(machines):
                self._repair(here, there)

    def _repair(self, here: str, there: str) -> None:
        path = self._network.path(here, there)
        path.shortest, path.longest = LATENCY
        path.bytes_per_second = float("inf")
        if path.cut:
            path.heal()

    # -- choosing

    def _plan(self) -> None:
        wait = self._random.expovariate(1 / self._calm)
        self._network.time.nobody.callLater(wait, self._go_on)

    def _go_on(self) -> None:
        if not self._over:
            (kind,) = self._random.choices(self._kinds, self._weights)
            self._network.note(f"trouble: {kind.__name__}")
            self._ledger.counts[f"trouble {kind.__name__.strip('_')}"] += 1
            kind()
            for user in self._users:  # a trouble matters to what is under way then
                if self._random.random() < _CONCERNED:
                    user.hurry()
            self._plan()

    def _later(self, undo: Callable[[], object]) -> None:
        """Undo a trouble after its time."""
        seconds = self._random.uniform(*(_LONG if self._random.random() < 0.2 else _SHORT))
        self._network.time.nobody.callLater(seconds, lambda: None if self._over else undo())

    def _host(self) -> RealmHost:
        return self._random.choice(self._hosts)

    def _two(self) -> tuple[str, str]:
        """Choose two realms, or a realm and one of its users."""
        if len(self._hosts) > 1 and self._random.random() < 0.7:
            one, two = self._random.sample(self._hosts, 2)
            return one.name, two.name
        user = self._random.choice(self._users)
        return user.address, user.realm

    # -- processes

    def _crash(self) -> None:
        host = self._host()
        if host.machine.running:
            host.crash()
        self._later(host.start_again)

    def _lose_power(self) -> None:
        host = self._host()
        if host.machine.running:
            host.crash(power=True)
        self._later(host.start_again)

    def _stop(self) -> None:
        host = self._host()
        if host.serving and not host.clock.stopped:
            host.stop()
        self._later(host.start_again)

    def _crash_at_commit(self) -> None:
        host = self._host()

        def end() -> None:
            host.crash(power=self._random.random() < 0.3)
            self._later(host.start_again)

        setattr(host.troubles, self._random.choice(("end_before", "end_after")), end)

    def _crash_at_file(self) -> None:
        def end(host: RealmHost) -> None:
            host.crash(power=self._random.random() < 0.3)
            self._later(host.start_again)

        for host in self._hosts:
            host.troubles.end_kept = partial(end, host)

    def _freeze(self) -> None:
        host = self._host()
        clock = host.clock
        if not clock.ended:
            clock.stop()
            self._later(clock.go_on)

    def _crash_user(self) -> None:
        self._random.choice(self._users).crash(power=self._random.random() < 0.3)

    def _jump(self) -> None:
        clock = self._host().clock
        if clock.ended:
            return
        if self._random.random() < 0.5:
            clock.jump(-self._random.uniform(0, _BACK_SECONDS))
        else:
            clock.jump(self._random.uniform(0, self._random.choice(_FORWARD_SECONDS)))

    def _be_late(self) -> None:
        """Let what a realm has sent become too old, while no answer comes back."""
        host = self._host()
        for other in self._hosts:
            if other is not host:
                self._network.partition(other.name, host.name, one_way=True)
        clock = host.clock

        def jump() -> None:
            if not clock.ended and not self._over:
                clock.jump(_FORWARD_SECONDS[-1])

        self._network.time.nobody.callLater(self._random.uniform(0, 30), jump)
        self._network.time.nobody.callLater(self._random.uniform(*_LONG), self._network.heal)

    def _stall_disk(self) -> None:
        """Let a disk hang for longer than it takes others to lose their connections and to have new ones."""
        host = self._host()
        host.troubles.commit_seconds = (2.0, _STALL_SECONDS)
        for _ in range(3):
            wait = self._random.uniform(0, 3 * _STALL_SECONDS)
            self._network.time.nobody.callLater(wait, self._come_again, self._host(), host)
        self._later(host.troubles.hurry)

    def _come_again(self, host: RealmHost, to: RealmHost) -> None:
        """Crash and be back at once, or lose some connections."""
        if host is to or self._random.random() < 0.5:
            self._cut_some(to)
        elif host.machine.running and not self._over:
            host.crash()
            self._network.time.nobody.callLater(self._random.uniform(0, 1), host.start_again)

    # -- the network

    def _partition(self) -> None:
        here, there = self._two()
        self._network.partition(here, there)
        self._later(lambda: self._network.heal(here, there))

    def _partition_one_way(self) -> None:
        here, there = self._random.sample(self._two(), 2)
        self._network.partition(here, there, one_way=True)
        self._later(lambda: self._network.heal(here, there))

    def _isolate(self) -> None:
        host = self._host()
        others = [other.name for other in self._hosts if other is not host]
        for other in others:
            self._network.partition(host.name, other)
            self._later(lambda other=other: self._network.heal(host.name, other))  # type: ignore[misc]

    def _cut(self) -> None:
        """Lose some connections in the middle of whatever is under way."""
        self._cut_some(self._host())

    def _cut_some(self, host: RealmHost) -> None:
        for transport in host.machine.transports():
            if self._random.random() < 0.6:
                transport.cut()

    def _slow_path(self) -> None:
        here, there = self._two()
        path = self._network.path(here, there)
        path.shortest, path.longest = 0.1, self._random.choice((1.0, 8.0))
        path.bytes_per_second = self._random.choice((2_000.0, 50_000.0))
        self._later(lambda: self._repair(here, there))

    # -- disks

    def _fill_disk(self) -> None:
        troubles = self._host().troubles
        troubles.full = True
        self._later(lambda: setattr(troubles, "full", False))

    def _break_disk(self) -> None:
        self._host().troubles.break_next = self._random.random() < 0.5

    def _fail_writes(self) -> None:
        self._host().troubles.failing_writes = self._random.randint(1, _FAILING)

    def _slow_disk(self) -> None:
        troubles = self._host().troubles
        troubles.commit_seconds = (0.0, self._random.choice((0.05, 1.0)))
        troubles.read_seconds = (0.0, self._random.choice((0.01, 0.3)))
        self._later(troubles.hurry)

    def _back_up(self) -> None:
        host = self._host()
        backups = self._backups[host.name]
        backups.append(self._ledger.back_up(host))
        del backups[:-_BACKUPS]

    def _restore(self) -> None:
        host = self._host()
        self._put_back(host, self._random.randrange(len(self._backups[host.name])))

    def _relapse(self) -> None:
        """Put back, after a while, the copy that is made now: most of what others know of it is still so."""
        host = self._host()
        backups = self._backups[host.name]
        backup = self._ledger.back_up(host)
        backups.append(backup)
        del backups[:-_BACKUPS]

        def put_back() -> None:
            if backup in backups:
                self._put_back(host, backups.index(backup))

        self._later(put_back)

    def _put_back(self, host: RealmHost, index: int) -> None:
        # What was copied later belongs to a life that never was.
        backup = self._backups[host.name][index]
        del self._backups[host.name][index + 1 :]
        unnoticed = self._random.random() < _UNNOTICED
        if self._with_files and self._random.random() < _APART:
            if host.machine.running:
                host.crash()
            self._ledger.files.put_back(host, backup.files)
            if self._random.random() < 0.5:
                self._later(host.start_again)
                return
        self._ledger.put_back(host, backup, unnoticed=unnoticed)
        self._later(host.start_again)
