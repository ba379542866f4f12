"""Groups: one home, one order, and for each member what was said while it was one."""

from __future__ import annotations

import pytest

from chatproto import commands, events
from chatproto.commands import Send
from chatproto.errors import (
    AlreadyMember,
    BadName,
    BadToken,
    ChatError,
    GroupExists,
    NoSuchGroup,
    NoSuchUser,
    NotAllowed,
    NotMember,
    QuotaReached,
    StoreFull,
)
from chatproto.limits import SERVER_LINE_BYTES, Limits
from chatproto.records import GroupRow, MemberRow, MessageRow
from chatproto.wire.json import JsonDialect
from tests.realm.house import Client, House


@pytest.fixture
def messi(house: House) -> Client:
    messi = house.client("messi")
    messi.ask(commands.Create(group="Tim"))
    return messi


@pytest.fixture
def henderson(house: House, messi: Client) -> Client:
    return house.client("henderson")


def texts(client: Client, group: str = "tim") -> list[str]:
    return [item.text for item in client.history(group).messages if item.kind == "text"]


def members(client: Client, after: str = "") -> list[str]:
    found: list[str] = client.ask(commands.Members(group="tim", after=after)).members
    return found


class TestMembership:
    def test_who_makes_a_group_is_its_owner_and_first_member(self, house: House, messi: Client) -> None:
        assert members(messi) == ["messi@alpha"]
        (row,) = house.rows(GroupRow)
        assert (row.name, row.shown, row.owner) == ("tim", "Tim", "messi")

    def test_replies_name_the_full_address_as_registered(self, messi: Client, henderson: Client) -> None:
        for command in (commands.Join(group="TIM"), commands.Leave(group="tim@alpha")):
            assert henderson.ask(command) == events.GroupChanged(group="Tim@alpha")

    def test_a_taken_name_is_refused(self, messi: Client, henderson: Client) -> None:
        for name in ("tim", "TIM", "messi"):
            with pytest.raises(GroupExists):
                henderson.ask(commands.Create(group=name))
        for name in ("", "a b", "tim@alpha", "x" * 65):
            with pytest.raises(BadName):
                henderson.ask(commands.Create(group=name))

    def test_nobody_joins_twice_or_leaves_what_it_is_not_in(self, messi: Client, henderson: Client) -> None:
        with pytest.raises(NotMember):
            henderson.ask(commands.Leave(group="tim"))
        henderson.ask(commands.Join(group="tim"))
        with pytest.raises(AlreadyMember):
            henderson.ask(commands.Join(group="tim"))
        henderson.ask(commands.Leave(group="tim"))
        with pytest.raises(NotMember):
            henderson.ask(commands.Leave(group="tim"))

    def test_two_joins_at_once_are_one(self, house: House, messi: Client, henderson: Client) -> None:
        twin = house.client("henderson")
        answers = [client.begin(commands.Join(group="tim")) for client in (henderson, twin)]
        house.turn()
        assert [type(answer) for (answer,) in answers] == [events.GroupChanged, AlreadyMember]

    @pytest.mark.parametrize("group", ["nobody", "not a name", "henderson", "tim@alpha@beta"])
    def test_an_unknown_group_is_told_so(self, messi: Client, henderson: Client, group: str) -> None:
        for command in (
            commands.Join(group=group),
            commands.Leave(group=group),
            commands.Members(group=group),
        ):
            with pytest.raises(NoSuchGroup):
                messi.ask(command)

    def test_members_are_told_to_members_only_by_name_in_pages(self, house: House, messi: Client) -> None:
        with pytest.raises(NotMember):
            house.client("stranger").ask(commands.Members(group="tim"))
        for name in ("Zoe", "ani", "Budi", "a-b"):
            house.client(name).ask(commands.Join(group="tim"))
        everybody = members(messi)
        assert sorted(everybody, key=str.lower) == everybody
        assert set(everybody) == {"Zoe@alpha", "ani@alpha", "Budi@alpha", "a-b@alpha", "messi@alpha"}
        page = messi.ask(commands.Members(group="tim", limit=2))
        assert (page.members, page.complete) == (everybody[:2], False)
        page = messi.ask(commands.Members(group="tim", limit=3, after=page.members[-1]))
        assert (page.members, page.complete) == (everybody[2:], True)
        assert members(messi, after="BUDI") == members(messi, after="budi@alpha") == everybody[3:]

    def test_a_page_of_the_longest_names_fits_into_a_line(self, house: House, messi: Client) -> None:
        (row,) = house.rows(GroupRow)
        house.restart()
        many = [MemberRow(row.conversation, f"{n:064}@{'y' * 63}", 0, 0, "admin", n) for n in range(1200)]
        house.disk.tables.store((), many)
        page = house.client("messi").ask(commands.Members(group="tim"))
        assert not page.complete
        assert len(JsonDialect().encode_reply(page, "x" * 64)) <= SERVER_LINE_BYTES
        rest = house.client("messi").ask(commands.Members(group="tim", after=page.members[-1]))
        assert ([*page.members, *rest.members][::1200], rest.complete) == (
            [many[0].member, "messi@alpha"],
            True,
        )

    def test_all_stays_over_a_restart(self, house: House, messi: Client, henderson: Client) -> None:
        henderson.ask(commands.Join(group="tim"))
        messi.send("tim", "a")
        house.restart()
        messi, henderson = house.client("messi"), house.client("henderson")
        assert members(henderson) == ["henderson@alpha", "messi@alpha"]
        messi.send("tim", "b")
        assert texts(henderson) == ["a", "b"]
        assert [(row.gseq, row.kind) for row in house.rows(MessageRow)] == [
            (1, "joined"),
            (2, "text"),
            (3, "text"),
        ]

    def test_it_is_told_when_it_is_durable(self, house: House, messi: Client, henderson: Client) -> None:
        house.faults.hold()
        answers = henderson.begin(commands.Join(group="tim"))
        house.turn()
        assert answers == []
        house.faults.release()
        house.turn()
        assert answers == [events.GroupChanged(group="Tim@alpha")]

    def test_what_was_refused_did_not_happen(self, house: House, messi: Client, henderson: Client) -> None:
        house.faults.refuse_next()
        with pytest.raises(StoreFull):
            messi.ask(commands.Leave(group="tim"))
        assert members(messi) == ["messi@alpha"]
        house.faults.refuse_next()
        with pytest.raises(StoreFull):
            henderson.ask(commands.Create(group="tam"))
        henderson.ask(commands.Create(group="tam"))


