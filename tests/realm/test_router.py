"""Who is told: subscribers of accounts, and of groups as long as they are members."""

from __future__ import annotations

import gc

import pytest
from zope.interface import implementer
from zope.interface.verify import verifyObject

from chatproto.events import Hint, Message
from chatproto.interfaces import ISubscriber
from chatproto.realm.router import Router

MESSAGE = Message(seq=1, mid="m", from_="messi@alpha", to="tim@alpha", text="halo", at="now")


@implementer(ISubscriber)
class Ear:
    def __init__(self) -> None:
        self.heard: list[tuple[Message, int]] = []
        self.hints: list[Hint] = []

    def deliver(self, message: Message, device: int) -> None:
        self.heard.append((message, device))

    def hint(self, event: Hint) -> None:
        self.hints.append(event)


@pytest.fixture
def router() -> Router:
    return Router(0)


def test_all_subscribers_of_an_account_are_told(router: Router) -> None:
    ears = [Ear(), Ear(), Ear()]
    assert verifyObject(ISubscriber, ears[0])
    for ear, account in zip(ears, ("messi", "messi", "henderson"), strict=True):
        router.subscribe(account, ear)
    router.account("messi").deliver(MESSAGE, 3)
    assert [ear.heard for ear in ears] == [[(MESSAGE, 3)], [(MESSAGE, 3)], []]


def test_a_route_that_holds_an_audience_reaches_who_comes_later(router: Router) -> None:
    """Somebody who comes or goes invalidates no route."""
    audience, group = router.account("messi"), router.group(7)
    first, second = Ear(), Ear()
    router.subscribe("messi", first)
    router.enter("messi", 7)
    router.unsubscribe("messi", first)
    gc.collect()
    router.subscribe("messi", second)
    router.enter("messi", 7)
    audience.deliver(MESSAGE, 0)
    group.deliver(MESSAGE, 0)
    assert (len(first.heard), len(second.heard)) == (0, 2)


def test_a_group_reaches_members_with_a_subscriber_while_they_are_in_it(router: Router) -> None:
    messi, twin, henderson = Ear(), Ear(), Ear()
    router.enter("messi", 7)  # nobody listens yet
    router.subscribe("messi", messi)
    router.subscribe("henderson", henderson)
    for account in ("messi", "messi", "henderson"):
        router.enter(account, 7)
    router.subscribe("messi", twin)
    router.group(7).deliver(MESSAGE, 0)
    router.exit("henderson", 7)
    router.exit("henderson", 8)
    router.group(7).deliver(MESSAGE, 0)
    assert [len(ear.heard) for ear in (messi, twin, henderson)] == [2, 2, 1]


def test_who_unsubscribes_hears_no_more_and_the_others_do(router: Router) -> None:
    first, second = Ear(), Ear()
    for ear in (first, second):
        router.subscribe("messi", ear)
    router.enter("messi", 7)
    router.unsubscribe("messi", first)
    router.unsubscribe("messi", first)
    router.group(7).deliver(MESSAGE, 0)
    router.unsubscribe("messi", second)
    router.unsubscribe("messi", second)
    router.group(7).deliver(MESSAGE, 0)
    assert (len(first.heard), len(second.heard)) == (0, 1)


def test_one_who_leaves_while_an_event_is_handed_out_changes_nothing_for_the_others(router: Router) -> None:
    class Leaving(Ear):
        def deliver(self, message: Message, device: int) -> None:
            super().deliver(message, device)
            router.unsubscribe("messi", self)

    ears = [Leaving(), Ear(), Leaving(), Ear()]
    for ear in ears:
        router.subscribe("messi", ear)
    for _ in range(2):
        router.account("messi").deliver(MESSAGE, 0)
    assert [len(ear.heard) for ear in ears] == [1, 2, 1, 2]


def test_audiences_that_nobody_needs_go(router: Router) -> None:
    ear = Ear()
    router.subscribe("messi", ear)
    router.enter("messi", 7)
    router.unsubscribe("messi", ear)
    gc.collect()
    assert not router._accounts
    assert not router._groups
    assert not router._present
