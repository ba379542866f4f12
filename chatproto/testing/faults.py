"""Failures on purpose: a store that keeps its answers back, refuses, or fails.

For tests of what a realm does with a slow, full or broken disk. Only commits are touched.
"""

from __future__ import annotations

from collections.abc import Sequence

from twisted.internet.defer import Deferred
from twisted.python.components import proxyForInterface

from chatproto.errors import DiskFull, StoreFailed
from chatproto.interfaces import IStore
from chatproto.records import Batch


class FaultyStore(proxyForInterface(IStore, "store")):  # type: ignore[misc]  # a base made at run time
    """Any store, whose commits a test can hold back or let fail. Reads go straight through.

    :ivar store: the store behind.
    """

    def __init__(self, store: IStore) -> None:
        super().__init__(store)
        self._held: list[Deferred[None]] = []
        self._holding = False
        self._stored_first = False
        self._errors: list[tuple[Exception, bool]] = []

    @property
    def held(self) -> int:
        """How many commits are being kept back."""
        return len(self._held)

    def hold(self, *, stored: bool = False) -> None:
        """Keep all commits back until :meth:`release`: before they are stored, or only their answers."""
        self._holding = True
        self._stored_first = stored

    def release(self) -> None:
        """Let commits go on, also those kept back."""
        self._holding = False
        held, self._held = self._held, []
        for gate in held:
            gate.callback(None)

    def fail_next(self, error: Exception | None = None, *, stored: bool = False) -> None:
        """Let the next commit fail, although it is ``stored``, or before.

        Without ``error`` with :class:`~chatproto.errors.StoreFailed`. Calls add up: one commit each.
        """
        self._errors.append((error or StoreFailed("a failure on purpose"), stored))

    def refuse_next(self) -> None:
        """Let the next commit fail as on a full disk; nothing of it is stored."""
        self.fail_next(DiskFull("a refusal on purpose"))

    def commit(self, batch: Batch) -> Deferred[Sequence[int]]:
        """Commit as the store behind does, with the faults that were asked for."""
        return Deferred.fromCoroutine(self._commit(batch))

    async def _commit(self, batch: Batch) -> Sequence[int]:
        error, stored = self._errors.pop(0) if self._errors else (None, True)
        holding, stored_first = self._holding, self._stored_first
        if holding and not stored_first:
            await self._gate()
        failed: Sequence[int] = await self.store.commit(batch) if stored else ()
        if holding and stored_first:
            await self._gate()
        if error is not None:
            raise error
        return failed

    def _gate(self) -> Deferred[None]:
        gate: Deferred[None] = Deferred()
        self._held.append(gate)
        return gate
