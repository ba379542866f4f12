"""Password hashing: the cost, the bound on what waits, and nothing that tells one failure from another."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from twisted.internet.defer import Deferred
from zope.interface import implementer

from chatproto.errors import BadField, Busy
from chatproto.executors import InlineExecutor
from chatproto.interfaces import IExecutor
from chatproto.realm.passwords import PasswordHasher
from tests.realm.house import watch


@implementer(IExecutor)
class HeldExecutor:
    """Runs nothing until told."""

    def __init__(self) -> None:
        self.waiting: list[Callable[[], None]] = []
        self.stopped = False

    def run(self, work: Callable[..., Any], *arguments: Any) -> Deferred[Any]:
        done: Deferred[Any] = Deferred()
        self.waiting.append(lambda: done.callback(work(*arguments)))
        return done

    def stop(self) -> None:
        self.stopped = True

    def go_on(self) -> None:
        waiting, self.waiting = self.waiting, []
        for call in waiting:
            call()


@pytest.fixture
def hasher() -> PasswordHasher:
    return PasswordHasher(InlineExecutor(), cheap=True)


def hashed(hasher: PasswordHasher, password: str) -> str:
    (stored,) = watch(hasher.hash(password))
    assert isinstance(stored, str)
    return stored


def test_a_password_is_checked_against_its_hash(hasher: PasswordHasher) -> None:
    stored = hashed(hasher, "surabaya")
    assert "surabaya" not in stored
    assert stored != hashed(hasher, "surabaya")  # salted
    assert watch(hasher.check(stored, "surabaya")) == [True]
    assert watch(hasher.check(stored, "Surabaya")) == [False]


def test_nobody_has_no_password(hasher: PasswordHasher) -> None:
    for password in ("", "surabaya", "nobody has this password"):
        assert watch(hasher.check(None, password)) == [False]


def test_what_is_no_hash_is_no_password_and_outdated(hasher: PasswordHasher) -> None:
    assert watch(hasher.check("plain", "plain")) == [False]
    assert hasher.outdated("plain")


def test_the_cost_is_that_of_the_first_choice_for_argon2id() -> None:
    stored = hashed(PasswordHasher(InlineExecutor()), "surabaya")
    assert stored.startswith("$argon2id$v=19$m=19456,t=2,p=1$")


def test_another_cost_is_outdated(hasher: PasswordHasher) -> None:
    stored = hashed(hasher, "surabaya")
    assert not hasher.outdated(stored)
    assert PasswordHasher(InlineExecutor()).outdated(stored)


@pytest.mark.parametrize("password", ["", "x" * 129, "é" * 65])
def test_a_new_password_has_1_to_128_bytes(hasher: PasswordHasher, password: str) -> None:
    with pytest.raises(BadField):
        hasher.hash(password)


@pytest.mark.parametrize("password", ["x", "x" * 128, "é" * 64])
def test_the_longest_and_the_shortest_are_fine(hasher: PasswordHasher, password: str) -> None:
    assert watch(hasher.check(hashed(hasher, password), password)) == [True]


def test_only_so_many_may_wait() -> None:
    executor = HeldExecutor()
    hasher = PasswordHasher(executor, cheap=True, waiting=2)
    outcomes = [watch(hasher.hash("a")), watch(hasher.check(None, "a"))]
    for ask in (lambda: hasher.hash("a"), lambda: hasher.check(None, "a")):
        with pytest.raises(Busy) as raised:
            ask()
        assert raised.value.retry_after == 2.0
    executor.go_on()
    assert [len(outcome) for outcome in outcomes] == [1, 1]
    watch(hasher.hash("a"))


def test_stop_ends_the_threads() -> None:
    executor = HeldExecutor()
    PasswordHasher(executor, cheap=True).stop()
    assert executor.stopped
