"""``chatproto user``: accounts of a realm that runs, and of one that does not."""

from __future__ import annotations

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
from tests.serving import Server, chatproto

reactor: Any = installed
FREE = "client=tcp:0:interface=127.0.0.1"


@pytest.fixture
def store(tmp_path: Path) -> str:
    return f"sqlite:///{tmp_path / 'alpha.db'}"


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
    done = chatproto("user", "add", "messi", "--generate", "--store", store)
    password = done.stdout.removesuffix("\n")
    assert len(password) == 16
    assert password.isalnum()
    assert password not in done.stderr
    assert login(server, "messi", password) == "OK"
    changed = chatproto("user", "passwd", "messi", "--generate", "--store", store)
    assert login(server, "messi", changed.stdout.strip()) == "OK"


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
        (("passwd", "nobody"), "surabaya\n", "no-such-user: ", 1),
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
    done = chatproto("user", "list")
    assert done.returncode == 2
    assert done.stderr == "chatproto: realm: expected one of --realm, --store, --config and --control\n"


def test_a_control_socket_where_nobody_answers_is_told(tmp_path: Path) -> None:
    done = chatproto("user", "list", "--control", str(tmp_path / "none"))
    assert (done.returncode, done.stderr) == (1, f"chatproto: no realm answers at {tmp_path / 'none'}\n")


def test_a_store_whose_server_has_no_control_socket_here_is_in_use(tmp_path: Path, store: str) -> None:
    elsewhere = ("--control", str(tmp_path / "elsewhere"))
    with Server("--realm", "alpha", "--store", store, "--listen", FREE, *elsewhere):
        done = chatproto("user", "list", "--store", store, "--realm", "alpha")
        assert done.returncode == 1
        assert done.stderr.startswith("chatproto: store-in-use: ")
        assert chatproto("user", "list", *elsewhere).returncode == 0
