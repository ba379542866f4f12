"""Sessions: tokens, times, devices; and their end, wherever they are used."""

from __future__ import annotations

import msgspec
import pytest

from chatproto import commands, events
from chatproto.commands import Send
from chatproto.errors import (
    BadName,
    BadToken,
    ChatError,
    LoginFailed,
    NoSuchSession,
    NotLoggedIn,
    StoreFull,
)
from chatproto.executors import InlineExecutor
from chatproto.limits import Limits
from chatproto.names import is_uuid4
from chatproto.realm import PasswordHasher
from chatproto.realm.logins import hash_token
from chatproto.records import DeviceRow, LoginRow
from chatproto.records.keys import KEYS
from tests.realm.house import PASSWORD, Client, House
from tests.realm.test_passwords import HeldExecutor

DAY = 86400.0


def resume(house: House, token: str) -> Client:
    """Return a new connection that took up a session."""
    client = house.client()
    client.ask(commands.Resume(token=token))
    return client


class TestTokens:
    def test_a_token_takes_the_session_up_again_also_after_a_restart(self, house: House) -> None:
        token = house.client("messi").token
        assert house.client().ask(commands.Resume(token=token)) == events.LoggedIn(address="messi@alpha")
        house.restart()
        assert resume(house, token).login.account == "messi"

    def test_no_token_and_no_password_stands_on_the_disk(self, house: House) -> None:
        tokens = [house.client("messi").token]
        tokens.append(house.client().ask(commands.Login(user="messi", password=PASSWORD, compact=True)).token)
        rows = [row for kind in KEYS for row in house.rows(kind)]
        everything = repr([msgspec.structs.astuple(row) for row in rows])
        assert len(everything) > 100
        assert not [secret for secret in (*tokens, PASSWORD) if secret in everything]
        assert {row.token_hash for row in house.rows(LoginRow)} == {hash_token(token) for token in tokens}

    def test_tokens_are_long_and_in_the_shape_that_was_asked_for(self, house: House) -> None:
        messi = house.client("messi")
        assert len(messi.token) == 43
        compact = house.client().ask(commands.Login(user="messi", password=PASSWORD, compact=True)).token
        assert is_uuid4(compact)

    @pytest.mark.parametrize("token", ["", "x", "é" * 200])
    def test_another_token_is_none(self, house: House, token: str) -> None:
        with pytest.raises(BadToken):
            resume(house, token)
        with pytest.raises(BadToken):
            house.client().ask(commands.Inbox(), token=token)

    def test_a_token_is_told_when_its_session_is_durable(self, house: House) -> None:
        house.add("messi")
        client = house.client()
        house.faults.hold()
        answers = client.begin(commands.Login(user="messi", password=PASSWORD))
        house.turn()
        assert answers == []
        house.faults.release()
        house.turn()
        assert isinstance(answers[0], events.LoggedIn)


class TestTimes:
    @pytest.fixture
    def house(self) -> House:
        return House(limits=Limits(session_idle_seconds=30 * DAY, session_seconds=90 * DAY))

    def test_a_session_that_is_used_does_not_end_however_short_the_idle_time(self) -> None:
        house = House(limits=Limits(session_idle_seconds=600))
        client = house.client("messi")
        for _ in range(30):
            house.turn(60)
            client.ask(commands.Conversations())
        house.turn(601)
        with pytest.raises(NotLoggedIn):
            client.ask(commands.Conversations())

    def test_an_idle_session_expires(self, house: House) -> None:
        token = house.client("messi").token
        house.turn(30 * DAY - 1)
        resume(house, token)
        house.turn(30 * DAY)
        with pytest.raises(BadToken):
            resume(house, token)

    def test_each_use_puts_it_off_also_over_a_restart_but_not_for_ever(self, house: House) -> None:
        token = house.client("messi").token
        for _ in range(4):
            house.turn(20 * DAY)
            house.restart()
            resume(house, token)
        house.turn(10 * DAY)
        with pytest.raises(BadToken):
            resume(house, token)

    def test_time_of_use_is_written_at_most_once_an_hour(self, house: House) -> None:
        messi = house.client("messi")
        before = house.realm.writer.committed
        for _ in range(60):
            house.turn(60)
            messi.ask(commands.Conversations())
        assert house.realm.writer.committed == before + 1

    def test_a_connection_whose_session_expired_has_to_log_in_and_may(self, house: House) -> None:
        messi = house.client("messi")
        messi.ask(commands.Conversations())
        house.turn(31 * DAY)
        with pytest.raises((NotLoggedIn, BadToken)):
            messi.ask(commands.Conversations())
        messi.ask(commands.Hello())
        messi.log_in("messi")
        messi.ask(commands.Conversations())

    @pytest.mark.parametrize("at", [0, 0.0123, 0.4567891])
    def test_a_listener_that_says_nothing_is_told_when_its_session_expires(
        self, house: House, at: float
    ) -> None:
        house.turn(at)
        messi = house.client("messi")
        messi.listen()
        house.turn(30 * DAY - 1)
        assert messi.goodbyes == []
        house.turn(1.001)
        assert messi.goodbyes == ["logged-out"]

    def test_a_listener_whose_session_is_used_elsewhere_stays(self, house: House) -> None:
        messi = house.client("messi")
        messi.listen()
        house.turn(20 * DAY)
        resume(house, messi.token)
        house.turn(20 * DAY)
        assert messi.goodbyes == []
        house.turn(51 * DAY)
        assert messi.goodbyes == ["logged-out"]  # not for ever

    def test_the_list_leaves_out_what_expired(self, house: House) -> None:
        house.client("messi")
        house.turn(31 * DAY)
        assert len(house.client("messi").ask(commands.Sessions()).sessions) == 1


