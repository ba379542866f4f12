"""``chatproto group``: groups of a realm that runs, and of one that does not."""

from __future__ import annotations

import json
from pathlib import Path

from tests.cli.conftest import FREE
from tests.postgresql import PostgresServer
from tests.serving import Server, chatproto, here, on_terminal


def make_group(server: Server) -> None:
    """Make a group of messi, who owns it, and henderson."""
    for user, command in (("messi", "create"), ("henderson", "join")):
        with server.connect() as client:
            client.ask(do="login", user=user, password="surabaya")
            assert client.ask(do=command, group="Tim")["status"] == "OK"
            if user == "messi":
                assert client.ask(do="topic", group="tim", topic="Piala")["status"] == "OK"


def test_groups_of_a_running_realm_are_managed_over_its_control_socket(server: Server, store: str) -> None:
    at = ("--store", store)
    make_group(server)
    name, topic, history, access, created = here("group", "list", *at).stdout.rstrip("\n").split("\t")
    assert (name, topic, history, access, created[:2]) == ("Tim@alpha", "Piala", "joined", "open", "20")
    shown = here("group", "show", "tim", *at)
    assert shown.stdout == "henderson@alpha\tmember\nmessi@alpha\towner\n"
    assert shown.stderr.startswith("Tim@alpha: Piala\n")
    assert here("group", "transfer", "tim", "henderson", *at).returncode == 0
    whole = json.loads(here("group", "show", "Tim", "--json", *at).stdout)
    assert whole["summary"]["topic"] == "Piala"
    assert whole["roles"]["henderson@alpha"] == "owner"
    assert here("group", "kick", "tim", "messi", *at).stderr == "removed messi from tim\n"
    assert "messi" not in here("group", "show", "tim", *at).stdout
    refused = here("group", "transfer", "tim", "lineker", *at)
    assert (refused.returncode, refused.stderr.count("\n")) == (1, 1)
    asked = here("group", "delete", "tim", *at)
    assert (asked.returncode, asked.stdout) == (2, "")
    assert here("group", "delete", "tim", "--yes", *at).returncode == 0
    assert here("group", "list", *at).stdout == ""
    gone = here("group", "show", "tim", *at)
    assert gone.stderr.startswith("chatproto: no-such-group: ")


def test_groups_of_a_realm_that_does_not_run_are_managed_in_its_store(server: Server, store: str) -> None:
    make_group(server)
    assert server.stop() == 0
    at = ("--store", store, "--realm", "alpha")
    code, screen = on_terminal("group", "show", "tim", *at)
    assert code == 0
    assert [line.split() for line in screen.splitlines()[-2:]] == [
        ["henderson@alpha", "member"],
        ["messi@alpha", "owner"],
    ]
    code, screen = on_terminal("group", "delete", "tim", *at, typed="y\n")
    assert code == 0
    assert screen.endswith("deleted tim\n")
    assert chatproto("group", "list", *at).stdout == ""


def test_a_realm_in_postgresql_is_managed_with_and_without_a_server(
    postgres: PostgresServer, tmp_path: Path
) -> None:
    at = ("--store", postgres.url(schema=postgres.new_schema()), "--realm", "alpha")
    control = ("--control", str(tmp_path / "control"))
    with Server(*at, *control, "--listen", FREE, "--lab") as server:
        make_group(server)
        assert here("group", "list", *control).stdout.startswith("Tim@alpha\t")
        elsewhere = chatproto("group", "list", *at, "--control", str(tmp_path / "none"))
        assert elsewhere.stderr.startswith("chatproto: store-in-use: ")
        assert server.stop() == 0
    assert chatproto("group", "kick", "tim", "messi", *at, *control).returncode == 0
    assert chatproto("group", "show", "tim", *at, *control).stdout == "henderson@alpha\towner\n"
