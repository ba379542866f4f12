"""The log of a group in other realms: after crashes, old copies of stores, lost batches, and nonsense."""

from __future__ import annotations

import pytest

from chatproto import commands
from chatproto.errors import NoSuchGroup
from chatproto.frames import Digest, Entry, Start
from chatproto.records import LifeRow, MemberRow, MessageRow, ReplicaRow, SubscriptionRow
from tests.realm.circle import ALPHA, BETA, GAMMA, Circle, log, members, take
from tests.realm.house import Client, House
from tests.realm.test_far_groups import act, join, same, texts


@pytest.fixture
def circle() -> Circle:
    return Circle()


@pytest.fixture
def alpha(circle: Circle) -> House:
    return circle.houses[ALPHA]


@pytest.fixture
def beta(circle: Circle) -> House:
    return circle.houses[BETA]


@pytest.fixture
def messi(circle: Circle) -> Client:
    client = circle.client("messi@alpha")
    client.ask(commands.Create(group="Fans"))
    return client


@pytest.fixture
def amsal(circle: Circle, messi: Client) -> Client:
    client = circle.client("amsal@beta")
    join(circle, client)
    return client


def copy_of(house: House) -> ReplicaRow:
    (row,) = house.rows(ReplicaRow)
    return row


def entry(number: int, **fields: object) -> Entry:
    """Return an entry as the home may say it."""
    given = {
        "stream": "Fans@alpha",
        "number": number,
        "mid": f"alpha/m{number}",
        "from_": "messi@alpha",
        "text": "halo",
        "at": 1_700_000_000_000,
        "epoch": "e",
    }
    return Entry(**{**given, **fields})  # type: ignore[arg-type]  # any of them


class TestWhereItGoesOn:
    def test_is_known_after_a_crash(
        self, circle: Circle, alpha: House, beta: House, messi: Client, amsal: Client
    ) -> None:
        messi.send("fans", "one")
        circle.carry()
        circle.reopen(BETA, crash=True)
        circle.reopen(ALPHA, crash=True)
        circle.client("messi@alpha").send("fans", "two")
        circle.carry()
        assert texts(circle.client("amsal@beta")) == ["one", "two"]
        same(circle, "beta")
        assert [life.last for life in beta.rows(LifeRow)] == [2]
        assert [last for _, last in beta.wait(beta.realm.replicas.lives("FANS@alpha"))] == [3, 2]

    def test_is_written_once_a_second(
        self, circle: Circle, alpha: House, messi: Client, amsal: Client
    ) -> None:
        for _ in range(10):
            messi.send("fans")
            circle.carry()
        before = alpha.realm.writer.committed
        assert alpha.rows(SubscriptionRow)[0].number < 11
        alpha.turn(1.0)
        assert alpha.rows(SubscriptionRow)[0].number == 11
        assert alpha.realm.writer.committed == before + 1
        alpha.turn(5.0)
        assert alpha.realm.writer.committed == before + 1

    def test_is_written_at_the_end(self, circle: Circle, alpha: House, messi: Client, amsal: Client) -> None:
        messi.send("fans")
        circle.carry()
        circle.reopen(ALPHA)
        assert alpha.rows(SubscriptionRow)[0].number == 2

    def test_does_not_open_what_ends_meanwhile(
        self, circle: Circle, alpha: House, messi: Client, amsal: Client
    ) -> None:
        messi.send("fans")
        circle.carry()
        alpha.faults.hold()
        answers = messi.begin(commands.Kick(group="fans", user="amsal@beta"))
        alpha.turn(3.0)
        alpha.faults.release()
        alpha.turn(3.0)
        assert answers
        (row,) = alpha.rows(SubscriptionRow)
        assert (row.until, row.number) == (3, 2)

    def test_is_the_last_place_that_both_have_when_the_home_is_older(
        self, circle: Circle, alpha: House, beta: House, messi: Client, amsal: Client
    ) -> None:
        messi.send("fans", "kept")
        circle.carry()
        backup = alpha.disk.backup()
        messi.send("fans", "lost")
        amsal.send("fans@alpha", "returned")
        circle.carry()
        assert texts(amsal) == ["kept", "lost", "returned"]
        circle.reopen(ALPHA, backup=backup)
        again = circle.client("messi@alpha")
        again.send("fans", "new")
        circle.carry()
        assert texts(again, "fans") == ["kept", "new"]
        assert texts(amsal) == ["kept", "lost", "returned", "new"]
        assert [text for *_, text in log(beta, "fans@alpha") if text] == ["kept", "new"]
        same(circle, "beta")

    def test_what_comes_again_takes_its_new_number(
        self, circle: Circle, alpha: House, beta: House, messi: Client, amsal: Client
    ) -> None:
        backup = alpha.disk.backup()
        messi.send("fans", "lost")
        amsal.send("fans@alpha", "returned")
        circle.carry()
        (mid,) = [row.mid for row in beta.rows(MessageRow) if row.text == "returned" and row.gseq]
        circle.reopen(ALPHA, backup=backup)
        circle._items[BETA, ALPHA] = 1  # the outbox is sent again, as the home knows nothing of it
        circle.carry()
        found = [row for row in beta.rows(MessageRow) if row.mid == mid and row.device == -1]
        assert [(row.text, row.gseq) for row in found] == [("returned", 2)]
        same(circle, "beta")

    def test_is_before_what_an_older_copy_lost(
        self, circle: Circle, alpha: House, beta: House, messi: Client, amsal: Client
    ) -> None:
        backup = beta.disk.backup()
        messi.send("fans", "one")
        circle.carry()
        messi.send("fans", "two")
        circle.carry()
        circle.reopen(BETA, backup=backup)
        circle.carry()
        assert texts(circle.client("amsal@beta")) == ["one", "two"]
        same(circle, "beta")

    def test_an_end_that_the_home_forgot(
        self, circle: Circle, alpha: House, beta: House, messi: Client
    ) -> None:
        backup = alpha.disk.backup()
        amsal = circle.client("amsal@beta")
        join(circle, amsal)
        messi.send("fans", "one")
        circle.carry()
        circle.reopen(ALPHA, backup=backup)
        amsal.listen()
        assert [row.group for row in beta.realm.replicas.of(ALPHA)] == ["fans@alpha"]
        beta.wait(beta.realm.replicas.end(ALPHA, "Fans@alpha"))  # as nobody there has a subscription
        assert [(each.kind, each.from_) for each in amsal.messages()] == [("left", "amsal@beta")]
        assert beta.realm.replicas.of(ALPHA) == []
        join(circle, amsal)
        circle.client("messi@alpha").send("fans", "two")
        circle.carry()
        assert texts(amsal) == ["two"]
        same(circle, "beta")


