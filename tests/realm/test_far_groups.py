"""Groups across realms, as those see them who are in one of another realm."""

from __future__ import annotations

import pytest

from chatproto import commands
from chatproto.errors import (
    AlreadyMember,
    ChatError,
    NoSuchGroup,
    NoSuchRealm,
    NotAllowed,
    NotMember,
)
from chatproto.events import Done, GroupChanged, Sent
from chatproto.records import MessageRow, OutboxRow, ReplicaRow, SubscriptionRow
from tests.realm.circle import ALPHA, BETA, Circle, log, members
from tests.realm.house import PASSWORD, Client


@pytest.fixture
def circle() -> Circle:
    return Circle()


@pytest.fixture
def messi(circle: Circle) -> Client:
    client = circle.client("messi@alpha")
    client.ask(commands.Create(group="Fans"))
    return client


@pytest.fixture
def amsal(circle: Circle) -> Client:
    return circle.client("amsal@beta")


def act(circle: Circle, client: Client, command: commands.Command) -> object:
    """Give a command that needs another realm, and return what comes of it."""
    answers = client.begin(command)
    circle.carry()
    client.house.turn()
    (answer,) = answers
    if isinstance(answer, ChatError):
        raise answer
    return answer


def join(circle: Circle, client: Client, group: str = "Fans@alpha") -> None:
    assert act(circle, client, commands.Join(group=group)) == GroupChanged(group="Fans@alpha")


def texts(client: Client, group: str = "fans@alpha") -> list[str]:
    return [each.text for each in client.history(group).messages if each.kind == "text"]


def same(circle: Circle, *realms: str) -> None:
    """Check that realms have the same log and the same members of the group."""
    home = circle.houses[ALPHA]
    for realm in realms:
        house = circle.houses[realm]  # type: ignore[index]
        assert members(house, "fans@alpha") == members(home, "fans")
        theirs = log(house, "fans@alpha")
        assert theirs == log(home, "fans")[-len(theirs) :]


