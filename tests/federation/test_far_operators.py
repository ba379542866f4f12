"""What an operator sees of groups elsewhere, and what members are told who may not do something."""

from __future__ import annotations

from typing import Any

import pytest
from twisted.internet.defer import Deferred

from chatproto.client import ChatClient
from chatproto.errors import AlreadyMember, NotAllowed, NotMember
from tests.federation.country import Country


class Room:
    """A group of alpha in which there are messi, its owner, and amsal of beta."""

    def __init__(self) -> None:
        self.country = country = Country("beta", "alpha")
        country.start()
        self.messi: ChatClient = country.client("messi", "alpha")
        self.amsal: ChatClient = country.client("amsal", "beta")
        self.ask(self.messi.groups.create("Room", topic="football"))
        self.ask(self.amsal.groups.join("room@alpha"))
        country.network.run(10)

    def ask(self, answer: Any) -> Any:
        return self.country.network.wait(answer)

    def catalogue(self, realm: str, verb: str, *arguments: Any) -> Any:
        found = self.country.hosts[realm].realm
        assert found is not None
        return self.ask(Deferred.fromCoroutine(getattr(found.catalogue, verb)(*arguments)))


def test_an_operator_sees_the_groups_elsewhere_in_which_his_users_are() -> None:
    room = Room()
    for name in ("tim", "anak"):
        room.ask(room.amsal.groups.create(name))
    room.ask(room.messi.groups.create("Zoo"))
    room.ask(room.amsal.groups.join("zoo@alpha"))
    room.country.network.run(10)
    wanted = ["anak@beta", "tim@beta", "Room@alpha", "Zoo@alpha"]
    whole = room.catalogue("beta", "all", "", 10)
    assert ([group.group for group in whole.groups], whole.complete) == (wanted, True)
    for limit in (1, 2, 3):
        paged: list[str] = []
        complete = False
        while not complete:
            page = room.catalogue("beta", "all", paged[-1] if paged else "", limit)
            assert len(page.groups) <= limit
            paged += [group.group for group in page.groups]
            complete = page.complete
        assert paged == wanted
    details = room.catalogue("beta", "details", "room@alpha", "", 10)
    assert (details.summary.group, details.summary.topic) == ("Room@alpha", "football")
    assert details.members == ["amsal@beta", "messi@alpha"]
    room.ask(room.amsal.groups.leave("room@alpha"))
    room.country.network.run(300)
    assert [group.group for group in room.catalogue("beta", "all", "tim@beta", 9).groups] == ["Zoo@alpha"]


def test_a_refusal_says_what_about_the_group() -> None:
    room = Room()
    with pytest.raises(NotAllowed, match="your role in the group"):
        room.ask(room.amsal.groups.kick("room@alpha", "messi@alpha"))
    with pytest.raises(AlreadyMember, match="the user is a member already"):
        room.ask(room.amsal.groups.invite("room@alpha", "messi@alpha"))
    room.ask(room.messi.groups.set_role("room", "amsal@beta", "admin"))
    with pytest.raises(NotMember, match="you, or the user"):
        room.ask(room.amsal.groups.kick("room@alpha", "nobody@alpha"))
    room.ask(room.messi.groups.kick("room", "amsal@beta"))
    room.country.network.run(10)
    with pytest.raises(NotAllowed, match="somebody in it has to invite you"):
        room.ask(room.amsal.groups.join("room@alpha"))
    with pytest.raises(NotMember):  # who was kicked may not join, and is not told about it
        room.ask(room.amsal.groups.describe("room@alpha"))
