"""Rates of messages, commands and registrations: what is refused is lost by nobody, and passes later."""

from __future__ import annotations

from typing import Any

import pytest

from chatproto import commands, events
from chatproto.commands import Command, Send
from chatproto.errors import ChatError, RateLimited
from chatproto.limits import LOOPBACK, Limits, without_rates
from chatproto.records import CidRow, MessageRow
from tests.realm.house import PASSWORD, Client, House


def house_with(**limits: Any) -> House:
    """Return a realm with these rates and no others."""
    house = House(limits=Limits(**{**dict.fromkeys(("messages", *_OFF), 0.0), **limits}), rates=True)
    for name in ("messi", "henderson", "lineker"):
        house.add(name)
    return house


_OFF = (
    "message_bytes",
    "group_messages",
    "contacts_per_hour",
    "commands",
    "logins_per_minute",
    "failures_per_minute",
    "registrations_per_hour",
    "registrations_per_hour_in_all",
)


def wait_of(client: Client, command: Command) -> float:
    """Return how long a refused command should wait."""
    with pytest.raises(RateLimited) as raised:
        client.ask(command)
    assert raised.value.code == "rate-limited"
    assert raised.value.retry_after is not None
    return raised.value.retry_after


def outcomes(client: Client, command: Command, count: int) -> int:
    """Return how many of so many commands pass."""
    passed = 0
    for _ in range(count):
        answers = client.begin(command)
        client.house.turn()
        passed += not isinstance(answers[0], ChatError)
    return passed


class TestMessages:
    def test_a_burst_passes_and_then_as_many_as_come_back(self) -> None:
        house = house_with(messages=10, messages_burst=5)
        messi = house.client("messi")
        for _ in range(5):
            messi.send("henderson")
        assert wait_of(messi, Send(to="henderson", text="x")) == pytest.approx(0.1)
        house.turn(0.1)
        messi.send("henderson")
        assert wait_of(messi, Send(to="henderson", text="x")) == pytest.approx(0.1)
        house.turn(10)
        for _ in range(5):
            messi.send("henderson")

    def test_it_is_the_account_that_is_counted_and_not_its_sessions(self) -> None:
        house = house_with(messages=10, messages_burst=5)
        first, second = house.client("messi"), house.client("messi")
        for _ in range(5):
            first.send("henderson")
        wait_of(second, Send(to="henderson", text="x"))
        first.ask(commands.Logout())
        first.log_in("messi")
        wait_of(first, Send(to="lineker", text="x"))
        house.client("henderson").send("messi")

    def test_what_is_refused_is_not_stored_and_its_cid_may_be_repeated(self) -> None:
        house = house_with(messages=1, messages_burst=2)
        messi = house.client("messi")
        messi.send("henderson", "1", cid="c:1")
        messi.send("henderson", "2", cid="c:2")
        for cid in ("c:3", "c:3", "other"):
            wait_of(messi, Send(to="henderson", text="3", cid=cid))
        assert len(house.rows(MessageRow)) == 2
        assert sum(len(row.outcome) for row in house.rows(CidRow)) == 2
        house.turn(1)
        sent = messi.send("henderson", "3", cid="c:3")
        house.turn(1)
        assert messi.send("henderson", "3", cid="c:3") == sent
        assert [row.text for row in house.rows(MessageRow)] == ["1", "2", "3"]

    def test_a_list_costs_as_many_as_it_has_recipients(self) -> None:
        house = house_with(messages=1, messages_burst=3)
        messi = house.client("messi")
        messi.send(["henderson", "lineker"])
        assert wait_of(messi, Send(to=["henderson", "lineker"], text="x")) == pytest.approx(1.0)
        messi.send("henderson")
        house.turn(3)
        # More than there ever is: it passes, and the rest is owed.
        messi.send(["henderson"] * 64)
        assert wait_of(messi, Send(to="henderson", text="x")) == pytest.approx(62.0)

    def test_an_older_list_costs_as_many_as_it_names(self) -> None:
        house = house_with(messages=1, messages_burst=3)
        messi = house.client("messi")
        messi.ask(commands.SendGroup(to="henderson,lineker,nobody", text="x"))
        wait_of(messi, commands.SendGroup(to="henderson", text="x"))

    def test_bytes_are_counted_as_they_are_stored(self) -> None:
        house = house_with(message_bytes=1000, message_bytes_burst=10_000)
        messi = house.client("messi")
        messi.send("henderson", "x" * 6000)
        messi.send(["henderson", "lineker"], "é" * 1000)
        assert wait_of(messi, Send(to="henderson", text="x" * 1000)) == pytest.approx(1.0)
        house.turn(1)
        messi.send("henderson", "x" * 1000)

    def test_a_message_to_nobody_costs_too_so_that_names_cannot_be_tried_out(self) -> None:
        house = house_with(messages=1, messages_burst=3)
        messi = house.client("messi")
        for number in range(3):
            with pytest.raises(ChatError) as raised:
                messi.send(f"nobody{number}")
            assert raised.value.code == "no-such-user"
        wait_of(messi, Send(to="nobody9", text="x"))

    def test_a_burst_of_pipelined_ones_is_stored_up_to_the_bound_and_in_order(self) -> None:
        house = house_with(messages=10, messages_burst=5)
        messi = house.client("messi")
        answers = [messi.begin(Send(to="henderson", text=str(number))) for number in range(9)]
        house.turn()
        assert [isinstance(answer[0], events.Sent) for answer in answers] == [True] * 5 + [False] * 4
        assert [row.text for row in house.rows(MessageRow)] == ["0", "1", "2", "3", "4"]


