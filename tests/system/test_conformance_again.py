"""The kit against a server that it has checked before, and that knows its servers still."""

from __future__ import annotations

import json

from tests.serving import here
from tests.system.running import RunningRealm


def test_the_kit_may_come_again(server: RunningRealm) -> None:
    for check in ("a-text-comes-from-an-original", "strangers-are-no-servers"):
        ran = here("conformance", f"127.0.0.1:{server.port}", "--level", "B", "--only", check, "--json", "-")
        (found,) = json.loads(ran.stdout)["checks"]
        assert found["outcome"] == "passed", found  # the strangers come from an address of their own