class TestWindows:
    def test_only_members_write(self, messi: Client, henderson: Client) -> None:
        with pytest.raises(NotMember):
            henderson.send("tim")
        henderson.ask(commands.Join(group="tim"))
        henderson.send("tim")
        henderson.ask(commands.Leave(group="tim"))
        with pytest.raises(NotMember):
            henderson.send("tim")

    def test_members_read_from_their_join_up_to_their_leave(self, messi: Client, henderson: Client) -> None:
        messi.send("tim", "before")
        henderson.ask(commands.Join(group="tim"))
        messi.send("tim", "a")
        henderson.send("tim", "b")
        assert texts(henderson) == ["a", "b"]
        henderson.ask(commands.Leave(group="tim"))
        messi.send("tim", "after")
        assert texts(henderson) == ["a", "b"]
        assert texts(messi) == ["before", "a", "b", "after"]

    def test_a_second_join_begins_a_new_window(self, messi: Client, henderson: Client) -> None:
        henderson.ask(commands.Join(group="tim"))
        messi.send("tim", "first")
        henderson.ask(commands.Leave(group="tim"))
        messi.send("tim", "between")
        henderson.ask(commands.Join(group="tim"))
        messi.send("tim", "second")
        assert texts(henderson) == ["second"]

    def test_the_edges_hold_within_one_batch(self, house: House, messi: Client, henderson: Client) -> None:
        henderson.listen()
        messi.send("tim", "to have the route")
        house.faults.hold()
        messi.begin(Send(to="tim", text="before"))
        henderson.begin(commands.Join(group="tim"))
        messi.begin(Send(to="tim", text="during"))
        messi.begin(Send(to="tim", text="during too"))
        house.turn()
        henderson.begin(commands.Leave(group="tim"))
        messi.begin(Send(to="tim", text="after"))
        house.faults.release()
        house.turn()
        assert texts(henderson) == henderson.texts == ["during", "during too"]

    def test_a_group_of_one_who_left_can_be_joined_again(self, messi: Client, henderson: Client) -> None:
        messi.ask(commands.Leave(group="tim"))
        henderson.ask(commands.Join(group="tim"))
        assert members(henderson) == ["henderson@alpha"]


