"""Audit logs of real processes and stores: what they prove, what they explain, and what they find."""

from __future__ import annotations

import json
import shutil
import sqlite3
from contextlib import closing
from pathlib import Path

import pytest

from tests.serving import here
from tests.system.linked import compared, linked, pair_of, wait_for
from tests.system.running import RunningRealm


def send(realm: RunningRealm, to: str, *texts: str) -> list[str]:
    """Send texts of messi's; return their mids."""
    with realm.login("messi") as messi:
        replies = [messi.ask(do="send", to=to, text=text) for text in texts]
        assert {reply["status"] for reply in replies} == {"OK"}, replies
        return [reply["mid"] for reply in replies]


def refuse(realm: RunningRealm, user: str, address: str) -> None:
    """Let a user hear nothing of somebody any more."""
    with realm.login(user) as client:
        assert client.ask(do="block", address=address)["status"] == "OK"


def put_back(realm: RunningRealm, copy: Path, *, noticed: bool = True) -> None:
    """Put an older copy of a store in its place; without its lock file nobody here can know."""
    for path in realm.store.parent.glob(f"{realm.store.name}-*"):
        path.unlink()
    shutil.copy(copy, realm.store)
    if not noticed:
        realm.store.with_name(f"{realm.store.name}.lock").unlink()


def change(realm: RunningRealm, statement: str) -> None:
    with closing(sqlite3.connect(realm.store, isolation_level=None)) as store:
        assert store.execute(statement).rowcount > 0


def test_refusals_and_what_waits_are_told_as_what_they_are(tmp_path: Path) -> None:
    with linked(tmp_path) as (alpha, beta):
        refuse(beta, "lineker", "messi@alpha")
        send(alpha, "lineker@beta", "one")
        send(alpha, "henderson@beta", "two", "three")
        wait_for(alpha, items=0, applied=2, refused=1)
        assert beta.terminate() == 0
        wait_for(alpha, state="waiting")
        send(alpha, "henderson@beta", "four")
        beta_found = {"sent": 4, "arrived": 2, "bounced": 1, "waiting": 1}
        assert alpha.terminate() == 0
        stores = [str(alpha.store), f"sqlite:///{beta.store}"]
        done = here("audit", "verify", *stores)
        assert done.returncode == 0
        assert done.stdout.split("\t")[:6] == ["alpha", "beta", "4", "2", "1", "0"]
        assert "4 messages and 0 entries of groups compared: the promise holds" in done.stderr
        found = json.loads(here("audit", "verify", "--json", *stores).stdout)
        assert pair_of(found, "alpha", "beta") == beta_found
        # Of one realm alone, that is known which its own log says.
        alone = json.loads(here("audit", "verify", "--json", stores[0]).stdout)
        assert pair_of(alone, "alpha", "beta") == {"sent": 4, "bounced": 1, "waiting": 1, "uncompared": 2}


def test_a_realm_that_runs_is_not_compared_and_none_with_itself(tmp_path: Path) -> None:
    with linked(tmp_path) as (alpha, beta):
        done = here("audit", "verify", str(alpha.store), str(beta.store))
        assert done.returncode == 1
        assert "store-in-use" in done.stderr
        done = here("audit", "verify", str(alpha.store), f"sqlite:///{alpha.store}")
        assert done.returncode == 1
        assert "named twice" in done.stderr


@pytest.mark.parametrize("noticed", [True, False])
@pytest.mark.parametrize("victim", ["alpha", "beta"])
def test_what_an_older_copy_lost_is_no_violation_and_what_came_later_is_compared(
    tmp_path: Path, victim: str, noticed: bool
) -> None:
    copy = tmp_path / "copy.db"
    with linked(tmp_path) as (alpha, beta):
        restored = alpha if victim == "alpha" else beta
        send(alpha, "henderson@beta", "one")
        wait_for(alpha, items=0, applied=1)
        done = here("store", "backup", str(copy), "--store", f"sqlite:///{restored.store}")
        assert done.returncode == 0, done.stderr
        send(alpha, "henderson@beta", "two", "three")
        wait_for(alpha, items=0, applied=3)
        assert restored.terminate() == 0
        put_back(restored, copy, noticed=noticed)
        restored.start()
        send(alpha, "henderson@beta", "four")
        wait_for(alpha, state="linked", items=0)
        found = compared(alpha, beta)
        assert found["older"] == ([victim] if noticed else [])
        # What alpha had sent it sends again, from what it keeps; what it forgot, beta has.
        expected = {"sent": 2, "arrived": 2, "unsent": 2} if victim == "alpha" else {"sent": 4, "arrived": 4}
        assert pair_of(found, "alpha", "beta") == expected


def test_an_older_copy_that_was_never_served_is_told_from_its_lock_file(tmp_path: Path) -> None:
    copy = tmp_path / "copy.db"
    with linked(tmp_path) as (alpha, beta):
        send(alpha, "henderson@beta", "one")
        wait_for(alpha, items=0, applied=1)
        done = here("store", "backup", str(copy), "--store", f"sqlite:///{beta.store}")
        assert done.returncode == 0, done.stderr
        send(alpha, "henderson@beta", "two")
        wait_for(alpha, items=0, applied=2)
        assert alpha.terminate() == beta.terminate() == 0
        put_back(beta, copy)
        found = json.loads(here("audit", "verify", "--json", str(alpha.store), str(beta.store)).stdout)
        assert found["older"] == ["beta"]
        assert pair_of(found, "alpha", "beta") == {"sent": 2, "arrived": 1, "lost": 1}
        # Nothing says so any more if that file is gone: the message is lost, and nobody knows why.
        put_back(beta, copy, noticed=False)
        done = here("audit", "verify", str(alpha.store), str(beta.store))
        assert done.returncode == 1
        assert "violation\tlost\t" in done.stdout


