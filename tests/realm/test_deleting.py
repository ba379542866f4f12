"""Passwords that are changed and accounts that are deleted: who is out then, and what stays."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from twisted.internet.defer import Deferred
from zope.interface import implementer

from chatproto import commands
from chatproto.errors import (
    BadToken,
    GroupExists,
    LoginFailed,
    NoSuchUser,
    NotLoggedIn,
    StoreFull,
    UserExists,
    WrongPassword,
)
from chatproto.executors import InlineExecutor
from chatproto.interfaces import IExecutor
from chatproto.limits import Limits
from chatproto.realm import PasswordHasher
from chatproto.records import AccountRow, LoginRow, MemberRow, MessageRow, PasswordRow
from tests.realm.house import PASSWORD, Client, House


@implementer(IExecutor)
class HeldExecutor(InlineExecutor):
    """Runs what it is given when the test says so."""

    def __init__(self) -> None:
        self.held: Deferred[None] = Deferred()

    def run(self, work: Callable[..., Any], *arguments: Any) -> Deferred[Any]:
        return self.held.addCallback(lambda _: work(*arguments))


@pytest.fixture
def messi(house: House) -> Client:
    house.wait(house.realm.add_user("Messi", PASSWORD, "Lionel", "Argentina"))
    return house.client("messi")


def delete(client: Client) -> None:
    client.ask(commands.DeleteAccount(password=PASSWORD))


def log_in(house: House, user: str, password: str = PASSWORD) -> None:
    house.client().ask(commands.Login(user=user, password=password))


def resume(house: House, token: str) -> None:
    house.client().ask(commands.Resume(token=token))


def overtake(house: House, answers: list[Any]) -> None:
    """Let what was asked end before the store's oldest call returns, which is made now."""
    held = house.slow.calls[0]
    held.make()
    while not answers:
        house.turn()
        for call in house.slow.calls[:]:
            if call is not held:
                house.slow._tell(call)
    house.slow.rush()
    house.turn()


class TestChanging:
    def test_all_other_sessions_end_and_this_one_goes_on(self, house: House, messi: Client) -> None:
        phone, resting = house.client("messi", "phone"), house.client("messi")
        phone.listen()
        resting.session.closed()
        messi.ask(commands.NewPassword(old=PASSWORD, new="another"))
        assert phone.goodbyes == ["logged-out"]
        for client in (phone, resting):
            with pytest.raises(BadToken):
                resume(house, client.token)
        messi.ask(commands.Conversations())
        resume(house, messi.token)
        log_in(house, "messi", "another")
        with pytest.raises(WrongPassword):
            log_in(house, "messi")
        house.restart()
        resume(house, messi.token)
        with pytest.raises(BadToken):
            resume(house, phone.token)

    def test_it_takes_the_old_one(self, house: House, messi: Client) -> None:
        phone = house.client("messi", "phone")
        with pytest.raises(LoginFailed):
            messi.ask(commands.NewPassword(old="wrong", new="another"))
        phone.ask(commands.Conversations())
        log_in(house, "messi")

    def test_one_that_could_not_be_stored_ends_nothing(self, house: House, messi: Client) -> None:
        phone = house.client("messi", "phone")
        house.faults.refuse_next()
        with pytest.raises(StoreFull):
            messi.ask(commands.NewPassword(old=PASSWORD, new="another"))
        phone.ask(commands.Conversations())
        log_in(house, "messi")

    def test_a_login_under_way_with_the_old_one_comes_to_nothing(self, house: House, messi: Client) -> None:
        house.slow.slow = True
        late = house.client().begin(commands.Login(user="messi", password=PASSWORD))
        while house.slow.calls[0].name != "logins":  # the password was right
            house.slow.tell_oldest()
        overtake(house, messi.begin(commands.NewPassword(old=PASSWORD, new="another")))
        assert isinstance(late[0], WrongPassword)
        assert sum(not row.ended for row in house.rows(LoginRow)) == 1


