"""How the application takes messages: one after the other, or by a callback."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable, Coroutine
from typing import Any

from twisted.internet.defer import Deferred, maybeDeferred
from twisted.logger import Logger

from chatproto.client.inbox import Inbox
from chatproto.events import Message

#: What :meth:`ChatClient.on_message` calls; a Deferred or coroutine that it returns is waited for.
MessageCallback = Callable[[Message], object]

_log = Logger()


class Messages(AsyncIterator[Message]):
    """Takes messages from an inbox."""

    def __init__(self, inbox: Inbox) -> None:
        self._inbox = inbox

    def __anext__(self) -> Deferred[Message]:
        return self._inbox.next()


async def call_with_each(messages: AsyncIterator[Message], callback: MessageCallback) -> None:
    """Call back with each message when the one before is dealt with; what a callback raises is logged."""
    async for message in messages:
        try:
            await maybeDeferred(_call, callback, message)
        except Exception:
            _log.failure("the callback for messages failed")


def _call(callback: MessageCallback, message: Message) -> Any:
    result = callback(message)
    return Deferred.fromCoroutine(result) if isinstance(result, Coroutine) else result
