"""``chatproto front``: a front of a main server.

Standard output belongs to scripts: one line a listener, ``ready``, and nothing more.
"""

from __future__ import annotations

import os
from pathlib import Path

import click
from twisted.internet.defer import Deferred
from twisted.internet.posixbase import PosixReactorBase

from chatproto.cli.logs import LEVELS, start_logging
from chatproto.cli.running import run
from chatproto.configuration import settings_from_flags
from chatproto.configuration.front import (
    DEFAULT,
    SECRET,
    check_name,
    front_listeners,
    main_endpoint,
    trust_in_main,
)
from chatproto.front import Front, FrontConfig
from chatproto.limits import Limits
from chatproto.listeners import check_certificates
from chatproto.opening import CannotServe
from chatproto.process import end_once, on_hangup, prepare_process, settle_process
from chatproto.supervision import Supervisor
from chatproto.wire.text import FileEntries


@click.command()
@click.option(
    "--main",
    required=True,
    metavar="HOST:PORT",
    help="The main server, or a front before it.",
)
@click.option(
    "--listen",
    multiple=True,
    metavar="client=ENDPOINT",
    help=f"Where clients connect. May be repeated. [default: client={DEFAULT}]",
)
@click.option("--name", default="front", show_default=True, help="What this front is called over there.")
@click.option(
    "--secret-file",
    type=click.Path(path_type=Path),
    metavar="FILE",
    help=f"A file with the secret that it shares with the main server; or {SECRET} in the environment.",
)
@click.option("--main-pin", metavar="ed25519:...", help="The main server's key: `chatproto realm key`.")
@click.option(
    "--state",
    type=click.Path(path_type=Path, file_okay=False),
    metavar="FOLDER",
    help="Where its key is, and that of the main server. Without it each start makes a new key.",
)
@click.option("--limit", multiple=True, metavar="NAME=VALUE", help="Move a bound. May be repeated.")
@click.option("--insecure", is_flag=True, help="Allow plain TCP beyond this machine.")
@click.option("--exact-bodies", is_flag=True, help="Keep blanks and line ends of text commands.")
@click.option(
    "--file-entries",
    type=click.Choice([each.value for each in FileEntries]),
    default=FileEntries.STRING.value,
    help="What a file is in an older client's inbox.",
)
@click.option("--live-lines", is_flag=True, help="End what is shown in live mode with a line feed.")
@click.option("--log-level", type=click.Choice(LEVELS), default="info", show_default=True)
@click.option(
    "--log-file",
    type=click.Path(path_type=Path),
    metavar="FILE",
    help="Where to log instead of standard error; may be moved away while it runs.",
)
def front(
    main: str,
    listen: tuple[str, ...],
    name: str,
    secret_file: Path | None,
    main_pin: str | None,
    state: Path | None,
    limit: tuple[str, ...],
    insecure: bool,
    exact_bodies: bool,
    file_entries: str,
    live_lines: bool,
    log_level: str,
    log_file: Path | None,
) -> None:
    """Run a realm server in front of a main server.

    It keeps the clients' connections and sessions, and passes every request on. Prints a line `listening
    client HOST PORT` for each listener, then `ready front`, also while the main server is away. Logs go to
    standard error. SIGTERM ends it in order.
    """
    config = FrontConfig(
        name=check_name(name),
        main=main_endpoint(main, insecure=insecure),
        trust=trust_in_main(secret_file, main_pin, os.environ),
        listeners=front_listeners(settings_from_flags(listen=listen, limit=limit), insecure=insecure),
        limits=Limits(),
        state=state,
        exact_bodies=exact_bodies,
        file_entries=FileEntries(file_entries),
        live_lines=live_lines,
    )
    check_certificates(config.listeners)
    os.umask(0o077)
    prepare_process()
    try:
        start_logging(log_level, log_file)
    except OSError as error:
        raise click.ClickException(f"log file: {log_file}: {error.strerror}") from error
    try:
        run(lambda reactor: _front(reactor, config))
    except CannotServe as error:
        raise click.ClickException(str(error)) from error


async def _front(reactor: PosixReactorBase, config: FrontConfig) -> None:
    server = Front(reactor, config)
    supervisor = Supervisor(reactor)
    ended: Deferred[None] = Deferred()

    def stop() -> Deferred[None]:
        supervisor.stopping()
        return Deferred.fromCoroutine(server.close()).addBoth(lambda _: ended.callback(None))

    where = await server.open()
    end_once(reactor)
    reactor.addSystemEventTrigger("before", "shutdown", stop)
    if supervisor.there or any(listener.tls for listener in config.listeners):
        on_hangup(reactor, server.reload_certificates)
    lines = [f"listening {each.name} {each.host} {each.port}" for each in where]
    print(*lines, "ready front", sep="\n", flush=True)
    settle_process()
    supervisor.ready("the front is ready")
    try:
        await ended
    finally:
        supervisor.gone()
