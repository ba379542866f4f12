"""What a client remembers of groups, over connections that come and go."""

from __future__ import annotations

from typing import Any

from twisted.internet.defer import Deferred

from chatproto.client.groups import Groups
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

    def answer(self) -> None:
        """Give the oldest reply that is to come."""
        self._replies.pop(0).callback(LiveMembers(group="tim@alpha", live=[]))


def test_a_new_connection_makes_somebody_live_again_but_not_who_has_just_ended_it() -> None:
    asked = Asked()
    groups = Groups(asked)
    groups.live("tim")
    asked.answer()
    groups.heard_again(asked)
    assert asked.live == [True, True]
    asked.answer()
    groups.live("Tim", on=False)  # on its way, or waiting for a connection
    groups.heard_again(asked)
    asked.answer()
    groups.heard_again(asked)
    assert asked.live == [True, True, False]
