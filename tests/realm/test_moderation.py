"""What a group is, and who may change it: roles, topic, options, its owner and its end."""

from __future__ import annotations

from typing import Any

import pytest

from chatproto import commands
from chatproto.commands import Command
from chatproto.errors import (
    BadName,
    GroupExists,
    NoSuchGroup,
    NotAllowed,
    NotMember,
    StoreFull,
)
from chatproto.limits import Limits
from chatproto.records import GroupRow, MemberRow, MessageRow
from tests.realm.house import Client, House

USERS = ("messi", "Henderson", "lineker", "amsal")


class Team:
    """The group Tim: messi owns it, Henderson is an admin, lineker a member, amsal nothing."""

    def __init__(self, house: House) -> None:
        self.house = house
        self.messi, self.henderson, self.lineker, self.amsal = (house.client(user) for user in USERS)
        self.messi.ask(commands.Create(group="Tim"))
        for client in (self.henderson, self.lineker):
            client.ask(commands.Join(group="tim"))
        self.messi.ask(commands.SetRole(group="tim", user="henderson", role="admin"))
        self.operator = Client(house, administrator=True)

    def again(self) -> Team:
        """Return the same people after a restart."""
        self.house.restart()
        team = Team.__new__(Team)
        team.house = self.house
        team.messi, team.henderson, team.lineker, team.amsal = (self.house.client(user) for user in USERS)
        team.operator = Client(self.house, administrator=True)
        return team


@pytest.fixture
def team(house: House) -> Team:
    return Team(house)


def roles(client: Client, group: str = "tim") -> dict[str, str]:
    page = client.ask(commands.Members(group=group))
    return {name.partition("@")[0]: page.roles.get(name, "member") for name in page.members}


def notices(client: Client, group: str = "tim") -> list[tuple[str, str, str]]:
    """Return what happened in a group: the kind, by whom, and about whom or what."""
    return [
        (item.kind, item.from_.partition("@")[0], (item.about or item.text).partition("@")[0])
        for item in client.history(group).messages
        if item.kind != "text"
    ]


def texts(client: Client, group: str = "tim") -> list[str]:
    return [item.text for item in client.history(group).messages if item.kind == "text"]


def describe(client: Client) -> Any:
    return client.ask(commands.Group(group="tim"))


class TestRights:
    @pytest.mark.parametrize(
        ("command", "allowed"),
        [
            (commands.SetTopic(group="tim", topic="x"), ("messi", "henderson")),
            (commands.Configure(group="tim", history="all"), ("messi", "henderson")),
            (commands.Configure(group="tim", access="invited"), ("messi", "henderson")),
            (commands.SetRole(group="tim", user="lineker", role="admin"), ("messi",)),
            (commands.SetRole(group="tim", user="henderson", role="member"), ("messi",)),
            (commands.Transfer(group="tim", user="lineker"), ("messi",)),
            (commands.Kick(group="tim", user="lineker"), ("messi", "henderson")),
            (commands.Kick(group="tim", user="henderson"), ("messi",)),
            (commands.Kick(group="tim", user="messi"), ()),
            (commands.Invite(group="tim", user="amsal"), ("messi", "henderson", "lineker")),
            (commands.DeleteGroup(group="tim"), ("messi",)),
        ],
    )
    def test_each_command_takes_a_role(self, command: Command, allowed: tuple[str, ...]) -> None:
        for name in ("messi", "henderson", "lineker", "amsal"):
            team = Team(House())
            client: Client = getattr(team, name)
            if name in allowed:
                client.ask(command)
            else:
                with pytest.raises(NotMember if name == "amsal" else NotAllowed):
                    client.ask(command)

    def test_a_right_goes_with_the_role(self, team: Team) -> None:
        team.messi.ask(commands.SetRole(group="tim", user="henderson", role="member"))
        with pytest.raises(NotAllowed):
            team.henderson.ask(commands.SetTopic(group="tim", topic="mine"))
        team.messi.ask(commands.Transfer(group="tim", user="lineker"))
        team.lineker.ask(commands.SetRole(group="tim", user="messi", role="member"))
        assert roles(team.messi) == {"Henderson": "member", "lineker": "owner", "messi": "member"}

    def test_an_operator_may_do_everything_and_acts_as_the_group(self, team: Team) -> None:
        team.operator.ask(commands.GroupTransfer(group="tim", user="lineker"))
        team.operator.ask(commands.GroupKick(group="tim", user="lineker"))
        assert notices(team.messi)[-3:] == [
            ("owner", "Tim", "lineker"),
            ("kicked", "Tim", "lineker"),
            ("owner", "Tim", "messi"),
        ]
        team.operator.ask(commands.GroupDelete(group="tim"))
        assert notices(team.messi)[-1] == ("deleted", "Tim", "")
        with pytest.raises(NotAllowed):
            team.messi.ask(commands.GroupShow(group="tim"))


