"""``chatproto user``: accounts of a realm that runs, and of one that does not."""

from __future__ import annotations

import json
import re
import stat
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from pytest_twisted import ensureDeferred
from twisted.internet import reactor as installed

from chatproto.limits import LIST_ITEMS
from chatproto.names import RealmName
from chatproto.records import AccountRow, Batch, Entry
from chatproto.store import open_store
from tests.cli.conftest import FREE
from tests.serving import Server, chatproto, here, on_terminal

reactor: Any = installed


@pytest.fixture
def server(store: str) -> Iterator[Server]:
    with Server("--realm", "alpha", "--store", store, "--listen", FREE) as running:
        yield running


def login(server: Server, user: str, password: str) -> str:
    with server.connect() as client:
        return str(client.ask(do="login", user=user, password=password)["status"])


def test_users_of_a_running_realm_are_managed_over_its_control_socket(server: Server, store: str) -> None:
    at = ("--store", store)
    added = chatproto("user", "add", "messi", "--name", "Lionel Messi", *at, given="surabaya\n")
    assert (added.returncode, added.stdout, added.stderr) == (0, "", "added messi\n")
    assert login(server, "messi", "surabaya") == "OK"
    assert chatproto("user", "passwd", "messi", *at, given="jakarta\n").returncode == 0
    assert login(server, "messi", "surabaya") == "ERROR"
    assert login(server, "messi", "jakarta") == "OK"
    listed = chatproto("user", "list", *at)
    assert listed.stdout.startswith("messi\tLionel Messi\t\t20")
    assert listed.stdout.count("\n") == 1


def test_users_of_a_realm_that_does_not_run_are_managed_in_its_store(store: str) -> None:
    at = ("--store", store, "--realm", "alpha")
    assert chatproto("user", "add", "messi", *at, given="surabaya\n").returncode == 0
    assert chatproto("user", "list", *at).stdout.split("\t")[0] == "messi"
    with Server("--realm", "alpha", "--store", store, "--listen", FREE) as server:
        assert login(server, "messi", "surabaya") == "OK"


def test_a_generated_password_is_printed_once_and_works(server: Server, store: str) -> None:
    done = here("user", "add", "messi", "--generate", "--store", store)
    password = done.stdout.removesuffix("\n")
    assert len(password) == 16
    assert password.isalnum()
    assert password not in done.stderr
    assert login(server, "messi", password) == "OK"
    changed = here("user", "passwd", "messi", "--generate", "--store", store)
    assert login(server, "messi", changed.stdout.strip()) == "OK"


def test_an_account_is_deleted_for_ever(server: Server, store: str) -> None:
    at = ("--store", store)
    here("user", "add", "messi", *at, given="surabaya\n")
    asked = here("user", "delete", "messi", *at)
    assert (asked.returncode, asked.stdout) == (2, "")
    assert asked.stderr.startswith("chatproto: deleting the user messi cannot be undone; say --yes.")
    assert login(server, "messi", "surabaya") == "OK"
    with server.connect() as client:
        client.ask(do="login", user="messi", password="surabaya")
        done = here("user", "delete", "messi", "--yes", *at)
        assert (done.returncode, done.stderr) == (0, "deleted messi\n")
        assert client.read() is None
    assert login(server, "messi", "surabaya") == "ERROR"
    again = here("user", "add", "messi", *at, given="surabaya\n")
    assert again.stderr.startswith("chatproto: user-exists: ")
    assert here("user", "delete", "messi", "--yes", *at).stderr.startswith("chatproto: no-such-user: ")


def test_at_a_terminal_lists_are_aligned_and_what_is_for_ever_is_asked_for(store: str) -> None:
    at = ("--store", store, "--realm", "alpha")
    chatproto("user", "add", "ani", "--name", "Ani \u66f8", "--country", "ID", *at, given="x\n")
    chatproto("user", "add", "alexandrina", *at, given="x\n")
    code, screen = on_terminal("user", "list", *at)
    assert code == 0
    heading, first, second = re.sub(r"\x1b\[[0-9;]*m", "", screen).rstrip("\n").split("\n")
    assert heading.split() == ["user", "name", "country", "created"]
    assert (first.index("alexandrina"), second.index("Ani")) == (0, heading.index("name"))
    assert re.search(r"ID +20\d\d-\d\d-\d\d \d\d:\d\d *$", second)
    code, screen = on_terminal("user", "delete", "ani", *at, typed="n\n")
    assert code == 1
    assert "deleting the user ani, for ever? [y/N]" in screen
    assert screen.endswith("chatproto: nothing was done\n")
    code, screen = on_terminal("user", "delete", "ani", *at, typed="y\n")
    assert code == 0
    assert screen.endswith("deleted ani\n")
    listed = chatproto("user", "list", "--json", *at).stdout
    assert [json.loads(line)["user"] for line in listed.splitlines()] == ["alexandrina"]


