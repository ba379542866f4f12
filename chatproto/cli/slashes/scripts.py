"""What scripts need: to wait."""

from __future__ import annotations

from typing import TYPE_CHECKING

from twisted.internet.defer import Deferred
from twisted.internet.defer import TimeoutError as DeferredTimeoutError
from twisted.internet.task import deferLater

from chatproto.cli.slashes.base import Mistake

if TYPE_CHECKING:
    from chatproto.cli.talk import Talk

#: How long ``/expect`` waits if it is not told.
EXPECT_SECONDS = 30.0


async def wait(talk: Talk, seconds: str) -> None:
    """Wait before the next line."""
    await deferLater(talk.clock, _number(seconds))


async def expect(talk: Talk, count: str, seconds: str | None = None) -> None:
    """Wait until COUNT texts or files of others have come since the last /expect."""
    wanted = int(_number(count))
    end = talk.clock.seconds() + (EXPECT_SECONDS if seconds is None else _number(seconds))
    while talk.expected < wanted:
        arrival: Deferred[None] = Deferred()
        talk.arrival = arrival
        arrival.addTimeout(max(end - talk.clock.seconds(), 0.0), talk.clock)
        try:
            await arrival
        except DeferredTimeoutError:
            talk.arrival = None
            raise Mistake(f"only {talk.expected} of {wanted} messages came") from None
    talk.expected -= wanted


def _number(word: str) -> float:
    try:
        number = float(word)
    except ValueError:
        number = -1.0
    if not 0 <= number < 1e6:
        raise Mistake(f"{word} is not a number that makes sense here")
    return number