class TestGroupsAndStrangers:
    def test_a_group_has_a_rate_for_all_its_members_together(self) -> None:
        house = house_with(messages=100, messages_burst=100, group_messages=1, group_messages_burst=4)
        messi, henderson = house.client("messi"), house.client("henderson")
        messi.ask(commands.Create(group="tim"))
        messi.ask(commands.Create(group="lain"))
        henderson.ask(commands.Join(group="tim"))
        for _ in range(2):
            messi.send("tim")
            henderson.send("tim")
        assert wait_of(henderson, Send(to="tim", text="x")) == pytest.approx(1.0)
        assert wait_of(messi, Send(to=["tim", "lineker"], text="x")) == pytest.approx(1.0)
        messi.send("lain")
        messi.send("lineker")
        house.turn(1)
        henderson.send("tim")

    def test_a_message_that_a_group_has_no_room_for_costs_the_account_nothing(self) -> None:
        house = house_with(messages=1, messages_burst=4, group_messages=1, group_messages_burst=1)
        messi = house.client("messi")
        messi.ask(commands.Create(group="tim"))
        messi.send("tim")
        for _ in range(20):
            wait_of(messi, Send(to="tim", text="x" * 1000))
        for _ in range(3):
            messi.send("lineker")
        wait_of(messi, Send(to="lineker", text="x"))

    def test_only_so_many_strangers_are_written_to_in_an_hour(self) -> None:
        house = house_with(contacts_per_hour=2)
        house.add("a", "b", "c")
        messi = house.client("messi")
        messi.send("a")
        messi.send("b")
        assert wait_of(messi, Send(to="c", text="x")) == pytest.approx(1800)
        assert wait_of(messi, Send(to=["a", "c"], text="x")) == pytest.approx(1800)
        for _ in range(5):
            messi.send(["a", "b"])  # who was written to is a stranger no more
        house.client("c").send("messi")
        messi.send("c")
        house.turn(1800)
        messi.send("lineker")
        wait_of(messi, Send(to="henderson", text="x"))

    def test_a_list_of_strangers_is_stored_whole_or_not_at_all(self) -> None:
        house = house_with(contacts_per_hour=3)
        messi = house.client("messi")
        messi.send("henderson")
        messi.send("lineker")
        house.add("a", "b", "c")
        wait_of(messi, Send(to=["a", "b"], text="x", cid="c:1"))
        assert len(house.rows(MessageRow)) == 2
        house.turn(3600)
        messi.ask(Send(to=["a", "b"], text="x", cid="c:1"))

    def test_what_was_read_slowly_is_asked_for_like_any_other(self) -> None:
        house = house_with(contacts_per_hour=2)
        house.add("a", "b", "c")
        messi = house.client("messi")
        house.slow.slow = True
        answers = [messi.begin(Send(to=name, text="x")) for name in "abc"]
        house.slow.rush()
        house.turn()
        assert [isinstance(answer[0], events.Sent) for answer in answers] == [True, True, False]

    def test_an_invitation_is_a_message_and_may_be_to_a_stranger(self) -> None:
        house = house_with(messages=1, messages_burst=4, contacts_per_hour=1)
        messi = house.client("messi")
        messi.ask(commands.Create(group="tim"))
        messi.ask(commands.Invite(group="tim", user="henderson"))
        assert wait_of(messi, commands.Invite(group="tim", user="lineker")) == pytest.approx(3600)
        for _ in range(3):  # that cost nothing
            messi.send("henderson")
        assert wait_of(messi, commands.Invite(group="tim", user="henderson")) == pytest.approx(1)