class TestMembership:
    def test_lost_with_the_home_is_corrected(
        self, circle: Circle, alpha: House, beta: House, messi: Client, amsal: Client
    ) -> None:
        budi = circle.client("budi@beta")
        join(circle, budi)
        backup = alpha.disk.backup()
        messi.ask(commands.Kick(group="fans", user="budi@beta"))
        join(circle, circle.client("cahya@beta"))
        join(circle, circle.client("dewi@gamma"))
        circle.carry()
        same(circle, "beta")
        circle.reopen(ALPHA, backup=backup)
        circle.carry()
        assert set(members(beta, "fans@alpha")) == {"messi@alpha", "amsal@beta", "budi@beta"}
        circle.client("messi@alpha").send("fans", "back")
        circle.carry()
        assert texts(budi)[-1] == "back"
        same(circle, "beta")

    def test_is_not_taken_over_behind_what_changed_it(
        self, circle: Circle, beta: House, messi: Client, amsal: Client
    ) -> None:
        replicas = beta.realm.replicas
        old = [("messi@alpha", "owner"), ("amsal@beta", "member")]
        number = replicas.number("fans@alpha")
        join(circle, circle.client("budi@beta"))
        assert not beta.wait(replicas.correct(ALPHA, "fans@alpha", old, number))
        assert not beta.wait(replicas.correct(ALPHA, "fans@alpha", old, number + 2))
        assert "budi@beta" in members(beta, "fans@alpha")
        messi.send("fans")
        circle.carry()
        assert beta.wait(replicas.correct(ALPHA, "fans@alpha", old, number + 1))
        assert "budi@beta" not in members(beta, "fans@alpha")

    def test_is_for_the_home_to_say(self, circle: Circle, beta: House, messi: Client, amsal: Client) -> None:
        replicas = beta.realm.replicas
        assert beta.wait(replicas.correct(GAMMA, "fans@alpha", [], 1))
        beta.wait(replicas.end(GAMMA, "fans@alpha"))
        digest = Digest(stream="fans@alpha", number=1, members="", topic="x")
        replicas.settings(GAMMA, digest)
        assert replicas.judge(GAMMA, entry(2)) == "no-such-group"
        assert len(members(beta, "fans@alpha")) == 2
        assert beta.rows(ReplicaRow)[0].over is False

    def test_is_told_to_those_only_who_have_a_copy(
        self, circle: Circle, alpha: House, messi: Client, amsal: Client
    ) -> None:
        found = alpha.wait(alpha.realm.copies.members(BETA, "fans@alpha", "", 1))
        assert (found.members, found.complete) == ([("amsal@beta", "member")], False)
        for realm, group in ((GAMMA, "fans@alpha"), (BETA, "x@alpha"), (BETA, "fans@beta")):
            with pytest.raises(NoSuchGroup):
                alpha.wait(alpha.realm.copies.members(realm, group, "", 9))


