"""``chatproto demo``: two realms, four people and a crash, printed as it happens.

Everything in it is real: two server processes with their stores on disk, a link between them, clients over
TCP, and ``kill -9`` in the middle. At the end it compares what was said with what everybody heard and with
what the realms have stored.
"""

from __future__ import annotations

import os
import secrets
import sys
from pathlib import Path
from tempfile import TemporaryDirectory

import click
from twisted.internet.posixbase import PosixReactorBase

from chatproto.cli.demo_narrator import Narrator
from chatproto.cli.demo_people import Lost
from chatproto.cli.demo_realm import RealmEnded, RealmProcess
from chatproto.cli.demo_story import Story
from chatproto.cli.running import run
from chatproto.errors import ChatError


@click.command()
def demo() -> int:
    """Show two linked realms and some users at work.

    Starts two realms on this machine with temporary stores, lets four people talk within them and across,
    kills both while messages wait and starts them again. The exit code is 0 only if every message arrived
    exactly once.
    """
    # https://no-color.org: any value that is not empty.
    narrator = Narrator(colours=sys.stdout.isatty() and not os.environ.get("NO_COLOR"))
    with TemporaryDirectory(prefix="chatproto-demo-") as folder:
        try:
            fine = run(lambda reactor: _play(reactor, Path(folder), narrator))
        except ChatError as error:
            raise click.ClickException(f"the demo failed: {error.code}: {error.text}") from error
        except (Lost, RealmEnded) as error:
            raise click.ClickException(f"the demo failed: {error}") from error
    return 0 if fine else 1


async def _play(reactor: PosixReactorBase, folder: Path, narrator: Narrator) -> bool:
    secret = secrets.token_urlsafe()
    alpha = RealmProcess(reactor, "alpha", folder, "beta", secret)
    beta = RealmProcess(reactor, "beta", folder, "alpha", secret, dialled=alpha)
    for realm in (alpha, beta):
        reactor.addSystemEventTrigger("before", "shutdown", realm.kill)
    try:
        return await Story(reactor, alpha, beta, narrator).tell()
    except ChatError:
        # An interrupt reaches everybody, and the story fails before it is given up.
        if alpha.told_to_end and beta.told_to_end:
            raise click.Abort() from None
        raise
    finally:
        for realm in (beta, alpha):
            await realm.terminate()
