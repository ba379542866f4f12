"""``python -m chatproto.testing``: runs seeds, and says how to run one again that broke a rule."""

from __future__ import annotations

import gc
import os
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Iterator
from concurrent.futures import ProcessPoolExecutor
from pathlib import Path

import click
from msgspec import structs
from twisted.logger import globalLogBeginner

from chatproto.testing.simulation import SECONDS, Mode, Options, Report, simulate
from chatproto.testing.topology import Topology


@click.command()
@click.option("--seeds", type=click.IntRange(1), default=None, help="How many seeds to run.")
@click.option("--seed", type=int, default=None, help="The first seed; without --seeds the only one.")
@click.option("--realms", type=click.IntRange(1), default=3, show_default=True, help="Realms in each run.")
@click.option("--groups", type=click.IntRange(0), default=0, show_default=True, help="Groups across realms.")
@click.option("--files", type=click.IntRange(0), default=0, show_default=True, help="Files of each user.")
@click.option(
    "--topology",
    type=click.Choice([topology.value for topology in Topology]),
    default=Topology.MESH.value,
    show_default=True,
    help="How they are linked.",
)
@click.option(
    "--mode", type=click.Choice([mode.value for mode in Mode]), default=Mode.SAFETY.value, show_default=True
)
@click.option("--store", type=click.Choice(["memory", "sqlite"]), default="memory", show_default=True)
@click.option("--seconds", type=click.FloatRange(1), default=SECONDS, show_default=True, help="Of troubles.")
@click.option("--jobs", type=click.IntRange(1), default=1, show_default=True, help="Processes.")
@click.option("--trace", is_flag=True, help="Print everything that happens.")
def main(
    seeds: int | None,
    seed: int | None,
    realms: int,
    groups: int,
    files: int,
    topology: str,
    mode: str,
    store: str,
    seconds: float,
    jobs: int,
    trace: bool,
) -> None:
    """Run a federation in one process, with everything going wrong that a seed says."""
    options = Options(
        realms=realms,
        groups=groups,
        files=files,
        topology=Topology(topology),
        mode=Mode(mode),
        seconds=seconds,
    )
    first = int.from_bytes(os.urandom(4)) if seed is None else seed
    count = (100 if seed is None else 1) if seeds is None else seeds
    begun = time.monotonic()
    _begin()
    reports = []
    for report in _reports(range(first, first + count), options, store, jobs, trace):
        reports.append(report)
        if report.broken:
            made = f"--realms {realms} --groups {groups} --mode {mode} --store {store} --seconds {seconds:g}"
            made += f" --topology {topology}" + (f" --files {files}" if files else "")
            again = f"python -m chatproto.testing --seed {report.seed} {made} --trace"
            click.echo(f"seed {report.seed}: {report.broken}\n  again: {again}", err=True)
    _summarise(reports, time.monotonic() - begun)
    sys.exit(any(report.broken for report in reports))


def _begin() -> None:
    """Let what is logged go to the checks alone, and keep the modules out of every collection."""
    globalLogBeginner.beginLoggingTo([], redirectStandardIO=False)
    gc.collect()
    gc.freeze()


def _reports(seeds: range, options: Options, store: str, jobs: int, trace: bool) -> Iterator[Report]:
    if jobs == 1 or trace:
        for seed in seeds:
            yield _one(seed, options, store, trace)
        return
    with ProcessPoolExecutor(jobs, initializer=_begin) as pool:
        yield from pool.map(_one, *zip(*((seed, options, store, False) for seed in seeds), strict=True))


def _one(seed: int, options: Options, store: str, trace: bool) -> Report:
    with tempfile.TemporaryDirectory(prefix="chatproto-") as folder:
        if store == "sqlite":
            options = structs.replace(options, folder=Path(folder) / "stores")
        return simulate(seed, options, click.echo if trace else None)


def _summarise(reports: list[Report], seconds: float) -> None:
    counts: Counter[str] = Counter()
    for report in reports:
        counts.update(report.counts)
    for name in sorted(counts):
        click.echo(f"{counts[name]:>10,} {name}")
    broken = [report.seed for report in reports if report.broken]
    virtual = sum(report.virtual_seconds for report in reports) / 3600
    cpu = sum(report.cpu_seconds for report in reports)
    click.echo(
        f"{len(reports):,} seeds from {reports[0].seed} in {seconds:.1f} s "
        f"({len(reports) / seconds * 60:,.0f} a minute), "
        f"{sum(report.steps for report in reports):,} steps, {virtual:,.1f} virtual hours, "
        f"{virtual / cpu:.2f} virtual hours a CPU second; {len(broken)} broke a rule"
    )


if __name__ == "__main__":
    main()