class TestWindows:
    def test_are_those_of_the_home(
        self, circle: Circle, alpha: House, beta: House, messi: Client, amsal: Client
    ) -> None:
        budi, cahya = circle.client("budi@beta"), circle.client("cahya@alpha")
        for number, doing in enumerate(
            [
                lambda: act(circle, budi, commands.Join(group="fans@alpha")),
                lambda: cahya.ask(commands.Join(group="fans")),
                lambda: act(circle, budi, commands.Leave(group="fans@alpha")),
                lambda: messi.ask(commands.Kick(group="fans", user="cahya")),
            ]
        ):
            messi.send("fans", str(number))
            doing()
        messi.send("fans", "end")
        circle.carry()
        assert texts(amsal) == ["0", "1", "2", "3", "end"]
        assert texts(budi) == ["1", "2"]
        assert texts(budi) == [
            each.text for each in budi.history("fans@alpha", limit=200).messages if each.text
        ]

    def test_open_with_the_past(self, circle: Circle, beta: House, messi: Client, amsal: Client) -> None:
        messi.send("fans", "one")
        budi = circle.client("budi@beta")
        join(circle, budi)
        assert texts(budi) == []
        messi.ask(commands.Configure(group="fans", history="all"))
        circle.carry()
        assert texts(budi) == texts(amsal) == ["one"]

    def test_of_one_who_listens_end_with_it(self, circle: Circle, messi: Client, amsal: Client) -> None:
        budi = circle.client("budi@beta")
        join(circle, budi)
        budi.listen()
        messi.send("fans", "one")
        messi.ask(commands.Kick(group="fans", user="budi@beta"))
        messi.send("fans", "two")
        circle.carry()
        assert [each.kind for each in budi.messages()] == ["text", "kicked"]


class TestWhatMakesNoSense:
    @pytest.mark.parametrize(
        "fields",
        [
            {"kind": "file"},
            {"kind": "void"},
            {"mid": "nothing"},
            {"mid": "alpha/\u202e"},
            {"from_": "messi"},
            {"from_": "not a name@alpha"},
            {"text": "a\0b"},
            {"text": "x" * 20_000},
        ],
    )
    def test_is_a_placeholder(
        self, circle: Circle, beta: House, amsal: Client, fields: dict[str, object]
    ) -> None:
        amsal.listen()
        assert take(beta, ALPHA, entry(2, **fields)) == []
        assert amsal.messages() == []
        assert log(beta, "fans@alpha")[-1] == (2, "void", "Fans@alpha", "")
        assert take(beta, ALPHA, entry(3)) == []
        assert amsal.texts == ["halo"]
        assert copy_of(beta).number == 3

    @pytest.mark.parametrize(
        "fields",
        [
            {"kind": "left", "from_": "nobody@alpha"},
            {"kind": "kicked", "text": "nobody@alpha"},
            {"kind": "promoted", "text": ""},
            {"kind": "owner", "text": "nobody@alpha"},
            {"kind": "history", "text": "?"},
            {"kind": "access", "text": "?"},
        ],
    )
    def test_about_nobody_does_nothing(
        self, circle: Circle, beta: House, amsal: Client, fields: dict[str, object]
    ) -> None:
        assert take(beta, ALPHA, entry(2, **fields)) == []
        assert "amsal@beta" in members(beta, "fans@alpha")

    def test_is_known_by_its_number(self, circle: Circle, beta: House, amsal: Client) -> None:
        replicas = beta.realm.replicas
        assert replicas.judge(ALPHA, entry(1)) == "gap"
        assert replicas.judge(ALPHA, entry(3)) == "gap"
        assert replicas.judge(ALPHA, entry(2, stream="x@alpha")) == "no-such-group"

    @pytest.mark.parametrize(
        ("group", "code"), [("x@gamma", "not-yours"), ("x", "not-yours"), ("not a name@alpha", "bad-name")]
    )
    def test_is_no_group(self, beta: House, group: str, code: str) -> None:
        start = Start(stream=group, epoch="e", first=1, next=1)
        assert beta.wait(beta.realm.replicas.begin(ALPHA, start)) == code
        assert beta.rows(ReplicaRow) == []

    def test_a_name_of_a_third_realm_is_not_changed(self, circle: Circle, beta: House, amsal: Client) -> None:
        take(beta, ALPHA, entry(2, from_="budi@gamma", name="Budi"))
        take(beta, ALPHA, entry(3, from_="budi@gamma", name="Somebody else"))
        take(beta, ALPHA, entry(4, name="Lionel"))
        take(beta, ALPHA, entry(5, name="Leo"))
        named = {each.sender: each.msg_from for each in amsal.inbox()}
        assert named == {"budi@gamma": "Budi", "messi@alpha": "Leo"}


