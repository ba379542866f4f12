"""Attempts to log in: rates of addresses, delays of accounts, and that nobody is ever shut out."""

from __future__ import annotations

from typing import Any

import pytest

from chatproto import commands, events
from chatproto.errors import BadToken, ChatError, LoginFailed, RateLimited
from chatproto.limits import Limits, without_rates
from chatproto.realm.attempts import Attempts
from tests.realm.house import PASSWORD, Client, House

OWNER, OTHER = "192.0.2.1", "198.51.100.7"
TOGETHER = Limits(sessions_per_account=0, connections_per_account=0)


@pytest.fixture
def house() -> House:
    """Return a realm with the rates of the defaults."""
    house = House(limits=TOGETHER, rates=True)
    house.add("messi", "henderson")
    return house


def house_with(**limits: Any) -> House:
    house = House(limits=Limits(**limits), rates=True)
    house.add("messi", "henderson")
    return house


def begin(house: House, user: str, password: str, address: str) -> tuple[Client, list[Any]]:
    client = Client(house, address=address)
    answers: list[Any] = client.begin(commands.Login(user=user, password=password))
    house.turn()
    return client, answers


def attempt(house: House, password: str, address: str, user: str = "messi") -> Any:
    """Return what becomes at once of an attempt to log in; None if it has to wait."""
    _, answers = begin(house, user, password, address)
    return answers[0] if answers else None


def wrong(house: House, count: int, user: str = "messi") -> None:
    """Try a wrong password, each time from another address."""
    for number in range(count):
        assert isinstance(attempt(house, "wrong", f"203.0.113.{number}", user), LoginFailed)


class TestAddresses:
    def test_an_address_has_five_attempts_and_then_one_each_five_seconds(self, house: House) -> None:
        for number in range(5):
            assert isinstance(attempt(house, "wrong", OTHER, f"user{number}"), LoginFailed)
        refused = attempt(house, PASSWORD, OTHER)
        assert isinstance(refused, RateLimited)
        assert refused.retry_after == pytest.approx(5.0)
        house.turn(5)
        assert isinstance(attempt(house, PASSWORD, OTHER), events.LoggedIn)
        assert isinstance(attempt(house, PASSWORD, OWNER), events.LoggedIn)

    def test_of_ipv6_a_network_has_them_together(self, house: House) -> None:
        for number in range(5):
            answer = attempt(house, "wrong", f"2001:db8::{number}", f"user{number}")
            assert isinstance(answer, LoginFailed)
        assert isinstance(attempt(house, PASSWORD, "2001:db8::5"), RateLimited)
        assert isinstance(attempt(house, PASSWORD, "2001:db8:0:1::5"), events.LoggedIn)
        for number in range(5):
            with pytest.raises(BadToken):
                Client(house, address=f"2001:db8::{number}").ask(commands.Resume(token="none"))
        with pytest.raises(RateLimited):
            Client(house, address="2001:db8::5").ask(commands.Resume(token="none"))

    def test_of_ipv6_a_network_is_a_place_where_somebody_lives(self, house: House) -> None:
        assert isinstance(attempt(house, PASSWORD, "2001:db8::1"), events.LoggedIn)
        wrong(house, 5)
        assert attempt(house, PASSWORD, "2001:db8:0:1::1") is None  # it has to wait
        assert isinstance(attempt(house, PASSWORD, "2001:db8::2"), events.LoggedIn)

    def test_wrong_tokens_cost_an_address_as_much(self, house: House) -> None:
        token = Client(house, address=OWNER).ask(commands.Login(user="messi", password=PASSWORD)).token
        client = Client(house, address=OTHER)
        for number in range(5):
            asked = (commands.Resume(token="none"),) if number % 2 else (commands.Inbox(), "none")
            with pytest.raises(BadToken):
                client.ask(*asked)
        assert isinstance(attempt(house, PASSWORD, OTHER), RateLimited)
        client.ask(commands.Resume(token=token))  # it is in memory, and costs nothing to find
        client.session.closed()
        house.restart()
        client = Client(house, address=OTHER)
        for _ in range(5):
            with pytest.raises(BadToken):
                client.ask(commands.Resume(token="none"))
        with pytest.raises(RateLimited):
            client.ask(commands.Resume(token=token))
        house.turn(5)
        client.ask(commands.Resume(token=token))

    def test_wrong_passwords_do_not_keep_a_token_out(self, house: House) -> None:
        token = Client(house, address=OWNER).ask(commands.Login(user="messi", password=PASSWORD)).token
        house.restart()
        for number in range(6):
            attempt(house, "wrong", OTHER, f"user{number}")
        assert isinstance(attempt(house, PASSWORD, OTHER), RateLimited)
        Client(house, address=OTHER).ask(commands.Resume(token=token))

    def test_right_tokens_cost_nothing(self, house: House) -> None:
        token = Client(house, address=OWNER).ask(commands.Login(user="messi", password=PASSWORD)).token
        for _ in range(100):
            Client(house, address=OTHER).ask(commands.Resume(token=token))

    def test_on_loopback_there_are_no_rates(self) -> None:
        house = House(limits=without_rates(TOGETHER), rates=True)
        house.add("messi")
        for _ in range(50):
            assert isinstance(attempt(house, "wrong", "127.0.0.1"), LoginFailed)
            assert isinstance(attempt(house, PASSWORD, "127.0.0.1"), events.LoggedIn)