class TestInvites:
    def test_one_person_registers_with_one_and_nobody_without(self, store: str) -> None:
        at = ("--store", store)
        options = ("--realm", "alpha", *at, "--listen", FREE, "--registration", "invite")
        with Server(*options) as server, server.connect() as client:
            made = here("user", "invite", "--note", "for Ani", "--expires", "12h", *at)
            assert made.returncode == 0
            token = made.stdout.removesuffix("\n")
            assert len(token) == 43
            assert token not in made.stderr
            number, _, expires, note = here("user", "invites", *at).stdout.rstrip("\n").split("\t")
            assert note == "for Ani"
            assert made.stderr == f"invitation {number}, until {expires}\n"
            who: dict[str, Any] = {"do": "register", "user": "ani", "password": "x"}
            assert client.ask(**who)["code"] == "bad-invite"
            assert client.ask(**who, invite="none")["code"] == "bad-invite"
            client.write_line(b"register budi rahasia")
            refused = json.loads(client.read_line())
            assert (refused["code"], refused["status"]) == ("bad-invite", "ERROR")
            assert "ask the operator" in refused["message"]
            assert client.read_line() == b"\r\n"
            assert client.ask(**who, invite=token)["address"] == "ani@alpha"
            assert client.ask(**{**who, "user": "budi"}, invite=token)["code"] == "bad-invite"
            assert here("user", "invites", *at).stdout == ""
            second = here("user", "invite", *at)
            number = second.stderr.split()[1].removesuffix(",")
            assert here("user", "revoke-invite", number, *at).returncode == 0
            late = client.ask(**{**who, "user": "budi"}, invite=second.stdout.strip())
            assert late["code"] == "bad-invite"
            none = here("user", "revoke-invite", number, *at)
            assert none.stderr.startswith("chatproto: bad-invite: there is no invitation of that number")
            server.stop()
            assert token not in server.errors()

    def test_one_made_before_the_realm_is_served_is_taken_by_the_chat(
        self, store: str, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        at = ("--store", store, "--realm", "alpha")
        token = chatproto("user", "invite", *at).stdout.strip()
        monkeypatch.setenv("CHATPROTO_PASSWORD", "rahasia")
        with Server(*at, "--listen", FREE, "--registration", "invite") as server:
            chat = ("chat", f"127.0.0.1:{server.ports[0]}", "--register", "--invite", token, "--user")
            assert chatproto(*chat, "ani", given="/quit\n").returncode == 0
            assert login(server, "ani", "rahasia") == "OK"
            refused = chatproto(*chat, "budi", given="/quit\n")
            assert refused.returncode == 1
            assert "none that holds" in refused.stderr
            assert token not in refused.stderr

    def test_where_it_would_be_of_no_use_there_is_none(self, server: Server, store: str) -> None:
        done = here("user", "invite", "--store", store)
        assert (done.returncode, done.stdout) == (1, "")
        assert "registration is open here, not invite" in done.stderr

    @pytest.mark.parametrize("expires", ["7", "0d", "7 d", "1y", "-1d", "400d"])
    def test_a_time_is_a_number_and_a_unit(self, store: str, expires: str) -> None:
        done = here("user", "invite", f"--expires={expires}", "--store", store, "--realm", "alpha")
        assert (done.returncode, done.stdout, done.stderr.count("\n")) == (2, "", 1)


def test_a_store_that_is_not_there_is_made_for_a_first_user_only(store: str) -> None:
    at = ("--store", store, "--realm", "alpha")
    done = chatproto("user", "list", *at)
    path = store.removeprefix("sqlite:///")
    assert (done.returncode, done.stderr) == (
        1,
        f"chatproto: no realm answers, and there is no store at {path}\n",
    )
    assert not Path(path).exists()
    assert chatproto("user", "add", "ani", *at, given="x\n").returncode == 0
    assert stat.S_IMODE(Path(path).stat().st_mode) == 0o600


@ensureDeferred
async def test_more_users_than_one_page_are_listed_whole(store: str) -> None:
    """The rows are stored directly: so many password hashes would only take time."""
    opened = open_store(store, reactor)
    state = await opened.open(RealmName("alpha"))
    names = [f"User{number:04}" for number in range(LIST_ITEMS + 500)]
    rows = [AccountRow(name.lower(), name, name, "", 0) for name in names]
    await opened.commit(Batch(state.batch + 1, state.seq, state.serial, [Entry(inserts=rows)]))
    await opened.close()
    listed = chatproto("user", "list", "--store", store, "--realm", "alpha").stdout.splitlines()
    assert [line.split("\t")[0] for line in listed] == names


@pytest.mark.parametrize(
    ("arguments", "given", "message", "code"),
    [
        (("add", "messi"), "", "expected a password on standard input", 2),
        (("add", "no good"), "surabaya\n", "bad-name: ", 1),
        (("add", "messi"), "x" * 129 + "\n", "bad-field: ", 1),
    ],
)
@pytest.mark.parametrize("running", [True, False])
def test_a_refusal_is_one_line(
    request: pytest.FixtureRequest,
    store: str,
    running: bool,
    arguments: tuple[str, ...],
    given: str,
    message: str,
    code: int,
) -> None:
    if running:
        request.getfixturevalue("server")
    done = chatproto("user", *arguments, "--store", store, "--realm", "alpha", given=given)
    assert done.stderr.startswith(f"chatproto: {message}")
    assert done.stderr.count("\n") == 1
    assert (done.returncode, done.stdout) == (code, "")


def test_without_a_realm_the_options_that_name_one_are_told() -> None:
    done = here("user", "list")
    assert done.returncode == 2
    assert done.stderr == "chatproto: realm: expected one of --realm, --store, --config and --control\n"


def test_a_control_socket_where_nobody_answers_is_told(tmp_path: Path) -> None:
    done = here("user", "list", "--control", str(tmp_path / "none"))
    assert (done.returncode, done.stderr) == (1, f"chatproto: no realm answers at {tmp_path / 'none'}\n")


def test_a_store_whose_server_has_no_control_socket_here_is_in_use(tmp_path: Path, store: str) -> None:
    elsewhere = ("--control", str(tmp_path / "elsewhere"))
    with Server("--realm", "alpha", "--store", store, "--listen", FREE, *elsewhere):
        done = chatproto("user", "list", "--store", store, "--realm", "alpha")
        assert done.returncode == 1
        assert done.stderr.startswith("chatproto: store-in-use: ")
        assert chatproto("user", "list", *elsewhere).returncode == 0