class TestOrder:
    def test_numbers_of_a_group_have_no_gaps(self, house: House, messi: Client, henderson: Client) -> None:
        henderson.ask(commands.Join(group="tim"))
        for client in (messi, henderson, messi):
            client.send("tim")
            client.send("henderson")
        assert [row.gseq for row in house.rows(MessageRow) if row.gseq] == [1, 2, 3, 4]

    def test_all_members_have_the_same_order(self, house: House, messi: Client, henderson: Client) -> None:
        henderson.ask(commands.Join(group="tim"))
        listeners = [house.client(name, "ear") for name in ("messi", "henderson")]
        for listener in listeners:
            listener.listen()
        for number in range(20):
            (messi, henderson)[number % 2].begin(Send(to="tim", text=str(number)))
        house.turn()
        assert listeners[0].seqs == listeners[1].seqs
        assert listeners[0].texts == [str(number) for number in range(20)]


def invitations(client: Client) -> list[tuple[str, str | None]]:
    """Return who invited an account to what, as one of its devices is told."""
    ear = client.house.client(client.login.account, "ear")
    ear.listen(after=0)
    return [(event.from_, event.about) for event in ear.messages("invitation")]


class TestInvitations:
    def test_one_is_a_message_between_two(self, house: House, messi: Client, henderson: Client) -> None:
        messi.ask(commands.Invite(group="tim", user="HENDERSON"))
        (item,) = henderson.history("messi").messages
        assert (item.kind, item.from_, item.to, item.about, item.text) == (
            "invitation",
            "messi@alpha",
            "henderson@alpha",
            "Tim@alpha",
            "",
        )
        assert invitations(henderson) == [("messi@alpha", "Tim@alpha")]
        (state,) = henderson.ask(commands.Conversations()).conversations
        assert (state.with_, state.unread) == ("messi@alpha", 1)
        assert [row.kind for row in house.rows(MessageRow)] == ["invitation"]

    def test_it_is_told_live(self, house: House, messi: Client, henderson: Client) -> None:
        henderson.listen()
        phone = house.client("messi", "phone")
        phone.listen()
        messi.ask(commands.Invite(group="tim", user="henderson"))
        for client in (henderson, phone):
            assert [event.kind for event in client.messages()] == ["invitation"]

    def test_once_is_enough(self, messi: Client, henderson: Client) -> None:
        for _ in range(2):
            messi.ask(commands.Invite(group="tim", user="henderson"))
        assert len(invitations(henderson)) == 1
        henderson.ask(commands.Join(group="tim"))
        with pytest.raises(AlreadyMember):
            messi.ask(commands.Invite(group="tim", user="henderson"))
        henderson.ask(commands.Leave(group="tim"))
        messi.ask(commands.Invite(group="tim", user="henderson"))
        assert len(invitations(henderson)) == 2

    def test_it_holds_for_one_join(self, house: House, messi: Client, henderson: Client) -> None:
        messi.ask(commands.Configure(group="tim", access="invited"))
        messi.ask(commands.Invite(group="tim", user="henderson"))
        house.restart()
        henderson = house.client("henderson")
        henderson.ask(commands.Join(group="tim"))
        henderson.ask(commands.Leave(group="tim"))
        with pytest.raises(NotAllowed):
            henderson.ask(commands.Join(group="tim"))

    def test_the_invited_read_nothing_and_hear_nothing(
        self, house: House, messi: Client, henderson: Client
    ) -> None:
        messi.send("tim", "before")
        messi.ask(commands.Invite(group="tim", user="henderson"))
        henderson.listen()
        messi.send("tim", "after")
        assert henderson.texts == []
        for command in (
            commands.History(with_="tim"),
            commands.Members(group="tim"),
            commands.InboxGroup(group="tim"),
            Send(to="tim", text="x"),
            commands.Leave(group="tim"),
        ):
            with pytest.raises(NotMember):
                henderson.ask(command)
        assert [state.with_ for state in henderson.ask(commands.Conversations()).conversations] == [
            "messi@alpha"
        ]

    def test_who_left_and_is_invited_reads_what_it_could(self, messi: Client, henderson: Client) -> None:
        henderson.ask(commands.Join(group="tim"))
        messi.send("tim", "a")
        henderson.ask(commands.Leave(group="tim"))
        messi.send("tim", "b")
        messi.ask(commands.Invite(group="tim", user="henderson"))
        assert texts(henderson) == ["a"]

    def test_only_users_are_invited_and_only_by_members(
        self, house: House, messi: Client, henderson: Client
    ) -> None:
        messi.ask(commands.Create(group="club"))
        for user in ("nobody", "club"):
            with pytest.raises(NoSuchUser):
                messi.ask(commands.Invite(group="tim", user=user))
        house.add("lineker")
        with pytest.raises(NotMember):
            henderson.ask(commands.Invite(group="tim", user="lineker"))
        with pytest.raises(AlreadyMember):
            messi.ask(commands.Invite(group="tim", user="messi"))

    def test_a_lost_one_is_none(self, house: House, messi: Client, henderson: Client) -> None:
        messi.ask(commands.Configure(group="tim", access="invited"))
        house.faults.refuse_next()
        with pytest.raises(StoreFull):
            messi.ask(commands.Invite(group="tim", user="henderson"))
        with pytest.raises(NotAllowed):
            henderson.ask(commands.Join(group="tim"))
        messi.ask(commands.Invite(group="tim", user="henderson"))
        henderson.ask(commands.Join(group="tim"))

    def test_two_who_invite_at_once_write_once(self, house: House, messi: Client, henderson: Client) -> None:
        twin = house.client("messi")
        answers = [client.begin(commands.Invite(group="tim", user="henderson")) for client in (messi, twin)]
        house.turn()
        assert [type(answer) for (answer,) in answers] == [events.Done] * 2
        assert len(invitations(henderson)) == 1