class TestDevices:
    def test_a_device_keeps_its_number_over_logins_and_in_any_case(self, house: House) -> None:
        first, again = house.client("messi", "Phone"), house.client("messi", "phone")
        other, nameless = house.client("messi", "laptop"), house.client("messi")
        numbers = [client.login.device for client in (first, again, other, nameless)]
        assert numbers[0] == numbers[1]
        assert len(set(numbers)) == 3
        house.restart()
        assert house.client("messi", "phone").login.device == numbers[0]
        assert len(house.rows(DeviceRow)) == 2

    def test_two_first_logins_at_the_same_time_get_one_number(self, house: House) -> None:
        house.add("messi")
        house.slow.slow = True
        clients = [house.client(), house.client()]
        for client in clients:
            client.begin(commands.Login(user="messi", password=PASSWORD, device="phone"))
        house.turn()
        while others := [call.name for call in house.slow.calls if call.name != "device"]:
            house.slow.tell_oldest(others[0])
            house.turn()
        house.slow.rush()
        house.turn()
        assert clients[0].login.device == clients[1].login.device
        assert len(house.rows(DeviceRow)) == 1

    def test_devices_of_two_accounts_are_two(self, house: House) -> None:
        assert house.client("messi", "phone").login.device != house.client("henderson", "phone").login.device

    def test_a_malformed_device_is_refused(self, house: House) -> None:
        house.add("messi")
        with pytest.raises(BadName):
            house.client("messi", "my phone")


