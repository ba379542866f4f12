"""``chatproto serve``: a realm in the foreground.

Standard output belongs to scripts: one line a listener, ``ready``, and nothing more.
"""

from __future__ import annotations

import contextlib
import os
import sys
from pathlib import Path
from typing import Any

import click
from twisted.internet.defer import Deferred
from twisted.internet.posixbase import PosixReactorBase

from chatproto.cli.auth import auth_options
from chatproto.cli.logs import LEVELS, start_logging
from chatproto.cli.options import files_option, place_options, settings
from chatproto.cli.running import run
from chatproto.configuration import Config, configure, in_surroundings
from chatproto.lab import guide
from chatproto.listeners import check_certificates
from chatproto.process import end_once, on_hangup, prepare_process, settle_process
from chatproto.service import CannotServe, realm_service
from chatproto.supervision import Supervisor


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
@click.option("--log-level", type=click.Choice(LEVELS), default="info", show_default=True)
@click.option(
    "--log-file",
    type=click.Path(path_type=Path),
    metavar="FILE",
    help="Where to log instead of standard error; may be moved away while the realm runs.",
)
def serve(config: Path | None, log_level: str, log_file: Path | None, **flags: Any) -> None:
    """Run a realm in the foreground.

    Prints a line `listening NAME HOST PORT` for each listener, then `ready REALM`. Logs go to standard
    error. SIGTERM ends it in order, and further ones change nothing. With TLS, SIGHUP reads the
    certificates again.
    """
    configuration = configure(in_surroundings(settings(config, **flags), os.environ))
    check_certificates(configuration.listeners)
    # The store, its lock and the socket are the operator's alone.
    os.umask(0o077)
    prepare_process()
    try:
        start_logging(log_level, log_file)
    except OSError as error:
        raise click.ClickException(f"log file: {log_file}: {error.strerror}") from error
    try:
        run(lambda reactor: _serve(reactor, configuration))
    except CannotServe as error:
        raise click.ClickException(str(error)) from error


async def _serve(reactor: PosixReactorBase, config: Config) -> None:
    service = realm_service(reactor, config)
    supervisor = Supervisor(reactor)

    def stop() -> Deferred[None]:
        supervisor.stopping()
        return service.stopService()

    end_once(reactor)
    reactor.addSystemEventTrigger("before", "shutdown", stop)
    # Where a terminal that closes should end the process, it does; a supervisor means the certificates.
    if supervisor.there or any(listener.tls for listener in config.listeners):
        on_hangup(reactor, service.reload_certificates)
    service.startService()
    listening = await service.when_started()
    # It takes a moment in which nobody is read, and older clients tell what they say apart by pauses only.
    settle_process()
    if config.lab:
        # Standard output belongs to scripts. Whoever closed the other one does not want to know.
        with contextlib.suppress(OSError):
            print(*guide(config, listening), sep="\n", file=sys.stderr, flush=True)
    lines = [f"listening {where.name} {where.host} {where.port}" for where in listening]
    print(*lines, f"ready {config.realm}", sep="\n", flush=True)
    supervisor.ready(f"realm {config.realm} is ready")
    try:
        await service.when_finished()
    finally:
        supervisor.gone()
