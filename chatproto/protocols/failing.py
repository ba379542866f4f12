"""What a client is told of a command that could not be carried out."""

from __future__ import annotations

from twisted.logger import Logger
from twisted.python.failure import Failure

from chatproto.errors import ChatError, InternalError, StoreFailed, StoreRefused, Unavailable
from chatproto.faults import Discreet
from chatproto.realm.sending import Answer
from chatproto.realm.writer import Writer

_log = Logger()


def answer_failure(failure: Failure, answer: Answer, writer: Writer) -> None:
    """Answer a command that failed; if what became of it is unknown, end everything instead."""
    if isinstance(failure.value, ChatError):
        answer(failure.value)
    elif failure.check(StoreFailed):
        writer.fail(failure)  # nobody is answered; all connections are aborted
    elif failure.check(StoreRefused):
        answer(Unavailable())
    else:
        _log.failure("a command failed", failure=Discreet(failure))
        answer(InternalError())
