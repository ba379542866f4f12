"""Our own servers pass what the kit asks of anybody's."""

from __future__ import annotations

import json
import socket
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.serving import COMMAND, Server, here
from tests.system.conftest import StartRealm
from tests.system.running import RunningRealm

#: An original neighbour, in a configuration; the port is any that is free.
LEGACY = """
[peers.r2]
connect = "tcp:127.0.0.1:{port}"
legacy = true
neighbour = true
"""


def failures(*arguments: str) -> list[dict[str, Any]]:
    """Run the kit, and return what failed."""
    ran = here("conformance", *arguments, "--json", "-")
    told = json.loads(ran.stdout)
    assert told["passed"] > 0, ran.stderr
    return [result for result in told["checks"] if result["outcome"] == "failed"]


def test_two_realms_pass_the_levels_of_a_line_port(server: RunningRealm, tmp_path: Path) -> None:
    other = RunningRealm(tmp_path, name="beta")
    other.start()
    try:
        assert failures(f"127.0.0.1:{server.port}", "--peer", f"127.0.0.1:{other.port}") == []
    finally:
        other.close()
        print(other.log())


def test_a_realm_with_exact_bodies_passes_system_c_too(start_realm: StartRealm) -> None:
    realm = start_realm("--exact-bodies")
    assert failures(f"127.0.0.1:{realm.port}", "--level", "C") == []


@pytest.fixture
def older(tmp_path: Path) -> Iterator[RunningRealm]:
    """Return a realm with the listeners of systems A and E."""
    realm = RunningRealm(tmp_path, listeners=("client", "tipe", "tipe-main", "talk", "room"))
    realm.start()
    yield realm
    realm.close()
    print(realm.log())


def test_system_a(older: RunningRealm) -> None:
    server, main, talk = (f"127.0.0.1:{older.ports[name]}" for name in ("tipe", "tipe-main", "talk"))
    assert failures(server, "--level", "A", "--main", main, "--talk", talk) == []


def test_system_e(older: RunningRealm) -> None:
    assert failures(f"127.0.0.1:{older.ports['room']}", "--level", "E") == []


def test_what_passes_a_front_is_the_same(server: RunningRealm) -> None:
    arguments = ("--main", f"127.0.0.1:{server.port}", "--listen", "client=tcp:0:interface=127.0.0.1")
    with Server(*arguments, command=(*COMMAND, "front")) as front:
        main = ("--main", f"127.0.0.1:{server.port}")
        levels = ("--level", "C", "--level", "D", "--level", "json")
        assert failures(f"127.0.0.1:{front.ports[0]}", *levels, *main) == []


def test_an_original_neighbour_in_the_configuration(start_realm: StartRealm, tmp_path: Path) -> None:
    with socket.socket() as unused:
        unused.bind(("127.0.0.1", 0))
        port = unused.getsockname()[1]
    file = tmp_path / "alpha.toml"
    file.write_text(LEGACY.format(port=port))
    realm = start_realm("--config", str(file))
    play = ("--play", f"r2=127.0.0.1:{port}")
    assert failures(f"127.0.0.1:{realm.port}", "--level", "B", "--only", "original", *play) == []
    assert failures(f"127.0.0.1:{realm.port}", "--level", "D", "--only", "neighbour", *play) == []