class TestJoining:
    def test_is_answered_when_the_group_is_here(self, circle: Circle, messi: Client, amsal: Client) -> None:
        join(circle, amsal, "fans@ALPHA")
        assert members(circle.houses[BETA], "fans@alpha") == {"messi@alpha": "owner", "amsal@beta": "member"}
        same(circle, "beta")
        assert amsal.send("fans@alpha").state == "pending"

    def test_begins_a_subscription(self, circle: Circle, messi: Client, amsal: Client) -> None:
        messi.send("fans", "before")
        join(circle, amsal)
        (row,) = circle.houses[ALPHA].rows(SubscriptionRow)
        assert (row.realm, row.first, row.until, row.group) == ("beta", 2, 0, "Fans@alpha")
        (copy,) = circle.houses[BETA].rows(ReplicaRow)
        assert (copy.group, copy.home, copy.first, copy.number) == ("fans@alpha", "alpha", 2, 2)
        assert texts(amsal) == []

    def test_is_told_to_members_everywhere(self, circle: Circle, messi: Client, amsal: Client) -> None:
        messi.listen(own=True)
        join(circle, amsal)
        amsal.listen(own=True)
        join(circle, circle.client("budi@gamma"))
        assert [each.from_ for each in messi.messages("joined")] == ["amsal@beta", "budi@gamma"]
        assert [each.from_ for each in amsal.messages("joined")] == ["budi@gamma"]
        same(circle, "beta", "gamma")

    @pytest.mark.parametrize(
        ("group", "error"),
        [("nothing@alpha", NoSuchGroup), ("fans@delta", NoSuchRealm), ("messi@alpha", NoSuchGroup)],
    )
    def test_what_is_not_there(
        self, circle: Circle, messi: Client, amsal: Client, group: str, error: type[ChatError]
    ) -> None:
        with pytest.raises(error):
            act(circle, amsal, commands.Join(group=group))
        amsal.listen(after=0)
        assert amsal.messages() == []

    def test_is_refused_by_the_home(self, circle: Circle, messi: Client, amsal: Client) -> None:
        messi.ask(commands.Configure(group="fans", access="invited"))
        with pytest.raises(NotAllowed):
            act(circle, amsal, commands.Join(group="fans@alpha"))
        messi.ask(commands.Configure(group="fans", access="open"))
        join(circle, amsal)
        with pytest.raises(AlreadyMember):
            act(circle, amsal, commands.Join(group="fans@alpha"))
        assert circle.houses[ALPHA].rows(SubscriptionRow)[0].until == 0

    def test_is_pending_while_the_home_is_away(self, circle: Circle, messi: Client, amsal: Client) -> None:
        circle.away = {ALPHA}
        answers = amsal.begin(commands.Join(group="fans@alpha"))
        amsal.house.turn(9)
        assert answers == []
        amsal.house.turn(2)
        (row,) = [row for row in amsal.house.rows(MessageRow) if row.kind == "join"]
        assert answers == [GroupChanged(group="fans@alpha", state="pending", mid=row.mid)]
        circle.away = set()
        amsal.listen()
        circle.carry()
        assert [each.from_ for each in amsal.messages("joined")] == ["amsal@beta"]

    def test_a_late_refusal_is_a_bounce(self, circle: Circle, messi: Client, amsal: Client) -> None:
        messi.ask(commands.Configure(group="fans", access="invited"))
        amsal.listen()
        circle.away = {ALPHA}
        amsal.begin(commands.Join(group="fans@alpha"))
        amsal.house.turn(11)
        circle.away = set()
        circle.carry()
        (bounce,) = amsal.messages("bounce")
        assert (bounce.from_, bounce.to, bounce.text) == ("fans@alpha", "amsal@beta", "not-allowed")

    def test_everything_is_there_if_the_group_is_set_up_so(
        self, circle: Circle, messi: Client, amsal: Client
    ) -> None:
        messi.ask(commands.Configure(group="fans", history="all"))
        messi.send("fans", "one")
        join(circle, amsal)
        assert texts(amsal) == ["one"]
        budi = circle.client("budi@beta")
        messi.send("fans", "two")
        join(circle, budi)
        assert texts(budi) == ["one", "two"]
        same(circle, "beta")


class TestByABareName:
    def test_it_is_looked_for_here_first(self, circle: Circle, messi: Client, amsal: Client) -> None:
        circle.client("budi@beta").ask(commands.Create(group="fans"))
        assert amsal.ask(commands.Join(group="fans")).group == "fans@beta"

    def test_then_in_the_linked_realms(self, circle: Circle, messi: Client, amsal: Client) -> None:
        assert act(circle, amsal, commands.Join(group="fans")) == GroupChanged(group="Fans@alpha")
        assert "amsal@beta" in members(circle.houses[ALPHA], "fans")

    def test_in_their_order(self, circle: Circle, messi: Client, amsal: Client) -> None:
        circle.client("budi@gamma").ask(commands.Create(group="fans"))
        circle.away = {ALPHA}
        assert act(circle, amsal, commands.Join(group="fans")) == GroupChanged(group="fans@gamma")

    def test_one_for_the_invited_is_not_found(self, circle: Circle, messi: Client, amsal: Client) -> None:
        messi.ask(commands.Configure(group="fans", access="invited"))
        with pytest.raises(NoSuchGroup):
            amsal.ask(commands.Join(group="fans"))

    def test_other_commands_look_here_only(self, circle: Circle, messi: Client, amsal: Client) -> None:
        with pytest.raises(NoSuchGroup):
            amsal.ask(commands.Leave(group="fans"))


