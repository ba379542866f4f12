"""What people of other realms may do to a group, however often they ask, or their realm was put back."""

from __future__ import annotations

from typing import Any

import pytest
from msgspec.structs import replace

from chatproto.client import ChatClient
from chatproto.errors import ChatError, NotAllowed, QuotaReached, RealmRefused
from chatproto.limits import Limits, without_rates
from chatproto.realm import Policy
from chatproto.records import GroupRow, MemberRow, OutboxRow
from tests.federation.country import Country


class Room:
    """A group of alpha, which is linked with beta and gamma; amsal of beta is an admin."""

    def __init__(self, **limits: Any) -> None:
        self.country = country = Country("beta", "alpha", "gamma")
        for host in country.hosts.values():
            host.users = ("messi", "amsal", "cafu")
        country.hosts["alpha"].policy = Policy(limits=replace(without_rates(Limits()), **limits))
        country.start()
        self.messi: ChatClient = country.client("messi", "alpha")
        self.amsal: ChatClient = country.client("amsal", "beta")
        self.ask(self.messi.groups.create("room"))
        self.ask(self.amsal.groups.join("room@alpha"))
        self.ask(self.messi.groups.set_role("room", "amsal@beta", "admin"))
        country.network.run(10)

    def ask(self, answer: Any) -> Any:
        return self.country.network.wait(answer)

    def code(self, answer: Any) -> str:
        """Return the code with which something was refused, or nothing."""
        try:
            self.ask(answer)
        except ChatError as error:
            return error.code
        return ""

    def role(self, address: str) -> str:
        (row,) = [row for row in self.country.rows("alpha", MemberRow) if row.member == address]
        return row.role


def test_what_left_no_entry_is_not_done_again() -> None:
    room = Room()
    country, amsal = room.country, room.amsal
    cafu = country.client("cafu", "gamma")
    room.ask(amsal.groups.invite("room@alpha", "cafu@gamma"))
    room.ask(cafu.groups.join("room@alpha"))
    room.ask(amsal.groups.kick("room@alpha", "cafu@gamma"))
    for topic in ("A", "A", "B"):
        room.ask(amsal.groups.set_topic("room@alpha", topic))
    country.network.run(10)
    beta, mirror = country.hosts["beta"], country.mirrors["beta"]
    copy, mark = beta.copy(), mirror.mark()
    room.ask(amsal.send("room@alpha", "after the copy"))
    country.network.run(20)
    beta.crash()
    country.network.run(2)
    beta.put_back(copy)
    mirror.roll_back(mark)
    room.ask(beta.start())
    country.network.run(300)
    (group,) = country.rows("alpha", GroupRow)
    assert group.topic == "B"
    assert room.role("cafu@gamma") == "kicked"
    with pytest.raises(NotAllowed):
        room.ask(cafu.groups.join("room@alpha"))


def test_guests_fill_no_outbox() -> None:
    room = Room(outbox_items=5)
    room.country.hosts["gamma"].crash()
    codes = [room.code(room.amsal.groups.invite("room@alpha", f"nobody{n}@gamma")) for n in range(8)]
    assert codes == [""] * 5 + [RealmRefused.code] * 3
    assert len([row for row in room.country.rows("alpha", OutboxRow) if row.realm == "gamma"]) == 5


def test_guests_invite_as_often_as_others() -> None:
    room = Room(contacts_per_hour=2)
    codes = [room.code(room.amsal.groups.invite("room@alpha", f"nobody{n}@gamma")) for n in range(3)]
    assert codes == ["", "", RealmRefused.code]


def test_nobody_is_linked_on_the_word_of_a_guest() -> None:
    room = Room()
    links = room.country.hosts["alpha"].links
    assert links is not None
    wanted: list[str] = []

    async def find(realm: str) -> None:
        wanted.append(realm)

    links.peers.remotes.find = find
    assert room.code(room.amsal.groups.invite("room@alpha", "somebody@nowhere")) == RealmRefused.code
    assert wanted == []


def test_one_realm_does_not_fill_a_group() -> None:
    room = Room(members_per_group=4)
    users = [room.country.client(user, "beta") for user in ("messi", "cafu")]
    assert room.code(users[0].groups.join("room@alpha")) == ""
    assert room.code(users[1].groups.join("room@alpha")) == QuotaReached.code
    assert room.code(room.country.client("cafu", "alpha").groups.join("room")) == ""
