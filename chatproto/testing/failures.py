"""What realms log while they are simulated: a failure that no trouble explains is a bug."""

from __future__ import annotations

from twisted.logger import ILogObserver, LogEvent
from twisted.python.failure import Failure
from zope.interface import implementer

from chatproto.errors import StoreError
from chatproto.federation.files_fetching import CAME_WRONG
from chatproto.testing.ledger import Ledger


@implementer(ILogObserver)
class Failures:
    """Failures that were logged and that no trouble explains: they are bugs."""

    def __init__(self, ledger: Ledger) -> None:
        self.ledger = ledger
        #: Whether the collector ends what crashed processes have left, in any order: none would do it so.
        self.collecting = False

    def __call__(self, event: LogEvent) -> None:
        """Take an event; see :class:`ILogObserver`."""
        if event.get("log_format") == CAME_WRONG:
            self.ledger.files.came_wrong(event["mid"])
        failure = event.get("log_failure")
        if not isinstance(failure, Failure) or failure.check(StoreError):
            return
        if not (self.collecting and _was_ended(failure.value)):
            self.ledger.broke(f"log: {event.get('log_format')}: {failure.getTraceback()}")


def _was_ended(error: BaseException | None) -> bool:
    """Tell whether an error came of a coroutine that was ended in the middle."""
    while error is not None and not isinstance(error, GeneratorExit):
        error = error.__context__
    return error is not None
