"""Our own servers pass what the kit asks of anybody's."""

from __future__ import annotations

import json
from typing import Any

from tests.serving import chatproto
from tests.system.conftest import StartRealm
from tests.system.running import RunningRealm

#: Until realm commands are there.
_NOT_YET = {
    "an-unknown-realm",
    "names-of-the-menus",
    "realm-commands-are-read",
    "addrealm-links-an-original",
}


def failures(*arguments: str) -> list[dict[str, Any]]:
    """Run the kit, and return what failed."""
    ran = chatproto("conformance", *arguments, "--json", "-")
    told = json.loads(ran.stdout)
    assert told["passed"] > 0, ran.stderr
    return [
        result
        for result in told["checks"]
        if result["outcome"] == "failed" and result["name"] not in _NOT_YET
    ]


def test_one_realm_passes_the_levels_of_a_line_port(server: RunningRealm) -> None:
    assert failures(f"127.0.0.1:{server.port}") == []


def test_a_realm_with_exact_bodies_passes_them_too(start_realm: StartRealm) -> None:
    realm = start_realm("--exact-bodies")
    assert failures(f"127.0.0.1:{realm.port}", *("--level", "B", "--level", "C", "--level", "D")) == []