class TestKicks:
    @pytest.fixture(autouse=True)
    def joined(self, messi: Client, henderson: Client) -> None:
        henderson.ask(commands.Join(group="tim"))
        messi.send("tim", "before")

    def test_it_is_the_last_that_the_kicked_hears(
        self, house: House, messi: Client, henderson: Client
    ) -> None:
        live = house.client("henderson", "live")
        live.listen()
        messi.ask(commands.Kick(group="tim", user="HENDERSON"))
        messi.send("tim", "after")
        replayed = house.client("henderson", "replayed")
        replayed.listen(after=0)
        for client in (live, replayed):
            (event,) = client.messages()
            assert (event.kind, event.from_, event.about) == ("kicked", "messi@alpha", "henderson@alpha")
        assert [row.text for row in house.rows(MessageRow) if row.kind == "kicked"] == ["henderson@alpha"]

    def test_nothing_of_the_group_is_readable_any_more(self, messi: Client, henderson: Client) -> None:
        messi.ask(commands.Kick(group="tim", user="henderson"))
        for command in (
            commands.History(with_="tim"),
            commands.Read(with_="tim", seq=1),
            commands.Members(group="tim"),
            commands.InboxGroup(group="tim"),
            Send(to="tim", text="x"),
        ):
            with pytest.raises(NotMember):
                henderson.ask(command)
        assert henderson.inbox() == []
        assert not any(state.unread for state in henderson.ask(commands.Conversations()).conversations)
        assert henderson.ask(commands.Groups()).groups == []

    def test_the_kicked_comes_back_by_invitation_of_an_admin(
        self, house: House, messi: Client, henderson: Client
    ) -> None:
        lineker = house.client("lineker")
        lineker.ask(commands.Join(group="tim"))
        messi.ask(commands.Kick(group="tim", user="henderson"))
        house.restart()
        messi, henderson, lineker = (house.client(name) for name in ("messi", "henderson", "lineker"))
        with pytest.raises(NotAllowed):
            henderson.ask(commands.Join(group="tim"))
        with pytest.raises(NotAllowed):
            lineker.ask(commands.Invite(group="tim", user="henderson"))
        messi.ask(commands.Invite(group="tim", user="henderson"))
        with pytest.raises(NotMember):
            texts(henderson)
        henderson.ask(commands.Join(group="tim"))
        messi.send("tim", "again")
        assert texts(henderson) == ["again"]

    def test_nobody_kicks_itself_or_who_is_not_there(self, messi: Client, henderson: Client) -> None:
        with pytest.raises(NotAllowed):
            messi.ask(commands.Kick(group="tim", user="messi"))
        henderson.ask(commands.Leave(group="tim"))
        for user in ("henderson", "nobody"):
            with pytest.raises(NotMember):
                messi.ask(commands.Kick(group="tim", user=user))

    def test_the_owner_cannot_be_kicked(self, messi: Client, henderson: Client) -> None:
        messi.ask(commands.SetRole(group="tim", user="henderson", role="admin"))
        with pytest.raises(NotAllowed, match="the owner of a group cannot be kicked"):
            henderson.ask(commands.Kick(group="tim", user="messi"))
        assert messi.ask(commands.Group(group="tim")).role == "owner"

    def test_the_edges_hold_within_one_batch(self, house: House, messi: Client, henderson: Client) -> None:
        henderson.listen()
        henderson.send("tim", "to have the route")
        house.faults.hold()
        messi.begin(Send(to="tim", text="a"))
        kicked = messi.begin(commands.Kick(group="tim", user="henderson"))
        house.turn()
        refused = henderson.begin(Send(to="tim", text="b"))
        messi.begin(Send(to="tim", text="c"))
        house.faults.release()
        house.turn()
        assert kicked == [events.Done()]
        assert isinstance(refused[0], NotMember)
        assert [(event.kind, event.text) for event in henderson.messages()] == [("text", "a"), ("kicked", "")]


