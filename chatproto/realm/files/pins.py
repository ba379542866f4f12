"""Contents that nothing refers to yet, but soon will: they are not removed meanwhile."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from chatproto.bells import Bell
from chatproto.errors import Unavailable
from chatproto.realm.times import Clock


class Pins:
    """Lets many bring contents at a time, or one remove some; whoever comes while that waits is behind it."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._held = 0
        self._alone = False
        #: How many wait to be alone.
        self._asking = 0
        self._change = Bell()

    @asynccontextmanager
    async def held(self) -> AsyncIterator[None]:
        """Go on while nothing is removed: from before a content is kept until its row is durable."""
        while self._alone or self._asking:
            await self._change.wait()
        self._held += 1
        try:
            yield
        finally:
            self._held -= 1
            self._change.ring()

    @asynccontextmanager
    async def alone(self, patience: float | None = None) -> AsyncIterator[None]:
        """Go on while nobody brings a content: what nothing refers to now may be removed.

        :raises Unavailable: that was not so for ``patience`` seconds.
        """
        await self._ask(patience)
        try:
            yield
        finally:
            self._alone = False
            self._change.ring()

    async def _ask(self, patience: float | None) -> None:
        """Wait until nobody is here, while whoever comes now waits behind this one."""
        late: list[bool] = []

        def give_up() -> None:
            late.append(True)
            self._change.ring()

        call = None if patience is None else self._clock.callLater(patience, give_up)
        self._asking += 1
        try:
            while (self._alone or self._held) and not late:
                await self._change.wait()
        finally:
            self._asking -= 1
        if late:
            self._change.ring()
            raise Unavailable("files are being kept all the time")
        if call is not None:
            call.cancel()
        self._alone = True
