"""Two linked processes: killed in turn under a stream, and stopped for longer than every time-out."""

from __future__ import annotations

import os
import random
import signal
import time
from pathlib import Path

import pytest

from tests.serving import SECONDS
from tests.system.linked import compared, link_of, linked, pair_of, wait_for
from tests.system.running import RunningRealm, history
from tests.system.talkers import Recipient, Sender, ordered_cids

#: How often a process is killed, and how long it lives at least and at most after it is ready.
KILLS = 6
LIFE = (0.05, 0.6)


@pytest.fixture
def seed() -> int:
    seed = int(os.environ.get("CHATPROTO_SEED") or random.randrange(2**32))
    print(f"CHATPROTO_SEED={seed} kills at the same moments again")
    return seed


def check(sender: Sender, recipient: Recipient, beta: RunningRealm) -> None:
    """Compare what the one realm acknowledged with what was heard and is stored in the other."""
    sender.finish()
    acknowledged = sender.acknowledged
    recipient.expect(acknowledged[-1][2])
    recipient.finish()
    print(len(acknowledged), "messages,", sender.repeated, "repeated")
    expected = [(mid, text) for _, text, mid, _ in acknowledged]
    assert [text for _, text in expected] == [f"text {number}" for number in range(len(expected))]
    assert [(mid, text) for mid, text, _ in recipient.heard] == expected
    with beta.login(recipient.user) as client:
        found = history(client, f"{sender.user}@alpha")
    assert [(item["mid"], item["text"]) for item in found] == expected


def test_nothing_is_lost_or_doubled_whichever_side_is_killed(tmp_path: Path, seed: int) -> None:
    chance = random.Random(seed)
    with linked(tmp_path) as (alpha, beta):
        sender = Sender(alpha, "messi", "lineker@beta", ordered_cids())
        recipient = Recipient(beta, "lineker")
        recipient.start()
        sender.start()
        for number in range(KILLS):
            time.sleep(chance.uniform(*LIFE))
            victim = (alpha, beta)[number % 2]
            victim.kill()
            victim.start()
        check(sender, recipient, beta)
        assert sender.repeated > 0
        wait_for(alpha, state="linked", items=0)
        sent = len(sender.acknowledged)
        assert pair_of(compared(alpha, beta), "alpha", "beta") == {"sent": sent, "arrived": sent}


@pytest.mark.parametrize("stopped", ["alpha", "beta"])
def test_a_side_that_is_stopped_for_longer_than_every_time_out_only_delays(
    tmp_path: Path, stopped: str
) -> None:
    with linked(tmp_path) as (alpha, beta):
        victim, other = (alpha, beta) if stopped == "alpha" else (beta, alpha)
        sender = Sender(alpha, "messi", "lineker@beta", ordered_cids())
        recipient = Recipient(beta, "lineker")
        recipient.start()
        sender.start()
        wait_for(alpha, state="linked")
        until = time.monotonic() + SECONDS
        while not sender.acknowledged:
            assert time.monotonic() < until
            time.sleep(0.01)
        victim.send_signal(signal.SIGSTOP)
        try:
            # The other one notices that nobody is there, and ends the link.
            until = time.monotonic() + 20
            while link_of(other)["state"] in ("linked", "opening"):
                assert time.monotonic() < until
                time.sleep(0.1)
            assert link_of(other)["error"]
        finally:
            victim.send_signal(signal.SIGCONT)
        check(sender, recipient, beta)


def test_drained_realms_say_goodbye_and_go_on_where_they_were(tmp_path: Path) -> None:
    with linked(tmp_path) as (alpha, beta):
        wait_for(alpha, state="linked")
        assert beta.terminate() == 0
        wait_for(alpha, state="waiting", error="goodbye shutdown")
        with alpha.login("messi") as messi:
            for text in ("one", "two"):
                assert messi.ask(do="send", to="henderson@beta", text=text)["status"] == "OK"
        assert link_of(alpha)["items"] == 2
        beta.start()
        wait_for(alpha, state="linked", items=0, applied=2)
        with beta.login("henderson") as henderson:
            assert [item["text"] for item in history(henderson, "messi@alpha")] == ["one", "two"]
