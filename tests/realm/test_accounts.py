"""Accounts: one name once, one answer in equal time whatever is wrong, hashes that keep up with the cost."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from twisted.internet.defer import Deferred
from zope.interface import implementer

from chatproto import commands
from chatproto.errors import (
    BadField,
    BadName,
    Busy,
    ChatError,
    GroupExists,
    LoginFailed,
    NoSuchUser,
    RegistrationClosed,
    UnknownUser,
    UserExists,
    WrongPassword,
)
from chatproto.executors import InlineExecutor
from chatproto.interfaces import IExecutor
from chatproto.limits import SERVER_LINE_BYTES
from chatproto.realm import PasswordHasher, Policy
from chatproto.records import AccountRow, NameRow, PasswordRow
from chatproto.wire.json import JsonDialect
from tests.realm.house import PASSWORD, Client, House


@implementer(IExecutor)
class NotingExecutor(InlineExecutor):
    """Runs everything at once, and notes what it ran."""

    def __init__(self) -> None:
        self.ran: list[str] = []

    def run(self, work: Callable[..., Any], *arguments: Any) -> Deferred[Any]:
        self.ran.append(work.__name__)
        return super().run(work, *arguments)


@pytest.fixture
def executor(house: House) -> NotingExecutor:
    """What the realm hashes on."""
    executor = NotingExecutor()
    house.hasher = PasswordHasher(executor, cheap=True)
    house.restart()
    return executor


def log_in(house: House, user: str, password: str) -> Any:
    return house.client().ask(commands.Login(user=user, password=password))


class TestAdding:
    def test_a_name_is_taken_once_in_any_case(self, house: House) -> None:
        house.add("Messi")
        for again in ("Messi", "messi", "MESSI"):
            with pytest.raises(UserExists):
                house.add(again)
        assert [row.name for row in house.rows(AccountRow)] == ["messi"]
        assert [row.shown for row in house.rows(AccountRow)] == ["Messi"]

    def test_a_name_is_taken_after_a_restart(self, house: House) -> None:
        house.add("messi")
        house.restart()
        with pytest.raises(UserExists):
            house.add("Messi")

    def test_two_who_want_the_same_name_at_once_do_not_both_get_it(self, house: House) -> None:
        answers = [house.client().begin(commands.Register(user="messi", password="x")) for _ in range(3)]
        house.turn()
        codes = sorted(getattr(answer, "code", "OK") for (answer,) in answers)
        assert codes == ["OK", "user-exists", "user-exists"]

    def test_users_and_groups_share_their_names(self, house: House) -> None:
        messi = house.client("messi")
        with pytest.raises(GroupExists):
            messi.ask(commands.Create(group="MESSI"))
        messi.ask(commands.Create(group="tim"))
        with pytest.raises(UserExists):
            house.add("Tim")
        assert {(row.name, row.kind) for row in house.rows(NameRow)} == {("messi", "user"), ("tim", "group")}

    @pytest.mark.parametrize("name", ["", "a b", "-a", "é", "x" * 65, "3f2b8c1e-9d4a-4f6b-8a2c-0e1d2c3b4a59"])
    def test_a_malformed_name_is_refused(self, house: House, name: str) -> None:
        with pytest.raises(BadName):
            house.add(name)

    def test_what_is_shown_is_the_name_unless_one_is_given(self, house: House) -> None:
        house.wait(house.realm.add_user("messi", "x", "  Lionel Messi ", "Argentina"))
        house.wait(house.realm.add_user("ani", "x"))
        shown = {row.name: (row.display, row.country) for row in house.rows(AccountRow)}
        assert shown == {"messi": ("Lionel Messi", "Argentina"), "ani": ("ani", "")}

    @pytest.mark.parametrize("name", ["x" * 65, "a\nb", "a\u202eb"])
    def test_what_is_shown_reorders_and_breaks_nothing(self, house: House, name: str) -> None:
        with pytest.raises(BadName):
            house.wait(house.realm.add_user("messi", "x", name))
        with pytest.raises(BadName):
            house.wait(house.realm.add_user("messi", "x", None, name))

    @pytest.mark.parametrize("password", ["", "é" * 65])
    def test_a_password_out_of_bounds_is_refused(self, house: House, password: str) -> None:
        with pytest.raises(BadField):
            house.wait(house.realm.add_user("messi", password))

    def test_registering_logs_in(self, house: House) -> None:
        client = house.client()
        reply = client.ask(commands.Register(user="Messi", password="x"))
        assert reply.address == "Messi@alpha"
        client.ask(commands.Conversations())
        assert house.client().ask(commands.Resume(token=reply.token)).address == "Messi@alpha"

    def test_registration_may_be_closed(self, house: House) -> None:
        house.policy = Policy()
        house.restart()
        with pytest.raises(RegistrationClosed):
            house.client().ask(commands.Register(user="messi", password="x"))
        Client(house, administrator=True).ask(commands.UserAdd(user="messi", password="x"))
        log_in(house, "messi", "x")


class TestLoggingIn:
    def test_the_password_opens_the_account_in_any_case_of_its_name(self, house: House) -> None:
        house.add("Messi")
        for user in ("Messi", "mESSI"):
            assert log_in(house, user, PASSWORD).address == "Messi@alpha"

    def test_the_full_address_is_taken_for_the_name_and_that_of_another_realm_is_not(
        self, house: House
    ) -> None:
        house.add("messi")
        assert log_in(house, "Messi@Alpha", PASSWORD).address == "messi@alpha"
        with pytest.raises(UnknownUser):
            log_in(house, "messi@beta", PASSWORD)

    def test_whatever_is_wrong_it_is_one_code(self, house: House) -> None:
        house.add("messi")
        for user, password, kind in (
            ("messi", "x", WrongPassword),
            ("messi", "", WrongPassword),
            ("nobody", PASSWORD, UnknownUser),
            ("not a name", PASSWORD, UnknownUser),
            ("messi", "é" * 128, WrongPassword),
        ):
            with pytest.raises(LoginFailed) as raised:
                log_in(house, user, password)
            assert type(raised.value) is kind
            assert (raised.value.code, raised.value.text) == ("login-failed", LoginFailed.message)

    def test_whatever_is_wrong_it_costs_the_same(self, house: House, executor: NotingExecutor) -> None:
        house.add("messi")
        executor.ran.clear()
        work = []
        for user, password in (
            ("messi", "wrong"),
            ("nobody", PASSWORD),
            ("not a name", PASSWORD),
            ("messi", "é" * 128),
            ("tim" * 100, "x"),
        ):
            with pytest.raises(ChatError):
                log_in(house, user, password)
            work.append(list(executor.ran))
            executor.ran.clear()
        assert work == [["_verify"]] * 5
        log_in(house, "messi", PASSWORD)
        assert executor.ran == ["_verify"]

    def test_nobodys_hash_costs_what_a_new_one_costs(self, house: House) -> None:
        (stored,) = {row.hash.rpartition("$")[0].rpartition("$")[0] for row in self.hashes(house)}
        assert house.hasher._nobody.startswith(stored + "$")

    def hashes(self, house: House) -> list[PasswordRow]:
        house.add("messi")
        return house.rows(PasswordRow)

    def test_a_herd_is_told_to_come_back(self, house: House) -> None:
        house.add("messi")
        house.hasher = PasswordHasher(InlineExecutor(), cheap=True, waiting=0)
        house.restart()
        with pytest.raises(Busy):
            log_in(house, "messi", PASSWORD)
        with pytest.raises(Busy):
            house.client().ask(commands.Register(user="ani", password="x"))


class TestPasswords:
    def test_an_old_hash_is_made_anew_at_login(self, house: House, executor: NotingExecutor) -> None:
        house.add("messi")
        (before,) = house.rows(PasswordRow)
        house.hasher = PasswordHasher(executor)  # today's cost
        house.restart()
        executor.ran.clear()
        log_in(house, "messi", PASSWORD)
        (after,) = house.rows(PasswordRow)
        assert after.hash != before.hash
        assert "m=19456" in after.hash
        assert executor.ran == ["_verify", "hash"]
        log_in(house, "messi", PASSWORD)
        assert executor.ran == ["_verify", "hash", "_verify"]

    def test_a_wrong_password_leaves_an_old_hash_alone(self, house: House, executor: NotingExecutor) -> None:
        house.add("messi")
        before = house.rows(PasswordRow)
        house.hasher = PasswordHasher(executor)
        house.restart()
        with pytest.raises(WrongPassword):
            log_in(house, "messi", "wrong")
        assert house.rows(PasswordRow) == before

    def test_a_login_does_not_depend_on_the_new_hash(self, house: House, executor: NotingExecutor) -> None:
        house.add("messi")
        house.hasher = PasswordHasher(executor)
        house.restart()
        house.faults.refuse_next()
        log_in(house, "messi", PASSWORD)

    def test_a_password_that_changes_meanwhile_is_not_put_back(self, house: House) -> None:
        house.add("messi")
        house.hasher = PasswordHasher(InlineExecutor())
        house.restart()
        administrator = Client(house, administrator=True)
        house.slow.slow = True
        late = house.client().begin(commands.Login(user="messi", password=PASSWORD))
        while house.slow.calls[0].name != "password":
            house.slow.tell_oldest()
        house.slow.calls[0].make()  # the old hash
        changed = administrator.begin(commands.UserPasswd(user="messi", password="another"))
        while not changed:
            house.turn()
            house.slow.tell_oldest(house.slow.calls[-1].name)
        while not late:
            house.slow.tell_oldest()
            house.turn()
        house.slow.rush()
        house.turn()
        log_in(house, "messi", "another")
        with pytest.raises(WrongPassword):
            log_in(house, "messi", PASSWORD)

    def test_an_administrator_sets_them(self, house: House) -> None:
        house.add("messi")
        administrator = Client(house, administrator=True)
        administrator.ask(commands.UserPasswd(user="Messi", password="another"))
        log_in(house, "messi", "another")
        with pytest.raises(WrongPassword):
            log_in(house, "messi", PASSWORD)
        with pytest.raises(NoSuchUser):
            administrator.ask(commands.UserPasswd(user="nobody", password="x"))


class TestList:
    def test_accounts_are_listed_by_name_in_pages(self, house: House) -> None:
        house.add("cici", "Ani", "budi")
        administrator = Client(house, administrator=True)
        first = administrator.ask(commands.UserList(limit=2))
        assert ([user.user for user in first.users], first.complete) == (["Ani", "budi"], False)
        assert first.users[0].created == "2023-11-14T22:13:20.000Z"
        rest = administrator.ask(commands.UserList(limit=2, after="Budi"))
        assert ([user.user for user in rest.users], rest.complete) == (["cici"], True)

    def test_a_page_of_the_longest_names_fits_into_a_line(self, house: House) -> None:
        wide = "\U0001f600" * 64
        house.disk.tables.store(
            [AccountRow(f"{n:064}", f"{n:064}", wide, wide, 1_700_000_000_000) for n in range(1001)], ()
        )
        page = Client(house, administrator=True).ask(commands.UserList())
        assert not page.complete
        assert len(JsonDialect().encode_reply(page, "x" * 64)) <= SERVER_LINE_BYTES