class TestNotices:
    def test_they_are_in_the_order_of_the_log(self, house: House, messi: Client, henderson: Client) -> None:
        messi.listen(own=True)
        henderson.ask(commands.Join(group="tim"))
        messi.send("tim", "halo")
        henderson.ask(commands.Leave(group="tim"))
        assert [(event.kind, event.from_, event.text) for event in messi.messages()] == [
            ("joined", "henderson@alpha", ""),
            ("text", "messi@alpha", "halo"),
            ("left", "henderson@alpha", ""),
        ]
        history = messi.history("tim").messages
        assert [(item.seq, item.mid, item.kind, item.at) for item in history] == [
            (event.seq, event.mid, event.kind, event.at) for event in messi.messages()
        ]

    def test_a_device_is_not_told_of_what_it_did_itself(self, house: House, messi: Client) -> None:
        phone, laptop = house.client("henderson", "phone"), house.client("henderson", "laptop")
        for client in (phone, laptop):
            client.listen()
        phone.ask(commands.Join(group="tim"))
        assert [[event.kind for event in client.messages()] for client in (phone, laptop)] == [[], ["joined"]]

    def test_they_are_no_mail_and_not_unread(self, house: House, messi: Client, henderson: Client) -> None:
        henderson.ask(commands.Join(group="tim"))
        messi.ask(commands.SetTopic(group="tim", topic="x"))
        (state,) = henderson.ask(commands.Conversations()).conversations
        assert state.unread == 0
        assert henderson.inbox() == henderson.ask(commands.InboxGroup(group="tim")).entries == []


