"""What people of other realms may do to a group, however often they ask, or their realm was put back."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import pytest
from msgspec.structs import replace
from twisted.internet.defer import Deferred

from chatproto.client import ChatClient
from chatproto.errors import ChatError, NotAllowed, QuotaReached, RealmRefused
from chatproto.federation.identity import fingerprint
from chatproto.limits import Limits, without_rates
from chatproto.names import RealmName
from chatproto.realm import Policy
from chatproto.realm.actors import Guest
from chatproto.realm.policy import Acceptance, PeerPolicy
from chatproto.records import GroupRow, MemberRow, MessageRow, OutboxRow, Outgoing
from chatproto.testing.names import PASSWORD
from tests.federation.country import Country


class Room:
    """A group of alpha, which is linked with beta and gamma; amsal of beta is an admin."""

    def __init__(self, *names: str, **limits: Any) -> None:
        self.country = country = Country(*(names or ("beta", "alpha", "gamma")))
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


def members(country: Country, realm: str) -> set[str]:
    """Return who is a member of a group as a realm has it."""
    return {row.member for row in country.rows(realm, MemberRow) if not row.until and "@" in row.member}


class TestWhoMayBeAMember:
    """A home that makes members of whom it likes."""

    def room(self, accept: Acceptance) -> Room:
        room = Room()
        realm = room.country.hosts["beta"].realm
        assert realm is not None
        realm.distant.welcome.policy_of = lambda _: PeerPolicy(accept=accept)
        return room

    def admit(self, room: Room, *addresses: str) -> None:
        realm = room.country.hosts["alpha"].realm
        assert realm is not None

        async def admit(address: str) -> None:
            group = await realm.routes.group("room")
            guest = Guest(address, f"alpha/mine.{group.gseq}", 1_700_000_000_000)
            change = realm.groups.admit(guest, group, None)
            await change._changes.save(change)

        for address in addresses:
            room.ask(Deferred.fromCoroutine(admit(address)))
        room.country.network.run(30)

    def test_nobody_without_an_account(self) -> None:
        room = self.room(Acceptance.OPEN)
        self.admit(room, "ghost@beta", "messi@beta")
        wanted = {"messi@alpha", "amsal@beta", "messi@beta"}
        assert members(room.country, "beta") == members(room.country, "alpha") == wanted

    def test_who_did_not_ask_where_not_everything_is_taken(self) -> None:
        room = self.room(Acceptance.ALLOW)
        self.admit(room, "messi@beta")
        messi = room.country.client("messi", "beta")
        room.ask(room.messi.send("room", "buy"))
        room.country.network.run(10)
        wanted = {"messi@alpha", "amsal@beta"}
        assert members(room.country, "beta") == members(room.country, "alpha") == wanted
        room.ask(messi.groups.join("room@alpha"))
        assert "messi@beta" in members(room.country, "beta")


def test_who_left_as_a_link_was_dropped_is_no_member_when_it_is_back() -> None:
    room = Room()
    country = room.country
    links = country.hosts["beta"].links
    assert links is not None
    room.ask(Deferred.fromCoroutine(links.peers.drop(RealmName("alpha"))))
    country.network.run(5)
    assert country.seen["amsal@beta"][-1:] == [""]  # that it left
    key = country.hosts["beta"].key_of("alpha")
    pin = fingerprint(key)
    room.ask(Deferred.fromCoroutine(links.peers.add(RealmName("alpha"), "", pin)))
    links.peers.dialer.retry(RealmName("alpha"))
    country.network.run(900)
    assert members(country, "alpha") == members(country, "beta") == {"messi@alpha"}
    assert country.texts("beta", "bounce") == []  # of what the realm asked for it
    room.ask(room.amsal.groups.join("room@alpha"))
    assert members(country, "alpha") == members(country, "beta") == {"messi@alpha", "amsal@beta"}


def test_who_is_deleted_while_a_join_waits_is_no_member() -> None:
    room = Room()
    country = room.country
    cafu = country.client("cafu", "beta")
    country.hosts["alpha"].crash()
    room.ask(cafu.groups.join("room@alpha"))  # after ten seconds it waits alone
    room.ask(cafu.account.delete(PASSWORD))
    room.ask(country.hosts["alpha"].start())
    country.network.run(1500)
    wanted = {"messi@alpha", "amsal@beta"}
    assert members(country, "beta") == members(country, "alpha") == wanted


def test_whatever_is_refused_while_bounces_are_prepared_has_one_later() -> None:
    room = Room("alpha", "gamma", "beta")
    country = room.country
    users = [room.amsal, *(country.client(user, "beta") for user in ("messi", "cafu"))]
    for user in users[1:]:
        room.ask(user.groups.join("room@alpha"))
    country.network.partition("alpha", "gamma")
    mids = [room.ask(user.send("room@alpha", str(number))).mid for number in range(4) for user in users]
    for name in ("amsal", "messi", "cafu"):
        room.ask(room.messi.groups.kick("room", f"{name}@beta"))
    beta = country.hosts["beta"]
    realm = beta.realm
    assert realm is not None
    prepare = realm.bounces.prepare

    async def slowly(items: Sequence[Outgoing]) -> None:
        """Read as from a slow store: verdicts go on coming meanwhile."""
        read: Deferred[None] = Deferred()
        beta.clock.callLater(0.5, read.callback, None)
        await read
        await prepare(items)

    realm.bounces.prepare = slowly  # type: ignore[method-assign, assignment]
    country.network.heal()
    country.network.run(120)
    bounces = [row.text for row in country.rows("beta", MessageRow) if row.kind == "bounce"]
    assert sorted(bounces) == sorted(f"not-member {mid}" for mid in mids)
