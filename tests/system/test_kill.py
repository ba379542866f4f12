"""``kill -9`` in the middle of a stream: the promise, as one client and one listener see it."""

from __future__ import annotations

import os
import random
import sqlite3
import time
from collections.abc import Callable, Iterator
from contextlib import closing
from pathlib import Path

import pytest

from tests.serving import SECONDS
from tests.system.running import RunningRealm, history
from tests.system.talkers import Recipient, Sender, ordered_cids, random_cids

#: How often the server is killed, at least, and how long it lives at least and at most after it is ready.
KILLS = 5
LIFE = (0.02, 0.4)


@pytest.mark.parametrize("cids", [ordered_cids, random_cids])
def test_every_acknowledged_message_is_there_once_and_in_order_whenever_the_server_is_killed(
    server: RunningRealm, cids: Callable[[], Iterator[str]]
) -> None:
    seed = int(os.environ.get("CHATPROTO_SEED") or random.randrange(2**32))
    print(f"CHATPROTO_SEED={seed} kills at the same moments again")
    chance = random.Random(seed)
    sender = Sender(server, "messi", "lineker", cids())
    recipient = Recipient(server, "lineker")
    recipient.start()
    sender.start()
    kills = 0
    deadline = time.monotonic() + 2 * SECONDS
    while kills < KILLS or not sender.repeated:  # on a busy machine a life may be too short for a login
        assert sender.is_alive(), sender.error
        assert time.monotonic() < deadline
        time.sleep(chance.uniform(*LIFE) * (1 + kills // KILLS))
        server.kill()
        server.start()
        kills += 1
    sender.finish()
    acknowledged = sender.acknowledged
    recipient.expect(acknowledged[-1][2])
    recipient.finish()
    print(len(acknowledged), "messages,", sender.repeated, "repeated")

    # No session ended but by a kill; a life may have been too short for one.
    assert max(sender.sessions, recipient.sessions) <= kills + 1
    expected = [(mid, text, seq) for _, text, mid, seq in acknowledged]
    assert [text for _, text, _ in expected] == [f"text {number}" for number in range(len(expected))]
    assert recipient.heard == expected
    with server.login("lineker") as lineker:
        found = history(lineker, "messi")
        assert [(item["mid"], item["text"], item["seq"]) for item in found] == expected
    _repeats_change_nothing(server, chance.sample(acknowledged, min(50, len(acknowledged))))

    assert server.terminate() == 0
    assert _stored(server.store) == expected


def _repeats_change_nothing(server: RunningRealm, sample: list[tuple[str, str, str, int]]) -> None:
    with server.login("messi") as messi:
        for cid, text, mid, seq in sample:
            reply = messi.ask(do="send", to="lineker", text=text, cid=cid)
            assert reply == {"status": "OK", "mid": mid, "seq": seq}
            assert messi.ask(do="send", to="lineker", text="other", cid=cid)["code"] == "cid-reused"


def _stored(path: Path) -> list[tuple[str, str, int]]:
    with closing(sqlite3.connect(path)) as store:
        assert store.execute("PRAGMA integrity_check").fetchall() == [("ok",)]
        return store.execute("SELECT mid, text, seq FROM messages ORDER BY seq").fetchall()