class TestQuotas:
    def test_a_group_has_so_many_members(self) -> None:
        house = House(limits=Limits(members_per_group=2))
        messi, henderson, lineker = (house.client(name) for name in ("messi", "henderson", "lineker"))
        messi.ask(commands.Create(group="tim"))
        henderson.ask(commands.Join(group="tim"))
        with pytest.raises(QuotaReached):
            lineker.ask(commands.Join(group="tim"))
        messi.ask(commands.Invite(group="tim", user="lineker"))
        with pytest.raises(QuotaReached):
            lineker.ask(commands.Join(group="tim"))
        henderson.ask(commands.Leave(group="tim"))
        lineker.ask(commands.Join(group="tim"))

    def test_an_account_is_in_so_many_groups(self) -> None:
        house = House(limits=Limits(groups_per_account=2))
        messi, henderson = house.client("messi"), house.client("henderson")
        for group in ("a", "b"):
            messi.ask(commands.Create(group=group))
        henderson.ask(commands.Create(group="c"))
        with pytest.raises(QuotaReached):
            messi.ask(commands.Create(group="d"))
        with pytest.raises(QuotaReached):
            messi.ask(commands.Join(group="c"))
        messi.ask(commands.Leave(group="a"))
        messi.ask(commands.Join(group="c"))
        henderson.send("messi")  # other conversations do not count


#: What a command waits for when it has found the group, or all that it needs for it.
WAITS = ("member", "account", "blocks")


class TestLostBatches:
    """A command that was waiting when a batch was lost goes by what is on the disk, not by what was lost."""

    @pytest.mark.parametrize(
        "command",
        [
            commands.Join(group="tim"),
            commands.Leave(group="tim"),
            commands.Kick(group="tim", user="lineker"),
            commands.Invite(group="tim", user="amsal"),
            commands.DeleteAccount(password="surabaya"),
        ],
        ids=lambda command: type(command).__name__,
    )
    def test_it_looks_again(self, command: commands.Command) -> None:
        # Next to nothing is kept in memory, so that each command has to read, and can be overtaken.
        house = House(limits=Limits(cached_names=1))
        messi, henderson = house.client("messi"), house.client("Henderson")
        messi.ask(commands.Create(group="tim"))
        zoe = house.client("zoe")
        for client in (house.client("lineker"), zoe):
            client.ask(commands.Join(group="tim"))
        house.add("amsal")
        zoe.send("tim", "to hold the group in memory")
        house.slow.slow = True
        answers = (henderson if isinstance(command, commands.Join) else messi).begin(command)
        while not any(call.name in WAITS for call in house.slow.calls):
            house.slow.tell_oldest()
        house.faults.refuse_next()
        lost = zoe.begin(Send(to="tim", text="lost"))
        while not lost:
            house.turn()
            if any(call.name == "commit" for call in house.slow.calls):
                house.slow.tell_oldest("commit")
        assert isinstance(lost[0], StoreFull)
        house.slow.rush()
        house.turn()
        assert not isinstance(answers[0], ChatError)
        gseqs = [row.gseq for row in house.rows(MessageRow) if row.gseq]
        assert gseqs == list(range(1, len(gseqs) + 1))
        group = house.wait(house.realm.routes._group("tim"))
        assert group.gseq == len(gseqs)
        rows = [row for row in house.rows(MemberRow) if row.conversation == group.row.conversation]
        assert group.members == {row.member: row for row in rows if not row.until}

    def test_who_logs_out_joins_nothing(self, house: House, messi: Client, henderson: Client) -> None:
        other = house.client("henderson")
        house.slow.slow = True
        answers = henderson.begin(commands.Join(group="tim"))
        ended = other.begin(commands.Logout(everywhere=True))
        while not ended:
            house.turn()
            house.slow.tell_oldest(next(c.name for c in reversed(house.slow.calls)))
        house.slow.rush()
        house.turn()
        assert isinstance(answers[0], BadToken)


def test_a_refusal_is_a_chat_error_with_a_code(messi: Client) -> None:
    with pytest.raises(ChatError) as raised:
        messi.ask(commands.Join(group="nobody"))
    assert raised.value.code == "no-such-group"
