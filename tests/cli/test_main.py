"""The ``chatproto`` command as a whole."""

from __future__ import annotations

import json
import subprocess
import sys

import pytest

from chatproto import cli
from chatproto.cli import COMMANDS
from chatproto.errors import ChatError
from chatproto.specification import rst_tables
from chatproto.version import VERSION
from tests.serving import chatproto, environment, here


def started(*arguments: str, without: tuple[str, ...]) -> subprocess.CompletedProcess[str]:
    """Run the command in a process that says last which modules of these packages it imported."""
    program = (
        "import sys\n"
        "from chatproto.cli import main\n"
        f"try: main({arguments})\n"
        f"finally: print(*sorted(name for name in sys.modules if name.startswith({without})))"
    )
    return subprocess.run(
        [sys.executable, "-c", program], env=environment(), capture_output=True, text=True, check=True
    )


def test_help_lists_every_command_and_imports_none() -> None:
    done = started("--help", without=("twisted", "sqlalchemy"))
    for command, line in COMMANDS.items():
        assert f"  {command}" in done.stdout
        assert line in done.stdout
    assert done.stdout.endswith("\n\n") or done.stdout.splitlines()[-1] == ""


def test_a_client_has_nothing_of_a_server() -> None:
    done = started("send-file", "--help", without=("chatproto.realm", "sqlalchemy"))
    assert done.stdout.startswith("Usage: ")
    assert done.stdout.endswith("\n\n")


def test_a_front_has_no_store_and_loads_no_database() -> None:
    done = started("front", "--help", without=("sqlalchemy",))
    assert done.stdout.startswith("Usage: ")
    assert done.stdout.endswith("\n\n")


@pytest.mark.parametrize("command", COMMANDS)
def test_every_command_has_help_of_its_own(command: str) -> None:
    done = here(command, "--help")
    assert done.returncode == 0
    assert done.stdout.startswith(f"Usage: chatproto {command}")


def test_the_version_is_told() -> None:
    assert chatproto("--version").stdout == f"chatproto, version {VERSION}\n"


@pytest.mark.parametrize("arguments", [("nonsense",), ("serve", "extra"), ("--nonsense",)])
def test_a_wrong_usage_is_one_line_that_names_the_help(arguments: tuple[str, ...]) -> None:
    done = here(*arguments)
    assert (done.returncode, done.stdout) == (2, "")
    assert done.stderr.startswith("chatproto: ")
    assert "--help`" in done.stderr
    assert done.stderr.count("\n") == 1


def test_spec_prints_the_schema_and_the_tables() -> None:
    assert json.loads(chatproto("spec").stdout)["title"] == "chatproto client protocol"
    assert chatproto("spec", "--rst").stdout == rst_tables()


def test_a_servers_words_do_not_control_the_terminal(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def refused(*_: object, **__: object) -> None:
        raise ChatError("no\x1b[2J\nchatproto: done")

    monkeypatch.setattr(cli.chatproto, "main", refused)
    with pytest.raises(SystemExit) as ended:
        cli.main([])
    assert ended.value.code == 1
    assert capsys.readouterr().err == "chatproto: error: no\\x1b[2J\\nchatproto: done\n"