def test_a_dropped_realm_leaves_outcomes_that_nobody_knows(tmp_path: Path) -> None:
    with linked(tmp_path) as (alpha, beta):
        send(alpha, "henderson@beta", "one")
        wait_for(alpha, items=0, applied=1)
        assert beta.terminate() == 0
        wait_for(alpha, state="waiting")
        send(alpha, "henderson@beta", "two", "three")
        done = here("realm", "drop", "beta", "--yes", "--store", f"sqlite:///{alpha.store}")
        assert done.returncode == 0, done.stderr
        beta.start()
        found = compared(alpha, beta)
        assert pair_of(found, "alpha", "beta") == {"sent": 3, "arrived": 1, "unknown": 2}


def test_what_must_not_be_is_found(tmp_path: Path) -> None:
    with linked(tmp_path) as (alpha, beta):
        refuse(beta, "lineker", "messi@alpha")
        mids = send(alpha, "henderson@beta", "one", "two", "three", "four", "five")
        refused = send(alpha, "lineker@beta", "six")
        wait_for(alpha, items=0, applied=5, refused=1)
        assert pair_of(compared(alpha, beta), "alpha", "beta") == {"sent": 6, "arrived": 5, "bounced": 1}
        change(alpha, f"DELETE FROM audit WHERE mid = '{mids[0]}'")
        change(beta, f"DELETE FROM audit WHERE mid = '{mids[1]}'")
        change(beta, f"DELETE FROM messages WHERE mid = '{mids[2]}'")
        change(beta, f"UPDATE audit SET serial = 99999999 WHERE mid = '{mids[3]}'")
        change(beta, f"UPDATE audit SET event = 'applied' WHERE mid = '{refused[0]}'")
        change(alpha, f"DELETE FROM messages WHERE mid = '{refused[0]}.bounce'")
        done = here("audit", "verify", "--json", str(alpha.store), str(beta.store))
        assert done.returncode == 1
        found = json.loads(done.stdout)
        assert {(violation["what"], violation["mid"]) for violation in found["violations"]} == {
            ("entry-without-sending", mids[0]),
            ("lost", mids[1]),
            ("entry-untold", mids[1]),
            ("entry-gone", mids[2]),
            ("order", mids[3]),
            ("entry-and-bounce", refused[0]),
            ("entry-gone", refused[0]),
            ("bounce-gone", refused[0]),
        }


def test_what_was_removed_is_not_taken_for_lost(tmp_path: Path) -> None:
    with linked(tmp_path) as (alpha, beta):
        send(alpha, "henderson@beta", *(f"old {number}" for number in range(5)))
        send(beta, "henderson@alpha", "old")
        wait_for(alpha, items=0, applied=5, received=1)
        wait_for(beta, items=0, applied=1)
        change(alpha, "UPDATE audit SET at = 5")
        done = here("audit", "prune", "--before", "90d", "--yes", "--store", f"sqlite:///{alpha.store}")
        assert done.returncode == 0, done.stderr
        assert done.stderr.strip().startswith("removed ")
        send(alpha, "henderson@beta", "new")
        wait_for(alpha, items=0, applied=6)
        found = compared(alpha, beta)
        assert pair_of(found, "alpha", "beta") == {"sent": 1, "arrived": 1, "uncompared": 5}
        assert pair_of(found, "beta", "alpha") == {"sent": 1, "uncompared": 1}


def test_a_message_is_traced_through_both_realms(tmp_path: Path) -> None:
    with linked(tmp_path) as (alpha, beta):
        (mid,) = send(alpha, "henderson@beta", "halo")
        refuse(beta, "lineker", "messi@alpha")
        (refused,) = send(alpha, "lineker@beta", "halo")
        wait_for(alpha, items=0, applied=1, refused=1)

        def trace(realm: RunningRealm, mid: str) -> list[list[str]]:
            done = here("trace", mid, "--store", f"sqlite:///{realm.store}")
            assert done.returncode == 0, done.stderr
            lines = [line.split("\t") for line in done.stdout.splitlines()]
            assert all(line[2].endswith("Z") for line in lines if line[1] != "silent")
            return [[*line[:2], *line[3:]] for line in lines]

        to = "henderson@beta"
        assert trace(alpha, mid)[0] == ["alpha", "sent", "beta", to, "1", ""]
        assert [line[:3] for line in trace(alpha, mid)] == [
            ["alpha", "sent", "beta"],
            ["alpha", "settled", "beta"],
            ["beta", "applied", "alpha"],
        ]
        assert trace(beta, mid) == trace(alpha, mid)
        assert [(line[0], line[1], line[5]) for line in trace(alpha, refused)] == [
            ("alpha", "sent", ""),
            ("alpha", "bounced", "refused"),
            ("alpha", "settled", ""),
            ("beta", "refused", "refused"),
        ]
        assert beta.terminate() == 0
        assert [line[:2] for line in trace(alpha, mid)][-1] == ["beta", "silent"]
        done = here("trace", "zzz", "--store", f"sqlite:///{alpha.store}")
        assert done.returncode == 1
        assert "bad-name" in done.stderr
        done = here("trace", "alpha/unheard", "--store", f"sqlite:///{alpha.store}")
        assert done.returncode == 1
