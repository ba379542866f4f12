"""Somebody else knows the passwords: any twisted.cred checker, however it behaves."""

from __future__ import annotations

import gc
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from twisted.cred.checkers import (
    AllowAnonymousAccess,
    FilePasswordDB,
    ICredentialsChecker,
    InMemoryUsernamePasswordDatabaseDontUse,
)
from twisted.cred.credentials import IUsernameHashedPassword, IUsernamePassword
from twisted.cred.error import LoginDenied, UnauthorizedLogin, UnhandledCredentials
from twisted.internet.defer import Deferred
from twisted.logger import ILogObserver, LogEvent, formatEvent, globalLogPublisher
from twisted.python.failure import Failure
from zope.interface import implementer
from zope.interface.verify import verifyObject

from chatproto import commands
from chatproto.errors import (
    BadInvite,
    Busy,
    ChatError,
    LoginFailed,
    NotSupported,
    RegistrationClosed,
    Unavailable,
    UnknownUser,
    WrongPassword,
)
from chatproto.interfaces import IAuthenticator
from chatproto.limits import Limits
from chatproto.realm import Policy, Registration
from chatproto.realm.authentication import Bounded, CredAuthenticator, StoredPasswords
from chatproto.records import AccountRow, LoginRow, NameRow, PasswordRow
from tests.realm.house import PASSWORD, Client, House


@implementer(ICredentialsChecker)
class Checker:
    """Does with a name and a password whatever a test says."""

    credentialInterfaces = (IUsernamePassword,)

    def __init__(self, answer: Callable[[Any], object]) -> None:
        self.answer = answer
        self.asked: list[tuple[bytes, bytes]] = []

    def requestAvatarId(self, credentials: Any) -> Any:
        self.asked.append((credentials.username, credentials.password))
        return self.answer(credentials)


def memory(**users: str) -> InMemoryUsernamePasswordDatabaseDontUse:
    return InMemoryUsernamePasswordDatabaseDontUse(
        **{name: password.encode() for name, password in users.items()}
    )


def realm_of(
    checker: object, house: House | None = None, limits: Limits | None = None, **options: Any
) -> House:
    """Return a realm whose passwords a checker knows."""
    house = house or House(limits=limits)
    house.authenticator = CredAuthenticator(checker, **options)  # type: ignore[arg-type]
    house.restart()
    return house


def log_in(house: House, user: str, password: str = PASSWORD) -> Any:
    return house.client().ask(commands.Login(user=user, password=password))


@pytest.fixture
def log() -> Iterator[list[str]]:
    """Return what is logged, as lines."""
    lines: list[str] = []

    @implementer(ILogObserver)
    class Observer:
        def __call__(self, event: LogEvent) -> None:
            lines.append(formatEvent(event))

    observer = Observer()
    globalLogPublisher.addObserver(observer)
    yield lines
    globalLogPublisher.removeObserver(observer)


