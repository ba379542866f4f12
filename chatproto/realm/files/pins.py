"""Contents that nothing refers to yet, but soon will: they are not removed meanwhile."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from twisted.internet.defer import Deferred


class Pins:
    """Lets many bring contents at a time, or one remove some."""

    def __init__(self) -> None:
        self._held = 0
        self._alone = False
        self._waiting: list[Deferred[None]] = []

    @asynccontextmanager
    async def held(self) -> AsyncIterator[None]:
        """Go on while nothing is removed: from before a content is kept until its row is durable."""
        while self._alone:
            await self._change()
        self._held += 1
        try:
            yield
        finally:
            self._held -= 1
            self._changed()

    @asynccontextmanager
    async def alone(self) -> AsyncIterator[None]:
        """Go on while nobody brings a content: what nothing refers to now may be removed."""
        while self._alone or self._held:
            await self._change()
        self._alone = True
        try:
            yield
        finally:
            self._alone = False
            self._changed()

    def _change(self) -> Deferred[None]:
        change: Deferred[None] = Deferred()
        self._waiting.append(change)
        return change

    def _changed(self) -> None:
        waiting, self._waiting = self._waiting, []
        for change in waiting:
            change.callback(None)
