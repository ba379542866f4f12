"""Blocks: what is sent to the blocker is refused, and in groups only the blocker's own view is without it."""

from __future__ import annotations

import pytest

from chatproto import commands
from chatproto.errors import BadField, BadName, Blocked, NoSuchUser, QuotaReached, StoreFull
from chatproto.limits import Limits
from chatproto.records import BlockRow
from tests.realm.house import Client, House


@pytest.fixture
def lineker(house: House) -> Client:
    """Who blocks."""
    return house.client("Lineker")


@pytest.fixture
def messi(house: House, lineker: Client) -> Client:
    """Who is blocked, in the end."""
    messi = house.client("Messi")
    house.client("henderson").ask(commands.Create(group="tim"))
    for client in (messi, lineker):
        client.ask(commands.Join(group="tim"))
    return messi


def block(client: Client, address: str = "messi") -> None:
    client.ask(commands.Block(address=address))


def unblock(client: Client, address: str = "messi") -> None:
    client.ask(commands.Unblock(address=address))


def blocked(client: Client) -> list[str]:
    addresses: list[str] = client.ask(commands.Blocks()).addresses
    return addresses


def texts(client: Client, name: str) -> list[str]:
    return [item.text for item in client.history(name).messages if item.kind == "text"]


class TestTheList:
    def test_it_has_each_address_once_as_registered(
        self, house: House, messi: Client, lineker: Client
    ) -> None:
        for address in ("MESSI", "messi@Alpha", "henderson"):
            block(lineker, address)
        assert blocked(lineker) == ["henderson@alpha", "Messi@alpha"]
        house.restart()
        assert blocked(house.client("lineker")) == ["henderson@alpha", "Messi@alpha"]
        assert blocked(house.client("messi")) == []

    def test_who_is_taken_from_it_is_off_the_disk(self, house: House, messi: Client, lineker: Client) -> None:
        block(lineker)
        unblock(lineker, "mEssi")
        unblock(lineker)
        assert (blocked(lineker), house.rows(BlockRow)) == ([], [])

    def test_nonsense_is_refused(self, messi: Client, lineker: Client) -> None:
        with pytest.raises(BadField):
            block(lineker, "lineker")
        with pytest.raises(NoSuchUser):
            block(lineker, "nobody")
        with pytest.raises(BadName):
            block(lineker, "no name")

    def test_somebody_in_another_realm_may_be_on_it(self, lineker: Client) -> None:
        block(lineker, "Amsal@beta")
        assert blocked(lineker) == ["Amsal@beta"]
        unblock(lineker, "amsal@beta")
        assert blocked(lineker) == []

    def test_it_has_an_end(self) -> None:
        house = House(limits=Limits(blocks_per_account=2))
        lineker = house.client("lineker")
        house.add("a", "b", "c")
        for address in "ab":
            block(lineker, address)
        with pytest.raises(QuotaReached):
            block(lineker, "c")
        block(lineker, "a")
        unblock(lineker, "a")
        block(lineker, "c")

    def test_one_that_could_not_be_stored_does_not_hold(
        self, house: House, messi: Client, lineker: Client
    ) -> None:
        ear = house.client("lineker", "ear")
        ear.listen()
        house.faults.refuse_next()
        with pytest.raises(StoreFull):
            block(lineker)
        assert blocked(lineker) == []
        messi.send("lineker", "a")
        messi.send("tim", "b")
        assert ear.texts == ["a", "b"]
        block(lineker)
        house.faults.refuse_next()
        with pytest.raises(StoreFull):
            unblock(lineker)
        with pytest.raises(Blocked):
            messi.send("lineker", "c")
        messi.send("tim", "d")
        assert ear.texts == ["a", "b"]

    def test_two_changes_at_once_both_hold(self, house: House, messi: Client, lineker: Client) -> None:
        twin = house.client("lineker")
        house.faults.hold()
        for client, address in ((lineker, "messi"), (twin, "henderson")):
            client.begin(commands.Block(address=address))
        house.turn()
        house.faults.release()
        house.turn()
        assert blocked(lineker) == ["henderson@alpha", "Messi@alpha"]


