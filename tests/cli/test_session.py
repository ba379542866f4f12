"""``chatproto session``, and sessions that end over real connections."""

from __future__ import annotations

import json

from tests.serving import Connection, Server, chatproto, here


def log_in(server: Server, device: str | None = None) -> tuple[Connection, str]:
    """Return a connection of messi, and its token."""
    client = server.connect()
    token = client.ask(do="login", user="messi", password="surabaya", device=device)["token"]
    return client, token


def resume(server: Server, token: str) -> str:
    """Return what becomes of a token that is used again."""
    with server.connect() as client:
        reply = client.ask(do="resume", token=token)
        return str(reply.get("code", reply["status"]))


def numbers(client: Connection) -> dict[str, int]:
    return {each["device"]: each["session"] for each in client.ask(do="sessions")["sessions"]}


def is_over(client: Connection, *, listening: bool) -> bool:
    """Tell whether a connection ends by itself."""
    last = client.read()
    if listening:
        assert last is not None
        assert (last["event"], last["reason"]) == ("goodbye", "logged-out")
        last = client.read()
    return last is None


class TestByTheOwner:
    def test_a_revoked_session_is_over_everywhere_and_its_token_is_worth_nothing(
        self, server: Server
    ) -> None:
        laptop, own = log_in(server, "laptop")
        phone, token = log_in(server, "phone")
        twin = server.connect()
        twin.ask(do="resume", token=token)
        assert twin.ask(do="listen")["status"] == "OK"
        with laptop, phone, twin:
            assert laptop.ask(do="revoke", session=numbers(laptop)["phone"])["status"] == "OK"
            assert is_over(phone, listening=False)
            assert is_over(twin, listening=True)
            assert resume(server, token) == "bad-token"
            assert [*numbers(laptop)] == ["laptop"]
            assert laptop.ask(do="revoke", session=10**6)["code"] == "no-such-session"
        assert resume(server, own) == "OK"

    def test_a_new_password_ends_all_other_sessions(self, server: Server) -> None:
        laptop, own = log_in(server, "laptop")
        phone, token = log_in(server, "phone")
        phone.ask(do="listen")
        with laptop, phone:
            wrong = laptop.ask(do="password", old="jakarta", new="malang")
            assert wrong["code"] == "login-failed"
            assert laptop.ask(do="password", old="surabaya", new="malang")["status"] == "OK"
            assert is_over(phone, listening=True)
            assert [*numbers(laptop)] == ["laptop"]
        assert (resume(server, token), resume(server, own)) == ("bad-token", "OK")

    def test_logout_everywhere_ends_all_after_its_reply(self, server: Server) -> None:
        laptop, own = log_in(server, "laptop")
        phone, token = log_in(server, "phone")
        with laptop, phone:
            assert laptop.ask(do="logout", everywhere=True)["status"] == "OK"
            assert is_over(laptop, listening=False)
            assert is_over(phone, listening=False)
        assert (resume(server, token), resume(server, own)) == ("bad-token", "bad-token")

    def test_after_a_logout_the_connection_goes_on(self, server: Server) -> None:
        laptop, _ = log_in(server)
        with laptop:
            assert laptop.ask(do="logout")["status"] == "OK"
            assert laptop.ask(do="sessions")["code"] == "not-logged-in"
            assert laptop.ask(do="login", user="messi", password="surabaya")["status"] == "OK"


class TestByTheOperator:
    def test_one_session_or_all_are_ended(self, server: Server, store: str) -> None:
        at = ("--store", store)
        laptop, own = log_in(server, "laptop")
        phone, token = log_in(server, "phone")
        tablet, last = log_in(server, "tablet")
        tablet.ask(do="listen")
        with laptop, phone, tablet:
            listed = [line.split("\t") for line in here("session", "list", "messi", *at).stdout.splitlines()]
            assert [row[1] for row in listed] == ["laptop", "phone", "tablet"]
            assert all(row[2].startswith("20") and len(row) == 5 for row in listed)
            done = here("session", "revoke", "messi", listed[1][0], *at)
            assert (done.returncode, done.stderr) == (0, f"ended session {listed[1][0]} of messi\n")
            assert is_over(phone, listening=False)
            again = here("session", "revoke", "messi", listed[1][0], *at)
            assert again.stderr.startswith("chatproto: no-such-session: there is no such session")
            assert here("session", "revoke", "messi", "--all", *at).returncode == 0
            assert is_over(laptop, listening=False)
            assert is_over(tablet, listening=True)
        assert [resume(server, each) for each in (own, token, last)] == ["bad-token"] * 3
        assert here("session", "list", "messi", *at).stdout == ""

    def test_without_a_server_too(self, server: Server, store: str) -> None:
        with log_in(server, "laptop")[0]:
            assert server.stop() == 0
        at = ("--store", store, "--realm", "alpha")
        row = json.loads(chatproto("session", "list", "messi", "--json", *at).stdout)
        assert row["device"] == "laptop"
        assert chatproto("session", "revoke", "messi", str(row["session"]), *at).returncode == 0
        ended = chatproto("session", "revoke", "messi", str(row["session"]), *at)
        assert ended.stderr.startswith("chatproto: no-such-session: ")

    def test_which_one_has_to_be_said(self, store: str) -> None:
        for which in ((), ("3", "--all"), ("x",)):
            done = here("session", "revoke", "messi", *which, "--store", store)
            assert (done.returncode, done.stderr.count("\n")) == (2, 1)

    def test_who_is_not_there_has_none(self, server: Server, store: str) -> None:
        done = here("session", "list", "nobody", "--store", store)
        assert done.stderr.startswith("chatproto: no-such-user: ")