class TestAccounts:
    def test_after_five_wrong_ones_each_attempt_waits_longer_up_to_half_a_minute(self, house: House) -> None:
        wrong(house, 5)
        waited = []
        for number in range(12):
            _, answers = begin(house, "messi", "wrong", f"198.51.100.{number}")
            waited.append(0.0)
            while not answers:
                house.turn(0.25)
                waited[-1] += 0.25
            assert isinstance(answers[0], LoginFailed)
        # One is forgiven each half minute, so that the longest delay is the last step.
        assert waited[:5] == [1, 2, 4, 8, 16]
        assert waited == sorted(waited)
        assert waited[-1] == 30

    def test_the_right_password_is_let_in_after_the_same_delay(self, house: House) -> None:
        wrong(house, 5)
        _, answers = begin(house, "messi", PASSWORD, OWNER)
        house.turn(0.9)
        assert answers == []
        house.turn(0.2)
        assert isinstance(answers[0], events.LoggedIn)

    def test_who_was_right_from_there_before_is_not_delayed_by_others(self, house: House) -> None:
        assert isinstance(attempt(house, PASSWORD, OWNER), events.LoggedIn)
        wrong(house, 5)
        for number in range(3):  # nor by those who wait
            assert attempt(house, "wrong", f"198.51.100.{number}") is None
        for _ in range(3):
            assert isinstance(attempt(house, PASSWORD, OWNER), events.LoggedIn)

    def test_nor_who_took_up_a_session_or_registered_there(self, house: House) -> None:
        Client(house, address=OWNER).ask(commands.Register(user="ani", password=PASSWORD))
        token = Client(house, address="192.0.2.9").ask(commands.Login(user="messi", password=PASSWORD)).token
        Client(house, address=OWNER).ask(commands.Resume(token=token))
        for user in ("ani", "messi"):
            wrong(house, 5, user)
            assert isinstance(attempt(house, PASSWORD, OWNER, user), events.LoggedIn)
            house.turn(60)

    def test_but_from_there_too_wrong_ones_are_delayed(self, house: House) -> None:
        assert isinstance(attempt(house, PASSWORD, OWNER), events.LoggedIn)
        for _ in range(5):
            assert isinstance(attempt(house, "wrong", OWNER), LoginFailed)
        assert isinstance(attempt(house, "wrong", OWNER), RateLimited)
        house.turn(5)
        assert attempt(house, "wrong", OWNER) is None
        house.turn(2)
        wrong(house, 1)  # from elsewhere they are counted apart

    def test_an_unknown_user_is_treated_as_a_known_one(self, house: House) -> None:
        def seen(user: str) -> list[tuple[str, float]]:
            house = House(limits=TOGETHER, rates=True)
            house.add("messi")
            told = []
            for number in range(9):
                before = house.clock.seconds()
                _, answers = begin(house, user, "wrong", f"198.51.100.{number % 3}")
                while not answers:
                    house.turn(0.5)
                told.append((answers[0].code, house.clock.seconds() - before))
            return told

        assert seen("messi") == seen("nobody") == seen("NoBody@alpha")
        assert len({seconds for _, seconds in seen("nobody")}) > 3

    def test_time_heals(self, house: House) -> None:
        wrong(house, 5)
        house.turn(60)
        wrong(house, 2)
        assert attempt(house, PASSWORD, OTHER) is None
        house.turn(330)
        wrong(house, 5)

    def test_even_after_a_long_attack_an_account_is_at_rest_soon(self) -> None:
        house = house_with(logins_per_minute=0)
        for number in range(100):
            begin(house, "messi", "wrong", f"198.51.100.{number % 4}")
            house.turn(30)
        house.turn(11 * 30)
        wrong(house, 5)

    def test_a_success_does_not_make_it_easier_for_others(self, house: House) -> None:
        wrong(house, 5)
        _, answers = begin(house, "messi", PASSWORD, OWNER)
        house.turn(2)
        assert isinstance(answers[0], events.LoggedIn)
        assert attempt(house, "wrong", OTHER) is None
        house.turn(30)

    def test_many_at_once_are_not_many_for_nothing(self) -> None:
        house = house_with(logins_per_minute=0, delayed_per_account=4)
        house.slow.slow = True
        attempts = [begin(house, "messi", "wrong", f"198.51.100.{number}")[1] for number in range(20)]
        house.slow.rush()
        house.turn()
        looked_at = [answers for answers in attempts if answers and isinstance(answers[0], LoginFailed)]
        refused = [answers for answers in attempts if answers and isinstance(answers[0], RateLimited)]
        assert (len(looked_at), len(refused)) == (5, 11)
        house.slow.slow = False
        house.turn(30)


