"""Live: who is in a group right now, with a connection that listens."""

from __future__ import annotations

import pytest

from chatproto import commands
from chatproto.commands import Request
from chatproto.errors import NoSuchGroup, NotAllowed, NotMember, QuotaReached
from chatproto.events import LiveChange
from chatproto.realm.live import Visit
from tests.realm.house import Client, House


@pytest.fixture
def messi(house: House) -> Client:
    messi = house.client("messi")
    messi.ask(commands.Create(group="Tim"))
    messi.listen()
    return messi


@pytest.fixture
def henderson(house: House, messi: Client) -> Client:
    henderson = house.client("henderson")
    henderson.ask(commands.Join(group="tim"))
    henderson.listen()
    return henderson


def go_live(client: Client, *, on: bool | None = None) -> list[str]:
    live: list[str] = client.ask(commands.Live(group="tim", on=on)).live
    return live


def changes(client: Client) -> list[tuple[str, bool]]:
    found = [event for event in client.pushed if isinstance(event, LiveChange)]
    assert all(event.group == "Tim@alpha" for event in found)
    client.pushed.clear()
    return [(event.from_.partition("@")[0], event.on) for event in found]


def shown(client: Client) -> list[str]:
    live: list[str] = client.ask(commands.Group(group="tim")).live
    return live


def rooms(house: House) -> object:
    return house.realm.live._rooms


class TestComingAndGoing:
    def test_those_who_are_there_hear_of_each_other(self, messi: Client, henderson: Client) -> None:
        assert go_live(messi) == ["messi@alpha"]
        assert go_live(henderson) == ["henderson@alpha", "messi@alpha"]
        assert go_live(henderson, on=False) == ["messi@alpha"]
        assert changes(messi) == [("henderson", True), ("henderson", False)]
        assert changes(henderson) == []

    def test_members_may_look_without_being_there(
        self, house: House, messi: Client, henderson: Client
    ) -> None:
        go_live(messi)
        assert shown(henderson) == ["messi@alpha"]
        assert shown(house.client("stranger")) == []

    def test_an_account_is_there_as_long_as_one_of_its_connections(
        self, house: House, messi: Client, henderson: Client
    ) -> None:
        go_live(messi)
        phone = house.client("henderson", "phone")
        phone.listen()
        for client in (henderson, phone, phone):
            go_live(client)
        go_live(henderson, on=False)
        assert changes(messi) == [("henderson", True)]
        phone.session.closed()
        assert changes(messi) == [("henderson", False)]
        assert changes(phone) == []

    @pytest.mark.parametrize("how", ["closed", "logout", "listen", "leave", "kick", "account"])
    def test_however_it_ends_it_is_told_once(
        self, house: House, messi: Client, henderson: Client, how: str
    ) -> None:
        go_live(messi)
        go_live(henderson)
        if how == "closed":
            henderson.session.closed()
        elif how == "logout":
            henderson.ask(commands.Logout())
            henderson.session.closed()  # as its connection does then
        elif how == "listen":
            henderson.listen()
        elif how == "leave":
            henderson.ask(commands.Leave(group="tim"))
        elif how == "kick":
            messi.ask(commands.Kick(group="tim", user="henderson"))
        else:
            henderson.ask(commands.DeleteAccount(password="surabaya"))
        assert changes(messi) == [("henderson", True), ("henderson", False)]
        henderson.session.closed()
        assert changes(messi) == []
        assert shown(messi) == ["messi@alpha"]
        messi.session.closed()
        assert rooms(house) == {}

    def test_it_ends_with_the_group(self, house: House, messi: Client, henderson: Client) -> None:
        for client in (messi, henderson):
            go_live(client)
        changes(messi)
        messi.ask(commands.DeleteGroup(group="tim"))
        assert [event.kind for event in henderson.messages()] == ["deleted"]
        assert changes(messi) == changes(henderson) == []
        assert rooms(house) == {}

    def test_it_does_not_come_back_with_the_membership(self, messi: Client, henderson: Client) -> None:
        go_live(messi)
        go_live(henderson)
        henderson.ask(commands.Leave(group="tim"))
        henderson.ask(commands.Join(group="tim"))
        assert shown(messi) == ["messi@alpha"]
        go_live(henderson)
        assert changes(messi) == [("henderson", True), ("henderson", False), ("henderson", True)]
        go_live(henderson, on=False)
        assert shown(messi) == ["messi@alpha"]