class TestPosts:
    def test_are_pending_and_come_back_with_their_mid(
        self, circle: Circle, messi: Client, amsal: Client
    ) -> None:
        join(circle, amsal)
        messi.listen(own=True)
        amsal.listen()
        sent = amsal.send("fans@alpha", "halo")
        assert sent == Sent(mid=sent.mid, state="pending")
        assert amsal.messages() == []
        circle.carry()
        (told,) = amsal.messages()
        assert (told.mid, told.from_, told.to, told.text) == (sent.mid, "amsal@beta", "Fans@alpha", "halo")
        assert [each.mid for each in messi.messages()] == [sent.mid]
        assert texts(amsal) == texts(messi, "fans") == ["halo"]
        same(circle, "beta")

    def test_have_one_order_everywhere(self, circle: Circle, messi: Client, amsal: Client) -> None:
        budi = circle.client("budi@gamma")
        join(circle, amsal)
        join(circle, budi)
        for number in range(4):
            messi.send("fans", f"m{number}")
            amsal.send("fans@alpha", f"a{number}")
            budi.send("fans@alpha", f"b{number}")
        circle.carry()
        assert len(texts(messi, "fans")) == 12
        assert texts(amsal) == texts(budi) == texts(messi, "fans")
        same(circle, "beta", "gamma")

    def test_a_repeat_gets_the_first_answer(self, circle: Circle, messi: Client, amsal: Client) -> None:
        join(circle, amsal)
        first = amsal.send("fans@alpha", "halo", cid="a:1")
        assert amsal.send("fans@alpha", "halo", cid="a:1") == first
        circle.reopen(BETA)
        again = circle.client("amsal@beta")
        assert again.send("fans@alpha", "halo", cid="a:1") == first
        circle.carry()
        assert texts(again) == ["halo"]

    def test_wait_for_the_home(self, circle: Circle, messi: Client, amsal: Client) -> None:
        join(circle, amsal)
        circle.away = {ALPHA}
        amsal.send("fans@alpha", "one")
        circle.carry()
        circle.reopen(BETA, crash=True)
        circle.away = set()
        circle.carry()
        assert texts(messi, "fans") == texts(circle.client("amsal@beta")) == ["one"]

    def test_of_one_who_was_kicked_bounce(self, circle: Circle, messi: Client, amsal: Client) -> None:
        join(circle, amsal)
        amsal.listen()
        circle.away = {BETA}
        sent = amsal.send("fans@alpha", "too late")
        messi.ask(commands.Kick(group="fans", user="amsal@beta"))
        circle.away = set()
        circle.carry()
        (bounce,) = amsal.messages("bounce")
        assert (bounce.about, bounce.text, bounce.from_) == (sent.mid, "not-member", "Fans@alpha")
        assert [each.text for each in amsal.messages("kicked")] == [""]
        assert texts(messi, "fans") == []
        assert not [row for row in circle.houses[BETA].rows(MessageRow) if row.text == "too late"]

    def test_bounces_are_in_no_list_of_conversations(
        self, circle: Circle, messi: Client, amsal: Client
    ) -> None:
        self.test_of_one_who_was_kicked_bounce(circle, messi, amsal)
        messi.ask(commands.Invite(group="fans", user="amsal@beta"))
        circle.carry()
        join(circle, amsal)
        found = [each.with_ for each in amsal.ask(commands.Conversations()).conversations]
        assert found == ["Fans@alpha"]

    def test_of_those_who_are_not_in_it(self, circle: Circle, messi: Client, amsal: Client) -> None:
        join(circle, amsal)
        with pytest.raises(NotMember):
            circle.client("budi@beta").send("fans@alpha")
        budi = circle.client("budi@gamma")
        budi.listen()
        assert budi.send("fans@alpha").seq  # nobody there knows that it is a group
        circle.carry()
        assert [each.text for each in budi.messages("bounce")] == ["not-member"]

    def test_to_a_list(self, circle: Circle, messi: Client, amsal: Client) -> None:
        circle.client("budi@beta")
        join(circle, amsal)
        found = amsal.send(["fans@alpha", "budi", "messi@alpha"]).results
        assert [(each.seq is None, each.state) for each in found] == [
            (True, "pending"),
            (False, None),
            (False, None),
        ]
        circle.carry()
        assert texts(messi, "fans") == ["halo"]

    def test_live_in_the_outbox_only(self, circle: Circle, messi: Client, amsal: Client) -> None:
        join(circle, amsal)
        amsal.send("fans@alpha", "hidden")
        house = circle.houses[BETA]
        (row,) = [row for row in house.rows(OutboxRow) if row.to and row.number > 1]
        assert row.to == "Fans@alpha"
        amsal.listen(after=0)
        assert "hidden" not in amsal.texts
        assert texts(amsal) == []