class TestBetweenTwo:
    def test_messages_are_refused_and_the_other_way_is_open(self, messi: Client, lineker: Client) -> None:
        messi.send("lineker", "before")
        block(lineker)
        with pytest.raises(Blocked) as raised:
            messi.send("lineker", "after")
        assert raised.value.code == "refused"
        lineker.send("messi", "why")
        assert texts(messi, "lineker") == texts(lineker, "messi") == ["before", "why"]
        unblock(lineker)
        messi.send("lineker", "thanks")
        assert texts(lineker, "messi") == ["before", "why", "thanks"]

    def test_a_list_is_refused_as_a_whole_and_names_who_refuses(
        self, house: House, messi: Client, lineker: Client
    ) -> None:
        block(lineker)
        with pytest.raises(Blocked, match="lineker"):
            messi.send(["henderson", "lineker"])
        assert texts(messi, "henderson") == []

    def test_an_older_clients_list_leaves_out_who_refuses(self, messi: Client, lineker: Client) -> None:
        block(lineker)
        messi.ask(commands.SendGroup(to="henderson,lineker", text="a"))
        assert (texts(messi, "henderson"), texts(messi, "lineker")) == (["a"], [])

    def test_it_holds_from_the_open_batch_on(self, house: House, messi: Client, lineker: Client) -> None:
        messi.send("lineker", "to have the route")
        house.faults.hold()
        lineker.begin(commands.Block(address="messi"))
        refused = messi.begin(commands.Send(to="lineker", text="late"))
        house.turn()
        assert isinstance(refused[0], Blocked)
        house.faults.release()
        house.turn()

    def test_it_holds_for_a_send_that_is_looking_for_its_route(
        self, house: House, messi: Client, lineker: Client
    ) -> None:
        blocked(lineker)  # to have the list in memory
        house.slow.slow = True
        answers = messi.begin(commands.Send(to="lineker", text="late"))
        assert [call.name for call in house.slow.calls] == ["conversation"]
        lineker.begin(commands.Block(address="messi"))
        house.slow.rush()
        house.turn()
        assert [getattr(answer, "code", "") for answer in answers] == ["refused"]

    def test_nobody_is_invited_by_whom_it_blocks(self, messi: Client, lineker: Client) -> None:
        messi.ask(commands.Create(group="club"))
        block(lineker)
        with pytest.raises(Blocked):
            messi.ask(commands.Invite(group="club", user="lineker"))

    def test_a_repeated_command_is_told_what_became_of_the_first(
        self, messi: Client, lineker: Client
    ) -> None:
        first = messi.send("lineker", "a", cid="x:1")
        block(lineker)
        assert messi.send("lineker", "a", cid="x:1") == first

    def test_how_far_the_blocker_has_read_is_its_own_affair(
        self, house: House, messi: Client, lineker: Client
    ) -> None:
        seq = messi.send("lineker", "a").seq
        lineker.ask(commands.Read(with_="messi", seq=seq))

        def states() -> list[tuple[str, int | None, int | None]]:
            listed = messi.ask(commands.Conversations()).conversations
            return [(state.with_, state.delivered, state.seen) for state in listed]

        assert ("Lineker@alpha", seq, seq) in states()
        block(lineker)
        assert ("Lineker@alpha", None, None) in states()


class TestInGroups:
    def test_the_blocker_alone_sees_nothing_of_it(self, house: House, messi: Client, lineker: Client) -> None:
        block(lineker)
        henderson = house.client("henderson")
        ears = [house.client(name, "ear") for name in ("lineker", "henderson")]
        for ear in ears:
            ear.listen()
        messi.send("tim", "unwanted")
        henderson.send("tim", "wanted")
        lineker.send("tim", "mine")
        assert [ear.texts for ear in ears] == [["wanted", "mine"], ["unwanted", "wanted", "mine"]]
        assert texts(lineker, "tim") == ["wanted", "mine"]
        assert texts(henderson, "tim") == ["unwanted", "wanted", "mine"]

    def test_live_and_replayed_it_is_the_same(self, house: House, messi: Client, lineker: Client) -> None:
        live = house.client("lineker", "live")
        live.listen(after=0, own=True)
        live.pushed.clear()
        block(lineker)
        first = messi.send("tim", "unwanted").seq
        house.client("henderson").send("tim", "wanted")
        again = house.client("lineker", "again")
        again.listen(after=first - 1, own=True)
        assert live.pushed == again.pushed
        assert again.texts == ["wanted"]

    def test_what_is_left_out_is_not_unread(self, house: House, messi: Client, lineker: Client) -> None:
        block(lineker)
        for _ in range(3):
            messi.send("tim", "unwanted")
        house.client("henderson").send("tim", "wanted")
        (state,) = lineker.ask(commands.Conversations()).conversations
        assert state.unread == 1

    def test_the_boxes_leave_it_out(self, house: House, messi: Client, lineker: Client) -> None:
        block(lineker)
        messi.send("tim", "unwanted")
        house.client("henderson").send("tim", "wanted")
        taken = lineker.ask(commands.InboxGroup(group="tim")).entries
        assert [entry.msg for entry in taken] == [entry.msg for entry in lineker.inbox()] == ["wanted"]

    def test_pages_are_full_of_what_is_left(self, house: House, messi: Client, lineker: Client) -> None:
        block(lineker)
        henderson = house.client("henderson")
        for number in range(6):
            messi.send("tim", "unwanted")
            henderson.send("tim", str(number))
        page = lineker.history("tim", limit=3)
        assert ([item.text for item in page.messages], page.complete) == (["3", "4", "5"], False)
        page = lineker.history("tim", after=0, limit=5)
        assert [item.text for item in page.messages][-3:] == ["1", "2", "3"]

    def test_it_begins_and_ends_for_those_who_listen_already(
        self, house: House, messi: Client, lineker: Client
    ) -> None:
        ear = house.client("lineker", "ear")
        ear.listen()
        messi.send("tim", "a")
        block(lineker)
        messi.send("tim", "b")
        unblock(lineker)
        messi.send("tim", "c")
        assert ear.texts == ["a", "c"]
        assert texts(lineker, "tim") == ["a", "b", "c"]

    def test_to_be_removed_by_whom_one_blocks_is_told(
        self, house: House, messi: Client, lineker: Client
    ) -> None:
        house.client("henderson").ask(commands.SetRole(group="tim", user="messi", role="admin"))
        ear = house.client("lineker", "ear")
        ear.listen()
        block(lineker)
        messi.ask(commands.SetTopic(group="tim", topic="unwanted"))
        messi.ask(commands.Kick(group="tim", user="lineker"))
        again = house.client("lineker", "again")
        again.listen(after=0)
        for told in (ear, again):
            assert [(event.kind, event.about) for event in told.messages()] == [("kicked", "Lineker@alpha")]