class TestWho:
    def test_only_who_listens(self, house: House, messi: Client) -> None:
        deaf = house.client("messi")
        with pytest.raises(NotAllowed):
            go_live(deaf)
        assert go_live(deaf, on=False) == []

    def test_only_the_one_who_listens(self, house: House, messi: Client, henderson: Client) -> None:
        """Its connection would stay when the other's session ends."""
        with pytest.raises(NotAllowed):
            messi.ask(commands.Live(group="tim"), token=henderson.token)

    def test_a_refused_command_leaves_it_as_it_was(
        self, house: House, messi: Client, henderson: Client
    ) -> None:
        go_live(messi)
        go_live(henderson)
        lineker = house.client("lineker")
        with pytest.raises(NotAllowed):
            henderson.ask(commands.Live(group="tim"), token=lineker.token)
        assert changes(messi) == [("henderson", True)]
        henderson.session.closed()
        assert changes(messi) == [("henderson", False)]

    def test_only_members(self, house: House, messi: Client) -> None:
        stranger = house.client("stranger")
        stranger.listen()
        with pytest.raises(NotMember):
            go_live(stranger)
        with pytest.raises(NoSuchGroup):
            stranger.ask(commands.Live(group="nobody"))

    def test_a_membership_that_is_not_durable_is_none_yet(
        self, house: House, messi: Client, henderson: Client
    ) -> None:
        go_live(messi)
        lineker, other = house.client("lineker"), house.client("lineker")
        lineker.listen()
        house.faults.hold()
        other.begin(commands.Join(group="tim"))
        house.turn()
        with pytest.raises(NotMember):
            go_live(lineker)
        assert changes(messi) == []
        house.faults.release()
        house.turn()
        go_live(lineker)
        assert changes(messi) == [("lineker", True)]

    def test_a_membership_that_is_ending_is_none_any_more(
        self, house: House, messi: Client, henderson: Client
    ) -> None:
        phone = house.client("henderson", "phone")
        house.faults.hold()
        phone.begin(commands.Leave(group="tim"))
        house.turn()
        with pytest.raises(NotMember):
            go_live(henderson)
        house.faults.release()
        house.turn()

    def test_a_leave_that_was_lost_ends_nothing(self, house: House, messi: Client, henderson: Client) -> None:
        go_live(messi)
        go_live(henderson)
        house.faults.refuse_next()
        henderson.begin(commands.Leave(group="tim"))
        house.turn()
        assert shown(messi) == ["henderson@alpha", "messi@alpha"]

    def test_a_join_and_live_at_once(self, house: House, messi: Client) -> None:
        """A client sends the one in the moment in which it hears that the other is done."""
        lineker = house.client("lineker")
        lineker.listen()
        answers: list[object] = []

        def joined(_: object) -> None:
            answers.extend(lineker.begin(commands.Live(group="tim")))

        waiting = lineker.session.handle(Request(commands.Join(group="tim")), joined)
        assert waiting is not None
        house.wait(waiting)
        assert shown(messi) == ["lineker@alpha"]

    def test_not_too_many(self, house: House, messi: Client, henderson: Client) -> None:
        """Each hears of each other."""
        group = house.wait(house.realm.routes._group("tim"))
        visits = [Visit(group, messi.login, messi.pushed.append) for _ in range(1000)]
        for visit in visits:
            house.realm.live.enter(visit)
        with pytest.raises(QuotaReached):
            go_live(henderson)
        house.realm.live.exit(visits[0])
        assert go_live(henderson) == go_live(henderson) == ["henderson@alpha", "messi@alpha"]

    def test_whom_one_blocks_is_not_announced(self, messi: Client, henderson: Client) -> None:
        messi.ask(commands.Block(address="henderson"))
        go_live(messi)
        go_live(henderson)
        assert changes(messi) == []