class TestCommands:
    def test_other_commands_have_a_rate_of_the_account(self) -> None:
        house = house_with(commands=10, commands_burst=20)
        messi = house.client("messi")
        for _ in range(20):
            messi.ask(commands.Conversations())
        assert wait_of(messi, commands.History(with_="henderson")) == pytest.approx(0.1)
        messi.send("henderson")  # which has a rate of its own
        assert wait_of(house.client("messi"), commands.Sessions()) > 0
        house.client("henderson").ask(commands.Conversations())

    def test_before_login_they_have_one_of_the_connection(self) -> None:
        house = house_with(commands=10, commands_burst=20)
        stranger = house.client()
        for _ in range(20):
            stranger.ask(commands.Hello())
        wait_of(stranger, commands.Hello())
        wait_of(stranger, commands.Login(user="messi", password=PASSWORD))
        house.client().ask(commands.Hello())

    def test_cursors_cost_little_and_looking_everybody_up_costs_much(self) -> None:
        house = house_with(commands=10, commands_burst=20)
        messi = house.client("messi")
        for _ in range(500):
            messi.ask(commands.Ack(seq=0))
        house.turn(10)
        assert outcomes(messi, commands.Active(), 10) == 4
        assert outcomes(house.client(), commands.Info(), 10) == 2

    def test_an_administrator_on_the_control_socket_is_not_counted(self) -> None:
        house = house_with(commands=1, commands_burst=1)
        client = Client(house, administrator=True, limits=LOOPBACK)
        for _ in range(50):
            client.ask(commands.UserList())


class TestRegistrations:
    def test_an_address_makes_only_so_many_accounts(self) -> None:
        house = house_with(registrations_per_hour=2, registrations_per_hour_in_all=4)

        def register(name: str, address: str) -> None:
            client = Client(house, address=address)
            client.ask(commands.Register(user=name, password="x"))

        register("a", "192.0.2.1")
        with pytest.raises(ChatError) as raised:
            register("a", "192.0.2.1")  # to find out who exists costs as much
        assert raised.value.code == "user-exists"
        with pytest.raises(RateLimited) as limited:
            register("b", "192.0.2.1")
        assert limited.value.retry_after == pytest.approx(1800)
        register("b", "192.0.2.2")
        register("c", "192.0.2.3")
        with pytest.raises(RateLimited):  # from everywhere
            register("d", "192.0.2.4")
        house.turn(1800)
        register("d", "192.0.2.1")

    def test_of_ipv6_a_network_makes_them_together(self) -> None:
        house = house_with(registrations_per_hour=2)
        for number in range(2):
            client = Client(house, address=f"2001:db8::{number}")
            client.ask(commands.Register(user=f"user{number}", password="x"))
        with pytest.raises(RateLimited):
            Client(house, address="2001:db8::2").ask(commands.Register(user="user2", password="x"))


class TestWhoseRates:
    def test_rates_are_those_of_the_listener_and_what_was_used_is_the_accounts(self) -> None:
        house = house_with()
        limits = without_rates(Limits())
        tight = Client(house, limits=Limits(messages=1, messages_burst=2))
        loose = Client(house, limits=limits)
        for client in (tight, loose):
            client.log_in("messi")
            client.send("henderson")
        tight.send("henderson")
        wait_of(tight, Send(to="henderson", text="x"))
        for _ in range(100):
            loose.send("henderson")
        assert wait_of(tight, Send(to="henderson", text="x")) == pytest.approx(1.0)

    def test_the_gates_of_a_realm_are_as_many_as_its_limits(self) -> None:
        house = house_with()
        assert house.realm.gate(LOOPBACK) is house.realm.gate(LOOPBACK)
        assert house.realm.gate(LOOPBACK) is not house.realm.gate(Limits())
