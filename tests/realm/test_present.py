"""Who has a connection, and who has to go when an account has too many."""

from __future__ import annotations

import pytest

from chatproto import commands, events
from chatproto.limits import Limits
from chatproto.realm.present import Present
from tests.realm.house import House


class Connection:
    def __init__(self) -> None:
        self.sent_away = 0

    def send_away(self) -> None:
        self.sent_away += 1


def test_accounts_are_present_as_long_as_a_connection_has_a_session_of_theirs() -> None:
    present, first, second = Present(), Connection(), Connection()
    for account, connection in (("messi", first), ("ani", first), ("messi", second), ("messi", second)):
        present.enter(account, connection)
    assert present.accounts() == ["ani", "messi"]
    present.exit("ani", first)
    present.exit("messi", first)
    present.exit("messi", second)
    assert present.accounts() == ["messi"]
    present.exit("messi", second)
    assert present.accounts() == []


def test_the_first_ones_make_room_and_are_told_once() -> None:
    present = Present()
    connections = [Connection() for _ in range(5)]
    for connection in connections:
        present.enter("messi", connection)
        present.enter("messi", connection)
        present.keep_to(3, "messi")
    assert [connection.sent_away for connection in connections] == [1, 1, 0, 0, 0]
    for connection in connections:  # as they do when they have closed
        present.exit("messi", connection)
        present.exit("messi", connection)
    assert present.accounts() == []


class TestOneAccount:
    @pytest.fixture
    def house(self) -> House:
        return House(limits=Limits(connections_per_account=3, sessions_per_account=4))

    def test_a_new_connection_ends_the_one_that_logged_in_first(self, house: House) -> None:
        clients = [house.client("messi") for _ in range(5)]
        assert [client.goodbyes for client in clients] == [["too-many-connections"]] * 2 + [[]] * 3
        assert house.client("henderson").goodbyes == []

    def test_a_connection_counts_once_however_often_it_logs_in(self, house: House) -> None:
        client = house.client("messi")
        for _ in range(8):
            client.log_in("messi")
        assert client.goodbyes == []

    def test_the_session_that_was_used_longest_ago_ends_for_a_new_one(self, house: House) -> None:
        house.add("messi")
        tokens = []
        for _ in range(4):
            client = house.client("messi")
            tokens.append(client.token)
            client.session.closed()
            house.turn(7200)
        resumed = house.client()
        resumed.ask(commands.Resume(token=tokens[0]))
        resumed.session.closed()
        house.client("messi")
        assert [works(house, token) for token in tokens] == [True, False, True, True]

    def test_one_that_is_in_use_ends_last(self, house: House) -> None:
        in_use = house.client("messi")
        house.turn(7200)
        for _ in range(6):
            house.client("messi").session.closed()
            house.turn(60)
        in_use.ask(commands.Conversations())
        assert len(in_use.ask(commands.Sessions()).sessions) == 4


def works(house: House, token: str) -> bool:
    """Tell whether a token is a session's."""
    client = house.client()
    answers = client.begin(commands.Resume(token=token))
    house.turn()
    client.session.closed()
    return isinstance(answers[0], events.LoggedIn)


def test_without_a_bound_nobody_has_to_go() -> None:
    house = House(limits=Limits(connections_per_account=0, sessions_per_account=0))
    clients = [house.client("messi") for _ in range(80)]
    assert not any(client.goodbyes for client in clients)
    assert len(clients[0].ask(commands.Sessions()).sessions) == 80
