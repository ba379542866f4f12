"""What members of a copy read when the home has an older copy of its store, or tells the past of a group."""

from __future__ import annotations

from typing import Literal

import pytest

from chatproto import commands
from chatproto.errors import NotMember
from chatproto.frames import Start
from chatproto.records import GroupRow, MemberRow, MessageRow
from chatproto.store.tables import MemoryTables
from tests.realm.circle import ALPHA, BETA, Circle, log, members, take
from tests.realm.house import Client, House
from tests.realm.test_copies import copy_of, entry
from tests.realm.test_far_groups import act, join, same


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


def said(client: Client, group: str = "fans@alpha") -> list[str]:
    """Return what somebody reads of the group: texts, and kinds of notices."""
    return [each.text or each.kind for each in client.history(group, limit=200).messages]


def put_back(circle: Circle, backup: MemoryTables, again: int | None = None) -> Client:
    """Put back a copy of the home's store; of beta's items come those again that have a number above."""
    circle.reopen(ALPHA, backup=backup)
    if again is not None:
        circle._items[BETA, ALPHA] = again
    return circle.client("messi@alpha")


class TestWhatComesAgain:
    def test_stands_where_it_does_at_home(
        self, circle: Circle, alpha: House, beta: House, messi: Client, amsal: Client
    ) -> None:
        messi.send("fans", "kept")
        circle.carry()
        backup, items = alpha.disk.backup(), circle._items[BETA, ALPHA]
        for text in ("one", "two"):
            amsal.send("fans@alpha", text)
        circle.carry()
        messi = put_back(circle, backup, items)
        messi.send("fans", "new")
        circle.carry()
        assert said(messi, "fans")[1:] == said(amsal)[1:] == ["kept", "new", "one", "two"]
        rows = sorted(beta.rows(MessageRow), key=lambda row: row.seq)
        numbers = [row.gseq for row in rows if row.gseq]
        assert numbers == sorted(numbers)
        same(circle, "beta")

    def test_is_read_by_all_who_may_at_home(
        self, circle: Circle, alpha: House, messi: Client, amsal: Client
    ) -> None:
        backup, items = alpha.disk.backup(), circle._items[BETA, ALPHA]
        amsal.send("fans@alpha", "one")
        circle.carry()
        circle.away = {BETA}
        messi = put_back(circle, backup)
        messi.send("fans", "new")
        circle.away = set()
        circle.carry()
        budi = circle.client("budi@beta")
        join(circle, budi)
        budi.listen()
        circle._items[BETA, ALPHA] = items
        circle.carry()
        assert said(budi) == ["joined", "one"]
        assert budi.texts == ["one"]
        assert said(amsal) == ["joined", "new", "joined", "one"]

    def test_ends_who_left_where_it_does_at_home(
        self, circle: Circle, alpha: House, messi: Client, amsal: Client
    ) -> None:
        budi = circle.client("budi@beta")
        join(circle, budi)
        backup, items = alpha.disk.backup(), circle._items[BETA, ALPHA]
        act(circle, budi, commands.Leave(group="fans@alpha"))
        messi.send("fans", "lost")
        circle.carry()
        messi = put_back(circle, backup)
        messi.send("fans", "new")
        circle.carry()
        assert said(budi)[-1] == "new"
        circle._items[BETA, ALPHA] = items
        circle.carry()
        messi.send("fans", "later")
        circle.carry()
        assert said(budi)[-2:] == ["new", "left"]
        assert said(amsal)[-3:] == ["new", "left", "later"]
        same(circle, "beta")

    def test_is_looked_up_only_as_long_as_it_may_come(
        self, circle: Circle, beta: House, amsal: Client
    ) -> None:
        replicas = beta.realm.replicas
        replicas.suspect("FANS@alpha")
        assert list(replicas._suspects) == ["fans@alpha"]
        for number in range(2, 259):
            assert take(beta, ALPHA, entry(number)) == []
        assert replicas._suspects == {}
        assert take(beta, ALPHA, entry(259, mid="alpha/m7")) != []
        replicas.suspect("fans@alpha")
        assert take(beta, ALPHA, entry(259, mid="alpha/m7")) == []


