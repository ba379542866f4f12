"""What one connection may do, by who it has proved to be."""

from __future__ import annotations

import msgspec
import pytest

from chatproto import commands, events
from chatproto.commands import Command, Guard, all_commands
from chatproto.errors import (
    BadToken,
    ChatError,
    LoginFailed,
    NotAllowed,
    NothingToLogOut,
    NotLoggedIn,
    UnknownCommand,
)
from tests.realm.house import PASSWORD, Client, House

#: Something for every field that some command needs.
FIELDS = {
    **dict.fromkeys(("user", "password", "old", "new", "token", "to", "text", "with", "group"), "word"),
    **dict.fromkeys(("topic", "address", "realm", "connect", "mid", "file", "name", "path"), "word"),
    **dict.fromkeys(("host", "port", "content"), "word"),
    **dict.fromkeys(("seq", "session", "seconds", "number", "older", "offset", "size"), 1),
    "role": "admin",
}
SAMPLES: dict[Guard, Command] = {
    Guard.USER: commands.Conversations(),
    Guard.ADMINISTRATOR: commands.UserList(),
    Guard.ANYONE: commands.Hello(),
}


def compact(house: House, name: str = "messi") -> tuple[Client, str]:
    """Return an older client's connection and its token."""
    if house.wait(house.realm.accounts.find(name)) is None:
        house.add(name)
    client = house.client()
    token: str = client.ask(commands.Login(user=name, password=PASSWORD, compact=True)).token
    return client, token


REFUSALS = {Guard.USER: NotLoggedIn, Guard.ADMINISTRATOR: NotAllowed, Guard.PEER: UnknownCommand}


class TestGuards:
    @pytest.mark.parametrize("command", all_commands(), ids=lambda command: command.__name__)
    def test_a_stranger_may_ask_only_what_anyone_may(self, house: House, command: type[Command]) -> None:
        if command.guard is not Guard.ANYONE:
            expected = REFUSALS[command.guard]
            answers = house.client().begin(msgspec.convert({"do": command.wire_name(), **FIELDS}, command))
            assert [type(answer) for answer in answers] == [expected]

    def test_a_user_is_no_administrator(self, house: House) -> None:
        messi = house.client("messi")
        messi.ask(SAMPLES[Guard.USER])
        with pytest.raises(NotAllowed):
            messi.ask(SAMPLES[Guard.ADMINISTRATOR])

    def test_an_administrator_is_no_user_until_it_logs_in(self, house: House) -> None:
        house.add("messi")
        administrator = Client(house, administrator=True)
        administrator.ask(SAMPLES[Guard.ADMINISTRATOR])
        with pytest.raises(NotLoggedIn):
            administrator.ask(SAMPLES[Guard.USER])
        administrator.log_in("messi")
        administrator.ask(SAMPLES[Guard.USER])

    def test_a_connection_is_trusted_once_it_proved_to_be_a_users(self, house: House) -> None:
        _, token = compact(house)
        for prove in (
            lambda client: client.log_in("messi"),
            lambda client: client.ask(commands.Resume(token=token)),
            lambda client: client.ask(commands.Inbox(), token=token),
        ):
            client = house.client()
            client.ask(commands.Hello())
            with pytest.raises(ChatError):
                client.ask(commands.Inbox(), token="no")
            with pytest.raises(LoginFailed):
                client.ask(commands.Login(user="messi", password="no"))
            assert not client.session.trusted
            prove(client)
            assert client.session.trusted


class TestTokens:
    def test_a_command_with_a_token_speaks_for_its_session_only_once(self, house: House) -> None:
        _, token = compact(house)
        client = house.client()
        client.ask(commands.Create(group="tim"), token=token)
        with pytest.raises(NotLoggedIn):
            client.ask(commands.Create(group="tam"))

    def test_it_overrides_the_session_of_the_connection(self, house: House) -> None:
        _, token = compact(house)
        henderson = house.client("henderson")
        henderson.ask(commands.Create(group="tim"), token=token)
        assert henderson.ask(commands.Members(group="tim"), token=token).members == ["messi@alpha"]

    def test_it_is_found_again_after_a_restart(self, house: House) -> None:
        _, token = compact(house)
        house.restart()
        house.client().ask(commands.Inbox(), token=token)

    def test_an_empty_one_is_an_error_also_on_a_connection_with_a_session(self, house: House) -> None:
        messi = house.client("messi")
        with pytest.raises(BadToken):
            messi.ask(commands.Inbox(), token="")


