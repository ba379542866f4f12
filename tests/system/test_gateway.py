"""Three processes, one a gateway of the others: each is killed in turn under a stream."""

from __future__ import annotations

import random
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from tests.serving import SECONDS, chatproto, here
from tests.system.linked import QUICK, compared, pair_of
from tests.system.running import RunningRealm
from tests.system.talkers import Recipient, Sender, ordered_cids
from tests.system.test_links import KILLS, LIFE, check, seed

__all__ = ["seed"]


def key_of(folder: Path, name: str) -> str:
    """Make the key of a realm that does not run yet, and return what others pin."""
    store = f"sqlite:///{folder / name}.db"
    return chatproto("realm", "key", "--realm", name, "--store", store).stdout.strip()


def realm(folder: Path, name: str, text: str) -> RunningRealm:
    file = folder / f"{name}.toml"
    file.write_text(text)
    return RunningRealm(folder, "--config", str(file), name=name, listeners=("client", "peer"))


@contextmanager
def row(folder: Path) -> Iterator[tuple[RunningRealm, RunningRealm, RunningRealm]]:
    """Run alpha and beta, which dial gamma, and reach each other by it."""
    keys = {name: key_of(folder, name) for name in ("alpha", "beta", "gamma")}
    pins = "\n".join(f'[peers.{name}]\npin = "{keys[name]}"' for name in ("alpha", "beta"))
    gamma = realm(folder, "gamma", f"relay = true\n[limits]\n{QUICK}\n{pins}")
    realms = [gamma]
    try:
        gamma.start()
        for name, other in (("alpha", "beta"), ("beta", "alpha")):
            text = f"""
                [limits]
                {QUICK}
                [peers.gamma]
                pin = "{keys["gamma"]}"
                connect = "tcp:127.0.0.1:{gamma.ports["peer"]}"
                [peers.{other}]
                pin = "{keys[other]}"
                via = "gamma"
                """
            realms.append(realm(folder, name, text))
            realms[-1].start()
        yield realms[1], gamma, realms[2]
    finally:
        for each in realms:
            each.close()
            print(each.log())


def paced() -> Iterator[str]:
    """Return cids, no faster than a slow machine can sign and check the items twice."""
    for cid in ordered_cids():
        time.sleep(0.005)
        yield cid


def test_nothing_is_lost_or_doubled_whoever_is_killed(tmp_path: Path, seed: int) -> None:
    chance = random.Random(seed)
    with row(tmp_path) as realms:
        alpha, _, beta = realms
        sender = Sender(alpha, "messi", "lineker@beta", paced())
        recipient = Recipient(beta, "lineker")
        recipient.start()
        sender.start()
        for number in range(KILLS):
            time.sleep(chance.uniform(*LIFE))
            victim = realms[number % 3]
            victim.kill()
            victim.start()
        check(sender, recipient, beta)
        until = time.monotonic() + SECONDS
        while True:
            listed = here("realm", "list", "--store", f"sqlite:///{alpha.store}").stdout.splitlines()
            (line,) = [line.split("\t") for line in listed if line.startswith("beta\t")]
            if (line[1], line[2], line[8]) == ("routed", "0", "gamma"):
                break
            assert time.monotonic() < until, line
            time.sleep(0.05)
        sent = len(sender.acknowledged)
        assert pair_of(compared(alpha, beta), "alpha", "beta") == {"sent": sent, "arrived": sent}
