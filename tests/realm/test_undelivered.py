"""Replies that are kept until they have arrived, and not for ever."""

from __future__ import annotations

import pytest
from twisted.internet.defer import Deferred
from twisted.internet.task import Clock

from chatproto.errors import ChatError, NotMember, OutcomeUnknown
from chatproto.events import InboxEntry, InboxTaken, Reply
from chatproto.limits import INBOX_BYTES
from chatproto.realm import undelivered
from chatproto.realm.undelivered import Undelivered
from tests.realm.house import watch


class Mail:
    """A box with numbered texts of one size."""

    def __init__(self, size: int = 1, count: int = 1000) -> None:
        self._size, self._count = size, count
        self.taken = 0

    async def take(self) -> Reply:
        self.taken += 1
        text = f"{self.taken}".ljust(self._size)
        entry = InboxEntry(sender="ani", msg_from="ani", msg_to="budi", msg=text)
        return InboxTaken(entries=[entry] if self.taken <= self._count else [])


def ask(kept: Undelivered, name: str, mail: Mail, account: str = "budi") -> str:
    """Make an attempt, and return the text that it got, or an error's code."""
    (outcome,) = watch(kept.take(account, name, mail.take))
    if isinstance(outcome, InboxTaken):
        return "".join(entry.msg.strip() for entry in outcome.entries)
    assert isinstance(outcome.value, ChatError)
    return outcome.value.code


def test_an_attempt_takes_once() -> None:
    kept, mail = Undelivered(Clock()), Mail()
    assert [ask(kept, name, mail) for name in ("a", "a", "b", "a")] == ["1", "1", "2", "1"]


def test_one_that_arrived_and_comes_late_takes_nothing() -> None:
    clock = Clock()
    kept, mail = Undelivered(clock), Mail()
    ask(kept, "a", mail)
    kept.arrived("a")
    assert (kept.size, clock.getDelayedCalls()) == (0, [])
    assert ask(kept, "a", mail) == OutcomeUnknown.code
    assert ask(kept, "b", mail) == "2"


def test_arrived_ones_are_known_for_a_while(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(undelivered, "_ARRIVED", 2)
    kept, mail = Undelivered(Clock()), Mail()
    for name in ("a", "b", "b", "c"):
        kept.arrived(name)
    assert [ask(kept, name, mail) for name in ("b", "a")] == [OutcomeUnknown.code, "1"]


def test_another_account_has_its_own() -> None:
    kept, mail = Undelivered(Clock()), Mail()
    assert [ask(kept, "a", mail), ask(kept, "a", mail, "cika"), ask(kept, "a", mail)] == ["1", "2", "1"]


def test_an_empty_box_and_a_refusal_are_not_kept() -> None:
    clock = Clock()
    kept, mail = Undelivered(clock), Mail(count=0)

    async def refuse() -> Reply:
        raise NotMember

    assert ask(kept, "a", mail) == ""
    watch(kept.take("budi", "b", refuse))
    assert (kept.size, clock.getDelayedCalls()) == (0, [])
    assert ask(kept, "b", Mail()) == "1"


def test_it_is_kept_for_ten_minutes() -> None:
    clock = Clock()
    kept, mail = Undelivered(clock), Mail()
    ask(kept, "a", mail)
    clock.advance(599)
    assert ask(kept, "a", mail) == "1"
    clock.advance(1)
    assert kept.size == 0
    assert ask(kept, "a", mail) == "2"
    kept.close()
    assert clock.getDelayedCalls() == []


def test_the_oldest_one_makes_room() -> None:
    kept, mail = Undelivered(Clock()), Mail(INBOX_BYTES // 6)
    for name in "abcd":
        ask(kept, name, mail)
    assert kept.size <= 4 * INBOX_BYTES
    assert [ask(kept, name, mail) for name in "bcd"] == ["2", "3", "4"]
    assert ask(kept, "a", mail) == "5"


@pytest.mark.parametrize("fails", [False, True])
def test_who_asks_again_meanwhile_waits_for_the_same(fails: bool) -> None:
    kept, mail = Undelivered(Clock()), Mail()
    ready: Deferred[None] = Deferred()

    async def take() -> Reply:
        await ready
        return await mail.take()

    first, second = (watch(kept.take("budi", "a", take)) for _ in range(2))
    assert (first, second) == ([], [])
    if fails:
        ready.errback(NotMember())
        assert [outcome.type for (outcome,) in (first, second)] == [NotMember, NotMember]
    else:
        ready.callback(None)
        assert first == second == [once_from(mail)]


def once_from(mail: Mail) -> Reply:
    """Return the first text of a box, which was taken once."""
    assert mail.taken == 1
    return InboxTaken(entries=[InboxEntry(sender="ani", msg_from="ani", msg_to="budi", msg="1")])


def test_one_whose_client_goes_while_it_takes_is_not_kept() -> None:
    clock = Clock()
    kept, mail = Undelivered(clock), Mail()
    ready: Deferred[None] = Deferred()

    async def take() -> Reply:
        await ready
        return await mail.take()

    watch(kept.take("budi", "a", take))
    kept.arrived("a")
    ready.callback(None)
    assert (kept.size, clock.getDelayedCalls()) == (0, [])
