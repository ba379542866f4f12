"""What counts of what simulated realms log."""

from __future__ import annotations

import gc
from collections.abc import Iterator

import pytest
from twisted.internet.defer import Deferred
from twisted.logger import Logger, globalLogPublisher

from chatproto.testing.failures import Failures
from chatproto.testing.ledger import Ledger
from tests.conftest import LoggedFailures

_log = Logger()


@pytest.fixture
def failures(logged_failures: LoggedFailures) -> Iterator[Failures]:
    found = Failures(Ledger())
    globalLogPublisher.addObserver(found)
    yield found
    globalLogPublisher.removeObserver(found)
    logged_failures.take(RuntimeError)


async def left_by_a_process() -> None:
    """Wait for ever, and fail when that is ended."""
    try:
        await Deferred()
    finally:
        try:
            raise RuntimeError("nothing is there any more")
        except RuntimeError:
            _log.failure("a command failed")


def leave() -> None:
    waiting = Deferred.fromCoroutine(left_by_a_process())
    waiting.itself = waiting  # type: ignore[attr-defined]  # so that only the collector ends it


def test_what_the_collector_ends_may_fail(failures: Failures) -> None:
    leave()
    failures.collecting = True
    gc.collect()
    assert failures.ledger.broken is None


def test_what_ends_while_realms_run_may_not(failures: Failures) -> None:
    leave()
    gc.collect()
    assert "a command failed" in str(failures.ledger.broken)


def test_an_error_that_nobody_took_counts_also_when_the_collector_finds_it(failures: Failures) -> None:
    failures.collecting = True
    error: Deferred[None] = Deferred()
    error.errback(RuntimeError("nobody takes this"))
    del error
    gc.collect()
    assert "nobody takes this" in str(failures.ledger.broken)
