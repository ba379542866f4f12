"""The way from one machine to another, in one direction: how long it takes, and whether it is cut."""

from __future__ import annotations

from collections.abc import Callable
from random import Random

from chatproto.testing.clock import Time


class Lane:
    """What arrives on it arrives in the order in which it was sent: one direction of one connection."""

    __slots__ = ("last",)

    def __init__(self) -> None:
        self.last = 0.0


class Path:
    """One direction between two machines.

    While it is cut nothing comes through, and nobody is told: what a kernel would send again comes after
    :meth:`heal`, the rest is lost. Connections are not in step with each other.
    """

    def __init__(self, time: Time, random: Random, shortest: float, longest: float) -> None:
        self._time = time
        self._random = random
        #: Seconds that a piece takes, at least and at most.
        self.shortest, self.longest = shortest, longest
        #: How much goes through.
        self.bytes_per_second = float("inf")
        self.cut = False
        self._held: list[tuple[Lane, int, Callable[[], None]]] = []

    def carry(self, lane: Lane, size: int, arrive: Callable[[], None], *, again: bool = True) -> None:
        """Call ``arrive`` when a piece of so many bytes has arrived; ``again``: it is sent until it has."""
        if self.cut:
            if again:
                self._held.append((lane, size, arrive))
            return
        seconds = self._random.uniform(self.shortest, self.longest) + size / self.bytes_per_second
        lane.last = max(lane.last, self._time.seconds() + seconds)
        wait = lane.last - self._time.seconds()
        self._time.nobody.callLater(wait, self._arrived, lane, size, arrive, again)

    def _arrived(self, lane: Lane, size: int, arrive: Callable[[], None], again: bool) -> None:
        if not self.cut:
            arrive()
        elif again:
            self._held.append((lane, size, arrive))

    def block(self) -> None:
        """Let nothing through from now on, also nothing that is under way."""
        self.cut = True

    def heal(self) -> None:
        """Let everything through again; what was held comes first."""
        self.cut = False
        held, self._held = self._held, []
        for lane, size, arrive in held:
            self.carry(lane, size, arrive)