class TestRoles:
    def test_members_are_listed_with_their_roles(self, team: Team) -> None:
        expected = {"Henderson": "admin", "lineker": "member", "messi": "owner"}
        assert roles(team.lineker) == expected
        assert roles(team.again().lineker) == expected

    def test_a_role_is_changed_once(self, team: Team) -> None:
        before = len(notices(team.messi))
        team.messi.ask(commands.SetRole(group="tim", user="HENDERSON", role="admin"))
        assert len(notices(team.messi)) == before
        assert ("promoted", "messi", "Henderson") in notices(team.messi)
        team.messi.ask(commands.SetRole(group="tim", user="henderson@alpha", role="member"))
        assert notices(team.messi)[-1] == ("demoted", "messi", "Henderson")

    def test_the_owner_has_to_be_replaced_to_be_less(self, team: Team) -> None:
        with pytest.raises(NotAllowed):
            team.messi.ask(commands.SetRole(group="tim", user="messi", role="member"))
        team.messi.ask(commands.Transfer(group="tim", user="messi"))
        assert roles(team.messi)["messi"] == "owner"

    def test_the_one_before_stays_as_an_admin(self, team: Team) -> None:
        team.messi.ask(commands.Transfer(group="tim", user="lineker"))
        assert roles(team.messi) == {"Henderson": "admin", "lineker": "owner", "messi": "admin"}
        assert notices(team.messi)[-1] == ("owner", "messi", "lineker")
        assert describe(team.amsal).owner == "lineker@alpha"

    def test_only_members_have_roles(self, team: Team) -> None:
        for user in ("amsal", "nobody"):
            with pytest.raises(NotMember):
                team.messi.ask(commands.SetRole(group="tim", user=user, role="admin"))
            with pytest.raises(NotMember):
                team.messi.ask(commands.Transfer(group="tim", user=user))


