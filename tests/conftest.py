"""What every test is held to: it leaves nothing behind in the reactor and logs no failure.

pytest-twisted notices neither a Deferred whose error nobody handled, nor a delayed call or a port
that outlives its test.
"""

from __future__ import annotations

import gc
import os
import shutil
import signal
from collections.abc import Callable, Iterator
from functools import partial
from typing import Any

import pytest
import pytest_twisted
from hypothesis import HealthCheck, settings
from twisted.internet.base import ReactorBase
from twisted.internet.task import deferLater
from twisted.logger import ILogObserver, LogEvent, globalLogBeginner, globalLogPublisher
from twisted.python.failure import Failure
from zope.interface import implementer

from tests.postgresql import PostgresServer, find_programs

# How long an example takes says how busy the machine is.
settings.register_profile("busy", deadline=None, suppress_health_check=[HealthCheck.too_slow])
settings.load_profile("busy")

#: How often, and how long in seconds, the reactor may turn after a test to close what was told to close.
_TURNS = 20
_TURN = 0.02
#: Folders with files that simulate hours, or start servers, those that take longest first.
_LONG = ("testing", "system", "cli")


@implementer(ILogObserver)
class LoggedFailures:
    """The failures that were logged during a test, also those of Deferreds that nobody handled."""

    def __init__(self) -> None:
        self._failures: list[Failure] = []

    def __call__(self, event: LogEvent) -> None:
        failure = event.get("log_failure")
        if failure is not None:
            self._failures.append(failure)

    def take(self, *kinds: type[BaseException]) -> list[Failure]:
        """Return the failures of these kinds, which the test expected."""
        taken = [failure for failure in self._failures if failure.check(*kinds)]
        self._failures = [failure for failure in self._failures if not failure.check(*kinds)]
        return taken

    def rest(self) -> list[str]:
        """Return what nobody took, as text: a Failure kept would keep frames, and so their Deferreds."""
        texts = [failure.getTraceback() for failure in self._failures]
        self._failures.clear()
        return texts


def pytest_configure() -> None:
    """Make the process what a server's is.

    Until somebody begins to log Twisted keeps thousands of events, and with them whole realms. And shells
    take from what they start in the background, and from its children, that SIGINT interrupts.
    """
    globalLogBeginner.beginLoggingTo([], discardBuffer=True, redirectStandardIO=False)
    if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:
        signal.signal(signal.SIGINT, signal.default_int_handler)


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """Begin with what takes long where files run side by side: begun last, it would be waited for alone."""
    if config.getoption("numprocesses", None) or hasattr(config, "workerinput"):
        items.sort(key=_place)


def _place(item: pytest.Item) -> int:
    folder = item.path.parent.name
    return _LONG.index(folder) if folder in _LONG else len(_LONG)


def pytest_collection_finish() -> None:
    """Leave the imported modules out of every later collection, which makes those cheap."""
    gc.collect()
    gc.freeze()


@pytest.fixture
def logged_failures() -> Iterator[LoggedFailures]:
    """Let a test take the failures whose logging it expects."""
    failures = LoggedFailures()
    globalLogPublisher.addObserver(failures)
    yield failures
    globalLogPublisher.removeObserver(failures)


@pytest.fixture(autouse=True)
def nothing_left_behind(logged_failures: LoggedFailures) -> Iterator[None]:
    """Fail a test that leaves a delayed call, a port, a connection or a logged failure."""
    from twisted.internet import reactor as installed

    assert isinstance(installed, ReactorBase)
    reactor: Any = installed
    before = _open(reactor)
    calls_before = set(reactor.getDelayedCalls())
    yield
    for _ in range(_TURNS):
        if not _open(reactor) - before and not set(reactor.getDelayedCalls()) - calls_before:
            break
        pytest_twisted.blockon(deferLater(reactor, _TURN))
    # An unhandled error is logged when its Deferred goes, and a Deferred in a cycle goes only here.
    gc.collect()
    calls = [call for call in reactor.getDelayedCalls() if call not in calls_before and call.active()]
    left = [str(selectable) for selectable in _open(reactor) - before] + [str(call) for call in calls]
    for call in calls:
        call.cancel()
    left += logged_failures.rest()
    if left:
        pytest.fail("left behind by the test:\n" + "\n".join(left), pytrace=False)


def _open(reactor: Any) -> set[Any]:
    """Return ports and connections; the reactor's own wakers are not counted."""
    selectables = {*reactor.getReaders(), *reactor.getWriters()}
    return {each for each in selectables if not type(each).__name__.endswith("Waker")}


@pytest.fixture(scope="session")
def start_postgres() -> Callable[..., PostgresServer]:
    """Return a function that starts a PostgreSQL server, which the caller ends; without one skip or fail."""
    programs = find_programs()
    if programs is not None:
        return partial(PostgresServer, programs)
    if os.environ.get("CI") == "true":
        pytest.fail("PostgreSQL is not installed", pytrace=False)
    pytest.skip("needs PostgreSQL's server")


@pytest.fixture(scope="session")
def postgres(start_postgres: Callable[..., PostgresServer]) -> Iterator[PostgresServer]:
    """Return the server that all tests share; each has a schema of its own there."""
    with start_postgres() as server:
        yield server


@pytest.fixture
def require() -> Callable[[str], str]:
    """Return a function that gives the path of an outside tool, or skips the test.

    Where ``CI=true`` every tool has to be there, and the test fails instead.
    """

    def path_of(tool: str) -> str:
        path = shutil.which(tool)
        if path is not None:
            return path
        if os.environ.get("CI") == "true":
            pytest.fail(f"{tool} is not installed", pytrace=False)
        pytest.skip(f"needs {tool}")

    return path_of
