"""What is wrong with a realm's set-up, and what to do about it: for ``chatproto check``.

Each check takes the set-up and gives its findings; none of them changes anything, or keeps a realm from
starting beside it. To add one: a function in the module of its subject, and a line in :data:`CHECKS`.
"""

from __future__ import annotations

from collections.abc import Callable, Generator, Iterator
from pathlib import Path

from msgspec import structs

from chatproto.checking.clock import check_clock
from chatproto.checking.disk import check_disk
from chatproto.checking.filing import check_files
from chatproto.checking.findings import Finding, Level, Setup, fail, ok
from chatproto.checking.linking import check_links
from chatproto.checking.permissions import check_permissions
from chatproto.checking.ports import check_ports
from chatproto.checking.running import check_running, find_running
from chatproto.checking.safety import check_extras, check_limits, check_openness, check_versions
from chatproto.checking.storing import check_store
from chatproto.checking.transport import check_tls
from chatproto.configuration import Config, Settings, configure
from chatproto.errors import ConfigError

__all__ = ["CHECKS", "Finding", "Level", "Setup", "check"]

#: In the order in which an operator reads them.
CHECKS: tuple[Callable[[Setup], Iterator[Finding]], ...] = (
    check_versions,
    check_extras,
    check_running,
    check_ports,
    check_tls,
    check_store,
    check_disk,
    check_files,
    check_clock,
    check_links,
    check_permissions,
    check_limits,
    check_openness,
)


def check(settings: Settings, file: Path | None = None, passwords: int = 0) -> Iterator[Finding]:
    """Check a set-up: ``settings``, which come from a file too if there is one.

    The passwords of so many accounts are tried; each takes about a tenth of a second.
    """
    try:
        config = yield from _configuration(settings)
    except ConfigError as error:
        yield fail("configuration", str(error))
        return
    running = find_running(config.control)
    if isinstance(running, Finding):
        yield running
        running = None
    setup = Setup(config=config, file=file, running=running, passwords=passwords)
    for each in CHECKS:
        yield from each(setup)


def _configuration(settings: Settings) -> Generator[Finding, None, Config]:
    """Return the configuration, also if it is refused for its safety alone: there is more to look at then."""
    try:
        config: Config = configure(settings)
    except ConfigError as error:
        config = configure(structs.replace(settings, insecure=True))
        yield fail("configuration", str(error))
    else:
        yield ok("configuration", f"is understood; the realm is {config.realm}")
    return config
