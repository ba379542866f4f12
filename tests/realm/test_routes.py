"""Routes: found once, kept by the session, made anew when a rule changed."""

from __future__ import annotations

import pytest

from chatproto import commands
from chatproto.errors import NoSuchGroup, NoSuchRealm, NoSuchUser, NotMember
from chatproto.realm import routes
from chatproto.records import ConversationRow, MemberRow
from tests.realm.house import Client, House


@pytest.fixture
def messi(house: House) -> Client:
    house.add("henderson")
    return house.client("Messi")


def test_an_address_is_local_unless_it_names_a_realm(house: House) -> None:
    find = house.realm.routes.address
    assert str(find("Henderson")) == str(find("Henderson@ALPHA")) == "Henderson@alpha"
    with pytest.raises(NoSuchRealm):
        find("henderson@beta")
    for name in ("", "@alpha", "a b", "henderson@", "henderson@not a realm"):
        with pytest.raises(NoSuchUser):
            find(name)


def test_a_route_is_kept_until_a_membership_changes(house: House, messi: Client) -> None:
    known = house.realm.routes.known
    assert known(messi.login, "henderson") is None
    messi.send("henderson")
    route = known(messi.login, "henderson")
    assert route is not None
    messi.send("henderson")
    assert known(messi.login, "henderson") is route
    house.client("henderson").ask(commands.Create(group="tim"))
    assert known(messi.login, "henderson") is None


def test_the_way_it_is_written_is_remembered_apart(house: House, messi: Client) -> None:
    for to in ("henderson", "HENDERSON", "henderson@alpha"):
        messi.send(to)
    assert len(house.rows(ConversationRow)) == 1
    assert len({id(route.conversation) for route in messi.login.routes.values()}) == 1


def test_a_session_keeps_only_so_many(house: House, messi: Client, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(routes, "_ROUTES", 3)
    house.add("ani", "budi", "cici")
    for _ in range(2):
        messi.send(["ani", "budi", "cici"])
        messi.send("henderson")
    assert len(messi.login.routes) <= 3


def test_a_conversation_is_made_by_its_first_message_and_never_without_one(
    house: House, messi: Client
) -> None:
    messi.history("henderson")
    assert house.rows(ConversationRow) == []
    messi.send("henderson")
    house.client("henderson").send("messi")
    (row,) = house.rows(ConversationRow)
    assert (row.a, row.b) == ("henderson@alpha", "messi@alpha")
    assert (row.shown_a, row.shown_b) == ("henderson@alpha", "Messi@alpha")
    assert {member.member for member in house.rows(MemberRow)} == {row.a, row.b}


def test_two_who_begin_it_at_once_begin_one(house: House, messi: Client) -> None:
    henderson = house.client("henderson")
    house.slow.slow = True
    pairs = ((messi, "henderson"), (henderson, "messi"))
    answers = [client.begin(commands.Send(to=to, text="x")) for client, to in pairs]
    while not all(answers):
        house.turn()
        if house.slow.calls:
            house.slow.tell_oldest()
    house.slow.rush()
    assert len(house.rows(ConversationRow)) == 1
    assert len(messi.history("henderson").messages) == 2


def test_what_is_missing_has_its_own_error(house: House, messi: Client) -> None:
    house.client("henderson").ask(commands.Create(group="tim"))
    for to, kind in (("nobody", NoSuchUser), ("tim", NotMember)):
        with pytest.raises(kind):
            house.wait(house.realm.routes.find(messi.login, to))
    for name in ("nobody", "henderson", "a b"):
        with pytest.raises(NoSuchGroup):
            messi.ask(commands.Members(group=name))
