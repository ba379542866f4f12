"""What a client remembers of groups, over connections that come and go."""

from __future__ import annotations

from typing import Any

from twisted.internet.defer import Deferred

from chatproto.client.groups import Groups
from chatproto.errors import ChatError, NotMember
from chatproto.events import LiveMembers


class Asked:
    """What was asked, and the replies that are still to come."""

    def __init__(self) -> None:
        self.live: list[bool | None] = []
        self._replies: list[Deferred[Any]] = []

    def __call__(self, command: Any, expected: type[Any]) -> Deferred[Any]:
        self.live.append(command.on)
        self._replies.append(Deferred())
        return self._replies[-1]

    def answer(self, *live: str) -> None:
        """Give the oldest reply that is to come."""
        self._replies.pop(0).callback(LiveMembers(group="tim@alpha", live=list(live)))

    def refuse(self, error: ChatError) -> None:
        """Refuse what was asked first of what has no reply."""
        self._replies.pop(0).errback(error)


def test_a_new_connection_makes_somebody_live_again_but_not_who_has_just_ended_it() -> None:
    asked = Asked()
    groups = Groups(asked)
    told: list[LiveMembers] = []
    groups.live("tim")
    asked.answer()
    groups.heard_again(asked, told.append)
    assert asked.live == [True, True]
    asked.answer()
    groups.live("Tim", on=False)  # on its way, or waiting for a connection
    groups.heard_again(asked, told.append)
    asked.answer()
    groups.heard_again(asked, told.append)
    assert asked.live == [True, True, False]


def test_after_a_new_connection_the_application_is_told_who_is_live_then() -> None:
    asked = Asked()
    told: list[LiveMembers] = []
    groups = Groups(asked)
    groups.live("tim")
    asked.answer("messi@alpha", "lineker@alpha")  # the reply of who asked
    assert told == []
    groups.heard_again(asked, told.append)
    asked.answer("messi@alpha")
    assert told == [LiveMembers(group="tim@alpha", live=["messi@alpha"])]


def test_who_is_no_member_any_more_is_told_that_nobody_is_live_and_asks_no_more() -> None:
    asked = Asked()
    told: list[LiveMembers] = []
    groups = Groups(asked)
    groups.live("tim")
    asked.answer("messi@alpha", "lineker@alpha")
    groups.heard_again(asked, told.append)
    asked.refuse(NotMember())
    assert told == [LiveMembers(group="tim", live=[])]
    groups.heard_again(asked, told.append)
    assert asked.live == [True, True]