class TestDeleting:
    def test_its_sessions_end(self, house: House, messi: Client) -> None:
        phone = house.client("messi", "phone")
        phone.listen()
        delete(messi)
        assert phone.goodbyes == ["logged-out"]
        for token in (messi.token, phone.token):
            with pytest.raises(BadToken):
                resume(house, token)
        with pytest.raises(NotLoggedIn):
            messi.ask(commands.Conversations())
        assert house.realm.present.accounts() == []
        assert all(row.ended for row in house.rows(LoginRow))

    def test_it_takes_the_password(self, house: House, messi: Client) -> None:
        with pytest.raises(LoginFailed):
            messi.ask(commands.DeleteAccount(password="wrong"))
        messi.ask(commands.Conversations())

    def test_the_name_is_retired_for_ever(self, house: House, messi: Client) -> None:
        henderson = house.client("henderson")
        delete(messi)
        for _ in range(2):
            for again in ("messi", "MESSI"):
                with pytest.raises(UserExists):
                    house.add(again)
                with pytest.raises(GroupExists):
                    henderson.ask(commands.Create(group=again))
                with pytest.raises(LoginFailed) as raised:
                    log_in(house, again)
                assert raised.value.text == LoginFailed.message
            house.restart()
            henderson = house.client("henderson")

    def test_nothing_is_left_of_what_it_told_of_itself(self, house: House, messi: Client) -> None:
        delete(messi)
        (row,) = house.rows(AccountRow)
        assert (row.shown, row.display, row.country, row.deleted > 0) == ("Messi", "Messi", "", True)
        assert house.rows(PasswordRow) == [PasswordRow("messi", "")]

    def test_what_it_sent_stays_and_nothing_is_sent_to_it(self, house: House, messi: Client) -> None:
        henderson = house.client("henderson")
        messi.send("henderson", "before")
        henderson.send("messi", "to have the route")
        delete(messi)
        for client in (henderson, house.client("lineker")):
            with pytest.raises(NoSuchUser):
                client.send("messi", "after")
        (first, _) = henderson.history("MESSI").messages
        assert (first.from_, first.text) == ("Messi@alpha", "before")
        assert [entry.msg_from for entry in henderson.inbox()] == ["Messi"]
        (state,) = henderson.ask(commands.Conversations()).conversations
        assert (state.with_, state.unread) == ("Messi@alpha", 1)

    def test_nobody_finds_it(self, house: House, messi: Client) -> None:
        henderson = house.client("henderson")
        henderson.ask(commands.Create(group="tim"))
        delete(messi)
        with pytest.raises(NoSuchUser):
            henderson.ask(commands.Invite(group="tim", user="messi"))
        with pytest.raises(NoSuchUser):
            henderson.ask(commands.Block(address="messi"))
        operator = Client(house, administrator=True)
        assert [user.user for user in operator.ask(commands.UserList()).users] == ["henderson"]
        for command in (
            commands.UserDelete(user="messi"),
            commands.UserPasswd(user="messi", password="x"),
            commands.SessionList(user="messi"),
        ):
            with pytest.raises(NoSuchUser):
                operator.ask(command)

    def test_an_operator_may(self, house: House, messi: Client) -> None:
        messi.listen()
        Client(house, administrator=True).ask(commands.UserDelete(user="MESSI"))
        assert messi.goodbyes == ["logged-out"]
        with pytest.raises(LoginFailed):
            log_in(house, "messi")

    def test_one_that_could_not_be_stored_is_still_there(self, house: House, messi: Client) -> None:
        messi.ask(commands.Create(group="tim"))
        henderson = house.client("henderson")
        henderson.ask(commands.Join(group="tim"))
        house.faults.refuse_next()
        with pytest.raises(StoreFull):
            delete(messi)
        log_in(house, "messi")
        henderson.send("messi", "still there")
        again = house.client("messi")
        house.slow.slow = True
        answers = again.begin(commands.DeleteAccount(password=PASSWORD))
        commits = 0
        while not answers:
            house.turn()
            if house.slow.calls and house.slow.calls[0].name == "commit":
                commits += 1
                if commits == 2:  # the first ends the sessions
                    house.faults.refuse_next()
            if house.slow.calls:
                house.slow.tell_oldest()
        house.slow.slow = False
        assert isinstance(answers[0], StoreFull)
        page = house.client("messi").ask(commands.Members(group="tim"))
        assert page.roles == {"Messi@alpha": "owner"}
        assert [row.gseq for row in house.rows(MessageRow) if row.gseq] == [1]
        delete(house.client("messi"))
        assert henderson.ask(commands.Members(group="tim")).roles == {"henderson@alpha": "owner"}


