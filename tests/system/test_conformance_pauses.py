"""Our own servers pass what the kit asks of systems A and E, whose pauses want a machine that is not busy."""

from __future__ import annotations

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor

import pytest

from chatproto.conformance import Result
from tests.system.stages import Runs, Stage, assert_passed, at, made, target, under_way


def a_realm_with_all_listeners(stage: Stage) -> list[Result]:
    """Check C, too, at a line port that keeps bodies as they are."""
    ports = stage.realm("--exact-bodies", listeners=("client", "tipe", "tipe-main", "talk", "room")).ports
    targets = (
        (target(ports["tipe"], main=at(ports["tipe-main"]), talk=at(ports["talk"])), "A"),
        (target(ports["room"]), "E"),
        (target(ports["client"]), "C"),
    )
    with ThreadPoolExecutor(len(targets)) as threads:
        found = threads.map(lambda each: made(each[0], ((each[1],), "")), targets)
        return [result for results in found for result in results]


@pytest.fixture
def runs(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Runs]:
    with under_way([a_realm_with_all_listeners], tmp_path_factory.mktemp("conformance")) as begun:
        yield begun


def test_systems_a_and_e_and_exact_bodies(runs: Runs) -> None:
    assert_passed(runs, "a_realm_with_all_listeners", {"A", "C", "E"})