class TestOwnersWhoGo:
    def test_the_group_goes_to_the_admin_then_to_who_is_in_it_longest(self, team: Team) -> None:
        team.amsal.ask(commands.Join(group="tim"))
        team.messi.ask(commands.Leave(group="tim"))
        assert roles(team.amsal)["Henderson"] == "owner"
        assert notices(team.amsal)[-2:] == [("left", "messi", ""), ("owner", "Tim", "Henderson")]
        team.messi.ask(commands.Join(group="tim"))
        team.henderson.ask(commands.Leave(group="tim"))
        assert roles(team.messi) == {"amsal": "member", "lineker": "owner", "messi": "member"}

    def test_who_made_it_was_there_first(self, house: House) -> None:
        messi, amsal, lineker = (house.client(user) for user in ("messi", "amsal", "lineker"))
        messi.send("amsal", "not the first message there ever was")
        messi.ask(commands.Create(group="club"))
        for client in (amsal, lineker):
            client.ask(commands.Join(group="club"))
        messi.ask(commands.Transfer(group="club", user="lineker"))
        lineker.ask(commands.SetRole(group="club", user="messi", role="member"))
        lineker.ask(commands.Leave(group="club"))
        assert roles(messi, "club") == {"amsal": "member", "messi": "owner"}

    def test_whoever_finds_it_empty_owns_it(self, team: Team) -> None:
        for client in (team.messi, team.henderson, team.lineker):
            client.ask(commands.Leave(group="tim"))
        team.again().amsal.ask(commands.Join(group="tim"))
        (owner,) = (row for row in team.house.rows(MemberRow) if row.role == "owner")
        assert owner.member == "amsal@alpha"

    def test_what_comes_after_the_leave_is_not_the_leavers(self, team: Team) -> None:
        ear = team.house.client("messi", "ear")
        ear.listen()
        team.messi.ask(commands.Leave(group="tim"))
        assert [event.kind for event in ear.messages()] == ["left"]
        assert notices(team.messi)[-1] == ("left", "messi", "")

    def test_a_deleted_account_leaves_all_its_groups(self, team: Team) -> None:
        team.messi.ask(commands.Create(group="alone"))
        team.lineker.ask(commands.Create(group="other"))
        team.messi.ask(commands.Join(group="other"))
        ears = [team.house.client(name, "ear") for name in ("henderson", "lineker")]
        for ear in ears:
            ear.listen()
        team.messi.ask(commands.DeleteAccount(password="surabaya"))
        assert [[(e.kind, e.from_) for e in ear.messages()] for ear in ears] == [
            [("left", "messi@alpha"), ("owner", "Tim@alpha")],
            [("left", "messi@alpha"), ("owner", "Tim@alpha"), ("left", "messi@alpha")],
        ]
        assert roles(team.henderson) == {"Henderson": "owner", "lineker": "member"}
        assert roles(team.lineker, "other") == {"lineker": "owner"}

    def test_two_owners_who_leave_at_once_leave_one(self, team: Team) -> None:
        answers = [c.begin(commands.Leave(group="tim")) for c in (team.messi, team.henderson)]
        team.house.turn()
        assert all(answers)
        assert roles(team.lineker) == {"lineker": "owner"}


class TestTopics:
    def test_a_topic_is_told_and_kept(self, team: Team) -> None:
        team.henderson.ask(commands.SetTopic(group="tim", topic="  training at nine "))
        assert notices(team.lineker)[-1] == ("topic", "Henderson", "training at nine")
        (item,) = (item for item in team.lineker.history("tim").messages if item.kind == "topic")
        assert (item.text, item.about) == ("training at nine", None)
        assert describe(team.again().lineker).topic == "training at nine"

    def test_the_same_topic_is_no_news(self, team: Team) -> None:
        for topic in ("a", "a", "", ""):
            team.messi.ask(commands.SetTopic(group="tim", topic=topic))
        assert [what for kind, _, what in notices(team.messi) if kind == "topic"] == ["a", ""]

    @pytest.mark.parametrize("topic", ["a\nb", "a\u202eb", "a\0"])
    def test_a_topic_is_one_line_that_reorders_nothing(self, team: Team, topic: str) -> None:
        with pytest.raises(BadName):
            team.messi.ask(commands.SetTopic(group="tim", topic=topic))
        with pytest.raises(BadName):
            team.messi.ask(commands.Create(group="club", topic=topic))
        team.messi.ask(commands.Create(group="club", topic="balls"))

    def test_one_that_could_not_be_stored_is_not_there(self, team: Team) -> None:
        team.house.faults.refuse_next()
        with pytest.raises(StoreFull):
            team.messi.ask(commands.SetTopic(group="tim", topic="lost"))
        assert describe(team.messi).topic == ""
        team.messi.ask(commands.SetTopic(group="tim", topic="lost"))
        gseqs = [row.gseq for row in team.house.rows(MessageRow)]
        assert gseqs == list(range(1, len(gseqs) + 1))


