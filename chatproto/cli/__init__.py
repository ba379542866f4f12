"""The ``chatproto`` command.

Each command is imported when it is asked for, so that ``chatproto --help`` is quick and lists all of
them whatever is installed. Whatever a command raises for its user ends in one line and an exit code here.
"""

from __future__ import annotations

import importlib
import sys
from collections.abc import Sequence
from typing import NoReturn

import click

from chatproto.errors import ChatError, ConfigError, StoreError
from chatproto.version import VERSION

#: Every command: the module of its name, with an underscore for a hyphen, holds a click command of that name.
COMMANDS = {
    "serve": "Run a realm in the foreground.",
    "front": "Run a realm server in front of a main server.",
    "chat": "Talk to a realm from the terminal.",
    "send-file": "Send a file to a user or a group.",
    "fetch": "Save a file that was sent to you.",
    "demo": "Show two realms and some users at work.",
    "user": "Add users, set passwords, invite, list, delete.",
    "group": "List groups, show, kick, transfer, delete.",
    "realm": "Links to other realms: add, approve, list, look after.",
    "trace": "Show where a message between realms went.",
    "audit": "Compare the audit logs of realms.",
    "session": "List and end the sessions of a user.",
    "files": "List what people sent, copy it out, remove it.",
    "store": "Look at a store, back it up, move it.",
    "certificate": "Make a self-signed certificate, show one.",
    "check": "Tell what is wrong with a set-up and what to do.",
    "conformance": "Check whether a server, yours or ours, keeps to the protocols.",
    "spec": "Print the client protocol as JSON Schema.",
}

#: Exit codes: what was asked for is wrong, and what was asked for failed. Some commands have others.
WRONG = 2
FAILED = 1


class _Lazy(click.Group):
    """A group that imports a command only to run it or to show its own help."""

    def list_commands(self, ctx: click.Context) -> list[str]:
        return list(COMMANDS)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        if cmd_name not in COMMANDS:
            return None
        name = cmd_name.replace("-", "_")
        try:
            module = importlib.import_module(f"chatproto.cli.{name}")
        except ModuleNotFoundError as error:
            raise click.ClickException(
                f"`chatproto {cmd_name}` needs {error.name}, which is not installed"
            ) from error
        command = getattr(module, name)
        assert isinstance(command, click.Command)
        return command

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        with formatter.section("Commands"):
            formatter.write_dl(list(COMMANDS.items()))


@click.group(cls=_Lazy, context_settings={"help_option_names": ["-h", "--help"]})
@click.version_option(VERSION, prog_name="chatproto")
def chatproto() -> None:
    """Federated chat between realms: a server and its tools."""


def main(arguments: Sequence[str] | None = None) -> NoReturn:
    """Run the command line and exit: 0 done, 1 failed, 2 wrong options or configuration."""
    try:
        code = chatproto.main(arguments, prog_name="chatproto", standalone_mode=False)
        sys.exit(code if isinstance(code, int) else 0)
    except click.UsageError as error:
        command = error.ctx.command_path if error.ctx else "chatproto"
        _fail(f"{error.format_message().rstrip('.')}. See `{command} --help`.", WRONG)
    except ConfigError as error:
        _fail(str(error), WRONG)
    except click.ClickException as error:
        _fail(error.format_message(), error.exit_code)
    except ChatError as error:
        _fail(f"{error.code}: {error.text}", FAILED)
    except StoreError as error:
        _fail(str(error), FAILED)
    except click.Abort:
        _fail("interrupted", FAILED)


def _fail(line: str, code: int) -> NoReturn:
    from chatproto.cli.printing import printable  # noqa: PLC0415 - keeps --help fast

    # The line may hold a server's words, which must not reach the terminal as they are.
    print(f"chatproto: {printable(line)}", file=sys.stderr)
    sys.exit(code)