class TestLogout:
    def test_without_a_session_there_is_nothing_to_end(self, house: House) -> None:
        with pytest.raises(NothingToLogOut):
            house.client().ask(commands.Logout())
        with pytest.raises(BadToken):
            house.client().ask(commands.Logout(), token="no")

    def test_without_a_token_all_sessions_of_the_connection_end(self, house: House) -> None:
        client, first = compact(house)
        second = client.ask(commands.Login(user="messi", password=PASSWORD, compact=True)).token
        client.ask(commands.Logout())
        for token in (first, second):
            with pytest.raises(BadToken):
                client.ask(commands.Inbox(), token=token)
        with pytest.raises(NothingToLogOut):
            client.ask(commands.Logout())

    def test_with_a_token_that_session_ends_and_no_other(self, house: House) -> None:
        client, first = compact(house)
        second = client.ask(commands.Login(user="messi", password=PASSWORD, compact=True)).token
        client.ask(commands.Logout(), token=second)
        with pytest.raises(BadToken):
            client.ask(commands.Inbox(), token=second)
        client.ask(commands.Inbox(), token=first)
        client.ask(commands.Inbox())

    def test_with_a_token_it_ends_on_any_connection_that_holds_it(self, house: House) -> None:
        client, token = compact(house)
        house.client().ask(commands.Logout(), token=token)
        with pytest.raises(NotLoggedIn):
            client.ask(commands.Inbox())

    def test_the_last_login_speaks_and_the_one_before_when_it_has_ended(self, house: House) -> None:
        client, _ = compact(house)
        client.log_in("messi")
        _, token = compact(house, "henderson")
        client.ask(commands.Resume(token=token))
        client.ask(commands.Create(group="hers"))
        house.client().ask(commands.Logout(), token=token)
        client.ask(commands.Create(group="his"))
        assert client.ask(commands.Members(group="his")).members == ["messi@alpha"]


class TestBound:
    def test_only_the_newest_16_sessions_stay_with_a_connection(self, house: House) -> None:
        client, first = compact(house)
        for _ in range(20):
            client.log_in("messi")
        assert len(client.session.logins) == 16
        client.ask(commands.Conversations())
        client.ask(commands.Logout())
        client.ask(commands.Inbox(), token=first)  # it left the connection, and did not end

    def test_a_listener_whose_session_leaves_the_connection_is_told(self, house: House) -> None:
        messi = house.client("messi")
        messi.listen()
        for _ in range(15):
            messi.log_in("messi")
        assert messi.goodbyes == []
        messi.log_in("messi")
        assert messi.goodbyes == ["logged-out"]


class TestPresence:
    def active(self, house: House) -> list[str]:
        users: list[str] = house.client("lineker").ask(commands.Active()).users
        return users

    def test_who_has_a_connection_is_there(self, house: House) -> None:
        messi, twin = house.client("messi"), house.client("messi")
        assert self.active(house) == ["lineker@alpha", "messi@alpha"]
        messi.session.closed()
        assert "messi@alpha" in self.active(house)
        twin.session.closed()
        assert "messi@alpha" not in self.active(house)

    def test_who_logs_out_is_gone(self, house: House) -> None:
        house.client("messi").ask(commands.Logout())
        assert "messi@alpha" not in self.active(house)

    @pytest.mark.parametrize("way", ["login", "resume", "register"])
    def test_a_connection_that_is_lost_while_it_logs_in_leaves_nobody_there(
        self, house: House, way: str
    ) -> None:
        token = house.client("messi").token
        house.restart()
        client = house.client()
        house.slow.slow = True
        command = {
            "login": commands.Login(user="messi", password=PASSWORD),
            "resume": commands.Resume(token=token),
            "register": commands.Register(user="ani", password=PASSWORD),
        }[way]
        answers = client.begin(command)
        client.session.closed()
        house.turn()
        while not answers:
            house.slow.tell_oldest()
            house.turn()
        house.slow.rush()
        assert client.session.logins == []
        assert self.active(house) == ["lineker@alpha"]

    def test_it_can_be_read_in_pages(self, house: House) -> None:
        clients = [house.client(name) for name in ("ani", "Budi", "cici")]
        page = clients[0].ask(commands.Active(limit=2))
        assert (page.users, page.complete) == (["ani@alpha", "Budi@alpha"], False)
        page = clients[0].ask(commands.Active(limit=2, after=page.users[-1]))
        assert (page.users, page.complete) == (["cici@alpha"], True)
        assert page.as_of == "2023-11-14T22:13:20.000Z"


def test_an_unknown_realm_has_nobody(house: House) -> None:
    messi = house.client("messi")
    assert messi.ask(commands.Active(realm="ALPHA")).users == ["messi@alpha"]
    with pytest.raises(ChatError) as raised:
        messi.ask(commands.Active(realm="beta"))
    assert raised.value.code == "no-such-realm"


def test_hello_says_what_a_client_has_to_know(house: House) -> None:
    greeting = house.client().ask(commands.Hello())
    assert isinstance(greeting, events.Greeting)
    assert (greeting.realm, greeting.epoch) == ("alpha", house.realm.lives.epoch)
    assert {"send", "listen", "user-add"} <= set(greeting.commands)
    assert "inbox" not in greeting.commands
    assert greeting.limits["line"] == 65536
