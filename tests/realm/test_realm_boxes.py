"""Realm boxes: what stands in which, who may fill them, and who is shown as the sender."""

from __future__ import annotations

import pytest

from chatproto import commands, events
from chatproto.errors import BadName, ChatError, NoSuchRealm, NoSuchUser, NotAllowed, RealmExists
from chatproto.events import Reply
from chatproto.frames import Ask
from chatproto.names import RealmName
from chatproto.realm.remotes import NoAdding
from chatproto.records import AliasRow, Outcome
from tests.realm.house import Client, House
from tests.realm.links import ALPHA, BETA, Links, arrive, item, linked, outgoing, tell

GAMMA = RealmName("gamma")


@pytest.fixture
def links(house: House) -> Links:
    house.wait(house.realm.older.aliases.add("R2", BETA))
    return linked(house, "beta", "gamma")


@pytest.fixture
def messi(house: House) -> Client:
    return house.client("messi")


def box(client: Client, name: str) -> list[tuple[str, str]]:
    """Take what is in a box: who is shown, and the text."""
    taken: events.RealmBoxTaken = client.ask(commands.RealmInbox(realm=name))
    return [(each.msg_from, each.msg) for each in taken.entries]


def send(client: Client, realm: str, to: str = "amsal", text: str = "halo") -> list[Reply | ChatError]:
    """Send to a realm, and return the answers that came, and will."""
    answers = client.begin(commands.SendRealm(realm=realm, to=to, text=text))
    client.house.turn()
    return answers


class TestAliases:
    def test_one_means_one_realm_for_ever(self, house: House) -> None:
        aliases = house.realm.older.aliases
        house.wait(aliases.add("R2", BETA))
        house.wait(aliases.add("r2", BETA))
        with pytest.raises(RealmExists):
            house.wait(aliases.add("r2", GAMMA))
        house.wait(aliases.add("two", BETA))
        house.wait(aliases.add("us", ALPHA))
        house.restart()
        aliases = house.realm.older.aliases
        found = [aliases.find(word) for word in ("R2", "r2", "TWO", "us", "beta")]
        assert found == [BETA, BETA, BETA, ALPHA, None]
        assert [row.shown for row in house.rows(AliasRow)] == ["R2", "two", "us"]

    def test_it_goes_before_the_name_of_a_realm(self, house: House, links: Links) -> None:
        aliases = house.realm.older.aliases
        with pytest.raises(RealmExists):
            house.wait(aliases.add("gamma", BETA))
        house.wait(aliases.add("gamma", GAMMA))
        house.wait(aliases.add("alpha", BETA))  # as the other end calls the link
        assert aliases.here("ALPHA") == (BETA, "alpha")
        assert aliases.here("r2") == (BETA, "r2")
        assert aliases.there("r2") == (BETA, "R2")
        assert aliases.here("beta") == (BETA, "beta")
        assert aliases.there("beta") == (BETA, "alpha")
        for word in ("delta", "", "a b"):
            with pytest.raises(NoSuchRealm):
                aliases.here(word)
        for word in ("", "a b", "11111111-1111-4111-8111-111111111111"):
            with pytest.raises(BadName):
                house.wait(aliases.add(word, BETA))

    def test_another_realm_names_the_link_only_in_a_lab(self, house: House, links: Links) -> None:
        with pytest.raises(NotAllowed):
            house.wait(house.realm.answer(BETA, Ask(number=1, about="alias", name="r9")))
        house.realm.older.adding = Lab()
        assert house.wait(house.realm.answer(BETA, Ask(number=1, about="alias", name="r9"))) == {}
        assert house.wait(house.realm.answer(BETA, Ask(number=2, about="alias", name="r9"))) == {}
        for name in ("r9", "beta", "a b"):
            ask = Ask(number=3, about="alias", name=name)
            assert house.wait(house.realm.answer(GAMMA, ask)) == {"taken": True}
        assert house.realm.older.aliases.find("r9") == BETA


class Lab(NoAdding):
    """Lets realms name links, as :class:`chatproto.federation.adding.Adding` does."""

    def open(self) -> bool:
        return True


