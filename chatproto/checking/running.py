"""Whether the realm runs, and which process it is."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

from chatproto.checking.findings import Finding, Running, Setup, fail, ok, warn
from chatproto.commands import Hello
from chatproto.control import ControlConnection, NoServer
from chatproto.errors import ChatError
from chatproto.events import Greeting
from chatproto.version import VERSION


def find_running(control: Path | None) -> Running | Finding | None:
    """Return the realm that answers at a control socket, None if nobody does, or what is wrong there."""
    if control is None or not control.exists():
        return None
    if not control.is_socket():
        return fail(f"control {control}", "there is something that is no socket; move it away")
    try:
        with ControlConnection(control) as connection:
            greeting = connection.ask(Hello(), Greeting)
            return Running(connection.pid, greeting.realm, greeting.version)
    except NoServer:
        return None
    except OSError as error:
        reason = error.strerror or str(error)
        return fail(f"control {control}", f"{reason}; run this as the user that the realm runs as")
    except ChatError as error:
        return fail(f"control {control}", f"the realm does not answer ({error.code}); look into its log")


def check_running(setup: Setup) -> Iterator[Finding]:
    """Say what runs."""
    running, config = setup.running, setup.config
    if running is None:
        yield ok("realm", f"{config.realm} does not run, or has no control socket")
    elif running.realm != config.realm:
        yield fail(
            "realm",
            f"process {running.pid} at {config.control} is the realm {running.realm}, not {config.realm}; "
            "give each realm a control socket of its own",
        )
    elif running.version != VERSION:
        yield warn(
            "realm",
            f"{running.realm} runs as process {running.pid} with chatproto {running.version}, "
            f"and {VERSION} is installed; restart it",
        )
    else:
        yield ok("realm", f"{running.realm} runs as process {running.pid}")
