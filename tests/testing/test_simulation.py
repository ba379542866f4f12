"""Simulations: repeatable whatever else is random, and without a broken rule."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from chatproto.testing.simulation import Mode, Options, Report, simulate
from chatproto.testing.topology import Topology

pytestmark = pytest.mark.usefixtures("judged")

SEEDS = range(1, 16)


@pytest.mark.parametrize("mode", Mode)
def test_no_rule_is_broken(mode: Mode) -> None:
    reports = [simulate(seed, Options(realms=2, mode=mode)) for seed in SEEDS]
    assert [(report.seed, report.broken) for report in reports if report.broken] == []
    assert sum(report.counts["acknowledged"] for report in reports) > 100


@pytest.mark.parametrize(
    ("mode", "topology"),
    [
        (Mode.SAFETY, Topology.MESH),
        (Mode.LIVENESS, Topology.MESH),
        (Mode.SAFETY, Topology.GATEWAY),
    ],
)
def test_no_rule_of_groups_is_broken(mode: Mode, topology: Topology) -> None:
    options = Options(realms=3, groups=2, mode=mode, topology=topology)
    reports = [simulate(seed, options) for seed in range(1, 4)]
    assert [(report.seed, report.broken) for report in reports if report.broken] == []
    assert sum(report.counts["in groups"] for report in reports) > 50


@pytest.mark.parametrize(
    ("seed", "options"),
    [
        # A disk that lied had lost the end of an upload of which the group's home told.
        (3242519054, Options(realms=2, groups=1, files=3, seconds=100)),
        # A realm that stays broken sent something at the very end, which nobody could have heard yet.
        (
            2478210694,
            Options(realms=3, groups=1, files=3, seconds=100, topology=Topology.FALLBACK, mode=Mode.LIVENESS),
        ),
    ],
)
def test_what_once_broke_a_rule_does_so_no_more(seed: int, options: Options) -> None:
    assert simulate(seed, options).broken == ""


def test_a_simulation_runs_on_sqlite_as_in_memory(tmp_path: Path) -> None:
    def run(folder: Path | None) -> Report:
        return simulate(3, Options(realms=2, folder=folder))

    memory, sqlite = run(None), run(tmp_path / "stores")
    assert memory.broken == sqlite.broken == ""
    assert (memory.counts, memory.steps) == (sqlite.counts, sqlite.steps)


def command(*arguments: str, hash_seed: str = "0") -> str:
    """Run the command and return what it printed."""
    environment = {**os.environ, "PYTHONHASHSEED": hash_seed}
    whole = [sys.executable, "-m", "chatproto.testing", *arguments]
    return subprocess.run(whole, env=environment, capture_output=True, text=True, check=True).stdout


def test_a_run_is_decided_by_its_seed_alone() -> None:
    one, two = (command("--seed", "7", "--trace", hash_seed=seed) for seed in ("1", "2"))
    assert one.partition("1 seeds from")[0] == two.partition("1 seeds from")[0]
    assert len(one.splitlines()) > 1000


def test_the_command_tells_how_it_went() -> None:
    told = command("--seeds", "4", "--seed", "5", "--realms", "2", "--seconds", "60", "--jobs", "2")
    assert "4 seeds from 5" in told
    assert "virtual hours a CPU second; 0 broke a rule" in told