class TestHistory:
    def test_a_newcomer_reads_everything_and_is_told_only_what_is_new(self, team: Team) -> None:
        team.messi.ask(commands.Configure(group="tim", history="all"))
        team.messi.send("tim", "before")
        team.amsal.ask(commands.Join(group="tim"))
        team.messi.send("tim", "after")
        assert texts(team.amsal) == ["before", "after"]
        ear = team.house.client("amsal", "ear")
        ear.listen(after=0)
        assert ear.texts == ["after"]
        (state,) = team.amsal.ask(commands.Conversations()).conversations
        assert state.unread == 1
        assert [entry.msg for entry in team.amsal.inbox()] == ["after"]
        taken = team.amsal.ask(commands.InboxGroup(group="tim"))
        assert [entry.msg for entry in taken.entries] == ["after"]

    def test_it_opens_the_past_to_those_who_are_in(self, team: Team) -> None:
        team.messi.send("tim", "a")
        team.amsal.ask(commands.Join(group="tim"))
        assert texts(team.amsal) == []
        team.messi.ask(commands.Configure(group="tim", history="all"))
        assert texts(team.amsal) == ["a"]
        assert texts(team.again().amsal) == ["a"]

    def test_going_back_takes_nothing_away(self, team: Team) -> None:
        team.messi.send("tim", "a")
        for history in ("all", "joined"):
            team.messi.ask(commands.Configure(group="tim", history=history))
        team.amsal.ask(commands.Join(group="tim"))
        assert (texts(team.lineker), texts(team.amsal)) == (["a"], [])
        assert [what for kind, _, what in notices(team.messi) if kind == "history"] == ["all", "joined"]

    def test_who_left_before_sees_no_more_than_then(self, team: Team) -> None:
        team.messi.send("tim", "a")
        team.lineker.ask(commands.Leave(group="tim"))
        team.messi.ask(commands.Configure(group="tim", history="all"))
        team.messi.send("tim", "b")
        assert texts(team.lineker) == ["a"]
        team.lineker.ask(commands.Join(group="tim"))
        assert texts(team.lineker) == ["a", "b"]

    def test_a_group_may_begin_so(self, team: Team) -> None:
        team.messi.ask(commands.Create(group="club", history="all", topic="balls"))
        team.messi.send("club", "a")
        team.amsal.ask(commands.Join(group="club"))
        assert texts(team.amsal, "club") == ["a"]
        (row,) = (row for row in team.house.rows(GroupRow) if row.name == "club")
        assert (row.history, row.access, row.topic) == ("all", "open", "balls")


class TestAccess:
    def test_only_the_invited_join(self, team: Team) -> None:
        team.messi.ask(commands.Configure(group="tim", access="invited"))
        with pytest.raises(NotAllowed):
            team.amsal.ask(commands.Join(group="tim"))
        with pytest.raises(NotAllowed):
            team.lineker.ask(commands.Invite(group="tim", user="amsal"))
        team.henderson.ask(commands.Invite(group="tim", user="amsal"))
        team.amsal.ask(commands.Join(group="tim"))
        assert roles(team.amsal)["amsal"] == "member"
        assert notices(team.messi)[-2:] == [("access", "messi", "invited"), ("joined", "amsal", "")]

    def test_who_left_is_invited_again_or_stays_out(self, team: Team) -> None:
        team.messi.ask(commands.Configure(group="tim", access="invited"))
        team.lineker.ask(commands.Leave(group="tim"))
        with pytest.raises(NotAllowed):
            team.lineker.ask(commands.Join(group="tim"))

    def test_it_is_described_to_those_whom_it_concerns(self, team: Team) -> None:
        assert describe(team.amsal).role == ""
        team.messi.ask(commands.Configure(group="tim", access="invited"))
        with pytest.raises(NotMember):
            describe(team.amsal)
        team.messi.ask(commands.Invite(group="tim", user="amsal"))
        state = describe(team.amsal)
        assert (state.group, state.role, state.members, state.access) == (
            "Tim@alpha",
            "invited",
            3,
            "invited",
        )

    def test_who_was_kicked_may_not_join_and_is_told_nothing(self, team: Team) -> None:
        team.messi.ask(commands.Kick(group="tim", user="lineker"))
        with pytest.raises(NotMember):
            describe(team.lineker)
        team.messi.ask(commands.Invite(group="tim", user="lineker"))
        assert describe(team.lineker).role == "invited"

    def test_nothing_to_set_is_nothing_to_tell(self, team: Team) -> None:
        before = notices(team.messi)
        team.messi.ask(commands.Configure(group="tim"))
        team.messi.ask(commands.Configure(group="tim", history="joined", access="open"))
        assert notices(team.messi) == before


