"""What a client is told of a command that could not be carried out."""

from __future__ import annotations

from collections.abc import Coroutine
from typing import Any

from twisted.logger import Logger
from twisted.python.failure import Failure

from chatproto.errors import ChatError, InternalError, StoreFailed, StoreRefused, Unavailable
from chatproto.events import Reply
from chatproto.faults import Discreet
from chatproto.realm.sending import Answer
from chatproto.realm.writer import Writer

_log = Logger()


async def answer_with(handler: Coroutine[Any, Any, Reply], answer: Answer) -> None:
    """Answer a command with what its handler returns."""
    answer(await handler)


def answer_failure(failure: Failure, answer: Answer, writer: Writer) -> None:
    """Answer a command that failed; if what became of it is unknown, end everything instead."""
    if failure.check(StoreFailed):
        writer.fail(failure)  # nobody is answered; all connections are aborted
    else:
        answer(refusal_of(failure))


def refusal_of(failure: Failure) -> ChatError:
    """Return what a client is told of a failure, and log it if it is a fault of the server."""
    if isinstance(failure.value, ChatError):
        return failure.value
    if failure.check(StoreRefused):
        return Unavailable()
    _log.failure("a command failed", failure=Discreet(failure))
    return InternalError()
