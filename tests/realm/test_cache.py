"""The cache is never behind the open batch, and never larger than it has to be."""

from __future__ import annotations

import gc
from random import Random

import pytest
from twisted.internet.defer import Deferred

from chatproto import commands
from chatproto.errors import ChatError, UserExists
from chatproto.limits import Limits
from chatproto.realm.cache import Cache, Registry
from chatproto.realm.writer import Writer
from chatproto.records import MessageRow
from tests.realm.house import House, watch


class Value:
    """Something that can be held, and let go."""


@pytest.fixture
def writer(house: House) -> Writer:
    return house.realm.writer


def commit(house: House) -> None:
    """Make durable what was changed."""
    house.realm.writer.save()
    house.turn()


class TestCache:
    def test_the_oldest_goes_first(self, writer: Writer) -> None:
        cache: Cache[str, int] = Cache(2, writer)
        for number, key in enumerate("abc"):
            cache.keep(key, number)
        assert [cache.get(key) for key in "abc"] == [None, 1, 2]

    def test_what_was_read_does_not_replace_what_is_known(self, writer: Writer) -> None:
        cache: Cache[str, int] = Cache(2, writer)
        cache.change("a", 0)
        cache.keep("a", 7)
        assert cache.get("a") == 0

    def test_what_the_open_batch_changed_stays_until_it_is_durable(
        self, house: House, writer: Writer
    ) -> None:
        cache: Cache[str, int] = Cache(1, writer)
        house.faults.hold()
        for number, key in enumerate("abc"):
            cache.change(key, number)
        commit(house)
        cache.change("b", 10)  # once more, in the next batch
        cache.keep("d", 3)
        assert [cache.get(key) for key in "abcd"] == [0, 10, 2, 3]
        house.faults.release()
        commit(house)
        cache.keep("e", 4)
        assert [cache.get(key) for key in "abcde"] == [None, None, None, None, 4]

    def test_what_was_just_learnt_is_there_however_small_the_cache(
        self, house: House, writer: Writer
    ) -> None:
        """Between a look-up and its use nothing waits, so nothing is looked up again."""
        cache: Cache[str, int] = Cache(1, writer)
        house.faults.hold()
        cache.change("a", 1)
        cache.keep("b", 2)
        assert (cache.get("a"), cache.get("b")) == (1, 2)
        house.faults.release()

    def test_a_change_of_the_batch_being_committed_counts_as_open(self, house: House, writer: Writer) -> None:
        cache: Cache[str, int] = Cache(1, writer)
        house.faults.hold()
        commit(house)  # batch n is being committed
        cache.change("a", 1)  # in batch n + 1
        house.faults.release()  # n is on disk, n + 1 is not
        cache.keep("b", 2)
        assert cache.get("a") == 1

    def test_all_goes_when_a_batch_is_lost(self, house: House, writer: Writer) -> None:
        cache: Cache[str, int] = Cache(2, writer)
        cache.keep("a", 1)
        house.faults.refuse_next()
        lost = watch(writer.save())
        house.turn()
        assert cache.get("a") is None
        assert lost


class TestRegistry:
    def test_loads_are_shared(self, house: House, writer: Writer) -> None:
        registry: Registry[str, Value] = Registry(2, writer)
        loaded: Deferred[Value | None] = Deferred()
        loads: list[int] = []

        async def load() -> Value | None:
            loads.append(1)
            return await loaded

        found = [watch(registry.find("a", load)) for _ in range(3)]
        value = Value()
        loaded.callback(value)
        assert found == [[value]] * 3
        assert watch(registry.find("a", load)) == [value]
        assert loads == [1]

    def test_a_load_that_fails_fails_for_all_and_may_be_tried_again(self, writer: Writer) -> None:
        registry: Registry[str, Value] = Registry(2, writer)
        loaded: Deferred[Value | None] = Deferred()

        async def load() -> Value | None:
            return await loaded

        async def nothing() -> None:
            return None

        found = [watch(registry.find("a", load)) for _ in range(2)]
        loaded.errback(UserExists())
        assert [outcome[0].check(UserExists) for outcome in found] == [UserExists] * 2
        assert watch(registry.find("a", nothing)) == [None]

    def test_what_was_made_meanwhile_is_what_is_found(self, writer: Writer) -> None:
        registry: Registry[str, Value] = Registry(2, writer)
        loaded: Deferred[Value | None] = Deferred()

        async def load() -> Value | None:
            return await loaded

        found = watch(registry.find("a", load))
        made = Value()
        registry.change("a", made)
        loaded.callback(Value())
        assert found == [made]

    def test_an_object_is_the_same_for_as_long_as_anybody_holds_it(self, writer: Writer) -> None:
        registry: Registry[int, Value] = Registry(1, writer)

        async def load() -> Value:
            return Value()

        (held,) = watch(registry.find(0, load))
        for number in range(1, 10):
            watch(registry.find(number, load))
        assert watch(registry.find(0, load)) == [held]
        gc.collect()
        assert len(registry.values()) == 2  # the one that is held, and the newest


EXPECTED = {
    "already-member",
    "group-exists",
    "no-such-group",
    "no-such-user",
    "not-member",
    "user-exists",
}


@pytest.mark.parametrize("seed", range(30))
def test_a_realm_with_room_for_one_name_is_as_right_as_any(seed: int) -> None:
    """Random commands over a slow store: names stay taken, cids are stored once, groups keep members."""
    random = Random(seed)
    house = House(limits=Limits(cached_names=1))
    clients = [house.client(name) for name in ("messi", "henderson", "lineker")]
    stranger = house.client()
    house.slow.slow = True
    asked = []
    for number in range(60):
        client = random.choice(clients)
        cid = f"{random.choice('abc')}:{random.randrange(5)}"
        group = random.choice(["g1", "g2"])
        command = random.choice(
            [
                commands.Send(to="lineker", text=cid, cid=cid),
                commands.Send(to="henderson", text="other", cid=f"x:{number}"),
                commands.Create(group=group),
                commands.Join(group=group),
                commands.Leave(group=group),
                commands.Send(to=group, text=group),
                commands.Read(with_="lineker", seq=number),
                commands.Ack(seq=number),
                commands.Register(user="ani", password="x"),
            ]
        )
        if isinstance(command, commands.Register):
            client = stranger
        asked.append((client.session, command, client.begin(command)))
        for _ in range(random.randrange(12)):
            random.choice([house.turn, lambda: house.slow.go_on(random)])()
    while house.slow.calls or not all(answers for _, _, answers in asked):
        house.turn()
        house.slow.go_on(random)
    assert all(len(answers) == 1 for _, _, answers in asked)
    assert {answer.code for _, _, (answer,) in asked if isinstance(answer, ChatError)} <= EXPECTED
    stored = [(row.sender, row.text) for row in house.rows(MessageRow) if ":" in row.text]
    sent = {
        (session.logins[-1].address, command.text)
        for session, command, _ in asked
        if isinstance(command, commands.Send) and ":" in command.text
    }
    assert sorted(stored) == sorted(sent)
