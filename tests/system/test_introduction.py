"""Three processes: two realms that only know a main server, which tells each of the other."""

from __future__ import annotations

import json
import time
from collections.abc import Callable
from contextlib import ExitStack
from functools import partial
from pathlib import Path
from typing import Any

import pytest

from tests.serving import SECONDS, here
from tests.system.linked import QUICK, SECRET
from tests.system.running import RunningRealm, history


class Town:
    """A main server, and two realms that are linked with it."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.hub = self.realm("hub", "")
        self.hub.start()
        place = f'connect = "tcp:127.0.0.1:{self.hub.ports["peer"]}"'
        self.alpha = self.realm("alpha", f'[peers.hub]\nsecret = "{SECRET}"\n{place}\nintroduced = true')
        self.beta = self.realm("beta", f'[peers.hub]\nsecret = "{SECRET}"\n{place}\nintroduced = true')
        self.all = (self.hub, self.alpha, self.beta)

    def realm(self, name: str, peers: str) -> RunningRealm:
        file = self.folder / f"{name}.toml"
        file.write_text(f"[limits]\n{QUICK}\n{peers}")
        return RunningRealm(self.folder, "--config", str(file), name=name, listeners=("client", "peer"))

    def open(self, *, introduce: bool = True) -> None:
        """Start the realms, and let the main server know where they are."""
        self.alpha.start()
        self.beta.start()
        peers = "".join(
            f'[peers.{each.name}]\nsecret = "{SECRET}"\nintroduce = {str(introduce).lower()}\n'
            f'connect = "tcp:127.0.0.1:{each.ports["peer"]}"\n'
            for each in (self.alpha, self.beta)
        )
        (self.folder / "hub.toml").write_text(f"[limits]\n{QUICK}\n{peers}")
        self.hub.terminate()
        self.hub.start()
        for each in (self.alpha, self.beta):
            wait(partial(is_linked_with_hub, each))


def states(realm: RunningRealm) -> dict[str, dict[str, Any]]:
    lines = here("realm", "list", "--json", "--store", f"sqlite:///{realm.store}").stdout.splitlines()
    return {state["realm"]: state for state in map(json.loads, lines)}


def is_linked_with_hub(realm: RunningRealm) -> bool:
    return states(realm).get("hub", {}).get("state") == "linked"


def end(realm: RunningRealm) -> None:
    realm.close()
    print(realm.log())


def wait(true: Callable[[], bool]) -> None:
    until = time.monotonic() + SECONDS
    while not true():
        assert time.monotonic() < until
        time.sleep(0.05)


@pytest.fixture
def town(tmp_path: Path) -> Any:
    with ExitStack() as stack:
        town = Town(tmp_path)
        for realm in town.all:
            stack.callback(end, realm)
        yield town


def test_realms_that_a_main_server_introduces_talk_directly(town: Town) -> None:
    town.open()
    with town.alpha.login("messi") as messi:
        assert messi.ask(do="send", to="henderson@beta", text="halo")["status"] == "OK"
        assert messi.ask(do="send", to="henderson@gamma", text="halo")["code"] == "no-such-realm"
    wait(lambda: states(town.alpha)["beta"].get("applied") == 1)
    with town.beta.login("henderson") as henderson:
        assert [item["text"] for item in history(henderson, "messi@alpha")] == ["halo"]
    for realm, other in ((town.alpha, "beta"), (town.beta, "alpha")):
        link = states(realm)[other]
        assert (link["state"], link["introducer"]) == ("linked", "hub")
    # What is decided about the main server counts for those that it introduced, at once.
    store = ("--store", f"sqlite:///{town.alpha.store}")
    assert here("realm", "block", "hub", *store).returncode == 0
    assert states(town.alpha)["beta"]["state"] == "pending"
    assert here("realm", "approve", "hub", *store, "--yes").returncode == 0
    wait(lambda: states(town.alpha)["beta"]["state"] == "linked")
    # It stays so without the main server, and until the operator thinks otherwise of it.
    town.hub.terminate()
    town.alpha.terminate()
    town.alpha.start()
    wait(lambda: states(town.alpha)["beta"]["state"] == "linked")
    town.alpha.terminate()
    file = town.folder / "alpha.toml"
    file.write_text(file.read_text().replace("introduced = true", ""))
    town.alpha.start()
    assert states(town.alpha)["beta"]["state"] == "pending"
    # The key is still known: who looked at it may approve it, and then nobody introduced it any more.
    key = here("realm", "key", "--store", f"sqlite:///{town.beta.store}").stdout.strip()
    done = here("realm", "approve", "beta", key, "--yes", "--store", f"sqlite:///{town.alpha.store}")
    assert done.returncode == 0, done.stderr
    wait(lambda: states(town.alpha)["beta"]["state"] == "linked")
    assert "introducer" not in states(town.alpha)["beta"]


def test_a_main_server_tells_only_of_realms_that_it_is_to_introduce(town: Town) -> None:
    town.open(introduce=False)
    with town.alpha.login("messi") as messi:
        assert messi.ask(do="send", to="henderson@beta", text="halo")["code"] == "no-such-realm"
    assert set(states(town.alpha)) == {"hub"}