class TestBoxes:
    def test_an_item_stands_in_its_box_only(self, house: House, messi: Client, links: Links) -> None:
        messi.listen()
        assert arrive(house, BETA, item(box="r2")) == ""
        assert messi.texts == ["halo"]
        assert messi.inbox() == []
        assert box(messi, "R2") == [("Amsal", "halo")]
        assert box(messi, "r2") == box(messi, "beta") == []
        house.restart()
        linked(house, "beta")
        messi = house.client("messi")
        assert box(messi, "r2") == []
        assert messi.inbox() == []

    def test_a_realm_fills_only_its_own_boxes(self, house: House, messi: Client, links: Links) -> None:
        arrive(house, GAMMA, item(mid="gamma/1", from_="amsal@gamma", box="R2"))
        arrive(house, BETA, item(mid="beta/1", box="alpha"))
        arrive(house, BETA, item(mid="beta/2", box="r7", name=""))
        assert box(messi, "r2") == []
        assert box(messi, "gamma") == [("Amsal", "halo")]
        assert box(messi, "beta") == [("amsal", "halo"), ("amsal", "halo")]

    def test_mail_is_found_behind_many_of_them(self, house: House, messi: Client, links: Links) -> None:
        for number in range(450):
            arrive(
                house, BETA, item(mid=f"beta/{number}", text=str(number), box="" if number == 420 else "r2")
            )
        assert [entry.msg for entry in messi.inbox()] == ["420"]
        assert len(box(messi, "r2")) == 449
        arrive(house, BETA, item(mid="beta/a"))
        assert [entry.msg for entry in messi.inbox()] == ["halo"]

    def test_an_item_for_a_box_says_so(self, house: House, messi: Client, links: Links) -> None:
        answers = send(messi, "r2")
        assert answers == []
        ((waiting),) = outgoing(house, BETA)
        assert (waiting.to, waiting.row.box) == ("amsal@beta", "R2")
        links.verdicts[BETA, 1].callback(Outcome())
        house.turn()
        assert answers == [events.SentToRealm()]
        send(messi, "beta")
        assert outgoing(house, BETA, 1)[0].row.box == "alpha"

    def test_one_unknown_name_refuses_a_whole_list(self, house: House, messi: Client, links: Links) -> None:
        house.wait(house.realm.older.aliases.add("Us", ALPHA))
        henderson = house.client("henderson")
        (answer,) = messi.begin(commands.SendGroupRealm(realm="us", to="henderson,nobody,,zzz", text="halo"))
        assert isinstance(answer, NoSuchUser)
        assert answer.text == "there is no such user or group: nobody, zzz"
        assert (henderson.inbox(), box(henderson, "us")) == ([], [])
        assert outgoing(house, BETA) == []

    def test_a_refusal_is_told_once(self, house: House, messi: Client, links: Links) -> None:
        answers = send(messi, "r2")
        (first,) = outgoing(house, BETA)
        tell(house, lambda: house.realm.bounces.bounce(first, "no-such-user"))
        links.verdicts[BETA, 1].callback(Outcome("no-such-user"))
        house.turn()
        assert isinstance(answers[0], NoSuchUser)
        assert (box(messi, "r2"), messi.inbox()) == ([], [])

    @pytest.mark.parametrize("together", [True, False])
    def test_so_is_that_of_a_whole_list(
        self, house: House, messi: Client, links: Links, together: bool
    ) -> None:
        answers = messi.begin(commands.SendGroupRealm(realm="r2", to="amsal,budi", text="halo"))
        house.turn()
        for waiting in outgoing(house, BETA):
            tell(house, lambda waiting=waiting: house.realm.bounces.bounce(waiting, "not-found"))  # type: ignore[misc]
            if not together:
                links.verdicts[BETA, waiting.row.number].callback(Outcome("not-found"))
        for number in (1, 2) if together else ():
            links.verdicts[BETA, number].callback(Outcome("not-found"))
        house.turn()
        assert [type(answer).__name__ for answer in answers] == ["NotFoundThere"]
        assert (box(messi, "r2"), messi.inbox()) == ([], [])

    def test_what_is_refused_of_a_list_stands_in_the_box(
        self, house: House, messi: Client, links: Links
    ) -> None:
        answers = messi.begin(commands.SendGroupRealm(realm="r2", to="amsal,budi", text="halo"))
        house.turn()
        first, _ = outgoing(house, BETA)
        tell(house, lambda: house.realm.bounces.bounce(first, "blocked"))
        links.verdicts[BETA, 1].callback(Outcome("blocked"))
        links.verdicts[BETA, 2].callback(Outcome())
        house.turn()
        assert answers == [events.SentToGroupInRealm()]
        assert box(messi, "r2") == [("amsal", "(not delivered: blocked)")]

    def test_one_that_comes_late_stands_in_the_box(self, house: House, messi: Client, links: Links) -> None:
        for realm in ("r2", "gamma"):
            answers = send(messi, realm)
            house.turn(4)
            assert answers == [events.SentToRealm()]
        for realm, name in (("beta", "r2"), ("gamma", "gamma")):
            (waiting,) = outgoing(house, realm)
            tell(house, lambda waiting=waiting: house.realm.bounces.bounce(waiting, "blocked"))  # type: ignore[misc]
            assert box(messi, name) == [("amsal", "(not delivered: blocked)")]
        assert messi.inbox() == []

    def test_an_alias_of_this_realm_has_boxes_too(self, house: House, messi: Client) -> None:
        house.wait(house.realm.older.aliases.add("Us", ALPHA))
        henderson = house.client("henderson")
        assert send(messi, "us", "HENDERSON") == [events.SentToRealm()]
        assert isinstance(send(messi, "us", "nobody")[0], NoSuchUser)
        assert isinstance(send(messi, "alpha", "henderson")[0], NoSuchRealm)
        assert henderson.inbox() == []
        assert box(henderson, "us") == [("messi", "halo")]


class TestSenders:
    def test_one_of_a_neighbour_is_shown_by_name(self, house: House, messi: Client, links: Links) -> None:
        house.client("henderson")
        arrive(house, BETA, item(mid="beta/1"))
        arrive(house, BETA, item(mid="beta/2", from_="Henderson@beta", name="Jordan Henderson"))
        arrive(house, GAMMA, item(mid="gamma/1", from_="amsal@gamma", name="Another Amsal"))
        assert [(each.sender, each.msg_from) for each in messi.inbox()] == [
            ("amsal", "amsal"),
            ("Henderson@beta", "Henderson"),
            ("amsal@gamma", "amsal"),
        ]
