"""Our own servers pass what the kit asks of anybody's.

The checks mostly wait, so all runs are under way at the same time, each with servers of its own.
"""

from __future__ import annotations

import socket
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor

import pytest

from chatproto.conformance import Result
from tests.system.stages import Runs, Stage, assert_passed, at, made, target, under_way

#: An original neighbour, in a configuration; the port is any that is free.
LEGACY = """
[peers.r2]
connect = "tcp:127.0.0.1:{port}"
legacy = true
neighbour = true
"""


def two_realms(stage: Stage, *levels: str) -> list[Result]:
    with ThreadPoolExecutor(2) as threads:
        near, far = threads.map(lambda name: stage.realm(name=name), ("alpha", "beta"))
    return made(target(near.port, peer=at(far.port)), (levels, ""))


def system_b(stage: Stage) -> list[Result]:
    return two_realms(stage, "B")


def other_levels_of_a_line_port(stage: Stage) -> list[Result]:
    return two_realms(stage, "C", "D", "json")


def a_front(stage: Stage) -> list[Result]:
    main = stage.realm()
    return made(target(stage.front(main), main=at(main.port)), (("C", "D", "json"), ""))


def a_neighbour_in_the_configuration(stage: Stage) -> list[Result]:
    with socket.socket() as unused:
        unused.bind(("127.0.0.1", 0))
        port = unused.getsockname()[1]
    realm = stage.realm("--config", str(stage.write(LEGACY.format(port=port))))
    return made(target(realm.port, plays=("r2", *at(port))), (("B",), "original"), (("D",), "neighbour"))


#: What each run checks.
LEVELS = {
    system_b: {"B"},
    other_levels_of_a_line_port: {"C", "D", "json"},
    a_front: {"C", "D", "json"},
    a_neighbour_in_the_configuration: {"B", "D"},
}


@pytest.fixture(scope="module")
def runs(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Runs]:
    with under_way([*LEVELS], tmp_path_factory.mktemp("conformance")) as begun:
        yield begun


@pytest.mark.parametrize(("name", "levels"), [(run.__name__, levels) for run, levels in LEVELS.items()])
def test_our_servers_pass(runs: Runs, name: str, levels: set[str]) -> None:
    assert_passed(runs, name, levels)