class TestLeaving:
    def test_ends_what_is_read(self, circle: Circle, messi: Client, amsal: Client) -> None:
        budi = circle.client("budi@beta")
        join(circle, amsal)
        join(circle, budi)
        messi.send("fans", "one")
        circle.carry()
        assert act(circle, amsal, commands.Leave(group="fans@alpha")) == GroupChanged(group="Fans@alpha")
        messi.send("fans", "two")
        circle.carry()
        assert texts(amsal) == ["one"]
        assert texts(budi) == ["one", "two"]
        same(circle, "beta")

    def test_of_the_last_one_ends_the_subscription(
        self, circle: Circle, messi: Client, amsal: Client
    ) -> None:
        join(circle, amsal)
        act(circle, amsal, commands.Leave(group="fans@alpha"))
        (row,) = circle.houses[ALPHA].rows(SubscriptionRow)
        assert row.until == 2
        messi.send("fans", "hidden")
        circle.carry()
        assert circle.houses[ALPHA].realm.copies.of(BETA) == []
        assert len(log(circle.houses[BETA], "fans@alpha")) == 2

    def test_and_a_rejoin_begins_a_new_one(self, circle: Circle, messi: Client, amsal: Client) -> None:
        join(circle, amsal)
        act(circle, amsal, commands.Leave(group="fans@alpha"))
        messi.send("fans", "hidden")
        join(circle, amsal)
        messi.send("fans", "seen")
        circle.carry()
        (row,) = circle.houses[ALPHA].rows(SubscriptionRow)
        assert (row.first, row.until) == (4, 0)
        assert texts(amsal) == ["seen"]
        assert [number for number, *_ in log(circle.houses[BETA], "fans@alpha")] == [1, 2, 4, 5]

    def test_while_the_realm_is_away_is_still_told(
        self, circle: Circle, messi: Client, amsal: Client
    ) -> None:
        join(circle, amsal)
        circle.away = {BETA}
        messi.send("fans", "one")
        messi.ask(commands.Kick(group="fans", user="amsal@beta"))
        messi.send("fans", "two")
        circle.away = set()
        amsal.listen()
        circle.carry()
        assert [each.kind for each in amsal.messages()] == ["text", "kicked"]
        with pytest.raises(NotMember):
            amsal.history("fans@alpha")
        assert circle.houses[ALPHA].realm.copies.of(BETA) == []

    def test_and_a_rejoin_before_that_is_told_loses_nothing(
        self, circle: Circle, messi: Client, amsal: Client
    ) -> None:
        budi = circle.client("budi@beta")
        join(circle, amsal)
        circle.away = {BETA}
        messi.send("fans", "one")
        messi.ask(commands.Kick(group="fans", user="amsal@beta"))
        messi.send("fans", "two")
        circle.away = set()
        circle.carry_items(BETA, ALPHA)
        answers = budi.begin(commands.Join(group="fans@alpha"))
        budi.house.turn()
        circle.carry_items(BETA, ALPHA)
        circle.carry()
        assert answers
        messi.send("fans", "three")
        circle.carry()
        assert texts(budi) == ["three"]
        same(circle, "beta")

    def test_by_deleting_the_account(self, circle: Circle, messi: Client, amsal: Client) -> None:
        join(circle, amsal)
        amsal.ask(commands.DeleteAccount(password=PASSWORD))
        circle.carry()
        assert members(circle.houses[ALPHA], "fans") == {"messi@alpha": "owner"}
        same(circle, "beta")

    def test_of_one_who_is_not_in_it(self, circle: Circle, messi: Client, amsal: Client) -> None:
        with pytest.raises(NotMember):
            act(circle, amsal, commands.Leave(group="fans@alpha"))