class TestAccounts:
    def test_the_first_login_makes_the_account(self) -> None:
        house = realm_of(memory(Messi=PASSWORD))
        assert log_in(house, "Messi").address == "Messi@alpha"
        (row,) = house.rows(AccountRow)
        assert (row.name, row.shown, row.display, row.country) == ("messi", "Messi", "Messi", "")
        assert house.rows(PasswordRow) == []
        log_in(house, "Messi")
        house.restart()
        log_in(house, "Messi")
        assert [row.name for row in house.rows(NameRow)] == ["messi"]

    def test_two_first_logins_at_once_are_of_one_account(self) -> None:
        house = realm_of(memory(messi=PASSWORD))
        house.slow.slow = True
        answers = [house.client().begin(commands.Login(user="messi", password=PASSWORD)) for _ in range(3)]
        for _ in range(100):
            house.turn()
            if house.slow.calls:
                house.slow.tell_oldest()
        assert [answer.address for (answer,) in answers] == ["messi@alpha"] * 3  # type: ignore[union-attr]
        assert len(house.rows(AccountRow)) == 1
        house.slow.rush()

    def test_an_account_that_the_realm_had_before_is_theirs(self) -> None:
        house = House()
        house.add("messi")
        realm_of(memory(messi="another"), house)
        log_in(house, "messi", "another")
        with pytest.raises(LoginFailed):
            log_in(house, "messi", PASSWORD)
        assert len(house.rows(AccountRow)) == 1

    def test_who_has_an_account_can_be_written_to(self) -> None:
        house = realm_of(memory(messi=PASSWORD, henderson=PASSWORD))
        messi = house.client()
        messi.log_in("messi")
        henderson = house.client()
        henderson.log_in("henderson")
        messi.send("henderson", "halo")
        assert [entry.msg for entry in henderson.inbox()] == ["halo"]

    @pytest.mark.parametrize("name", ["tim", "gone"])
    def test_a_name_that_is_a_groups_or_was_somebodys_is_refused(self, name: str, log: list[str]) -> None:
        house = House()
        house.client("henderson").ask(commands.Create(group="Tim"))
        house.client("gone").ask(commands.DeleteAccount(password=PASSWORD))
        before = house.rows(NameRow)
        realm_of(memory(**{name: PASSWORD}), house)
        with pytest.raises(LoginFailed) as raised:
            log_in(house, name)
        assert raised.value.text == LoginFailed.message
        assert any(f"{name} knows the password but cannot be a user here" in line for line in log)
        assert house.rows(NameRow) == before
        assert not [row for row in house.rows(LoginRow) if row.account == name and not row.ended]

    @pytest.mark.parametrize("avatar", [b"lionel messi", b"\xff", b"", "", (), None, 7, b"x" * 65])
    def test_an_avatar_that_is_no_user_name_is_refused(self, avatar: object, log: list[str]) -> None:
        house = realm_of(Checker(lambda _: avatar))
        with pytest.raises(LoginFailed):
            log_in(house, "messi")
        assert house.rows(AccountRow) == []
        assert len([line for line in log if "no name" in line or "no such name" in line]) == 1

    def test_the_avatar_is_the_user_whatever_was_typed(self) -> None:
        house = realm_of(Checker(lambda _: "Lionel"))
        assert log_in(house, "messi").address == "Lionel@alpha"

    def test_a_lost_batch_leaves_no_half_account(self) -> None:
        house = realm_of(memory(messi=PASSWORD))
        house.faults.refuse_next()
        with pytest.raises(Unavailable):
            log_in(house, "messi")
        assert house.rows(AccountRow) == []
        log_in(house, "messi")


class TestCheckers:
    def test_a_checker_that_compares_passwords_itself(self, tmp_path: Path) -> None:
        (tmp_path / "passwords").write_text(f"messi:{PASSWORD}\n")
        house = realm_of(FilePasswordDB(str(tmp_path / "passwords")))
        log_in(house, "messi")
        for user, password in (("messi", "wrong"), ("nobody", PASSWORD)):
            with pytest.raises(WrongPassword):
                log_in(house, user, password)

    def test_a_checker_that_only_asks_the_credentials(self) -> None:
        checker = Checker(lambda typed: typed.username if typed.checkPassword(b"surabaya") else _wrong())
        checker.credentialInterfaces = (IUsernameHashedPassword,)  # type: ignore[assignment]
        house = realm_of(checker)
        log_in(house, "messi")
        with pytest.raises(WrongPassword):
            log_in(house, "messi", "surabayo")

    def test_a_checker_that_takes_no_passwords_is_none(self) -> None:
        with pytest.raises(ValueError, match="takes no user names with passwords"):
            CredAuthenticator(AllowAnonymousAccess())

    def test_a_checker_may_be_a_coroutine_and_give_text(self) -> None:
        async def answer(typed: Any) -> str:
            return str(typed.username.decode())

        log_in(realm_of(Checker(answer)), "messi")

    def test_what_cannot_be_right_is_not_asked(self) -> None:
        checker = Checker(lambda typed: typed.username)
        house = realm_of(checker)
        for user, password in (("messi", ""), ("messi", "a\0b"), ("no name", "x"), ("messi\n", "x")):
            with pytest.raises(WrongPassword):
                log_in(house, user, password)
        assert checker.asked == []
        log_in(house, "messi", "é" * 200)  # how long a password may be is theirs to say
        assert checker.asked == [(b"messi", "é".encode() * 200)]

    def test_the_credentials_show_no_password(self) -> None:
        shown: list[str] = []

        def answer(typed: Any) -> bytes:
            shown.append(repr(typed))
            return b"messi"

        log_in(realm_of(Checker(answer)), "messi")
        assert shown
        assert PASSWORD not in shown[0]

    def test_the_kinds_of_authenticators_are_some(self) -> None:
        house = House()
        outside = CredAuthenticator(memory())
        accounts = house.realm.accounts
        stored = StoredPasswords(house.slow, house.realm.writer, house.hasher, accounts.find, 1)
        for each in (outside, Bounded(outside, house.clock, Limits()), stored):
            verifyObject(IAuthenticator, each)


def _wrong() -> Failure:
    return Failure(UnauthorizedLogin())