class TestLostBatches:
    def test_at_the_copy_lose_nothing(
        self, circle: Circle, beta: House, messi: Client, amsal: Client
    ) -> None:
        amsal.listen()
        beta.faults.refuse_next()
        assert take(beta, ALPHA, entry(2)) != []
        beta.faults.refuse_next()
        assert take(beta, ALPHA, entry(2, kind="joined", from_="budi@beta", text="")) != []
        assert beta.realm.replicas.number("fans@alpha") == 1
        assert take(beta, ALPHA, entry(2)) == []
        assert amsal.texts == ["halo"]
        assert copy_of(beta).number == 2
        assert "budi@beta" not in members(beta, "fans@alpha")

    def test_at_the_home_lose_nothing(
        self, circle: Circle, alpha: House, messi: Client, amsal: Client
    ) -> None:
        alpha.faults.refuse_next()
        messi.begin(commands.Kick(group="fans", user="amsal@beta"))
        alpha.turn()
        row = alpha.realm.copies.find(BETA, alpha.rows(SubscriptionRow)[0].conversation)
        assert row is not None
        assert row.until == 0
        messi.send("fans", "one")
        circle.carry()
        assert texts(amsal) == ["one"]

    def test_one_that_is_here_already_is_found(self, circle: Circle, beta: House, amsal: Client) -> None:
        replicas = beta.realm.replicas
        assert take(beta, ALPHA, entry(2, mid="alpha/x")) == []
        assert take(beta, ALPHA, entry(3, mid="alpha/x")) != []
        replicas.suspect("FANS@alpha")
        assert take(beta, ALPHA, entry(3, mid="alpha/x")) == []
        assert [number for number, *_ in log(beta, "fans@alpha")] == [1, 2, 3]
        assert amsal.history("fans@alpha", limit=9).messages[-1].mid == "alpha/x"
        assert [kind for _, kind, _, _ in log(beta, "fans@alpha")] == ["joined", "void", "text"]
        assert take(beta, ALPHA, entry(4, mid="alpha/y")) == []


def test_a_rejoin_before_the_end_is_told_goes_on(
    circle: Circle, alpha: House, beta: House, messi: Client, amsal: Client
) -> None:
    circle.away = {BETA}
    messi.send("fans", "one")
    messi.ask(commands.Kick(group="fans", user="amsal@beta"))
    messi.ask(commands.Invite(group="fans", user="amsal@beta"))
    circle.away = set()
    answers = amsal.begin(commands.Join(group="fans@alpha"))
    beta.turn()
    circle.carry_items(ALPHA, BETA)
    circle.carry_items(BETA, ALPHA)
    (row,) = alpha.rows(SubscriptionRow)
    assert (row.first, row.until) == (1, 0)
    circle.carry()
    assert len(answers) == 1
    assert [row.role for row in beta.rows(MemberRow) if row.member == "amsal@beta" and not row.until] != []
    same(circle, "beta")