class TestEnds:
    def test_the_list_shows_every_session_and_which_is_asking(self, house: House) -> None:
        phone, laptop = house.client("messi", "phone"), house.client("messi", "laptop")
        house.client("henderson")
        listed = phone.ask(commands.Sessions()).sessions
        assert [(state.device, state.current) for state in listed] == [("phone", True), ("laptop", False)]
        assert [state.session for state in listed] == [phone.login.row.login, laptop.login.row.login]
        assert listed[0].created == "2023-11-14T22:13:20.000Z"
        assert listed[0].expires == "2023-12-14T22:13:20.000Z"  # 30 days, if it is not used again

    def test_a_revoked_session_is_over_on_every_connection_at_once(self, house: House) -> None:
        messi, phone = house.client("messi"), house.client("messi", "phone")
        twin = resume(house, phone.token)
        twin.listen()
        number = phone.login.row.login
        messi.ask(commands.Revoke(session=number))
        for client in (phone, twin):
            with pytest.raises(NotLoggedIn):
                client.ask(commands.Conversations())
        assert (phone.goodbyes, twin.goodbyes, messi.goodbyes) == (["logged-out"], ["logged-out"], [])
        with pytest.raises(BadToken):
            resume(house, phone.token)
        house.restart()
        with pytest.raises(BadToken):
            resume(house, phone.token)
        resume(house, messi.token)

    def test_a_session_of_somebody_else_is_none(self, house: House) -> None:
        messi, henderson = house.client("messi"), house.client("henderson")
        with pytest.raises(NoSuchSession):
            messi.ask(commands.Revoke(session=henderson.login.row.login))
        henderson.ask(commands.Conversations())

    def test_logout_everywhere_ends_all_sessions_of_the_account(self, house: House) -> None:
        clients = [house.client("messi") for _ in range(3)]
        henderson = house.client("henderson")
        clients[0].ask(commands.Logout(everywhere=True))
        for client in clients:
            with pytest.raises(BadToken):
                resume(house, client.token)
        resume(house, henderson.token)

    def test_a_new_password_ends_all_sessions(self, house: House) -> None:
        messi = house.client("messi")
        administrator = Client(house, administrator=True)
        administrator.ask(commands.UserPasswd(user="messi", password="another"))
        with pytest.raises(BadToken):
            resume(house, messi.token)
        messi.ask(commands.Login(user="messi", password="another"))

    def check_refused(self, house: House, client: Client, answers: list[events.Reply | ChatError]) -> None:
        (answer,) = answers
        assert isinstance(answer, LoginFailed)
        assert client.session.logins == []
        assert all(row.ended for row in house.rows(LoginRow))
        client.ask(commands.Login(user="messi", password="another"))

    def test_a_login_that_waits_for_its_device_while_the_password_changes_is_refused(
        self, house: House
    ) -> None:
        house.add("messi")
        client, administrator = house.client(), Client(house, administrator=True)
        house.slow.slow = True
        answers = client.begin(commands.Login(user="messi", password=PASSWORD, device="phone"))
        while house.slow.calls[0].name != "device":
            house.slow.tell_oldest()
            house.turn()
        house.slow.slow = False
        administrator.ask(commands.UserPasswd(user="messi", password="another"))
        house.slow.rush()
        house.turn()
        self.check_refused(house, client, answers)

    def test_a_login_that_waits_for_its_hash_while_the_password_changes_is_refused(
        self, house: House
    ) -> None:
        house.add("messi")
        executor = HeldExecutor()
        house.hasher = PasswordHasher(executor)  # at another cost, so that the login hashes it again
        house.restart()
        client, administrator = house.client(), Client(house, administrator=True)
        answers = client.begin(commands.Login(user="messi", password=PASSWORD))
        house.turn()
        changed = administrator.begin(commands.UserPasswd(user="messi", password="another"))
        house.turn()
        executor.go_on()  # the check and the new hash; the old password's new hash comes behind
        house.turn()
        assert (answers, changed) == ([], [events.Done()])
        for _ in range(2):
            executor.go_on()
            house.turn()
        house.hasher = PasswordHasher(InlineExecutor())
        executor.run = house.hasher._executor.run  # type: ignore[method-assign]  # no more waiting
        self.check_refused(house, client, answers)

    def test_one_that_ends_in_the_open_batch_is_not_read_again_before_that_is_durable(self) -> None:
        house = House(limits=Limits(cached_names=1))
        house.add("henderson")
        messi, other = house.client("messi"), house.client("messi")
        other.session.closed()
        house.faults.hold()
        messi.begin(commands.Logout(everywhere=True))
        for _ in range(3):
            house.client().begin(commands.Login(user="henderson", password=PASSWORD))  # pushes others out
        house.turn()
        for client in (messi, other):
            with pytest.raises(BadToken):
                resume(house, client.token)
        house.faults.release()
        house.turn()

    def test_one_that_ends_while_it_is_being_read_is_ended(self) -> None:
        house = House(limits=Limits(cached_names=1))
        phone = house.client("messi", "phone")
        messi = house.client("messi")
        number, token = phone.login.row.login, phone.token
        phone.session.closed()
        house.restart()
        messi = resume(house, messi.token)
        house.slow.slow = True
        late = house.client()
        answers = late.begin(commands.Resume(token=token))
        house.slow.calls[0].make()  # as it is before it ends
        revoked = messi.begin(commands.Revoke(session=number))
        while not revoked:
            house.turn()
            house.slow.tell_oldest(house.slow.calls[-1].name)
        house.slow.rush()
        assert revoked == [events.Done()]
        assert isinstance(answers[0], BadToken)

    def test_one_whose_end_was_told_while_the_end_is_not_durable_is_ended_everywhere(
        self, house: House
    ) -> None:
        messi, phone = house.client("messi"), house.client("messi", "phone")
        phone.listen()
        house.faults.refuse_next()
        with pytest.raises(StoreFull):
            messi.ask(Send(to="messi", text="lost"))
        number = phone.login.row.login
        resume(house, phone.token)  # found again, as the same one
        messi.ask(commands.Revoke(session=number))
        assert phone.goodbyes == ["logged-out"]
        with pytest.raises(NotLoggedIn):
            phone.ask(commands.Conversations())

    def test_a_list_of_sessions_stays_below_the_longest_line(self) -> None:
        house = House(limits=Limits(sessions_per_account=0))
        messi = house.client("messi")
        account = house.wait(house.realm.accounts.find("messi"))
        assert account is not None
        for _ in range(1100):
            house.wait(house.realm.logins.begin(account, None, compact=False))
        listed = messi.ask(commands.Sessions()).sessions
        assert len(listed) == 1000
        assert listed[-1].session == max(row.login for row in house.rows(LoginRow))
