"""Simulations of realms that reach each other by others: no rule is broken, and one that is, is noticed."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from msgspec.structs import replace

from chatproto.federation import routes
from chatproto.federation.origin import Origin
from chatproto.federation.routed import RoutedSender
from chatproto.frames import Held
from chatproto.testing.simulation import Mode, Options, simulate
from chatproto.testing.topology import Topology

pytestmark = pytest.mark.usefixtures("judged")

#: So many seeds may pass before a broken rule is noticed.
SEEDS = 60
ROUTED = [topology for topology in Topology if topology is not Topology.MESH]


@pytest.mark.parametrize("topology", ROUTED)
@pytest.mark.parametrize("mode", Mode)
def test_no_rule_is_broken(topology: Topology, mode: Mode) -> None:
    options = Options(realms=4, topology=topology, mode=mode)
    reports = [simulate(seed, options) for seed in range(1, 5)]
    assert [(report.seed, report.broken) for report in reports if report.broken] == []
    assert sum(report.counts["acknowledged"] for report in reports) > 100


def believe_everybody(patch: pytest.MonkeyPatch) -> None:
    patch.setattr(routes, "is_sealed", lambda frame, key: True)


def settle_what_is_held(patch: pytest.MonkeyPatch) -> None:
    original = RoutedSender.held

    def held(self: Any, frame: Held) -> None:
        original(self, frame)
        if self._told < frame.number <= self.pace.sent:
            self._told = frame.number
            self._settling.wake()

    patch.setattr(RoutedSender, "held", held)


def believe_old_rulings(patch: pytest.MonkeyPatch) -> None:
    async def rule(self: Any, ruling: Any) -> None:
        await self._stream.load()
        if self._sender is not None and ruling.epoch == self._stream.row.epoch:
            number = min(ruling.number, self.pace.sent if hasattr(self, "pace") else self._sender.pace.sent)
            self._sender.ruled(replace(ruling, number=number))

    patch.setattr(Origin, "_rule", rule)


MUTATIONS: list[Callable[[pytest.MonkeyPatch], None]] = [
    believe_everybody,
    settle_what_is_held,
    believe_old_rulings,
]


@pytest.mark.parametrize("mutation", MUTATIONS, ids=lambda mutation: mutation.__name__)
def test_a_broken_rule_is_noticed(mutation: Callable[[pytest.MonkeyPatch], None]) -> None:
    with pytest.MonkeyPatch.context() as patch:
        mutation(patch)
        for seed in range(SEEDS):
            topology = ROUTED[seed % 2]
            if simulate(seed, Options(realms=4, topology=topology)).broken:
                return
    pytest.fail("nobody noticed")