class TestTrouble:
    @pytest.mark.parametrize("error", [UnauthorizedLogin(PASSWORD), LoginDenied(PASSWORD)])
    @pytest.mark.parametrize("raising", [True, False])
    def test_a_refusal_is_a_wrong_login(self, error: Exception, raising: bool, log: list[str]) -> None:
        def answer(_: object) -> object:
            if raising:
                raise error
            return Failure(error)

        with pytest.raises(WrongPassword) as raised:
            log_in(realm_of(Checker(answer)), "messi")
        assert raised.value.text == LoginFailed.message
        assert PASSWORD not in "".join(log)

    @pytest.mark.parametrize(
        "error", [KeyError(PASSWORD), UnhandledCredentials(), ValueError(f"bad: {PASSWORD}"), SystemExit(1)]
    )
    def test_a_checker_that_fails_is_logged_without_what_it_says(
        self, error: BaseException, log: list[str]
    ) -> None:
        def look_up(_: object) -> object:
            raise error

        house = realm_of(Checker(look_up))
        with pytest.raises(Unavailable) as raised:
            log_in(house, "messi")
        assert raised.value.text == Unavailable.message
        (line,) = [line for line in log if "authenticator failed" in line]
        assert type(error).__name__ in line
        assert "in look_up" in line
        assert PASSWORD not in "".join(log)

    def test_a_checker_that_never_answers_is_waited_for_so_long(self, log: list[str]) -> None:
        cancelled: list[object] = []
        house = realm_of(Checker(lambda _: Deferred(cancelled.append)))
        answer = house.client().begin(commands.Login(user="messi", password=PASSWORD))
        house.turn(9.9)
        assert not answer
        house.turn(0.2)
        assert [type(each) for each in answer] == [Unavailable]
        assert len(cancelled) == 1
        assert any("does not answer within 10" in line for line in log)

    @pytest.mark.parametrize("late", [b"messi", Failure(KeyError(PASSWORD))])
    def test_an_answer_that_comes_too_late_changes_nothing(self, late: object, log: list[str]) -> None:
        never: Deferred[object] = Deferred()
        house = realm_of(Checker(lambda _: never))
        answer = house.client().begin(commands.Login(user="messi", password=PASSWORD))
        house.turn(11)
        assert len(answer) == 1
        never.callback(late)
        gc.collect()
        house.turn()
        assert (len(answer), house.rows(LoginRow), house.rows(AccountRow)) == (1, [], [])
        assert PASSWORD not in "".join(log)

    def test_a_connection_that_is_gone_by_then_gets_no_session(self) -> None:
        slow: Deferred[object] = Deferred()
        house = realm_of(Checker(lambda _: slow))
        client = house.client()
        client.begin(commands.Login(user="messi", password=PASSWORD))
        client.session.closed()
        slow.callback(b"messi")
        house.turn()
        assert house.rows(LoginRow) == []
        assert house.realm.present.accounts() == []

    def test_only_so_many_are_asked_at_a_time(self) -> None:
        slow: list[Deferred[object]] = []

        def answer(_: object) -> object:
            slow.append(Deferred())
            return slow[-1]

        house = realm_of(Checker(answer), limits=Limits(checks=2))
        waiting = [house.client().begin(commands.Login(user="messi", password=PASSWORD)) for _ in range(3)]
        assert [type(each) for each in waiting[2]] == [Busy]
        slow[0].callback(b"messi")
        house.turn()
        assert len(waiting[0]) == 1
        log = house.client().begin(commands.Login(user="messi", password=PASSWORD))
        assert log == []  # there is room again
        house.turn(11)
        assert [type(each) for each in (*waiting[1], *log)] == [Unavailable] * 2

    def test_a_realm_that_closes_waits_for_none(self) -> None:
        house = realm_of(Checker(lambda _: Deferred()))
        answer = house.client().begin(commands.Login(user="messi", password=PASSWORD))
        house.wait(house.realm.close())
        assert [type(each) for each in answer] == [Unavailable]
        assert house.clock.getDelayedCalls() == []

    def test_an_authenticator_of_ones_own_may_say_why(self) -> None:
        @implementer(IAuthenticator)
        class Closed:
            def authenticate(self, user: str, password: str) -> Deferred[str]:
                raise Unavailable("the directory sleeps until six", retry_after=60.0)

            def elsewhere(self) -> str:
                return "in the directory"

        house = House()
        house.authenticator = Closed()
        house.restart()
        with pytest.raises(Unavailable, match="sleeps until six"):
            log_in(house, "messi")

    def test_wrong_logins_are_delayed_as_those_of_the_realm_are(self) -> None:
        house = House(rates=True)
        checker = Checker(lambda _: _wrong())
        realm_of(checker, house)
        answers: list[list[Any]] = []
        for _ in range(6):
            answers.append(house.client().begin(commands.Login(user="messi", password="wrong")))
            house.turn()
            house.turn(6.0)
        assert len(checker.asked) in (5, 6)
        assert {getattr(each, "code", "") for (each, *_) in answers[:5]} == {"login-failed"}


