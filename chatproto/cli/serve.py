"""``chatproto serve``: a realm in the foreground."""

from __future__ import annotations

import contextlib
import os
import sys
from pathlib import Path
from typing import Any

import click
from twisted.internet.posixbase import PosixReactorBase

from chatproto.cli.auth import auth_options
from chatproto.cli.options import files_option, place_options, settings
from chatproto.cli.serving import Serving, log_options, run_server
from chatproto.configuration import Config, configure, in_surroundings
from chatproto.lab import guide
from chatproto.service import realm_service


@click.command()
@place_options
@files_option
@click.option(
    "--listen",
    multiple=True,
    metavar="NAME=ENDPOINT",
    help="Where to listen; NAME is client, peer or metrics, or for older systems tipe, tipe-main, talk "
    "or room. May be repeated.  [default: client at SERVER_IP:SERVER_PORT, or 127.0.0.1:8889; in a lab all]",
)
@click.option("--limit", multiple=True, metavar="NAME=VALUE", help="Move a bound. May be repeated.")
@click.option("--registration", metavar="open|invite|closed", help="Who may make an account.")
@auth_options
@click.option(
    "--lab",
    is_flag=True,
    default=None,
    help="A course set-up: demo users, cheap passwords, and listeners for the clients of all older systems.",
)
@click.option(
    "--insecure", is_flag=True, default=None, help="Allow plain TCP, or a lab, beyond this machine."
)
@click.option(
    "--exact-bodies", is_flag=True, default=None, help="Keep blanks and line ends of text commands."
)
@click.option("--file-entries", metavar="string|object", help="What a file is in an older client's inbox.")
@log_options
def serve(config: Path | None, log_level: str, log_file: Path | None, **flags: Any) -> None:
    """Run a realm in the foreground.

    Prints a line `listening NAME HOST PORT` for each listener, then `ready REALM`. Logs go to standard
    error. SIGTERM ends it in order, and further ones change nothing. With TLS, SIGHUP reads the
    certificates again.
    """
    configuration = configure(in_surroundings(settings(config, **flags), os.environ))
    run_server(lambda reactor: _serve(reactor, configuration), configuration.listeners, log_level, log_file)


async def _serve(reactor: PosixReactorBase, config: Config) -> None:
    service = realm_service(reactor, config)
    serving = Serving(reactor, config.listeners, service.stopService, service.reload_certificates)
    service.startService()
    listening = await service.when_started()
    if config.lab:
        # Standard output belongs to scripts. Whoever closed the other one does not want to know.
        with contextlib.suppress(OSError):
            print(*guide(config, listening), sep="\n", file=sys.stderr, flush=True)
    serving.ready(listening, str(config.realm), f"realm {config.realm} is ready")
    await serving.until(service.when_finished())