class TestEnds:
    def test_what_was_said_stays_and_nothing_comes_after(self, team: Team) -> None:
        team.messi.send("tim", "a")
        ear = team.house.client("lineker", "ear")
        ear.listen()
        team.messi.ask(commands.DeleteGroup(group="tim"))
        assert [event.kind for event in ear.messages()] == ["deleted"]
        for client in (team.messi, team.lineker, team.amsal):
            for command in (
                commands.Send(to="tim", text="b"),
                commands.Join(group="tim"),
                commands.Leave(group="tim"),
                commands.Members(group="tim"),
                commands.SetTopic(group="tim", topic="x"),
                commands.Group(group="tim"),
            ):
                answers = client.begin(command)
                team.house.turn()
                assert getattr(answers[0], "code", "") in ("no-such-group", "no-such-user")
        assert texts(team.lineker) == ["a"]
        with pytest.raises(NotMember):
            team.amsal.history("tim")
        assert texts(team.again().lineker) == ["a"]

    def test_its_name_stays_taken(self, team: Team) -> None:
        team.messi.ask(commands.DeleteGroup(group="tim"))
        for _ in range(2):
            with pytest.raises(GroupExists):
                team.messi.ask(commands.Create(group="TIM"))
            team = team.again()

    def test_nobody_has_it_on_a_list_any_more(self, team: Team) -> None:
        team.messi.ask(commands.Invite(group="tim", user="amsal"))
        listed = [client.ask(commands.Groups()).groups for client in (team.lineker, team.amsal)]
        assert [[(group.group, group.role) for group in groups] for groups in listed] == [
            [("Tim@alpha", "member")],
            [("Tim@alpha", "invited")],
        ]
        team.messi.ask(commands.DeleteGroup(group="tim"))
        for client in (team.lineker, team.amsal):
            assert client.ask(commands.Groups()).groups == []
        assert team.operator.ask(commands.GroupList()).groups == []
        with pytest.raises(NoSuchGroup):
            team.operator.ask(commands.GroupShow(group="tim"))

    def test_a_group_of_very_many_ends_in_no_time(self) -> None:
        house = House(limits=Limits(cached_names=100))
        messi = house.client("messi")
        messi.ask(commands.Create(group="tim"))
        (group,) = house.rows(GroupRow)
        many = [MemberRow(group.conversation, f"u{n:05}@alpha", 0, 0, "member") for n in range(4000)]
        house.restart()
        house.disk.tables.store((), many)
        house.client("messi").ask(commands.DeleteGroup(group="tim"))
        assert not any(
            row.conversation == group.conversation and not row.until for row in house.rows(MemberRow)
        )
        # Rows that are not durable cannot go from a cache, and each new one would look at all of them.
        assert len(house.realm.groups._changes.outsiders._values) <= 100


class TestOperators:
    def test_they_see_every_group_in_pages(self, team: Team) -> None:
        for name in ("Club", "alone"):
            team.messi.ask(commands.Create(group=name, topic="x"))
        page = team.operator.ask(commands.GroupList(limit=2))
        assert ([group.group for group in page.groups], page.complete) == (
            ["alone@alpha", "Club@alpha"],
            False,
        )
        page = team.operator.ask(commands.GroupList(limit=2, after="club"))
        assert ([group.group for group in page.groups], page.complete) == (["Tim@alpha"], True)

    def test_they_see_who_is_in_one(self, team: Team) -> None:
        shown = team.operator.ask(commands.GroupShow(group="tim"))
        assert shown.members == ["Henderson@alpha", "lineker@alpha", "messi@alpha"]
        assert shown.roles == {"Henderson@alpha": "admin", "messi@alpha": "owner"}
        assert (shown.summary.group, shown.complete) == ("Tim@alpha", True)
