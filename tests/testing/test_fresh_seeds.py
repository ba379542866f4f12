"""Seeds that nobody has run before, some hundreds in each run of the tests; a failure tells how to run it."""

from __future__ import annotations

import os

import pytest

from chatproto.testing.simulation import Mode, Options, simulate
from chatproto.testing.topology import Topology

pytestmark = pytest.mark.usefixtures("judged")

#: Chosen anew each time.
BASE = int.from_bytes(os.urandom(4))
#: The virtual seconds of troubles in each.
SECONDS = 100


@pytest.mark.parametrize("mode", Mode)
@pytest.mark.parametrize(
    ("realms", "groups", "files", "topology", "seeds"),
    [  # what is cheap is run more often
        (2, 0, 0, Topology.MESH, 46),
        (3, 0, 0, Topology.MESH, 25),
        (3, 2, 0, Topology.MESH, 14),
        (3, 2, 0, Topology.GATEWAY, 12),
        (3, 0, 0, Topology.FALLBACK, 12),
        (2, 1, 3, Topology.MESH, 18),
        (3, 1, 3, Topology.GATEWAY, 13),
        (3, 1, 3, Topology.FALLBACK, 10),
    ],
)
def test_no_rule_is_broken_in_fresh_seeds(
    realms: int, groups: int, files: int, topology: Topology, seeds: int, mode: Mode
) -> None:
    options = Options(
        realms=realms, groups=groups, files=files, topology=topology, mode=mode, seconds=SECONDS
    )
    for seed in range(BASE, BASE + seeds):
        broken = simulate(seed, options).broken
        if broken:
            made = f"--realms {realms} --groups {groups} --files {files}"
            made += f" --topology {topology.value} --mode {mode.value}"
            again = f"python -m chatproto.testing --seed {seed} {made} --seconds {SECONDS} --trace"
            pytest.fail(f"seed {seed}: {broken}\n  again: {again}", pytrace=False)