class TestAtOnce:
    def test_two_devices_that_delete_it(self, house: House, messi: Client) -> None:
        messi.ask(commands.Create(group="tim"))
        twin = house.client("messi")
        answers = [client.begin(commands.DeleteAccount(password=PASSWORD)) for client in (messi, twin)]
        house.turn()
        assert all(answers)
        assert [row.kind for row in house.rows(MessageRow)] == ["left"]

    def test_a_login_under_way_comes_to_nothing(self, house: House, messi: Client) -> None:
        house.slow.slow = True
        late = house.client().begin(commands.Login(user="messi", password=PASSWORD))
        while house.slow.calls[0].name != "logins":
            house.slow.tell_oldest()
        overtake(house, messi.begin(commands.DeleteAccount(password=PASSWORD)))
        assert isinstance(late[0], LoginFailed)
        assert all(row.ended for row in house.rows(LoginRow))

    def test_a_join_under_way_joins_nothing_or_leaves_again(self, house: House, messi: Client) -> None:
        house.client("henderson").ask(commands.Create(group="tim"))
        for reads in range(6):
            house.add(f"u{reads}")
            client, twin = house.client(f"u{reads}"), house.client(f"u{reads}")
            house.slow.slow = True
            joined = client.begin(commands.Join(group="tim"))
            for _ in range(reads):
                if house.slow.calls:
                    house.slow.tell_oldest()
                    house.turn()
            deleted = twin.begin(commands.DeleteAccount(password=PASSWORD))
            house.slow.rush()
            for _ in range(10):
                house.turn()
            assert joined
            assert deleted
        assert [row.member for row in house.rows(MemberRow) if not row.until] == ["henderson@alpha"]

    def test_a_lost_batch_meanwhile(self) -> None:
        house = House(limits=Limits(cached_names=1))
        messi, zoe = house.client("messi"), house.client("zoe")
        messi.ask(commands.Create(group="tim"))
        zoe.ask(commands.Join(group="tim"))
        zoe.send("tim", "to hold the group in memory")
        house.slow.slow = True
        answers = messi.begin(commands.DeleteAccount(password=PASSWORD))
        while not any(call.name == "memberships" for call in house.slow.calls):
            house.turn()
            house.slow.tell_oldest()
        house.slow.tell_oldest("memberships")
        assert [call.name for call in house.slow.calls] == ["account"]  # what the heir is called
        house.faults.refuse_next()
        lost = zoe.begin(commands.Send(to="tim", text="lost"))
        overtake(house, lost)
        assert isinstance(lost[0], StoreFull)
        assert not isinstance(answers[0], Exception)
        assert [row.gseq for row in house.rows(MessageRow)] == [1, 2, 3, 4]
        assert house.wait(house.realm.routes._group("tim")).gseq == 4

    def test_a_password_that_is_set_meanwhile_is_none(self, house: House) -> None:
        executor = HeldExecutor()
        house.add("messi")
        house.hasher = PasswordHasher(executor, cheap=True)
        house.restart()
        operator, other = (Client(house, administrator=True) for _ in range(2))
        late = operator.begin(commands.UserPasswd(user="messi", password="another"))
        house.turn()
        other.ask(commands.UserDelete(user="messi"))
        executor.held.callback(None)
        house.turn()
        assert isinstance(late[0], NoSuchUser)
        assert house.rows(PasswordRow) == [PasswordRow("messi", "")]
