"""The home of a group gets an older copy of its store: what members of other realms read of it afterwards."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import pytest
from msgspec.structs import replace

from chatproto.client import ChatClient
from chatproto.federation.groups_incoming import GroupReceiver
from chatproto.realm.copies import Copies
from chatproto.realm.replicas import Replicas
from chatproto.realm.rewinding import Rewinding
from chatproto.records import Batch, MessageRow
from chatproto.testing.group_reading import Shown, differing
from chatproto.testing.hosts import RealmHost
from chatproto.testing.mirror import Mirror
from chatproto.testing.network import Network

ROOM = "room@alpha"
NAMES = ("alpha", "beta")


class Pair:
    """Alpha, which has a group, and beta, which has a copy of it."""

    def __init__(self) -> None:
        self.network = Network(1)
        self.mirrors = {name: Mirror() for name in NAMES}
        self.hosts = {name: self._host(name) for name in NAMES}
        for host in self.hosts.values():
            self.network.wait(host.start())
        self.network.run(30)
        self.messi, self.amsal = self.client("messi", "alpha"), self.client("amsal", "beta")

    def _host(self, name: str) -> RealmHost:
        host = self.network.realm(
            name, ["messi", "amsal", "cafu"], peers=[each for each in NAMES if each != name]
        )
        host.on_commit.append(self._committed)
        return host

    def _committed(self, host: RealmHost, batch: Batch, failed: Sequence[int]) -> None:
        self.mirrors[host.name].commit(batch, failed)

    def client(self, user: str, realm: str) -> ChatClient:
        client = self.network.client(user, realm)
        self.network.wait(client.connect())
        return client

    def ask(self, answer: Any) -> None:
        self.network.wait(answer)
        self.network.run(5)

    def copy(self) -> Callable[[], None]:
        """Copy the home's store; return what puts it back while beta is away."""
        copy, mark = self.hosts["alpha"].copy(), self.mirrors["alpha"].mark()

        def put_back() -> None:
            self.network.run(10)
            self.hosts["beta"].crash()
            self.hosts["alpha"].crash()
            self.hosts["alpha"].put_back(copy)
            self.mirrors["alpha"].roll_back(mark)
            self.network.wait(self.hosts["alpha"].start())
            self.network.run(30)

        return put_back

    def meet(self) -> None:
        self.network.wait(self.hosts["beta"].start())
        self.network.run(300)

    def read(self, client: ChatClient, group: str = ROOM) -> list[str]:
        """What somebody reads: texts, and kinds of notices."""
        page = self.network.wait(client.history(group))
        return [each.text or each.kind for each in page.messages]

    def faults(self) -> list[str]:
        """What the simulator has against this."""
        home, copy = (Shown(name, ROOM, self.mirrors[name]) for name in NAMES)
        return [*home.faults(), *copy.faults(), *differing(home, copy, "beta", 1)]


@pytest.fixture
def pair() -> Pair:
    return Pair()


def begin(pair: Pair) -> None:
    pair.ask(pair.messi.groups.create("room"))
    pair.ask(pair.amsal.groups.join(ROOM))
    pair.ask(pair.messi.send("room", "kept"))


def restored(pair: Pair) -> None:
    """Two posts come again from beta, behind one that is new."""
    begin(pair)
    put_back = pair.copy()
    pair.ask(pair.amsal.send(ROOM, "one"))
    pair.ask(pair.amsal.send(ROOM, "two"))
    put_back()
    pair.ask(pair.messi.send("room", "new"))
    pair.meet()
    pair.ask(pair.messi.send("room", "end"))


def removed(pair: Pair) -> None:
    """Somebody is removed, which the home forgets."""
    begin(pair)
    pair.ask(pair.client("cafu", "beta").groups.join(ROOM))
    put_back = pair.copy()
    pair.ask(pair.messi.groups.kick("room", "amsal@beta"))
    put_back()
    pair.meet()
    pair.ask(pair.messi.send("room", "end"))


def opened(pair: Pair) -> None:
    """The group is open with its past."""
    pair.ask(pair.messi.groups.create("room", history="all"))
    pair.ask(pair.messi.send("room", "past"))
    pair.ask(pair.amsal.groups.join(ROOM))
    pair.ask(pair.messi.send("room", "end"))


def test_what_comes_again_is_read_once_in_the_order_of_the_home(pair: Pair) -> None:
    restored(pair)
    told = ["joined", "kept", "new", "one", "two", "end"]
    assert pair.read(pair.messi, "room") == pair.read(pair.amsal) == told
    assert pair.faults() == []


def test_who_was_removed_is_a_member_again(pair: Pair) -> None:
    removed(pair)
    assert pair.read(pair.amsal) == ["joined", "kept", "joined", "kicked", "end"]
    assert pair.faults() == []


def test_a_first_member_reads_the_past(pair: Pair) -> None:
    opened(pair)
    assert pair.read(pair.amsal) == ["past", "joined", "end"]
    assert pair.faults() == []


def test_what_comes_again_late_is_found(pair: Pair, monkeypatch: pytest.MonkeyPatch) -> None:
    """Nothing is looked up any more, so it breaks a constraint first."""
    monkeypatch.setattr("chatproto.realm.resuming.DOUBTED", -100)
    conflicts: list[int] = []
    original = GroupReceiver._take_back

    def take_back(self: Any, work: Any, broken: bool) -> bool:
        conflicts.append(len(work.frames))
        return original(self, work, broken)

    monkeypatch.setattr(GroupReceiver, "_take_back", take_back)
    restored(pair)
    assert conflicts
    assert pair.read(pair.amsal) == ["joined", "kept", "new", "one", "two", "end"]
    assert pair.faults() == []


def keep_the_place(patch: pytest.MonkeyPatch) -> None:
    def move(self: Any, held: MessageRow, number: int) -> tuple[MessageRow, MessageRow]:
        row = replace(held, gseq=number)
        return row, row

    patch.setattr(Replicas, "_move", move)


def leave_both(patch: pytest.MonkeyPatch) -> None:
    original = Replicas._move

    def move(self: Any, held: MessageRow, number: int) -> tuple[MessageRow, MessageRow]:
        return replace(held, device=0), original(self, held, number)[1]

    patch.setattr(Replicas, "_move", move)


def do_not_rewind(patch: pytest.MonkeyPatch) -> None:
    async def rewind(self: Any, *arguments: Any) -> None:
        pass

    patch.setattr(Rewinding, "rewind", rewind)


def say_nothing_of_the_past(patch: pytest.MonkeyPatch) -> None:
    async def history(self: Any, *arguments: Any) -> str:
        return ""

    patch.setattr(Copies, "history", history)


@pytest.mark.parametrize(
    ("mutation", "play"),
    [
        (keep_the_place, restored),
        (leave_both, restored),
        (do_not_rewind, removed),
        (say_nothing_of_the_past, opened),
    ],
)
def test_the_simulator_notices(
    mutation: Callable[[pytest.MonkeyPatch], None],
    play: Callable[[Pair], None],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    mutation(monkeypatch)
    pair = Pair()
    play(pair)
    assert pair.faults() != []
