"""``chatproto demo``: two realms, a gateway between them, four people and crashes, printed as it happens.

Everything in it is real: three server processes with their stores on disk, links between them, clients over
TCP, and ``kill -9`` in the middle. At the end it compares what was said with what everybody heard and with
what the realms have stored, and the stores with each other.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Sequence
from pathlib import Path
from tempfile import TemporaryDirectory

import click
from twisted.internet.posixbase import PosixReactorBase

from chatproto.cli.audit import compare, verdict
from chatproto.cli.demo_narrator import Narrator
from chatproto.cli.demo_people import Lost
from chatproto.cli.demo_realm import RealmEnded, RealmProcess
from chatproto.cli.demo_story import Story
from chatproto.cli.running import run
from chatproto.errors import ChatError
from chatproto.store.urls import SQLITE


@click.command()
def demo() -> int:
    """Show two realms, a gateway between them, and some users at work.

    Starts three realms on this machine with temporary stores, lets four people talk within them and across,
    privately and in a group, kills all three while messages wait and starts them again. The exit code is 0
    only if every message arrived exactly once, and the stores agree about it.
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
    alpha, beta = (RealmProcess(reactor, name, folder) for name in ("alpha", "beta"))
    gamma = RealmProcess(reactor, "gamma", folder, gateway=True)
    realms = (gamma, alpha, beta)
    for realm in realms:
        await realm.make_key()
    for here, there in ((alpha, beta), (beta, alpha)):
        here.dial(gamma)
        here.reach(there, gamma)
        gamma.let_in(here)
    for realm in realms:
        reactor.addSystemEventTrigger("before", "shutdown", realm.kill)
    try:
        fine = await Story(reactor, alpha, gamma, beta, narrator).tell()
    except ChatError:
        # An interrupt reaches everybody, and the story fails before it is given up.
        if all(realm.told_to_end for realm in realms):
            raise click.Abort() from None
        raise
    finally:
        for realm in reversed(realms):
            await realm.terminate()
    return _agree(realms, narrator) and fine


def _agree(realms: Sequence[RealmProcess], narrator: Narrator) -> bool:
    """Compare the stores of realms that have ended, as ``chatproto audit verify`` does."""
    found = compare([f"{SQLITE}{realm.store}" for realm in realms])
    for violation in found.violations:
        narrator.problem(f"{violation.what}: {violation.about}")
    stores = " ".join(realm.store.name for realm in realms)
    narrator.note(f"chatproto audit verify {stores}: {verdict(found)}")
    return found.holds