class TestModeration:
    def test_roles_go_across_realms(self, circle: Circle, messi: Client, amsal: Client) -> None:
        budi = circle.client("budi@gamma")
        join(circle, amsal)
        join(circle, budi)
        with pytest.raises(NotAllowed):
            act(circle, amsal, commands.Kick(group="fans@alpha", user="budi@gamma"))
        messi.ask(commands.SetRole(group="fans", user="amsal@beta", role="admin"))
        circle.carry()
        assert act(circle, amsal, commands.Kick(group="fans@alpha", user="budi@gamma")) == Done()
        assert act(circle, amsal, commands.SetTopic(group="fans@alpha", topic="Football")) == Done()
        same(circle, "beta")
        state = amsal.ask(commands.Group(group="fans@alpha"))
        assert (state.topic, state.role, state.members, state.owner) == (
            "Football",
            "admin",
            2,
            "messi@alpha",
        )
        with pytest.raises(NotMember):
            budi.history("fans@alpha")

    def test_an_owner_elsewhere(self, circle: Circle, messi: Client, amsal: Client) -> None:
        join(circle, amsal)
        messi.ask(commands.Transfer(group="fans", user="amsal@beta"))
        circle.carry()
        promoted = commands.SetRole(group="fans@alpha", user="messi@alpha", role="member")
        assert act(circle, amsal, promoted) == Done()
        options = commands.Configure(group="fans@alpha", history="all", access="invited")
        assert act(circle, amsal, options) == Done()
        same(circle, "beta")
        state = amsal.ask(commands.Group(group="fans@alpha"))
        assert (state.history, state.access) == ("all", "invited")
        assert act(circle, amsal, commands.DeleteGroup(group="fans@alpha")) == Done()
        with pytest.raises(NoSuchGroup):
            messi.ask(commands.Members(group="fans"))
        with pytest.raises(NoSuchGroup):
            amsal.ask(commands.Members(group="fans@alpha"))
        assert [each.kind for each in amsal.history("fans@alpha").messages][-1] == "deleted"

    def test_the_owner_goes_and_somebody_elsewhere_follows(
        self, circle: Circle, messi: Client, amsal: Client
    ) -> None:
        join(circle, amsal)
        messi.ask(commands.Leave(group="fans"))
        circle.carry()
        assert members(circle.houses[ALPHA], "fans") == {"amsal@beta": "owner"}
        same(circle, "beta")
        act(circle, amsal, commands.Leave(group="fans@alpha"))
        join(circle, amsal)
        assert members(circle.houses[ALPHA], "fans") == {"amsal@beta": "owner"}
        same(circle, "beta")
        assert circle.corrected == ["Fans@alpha"]  # at the very first join

    def test_members_are_told_page_by_page(self, circle: Circle, messi: Client, amsal: Client) -> None:
        join(circle, amsal)
        first = amsal.ask(commands.Members(group="fans@alpha", limit=1))
        assert (first.members, first.complete) == (["amsal@beta"], False)
        rest = amsal.ask(commands.Members(group="fans@alpha", after="amsal"))
        assert (rest.members, rest.roles, rest.complete) == (["messi@alpha"], {"messi@alpha": "owner"}, True)