class TestWhatTheHomeLost:
    def test_takes_placeholders_out_of_the_order(
        self, circle: Circle, alpha: House, beta: House, messi: Client, amsal: Client
    ) -> None:
        backup = alpha.disk.backup()
        assert take(beta, ALPHA, entry(2, kind="?")) == []
        assert take(beta, ALPHA, entry(3)) == []
        messi = put_back(circle, backup)
        messi.send("fans", "new")
        circle.carry()
        assert [(number, text) for number, _, _, text in log(beta, "fans@alpha")] == [(1, ""), (2, "new")]

    def test_does_not_let_in_who_is_no_member(
        self, circle: Circle, alpha: House, beta: House, messi: Client, amsal: Client
    ) -> None:
        budi = circle.client("budi@beta")
        backup = alpha.disk.backup()
        join(circle, budi)
        messi.send("fans", "lost")
        circle.carry()
        messi = put_back(circle, backup)
        budi.listen()
        messi.send("fans", "new")
        circle.carry()
        assert said(budi) == ["joined", "lost", "left"]
        assert [each.kind for each in budi.messages()] == ["left"]
        assert "budi@beta" not in members(beta, "fans@alpha")
        join(circle, budi)
        assert said(budi) == ["joined"]

    def test_gives_back_who_was_removed_what_it_might_read(
        self, circle: Circle, alpha: House, messi: Client, amsal: Client
    ) -> None:
        messi.send("fans", "kept")
        circle.carry()
        backup = alpha.disk.backup()
        messi.ask(commands.Kick(group="fans", user="amsal@beta"))
        circle.carry()
        with pytest.raises(NotMember):
            said(amsal)
        messi = put_back(circle, backup)
        circle.carry()
        messi.send("fans", "new")
        circle.carry()
        assert said(amsal) == ["joined", "kept", "kicked", "new"]
        same(circle, "beta")

    def test_gives_nobody_a_window_who_had_none(
        self, circle: Circle, alpha: House, beta: House, messi: Client, amsal: Client
    ) -> None:
        beta.add("budi")
        assert take(beta, ALPHA, entry(2, kind="joined", from_="budi@beta", text="")) == []
        (row,) = [row for row in beta.rows(MemberRow) if row.member == "budi@beta"]
        beta.wait(beta.realm.writer.save(removes=[row]))
        circle.reopen(BETA)
        assert take(beta, ALPHA, entry(3, kind="left", from_="budi@beta", text="")) == []
        epoch = copy_of(beta).epoch
        start = Start(stream="Fans@alpha", epoch=epoch, first=1, next=3)
        assert beta.wait(beta.realm.replicas.begin(ALPHA, start)) == ""
        assert "budi@beta" not in members(beta, "fans@alpha")

    def test_gives_back_an_end_of_which_a_later_life_made_another(
        self, circle: Circle, alpha: House, messi: Client, amsal: Client
    ) -> None:
        budi = circle.client("budi@beta")
        join(circle, budi)
        act(circle, budi, commands.Leave(group="fans@alpha"))
        backup = alpha.disk.backup()
        messi.send("fans", "lost")
        join(circle, budi)
        messi.ask(commands.Kick(group="fans", user="budi@beta"))
        circle.carry()
        put_back(circle, backup)
        circle.carry()
        assert said(budi) == ["joined", "left"]

    @pytest.mark.parametrize("history", ["joined", "all"])
    def test_of_what_newcomers_may_read_is_undone(
        self,
        circle: Circle,
        alpha: House,
        beta: House,
        messi: Client,
        amsal: Client,
        history: Literal["joined", "all"],
    ) -> None:
        messi.send("fans", "kept")
        if history == "all":
            messi.ask(commands.Configure(group="fans", history="all"))
        budi = circle.client("budi@beta")
        join(circle, budi)
        backup = alpha.disk.backup()
        other: Literal["joined", "all"] = "joined" if history == "all" else "all"
        messi.ask(commands.Configure(group="fans", history=other))
        circle.carry()
        put_back(circle, backup)
        circle.carry()
        assert ("kept" in said(budi)) is (history == "all")
        assert [row.history for row in beta.rows(GroupRow)] == [history]
        join(circle, circle.client("cahya@beta"))
        assert ("kept" in said(circle.client("cahya@beta"))) is (history == "all")

    def test_may_be_that_it_was_deleted(
        self, circle: Circle, alpha: House, beta: House, messi: Client, amsal: Client
    ) -> None:
        backup = alpha.disk.backup()
        messi.ask(commands.DeleteGroup(group="fans"))
        circle.carry()
        messi = put_back(circle, backup)
        circle.carry()
        messi.send("fans", "new")
        circle.carry()
        assert said(amsal) == ["joined", "deleted", "new"]
        same(circle, "beta")

    def test_is_done_again_when_it_was_interrupted(
        self, circle: Circle, alpha: House, beta: House, messi: Client, amsal: Client
    ) -> None:
        backup = alpha.disk.backup()
        messi.ask(commands.Kick(group="fans", user="amsal@beta"))
        circle.carry()
        messi = put_back(circle, backup)
        for _ in range(3):
            beta.faults.refuse_next()
            try:
                circle.carry()
            except Exception:
                circle.cut()
        circle.carry()
        messi.send("fans", "new")
        circle.carry()
        assert said(amsal) == ["joined", "kicked", "new"]


class TestOpenWithThePast:
    def test_a_new_copy_has_it_for_its_first_member(self, circle: Circle, beta: House, messi: Client) -> None:
        messi.ask(commands.Configure(group="fans", history="all"))
        messi.ask(commands.Create(group="club", history="all"))
        for group in ("fans", "club"):
            messi.send(group, "one")
            amsal = circle.client("amsal@beta")
            act(circle, amsal, commands.Join(group=f"{group}@alpha"))
            assert said(amsal, f"{group}@alpha")[-2:] == ["one", "joined"]

    def test_as_it_was_when_somebody_joined(self, circle: Circle, beta: House, messi: Client) -> None:
        messi.ask(commands.Create(group="club", history="all"))
        messi.send("club", "one")
        circle.away = {BETA}
        amsal, budi = circle.client("amsal@beta"), circle.client("budi@beta")
        amsal.begin(commands.Join(group="club@alpha"))
        budi.begin(commands.Join(group="club@alpha"))
        beta.turn()
        circle.away = set()
        circle.carry_items(BETA, ALPHA)
        messi.ask(commands.Configure(group="club", history="joined"))
        circle.carry()
        cahya = circle.client("cahya@beta")
        act(circle, cahya, commands.Join(group="club@alpha"))
        assert "one" in said(amsal, "club@alpha")
        assert "one" in said(budi, "club@alpha")
        assert "one" not in said(cahya, "club@alpha")

    def test_a_copy_that_began_before_has_its_own_past(
        self, circle: Circle, messi: Client, amsal: Client
    ) -> None:
        messi.send("fans", "one")
        circle.carry()
        messi.ask(commands.Configure(group="fans", history="all"))
        circle.carry()
        budi = circle.client("budi@beta")
        join(circle, budi)
        assert said(budi) == said(amsal) == ["joined", "one", "all", "joined"]
