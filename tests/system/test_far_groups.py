"""A group with members in two processes that are killed in turn: one log, the same in both."""

from __future__ import annotations

import random
import time
from pathlib import Path
from typing import Any

from tests.serving import SECONDS
from tests.system.linked import compared, linked, wait_for
from tests.system.running import RunningRealm, history
from tests.system.talkers import Sender, ordered_cids
from tests.system.test_links import LIFE, seed

__all__ = ["seed"]  # the fixture


class Poster(Sender):
    """Sends no more than two realms can store of each other while they are killed all the time."""

    def _send(self, items: list[tuple[str, str]]) -> None:
        time.sleep(0.1)
        super()._send(items)


def newest(realm: RunningRealm, user: str) -> str:
    """Return the mid of the newest message in a user's group."""
    with realm.login(user) as client:
        page = client.ask(do="history", limit=1, **{"with": "fans@alpha"})
    return str(page["messages"][-1]["mid"])


def texts(realm: RunningRealm, user: str, group: str) -> list[tuple[str, str, str]]:
    """Return what was said in a group, as one of its members reads it."""
    with realm.login(user) as client:
        found: list[dict[str, Any]] = history(client, group)
    return [(each["mid"], each["from"], each["text"]) for each in found if "kind" not in each]


def test_posts_of_both_sides_stand_in_one_order_whichever_is_killed(tmp_path: Path, seed: int) -> None:
    chance = random.Random(seed)
    with linked(tmp_path) as (alpha, beta):
        with alpha.login("messi") as client:
            assert client.ask(do="create", group="Fans")["status"] == "OK"
        wait_for(beta, state="linked")
        with beta.login("lineker") as client:
            joined = client.ask(do="join", group="fans@alpha")
            assert (joined["status"], joined["group"], joined.get("state")) == ("OK", "Fans@alpha", None)
        senders = [
            Poster(alpha, "messi", "fans", ordered_cids()),
            Poster(beta, "lineker", "fans@alpha", ordered_cids()),
        ]
        for sender in senders:
            sender.start()
        for number in range(4):
            time.sleep(chance.uniform(*LIFE))
            victim = (alpha, beta)[number % 2]
            victim.kill()
            victim.start()
        for sender in senders:
            sender.finish()
        print([len(sender.acknowledged) for sender in senders], "messages")
        until = time.monotonic() + SECONDS
        last = senders[1].acknowledged[-1][2]
        while last not in [mid for mid, *_ in texts(alpha, "messi", "fans")] and time.monotonic() < until:
            time.sleep(0.5)
        while newest(beta, "lineker") != newest(alpha, "messi") and time.monotonic() < until:
            time.sleep(0.1)
        here = texts(alpha, "messi", "fans")
        assert texts(beta, "lineker", "fans@alpha") == here
        for sender, address in zip(senders, ("messi@alpha", "lineker@beta"), strict=True):
            mine = [(mid, text) for mid, author, text in here if author == address]
            assert mine == [(mid, text) for _, text, mid, _ in sender.acknowledged]
        assert compared(alpha, beta)["entries"] > len(here)
