"""Two realms in processes of their own, linked by a shared secret."""

from __future__ import annotations

import json
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from tests.serving import SECONDS, here
from tests.system.running import RunningRealm

SECRET = "wet paint, do not touch"
#: Nobody waits for long here: neither with the next dial, nor for a realm that says nothing. And no client is
#: told that too much waits.
QUICK = """
link_retry_seconds = 0.5
link_quiet_seconds = 0.4
link_dead_seconds = 1.2
outbox_items = 10000000
outbox_bytes = 10000000000
"""


@contextmanager
def linked(folder: Path, limits: str = QUICK) -> Iterator[tuple[RunningRealm, RunningRealm]]:
    """Run alpha, which waits for beta, and beta, which dials it."""
    alpha = _realm(folder, "alpha", f'[limits]\n{limits}\n[peers.beta]\nsecret = "{SECRET}"')
    realms = [alpha]
    try:
        alpha.start()
        connect = f'connect = "tcp:127.0.0.1:{alpha.ports["peer"]}"'
        beta = _realm(folder, "beta", f'[limits]\n{limits}\n[peers.alpha]\nsecret = "{SECRET}"\n{connect}')
        realms.append(beta)
        beta.start()
        yield alpha, beta
    finally:
        for realm in realms:
            realm.close()
            print(realm.log())  # pytest shows it only if the test fails


def _realm(folder: Path, name: str, text: str) -> RunningRealm:
    file = folder / f"{name}.toml"
    file.write_text(text)
    return RunningRealm(folder, "--config", str(file), name=name, listeners=("client", "peer"))


def link_of(realm: RunningRealm) -> dict[str, Any]:
    """Return how the only link of a realm stands."""
    (line,) = here("realm", "list", "--json", "--store", f"sqlite:///{realm.store}").stdout.splitlines()
    return dict(json.loads(line))


def compared(*realms: RunningRealm, code: int = 0) -> dict[str, Any]:
    """End realms, and return what a comparison of their audit logs found."""
    for realm in realms:
        assert realm.terminate() == 0
    stores = [str(realm.store) for realm in realms]
    done = here("audit", "verify", "--json", *stores)
    assert done.returncode == code, (done.stdout, done.stderr)
    return dict(json.loads(done.stdout))


def pair_of(found: dict[str, Any], sender: str, receiver: str) -> dict[str, Any]:
    """Return what became of one realm's messages for another, without what there is none of."""
    (pair,) = [each for each in found["pairs"] if (each["sender"], each["receiver"]) == (sender, receiver)]
    return {name: value for name, value in pair.items() if value and name not in ("sender", "receiver")}


def wait_for(realm: RunningRealm, **expected: Any) -> dict[str, Any]:
    """Return how the link of a realm stands, once it is as expected."""
    until = time.monotonic() + SECONDS
    while True:
        link = link_of(realm)
        if {name: link.get(name, 0) for name in expected} == expected:
            return link
        assert time.monotonic() < until, link
        time.sleep(0.05)