class TestWaiting:
    def test_of_one_address_one_waits_and_of_one_account_four(self) -> None:
        house = house_with(delayed_per_account=4)
        wrong(house, 5)
        assert attempt(house, "wrong", OTHER) is None
        assert isinstance(attempt(house, "wrong", OTHER), RateLimited)
        for number in range(3):
            assert attempt(house, "wrong", f"192.0.2.{number}") is None
        refused = attempt(house, PASSWORD, "192.0.2.7")
        assert isinstance(refused, RateLimited)
        assert refused.retry_after is not None
        house.turn(30)
        assert attempt(house, PASSWORD, "192.0.2.7") is None  # now there is a place
        house.turn(30)

    def test_so_many_wait_in_all(self) -> None:
        house = house_with(delayed=2)
        house.add("lineker")
        for user in ("messi", "henderson", "lineker"):
            wrong(house, 5, user)
            house.turn(1)
        assert [attempt(house, "wrong", OTHER, user) for user in ("messi", "henderson")] == [None, None]
        assert isinstance(attempt(house, "wrong", OTHER, "lineker"), RateLimited)
        house.turn(30)

    def test_who_goes_away_frees_its_place_and_learns_nothing(self, house: House) -> None:
        wrong(house, 5)
        client, answers = begin(house, "messi", PASSWORD, OTHER)
        client.session.closed()
        assert isinstance(answers[0], ChatError)
        assert attempt(house, PASSWORD, OTHER) is None
        house.turn(30)
        calls = [
            call for call in house.clock.getDelayedCalls() if call.getTime() < house.clock.seconds() + 60
        ]
        assert calls == []


class TestOtherPasswords:
    def test_the_old_password_of_a_change_cannot_be_guessed_faster(self, house: House) -> None:
        token = Client(house, address=OWNER).ask(commands.Login(user="messi", password=PASSWORD)).token
        thief = Client(house, address=OTHER)
        thief.ask(commands.Resume(token=token))
        for _ in range(5):
            with pytest.raises(LoginFailed):
                thief.ask(commands.NewPassword(old="wrong", new="mine"))
        with pytest.raises(RateLimited):
            thief.ask(commands.NewPassword(old="wrong", new="mine"))
        with pytest.raises(RateLimited):
            thief.ask(commands.DeleteAccount(password="wrong"))


class TestMemory:
    def test_it_stays_small_whoever_tries_what(self) -> None:
        house = house_with(cached_names=50, logins_per_minute=12)
        for number in range(400):
            attempt(house, "wrong", f"198.51.{number // 200}.{number % 200}", f"user{number}")
        assert _sizes(house.realm.attempts) == (50, 50, 0, 0)

    def test_an_account_has_eight_places_the_newest_ones(self) -> None:
        house = House(limits=TOGETHER)
        attempts = house.realm.attempts
        for number in range(20):
            attempts.right(str(number), "messi")
        attempts.right("12", "messi")
        assert list(attempts._places["messi"]) == ["13", "14", "15", "16", "17", "18", "19", "12"]

    def test_a_name_that_can_be_nobodys_is_not_kept(self, house: House) -> None:
        attempt(house, "wrong", OTHER, "my password, typed too early")
        attempts = house.realm.attempts
        assert "password" not in repr((attempts._failed._full, attempts._tried._full))


def _sizes(attempts: Attempts) -> tuple[int, int, int, int]:
    waiting = len(attempts._waiting) + len(attempts._waiting_from)
    return len(attempts._tried), len(attempts._failed), waiting, len(attempts._places)
