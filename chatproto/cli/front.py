"""``chatproto front``: a front of a main server."""

from __future__ import annotations

import os
from pathlib import Path

import click
from twisted.internet.defer import Deferred
from twisted.internet.posixbase import PosixReactorBase

from chatproto.cli.serving import Serving, log_options, run_server
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
    metavar="NAME=ENDPOINT",
    help="Where to listen; NAME is client, or metrics for its figures. May be repeated. "
    f"[default: client={DEFAULT}]",
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
@log_options
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
    run_server(lambda reactor: _front(reactor, config), config.listeners, log_level, log_file)


async def _front(reactor: PosixReactorBase, config: FrontConfig) -> None:
    server = Front(reactor, config)
    ended: Deferred[None] = Deferred()

    def stop() -> Deferred[None]:
        return Deferred.fromCoroutine(server.close()).addBoth(lambda _: ended.callback(None))

    serving = Serving(reactor, config.listeners, stop, server.reload_certificates)
    serving.ready(await server.open(), "front", "the front is ready")
    await serving.until(ended)