class TestInvitations:
    @pytest.fixture(autouse=True)
    def closed(self, messi: Client) -> None:
        messi.ask(commands.Configure(group="fans", access="invited"))

    def test_come_from_the_group(self, circle: Circle, messi: Client, amsal: Client) -> None:
        amsal.listen()
        messi.ask(commands.Invite(group="fans", user="amsal@beta"))
        circle.carry()
        (told,) = amsal.messages("invitation")
        assert (told.from_, told.to, told.about) == ("Fans@alpha", "amsal@beta", "Fans@alpha")
        join(circle, amsal)

    def test_by_somebody_elsewhere(self, circle: Circle, messi: Client, amsal: Client) -> None:
        messi.ask(commands.Invite(group="fans", user="amsal@beta"))
        circle.carry()
        join(circle, amsal)
        messi.ask(commands.SetRole(group="fans", user="amsal@beta", role="admin"))
        circle.carry()
        for address in ("budi@gamma", "lineker@alpha", "cahya@beta"):
            invited = circle.client(address)
            invited.listen()
            assert act(circle, amsal, commands.Invite(group="fans@alpha", user=address)) == Done()
            assert [each.about for each in invited.messages("invitation")] == ["Fans@alpha"]
            own = "fans" if address.endswith("@alpha") else "fans@alpha"
            assert act(circle, invited, commands.Join(group=own)) == GroupChanged(group="Fans@alpha")
        same(circle, "beta", "gamma")

    def test_of_nobody(self, circle: Circle, messi: Client, amsal: Client) -> None:
        messi.ask(commands.Invite(group="fans", user="nobody@beta"))
        circle.carry()
        messi.listen(after=0)
        assert messi.messages("bounce") == []


class TestWhatIsHere:
    def test_is_listed(self, circle: Circle, messi: Client, amsal: Client) -> None:
        join(circle, amsal)
        messi.send("fans", "halo")
        circle.carry()
        (group,) = amsal.ask(commands.Groups()).groups
        assert (group.group, group.role) == ("Fans@alpha", "member")
        (conversation,) = amsal.ask(commands.Conversations()).conversations
        assert (conversation.with_, conversation.unread) == ("Fans@alpha", 1)
        amsal.ask(commands.Read(with_="fans@alpha", seq=conversation.seq))
        (conversation,) = amsal.ask(commands.Conversations()).conversations
        assert conversation.unread == 0

    def test_is_heard_by_who_was_away(self, circle: Circle, messi: Client, amsal: Client) -> None:
        join(circle, amsal)
        messi.send("fans", "halo")
        circle.carry()
        circle.reopen(BETA)
        again = circle.client("amsal@beta")
        again.listen(after=0)
        assert again.texts == ["halo"]

    def test_typing_is_told_within_the_realm(self, circle: Circle, messi: Client, amsal: Client) -> None:
        budi = circle.client("budi@beta")
        join(circle, amsal)
        join(circle, budi)
        budi.listen(typing=True)
        amsal.send("fans@alpha")
        amsal.ask(commands.Typing(to="fans@alpha"))
        assert [type(event).__name__ for event in budi.pushed] == ["IsTyping"]

    def test_somebody_is_live_in_it(self, circle: Circle, messi: Client, amsal: Client) -> None:
        join(circle, amsal)
        amsal.listen()
        assert amsal.ask(commands.Live(group="fans@alpha")).live == ["amsal@beta"]

    def test_an_older_client_takes_it_from_its_box(
        self, circle: Circle, messi: Client, amsal: Client
    ) -> None:
        join(circle, amsal)
        messi.send("fans", "halo")
        circle.carry()
        (entry,) = amsal.inbox()
        assert (entry.msg, entry.group, entry.sender) == ("halo", "Fans@alpha", "messi@alpha")


class TestDropped:
    def test_the_members_of_a_realm_leave(self, circle: Circle, messi: Client, amsal: Client) -> None:
        join(circle, amsal)
        messi.listen()
        house = circle.houses[ALPHA]
        house.wait(house.realm.forget(BETA))
        assert [each.from_ for each in messi.messages("left")] == ["amsal@beta"]
        assert members(house, "fans") == {"messi@alpha": "owner"}
        assert house.rows(SubscriptionRow)[0].until

    def test_the_copies_of_a_home_end(self, circle: Circle, messi: Client, amsal: Client) -> None:
        join(circle, amsal)
        messi.send("fans", "one")
        circle.carry()
        amsal.listen()
        house = circle.houses[BETA]
        house.wait(house.realm.forget(ALPHA))
        assert [each.from_ for each in amsal.messages("left")] == ["amsal@beta"]
        assert house.realm.replicas.of(ALPHA) == []
        assert texts(amsal) == ["one"]
        with pytest.raises(NotMember):
            amsal.send("fans@alpha")