class TestNotHere:
    def test_accounts_and_passwords_are_kept_elsewhere(self) -> None:
        house = realm_of(memory(messi=PASSWORD), elsewhere="at the front desk")
        messi = house.client()
        messi.log_in("messi")
        administrator = Client(house, administrator=True)
        for client, command in (
            (house.client(), commands.Register(user="ani", password="x")),
            (messi, commands.NewPassword(old=PASSWORD, new="x")),
            (messi, commands.NewPassword(old="wrong", new="x")),
            (administrator, commands.UserPasswd(user="messi", password="x")),
            (administrator, commands.UserAdd(user="ani", password="x")),
        ):
            with pytest.raises(NotSupported, match="are kept at the front desk"):
                client.ask(command)
        assert [row.name for row in house.rows(AccountRow)] == ["messi"]
        assert house.rows(PasswordRow) == []

    def test_an_account_is_deleted_with_the_password_that_they_know(self) -> None:
        house = realm_of(memory(Messi=PASSWORD))
        messi = house.client()
        messi.log_in("Messi")
        with pytest.raises(WrongPassword):
            messi.ask(commands.DeleteAccount(password="wrong"))
        messi.ask(commands.DeleteAccount(password=PASSWORD))
        with pytest.raises(LoginFailed):
            log_in(house, "Messi")

    def test_nobody_deletes_the_account_of_another(self) -> None:
        avatars = iter([b"messi", b"henderson"])
        house = realm_of(Checker(lambda _: next(avatars)))
        messi = house.client()
        messi.log_in("messi")
        with pytest.raises(WrongPassword):
            messi.ask(commands.DeleteAccount(password=PASSWORD))
        assert not any(row.deleted for row in house.rows(AccountRow))

    def test_a_session_goes_on_without_the_checker(self) -> None:
        house = realm_of(memory(messi=PASSWORD))
        token = log_in(house, "messi").token
        realm_of(memory(), house)
        assert house.client().ask(commands.Resume(token=token)).address == "messi@alpha"
        with pytest.raises(ChatError):
            log_in(house, "messi")

    def test_back_at_the_realms_own_passwords_there_is_none_until_it_is_set(self) -> None:
        house = realm_of(memory(messi=PASSWORD))
        log_in(house, "messi")
        house.authenticator = None
        house.restart()
        with pytest.raises(WrongPassword):
            log_in(house, "messi")
        with pytest.raises(UnknownUser):
            log_in(house, "nobody")
        Client(house, administrator=True).ask(commands.UserPasswd(user="messi", password="x"))
        log_in(house, "messi", "x")


class TestInvitations:
    @pytest.mark.parametrize("registration", [Registration.OPEN, Registration.CLOSED])
    def test_where_they_would_be_of_no_use_none_are_made(self, registration: Registration) -> None:
        house = with_registration(House(), registration)
        with pytest.raises(NotSupported, match=f"registration is {registration.value} here"):
            Client(house, administrator=True).ask(commands.InviteAdd(seconds=60))

    def test_where_accounts_are_kept_elsewhere_neither(self) -> None:
        house = with_registration(realm_of(memory()), Registration.INVITE)
        with pytest.raises(NotSupported, match="kept outside"):
            Client(house, administrator=True).ask(commands.InviteAdd(seconds=60))

    def test_one_is_worth_nothing_where_registration_was_closed_since(self) -> None:
        house = with_registration(House(), Registration.INVITE)
        token = Client(house, administrator=True).ask(commands.InviteAdd(seconds=60)).token
        with_registration(house, Registration.CLOSED)
        with pytest.raises(RegistrationClosed):
            house.client().ask(commands.Register(user="ani", password="x", invite=token))

    def test_without_one_an_older_client_is_told_whom_to_ask(self) -> None:
        house = with_registration(House(), Registration.INVITE)
        for token in (None, ""):
            with pytest.raises(BadInvite, match="ask the operator of this realm"):
                house.client().ask(commands.Register(user="ani", password="x", invite=token))


def with_registration(house: House, registration: Registration) -> House:
    house.policy = Policy(limits=house.policy.limits, registration=registration)
    house.restart()
    return house
