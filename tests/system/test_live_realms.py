"""The transcripts of system D's live groups across realms, from clients that take one read for one line."""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from tests.system.linked import QUICK, SECRET, _realm, wait_for
from tests.system.older import OlderClient
from tests.system.running import RunningRealm
from tests.system.test_live_mode import LEFT, SIZES, LiveClient


@contextmanager
def neighbours(folder: Path) -> Iterator[tuple[RunningRealm, RunningRealm]]:
    """Run realm 1 with the demo users, and realm 2 with amsal, herbert and budi, which dials it."""
    peer = f'neighbour = true\nsecret = "{SECRET}"'
    first = _realm(folder, "alpha", f"[limits]\n{QUICK}\n[peers.beta]\n{peer}")
    realms = [first]
    try:
        first.start()
        connect = f'connect = "tcp:127.0.0.1:{first.ports["peer"]}"'
        second = _realm(folder, "beta", f"[limits]\n{QUICK}\n[peers.alpha]\n{peer}\n{connect}")
        realms.append(second)
        second.start()
        with OlderClient(second) as client:
            for user in ("amsal", "herbert", "budi"):
                assert '"OK"' in client.ask(f"register {user} surabaya {user} Indonesia\r\n")
        wait_for(first, state="linked")
        yield first, second
    finally:
        for realm in realms:
            realm.close()
            print(realm.log())


@pytest.mark.parametrize("sizes", [SIZES, SIZES[::-1]], ids=str)
def test_d2_between_two_of_ours(tmp_path: Path, sizes: tuple[int, int]) -> None:
    with (
        neighbours(tmp_path) as (first, second),
        LiveClient(second, "amsal", sizes[0]) as amsal,
        LiveClient(first, "messi", sizes[1]) as messi,
    ):
        amsal.enter().shows("amsal telah bergabung")
        messi.enter()
        for client in (amsal, messi):
            client.shows("messi telah bergabung")
        amsal.say("halo mes, nonton pildun ga?")
        for client in (amsal, messi):
            client.shows("amsal: halo mes, nonton pildun ga?")
        messi.say("nonton dong")
        for client in (amsal, messi):
            client.shows("messi: nonton dong")
        amsal.say("exit")
        amsal.shows("exit")
        assert amsal.leave() == LEFT
        messi.shows("amsal meninggalkan group")
        box = json.loads(amsal.ask(f"inbox {amsal.token} \r\n"))
        assert box == {"status": "OK", "messages": {}}
        messi.say("sendiri\nexit\n")
        messi.shows("messi: sendiri", "exit")
        assert messi.leave() == LEFT
