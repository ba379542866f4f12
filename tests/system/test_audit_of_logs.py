"""What the logs of messages and of groups have in stores of several realms, compared with each other."""

from __future__ import annotations

import shutil
import sqlite3
import time
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import pytest

from chatproto.auditing import Lost, Report
from chatproto.cli.audit import compare
from tests.serving import SECONDS, here
from tests.system.linked import compared, linked, pair_of, wait_for
from tests.system.running import RunningRealm, history
from tests.system.test_audit import put_back, send

GROUP = "fans@alpha"


def until_said(realm: RunningRealm, user: str, group: str, text: str) -> None:
    """Wait until somebody reads a text in a group."""
    end = time.monotonic() + SECONDS
    with realm.login(user) as client:
        while text not in [item["text"] for item in history(client, group)]:
            assert time.monotonic() < end
            time.sleep(0.05)


def post(realm: RunningRealm, user: str, to: str, *texts: str) -> list[str]:
    with realm.login(user) as client:
        return [client.ask(do="send", to=to, text=text)["mid"] for text in texts]


def begin(alpha: RunningRealm, beta: RunningRealm) -> None:
    """Let there be a group of alpha with a member of beta."""
    with alpha.login("messi") as messi:
        assert messi.ask(do="create", group="fans")["status"] == "OK"
    wait_for(beta, state="linked")
    with beta.login("lineker") as lineker:
        assert lineker.ask(do="join", group=GROUP)["status"] == "OK"


class Stores:
    """Stores of realms that talked, in a folder of their own, to be changed."""

    def __init__(self, folder: Path, *paths: Path) -> None:
        self._paths = paths
        self._folder = folder
        self._tries = 0

    def after(self, store: str, *statements: str) -> Report:
        """Return what a comparison finds when something was changed in one of them."""
        self._tries += 1
        folder = self._folder / str(self._tries)
        folder.mkdir()
        for path in self._paths:
            shutil.copy(path, folder)
        with closing(sqlite3.connect(folder / f"{store}.db", isolation_level=None)) as database:
            for statement in statements:
                assert database.execute(statement).rowcount > 0, statement
        return compare([f"sqlite:///{folder / path.name}" for path in self._paths])

    def kinds(self, store: str, *statements: str) -> set[str]:
        return {violation.what for violation in self.after(store, *statements).violations}


@pytest.fixture(scope="module")
def talked(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Stores, dict[str, str]]]:
    """Return the stores, and the mid of each text that was said."""
    folder = tmp_path_factory.mktemp("talked")
    with linked(folder) as (alpha, beta):
        begin(alpha, beta)
        texts = {"private": "henderson@beta", "second": "henderson@beta", "one": "fans", "two": "fans"}
        mids = {text: send(alpha, to, text)[0] for text, to in texts.items()}
        mids["three"], mids["four"] = post(beta, "lineker", GROUP, "three", "four")
        until_said(beta, "lineker", GROUP, "four")
        wait_for(alpha, items=0, applied=2)
        found = compared(alpha, beta)
        assert found["entries"] == 5  # that somebody joined is one
        assert pair_of(found, "beta", "alpha") == {"sent": 3, "arrived": 3}
        changed = folder / "changed"
        changed.mkdir()
        yield Stores(changed, alpha.store, beta.store), mids


Talked = tuple[Stores, dict[str, str]]


@pytest.mark.parametrize(
    ("store", "statement", "kinds"),
    [
        ("beta", "UPDATE messages SET text = 'other' WHERE mid = '{private}'", {"entry-differs"}),
        ("alpha", "UPDATE messages SET text = 'other' WHERE mid = '{private}'", {"entry-differs"}),
        ("beta", "UPDATE messages SET sender = 'lineker@alpha' WHERE mid = '{private}'", {"entry-differs"}),
        ("alpha", "UPDATE messages SET sender = 'lineker@alpha' WHERE mid = '{private}'", {"entry-differs"}),
        ("alpha", "DELETE FROM messages WHERE mid = '{private}'", {"message-gone"}),
        ("beta", "DELETE FROM messages WHERE mid = '{private}'", {"entry-gone"}),
        ("beta", "UPDATE messages SET seq = seq + 100000 WHERE mid = '{private}'", {"order"}),
        (
            "beta",
            "INSERT INTO messages SELECT seq + 100000, conversation, mid, sender, 0, at, kind, 0, text "
            "FROM messages WHERE mid = '{private}'",
            {"entry-twice"},
        ),
    ],
)
def test_private_messages_say_the_same_in_both_stores(
    talked: Talked, store: str, statement: str, kinds: set[str]
) -> None:
    stores, mids = talked
    assert stores.kinds(store, statement.format(**mids)) == kinds


@pytest.mark.parametrize("text", ["one", "three"])
@pytest.mark.parametrize(
    ("statement", "at_home", "in_the_copy"),
    [
        ("UPDATE messages SET text = 'other' WHERE {here}", "entry-differs", "entry-differs"),
        ("UPDATE messages SET sender = 'messi@beta' WHERE {here}", "entry-differs", "entry-differs"),
        (
            "UPDATE messages SET kind = 'void', text = '', device = 0 WHERE {here}",
            "entry-differs",
            "entry-differs",
        ),
        ("UPDATE messages SET mid = 'alpha/other' WHERE {here}", "other-entry", "other-entry"),
        ("UPDATE messages SET gseq = 0 WHERE {here}", "other-entry", "entry-missing"),
        ("DELETE FROM messages WHERE {here}", "other-entry", "entry-missing"),
        ("DELETE FROM messages WHERE gseq > 0", "other-entry", "entry-missing"),
        (
            "DELETE FROM messages WHERE gseq = (SELECT MAX(gseq) FROM messages)",
            "other-entry",
            "entry-missing",
        ),
    ],
)
def test_each_entry_is_the_same_at_home_and_in_the_copy(
    talked: Talked, text: str, statement: str, at_home: str, in_the_copy: str
) -> None:
    stores, mids = talked
    statement = statement.format(here=f"mid = '{mids[text]}' AND gseq > 0")
    assert at_home in stores.kinds("alpha", statement)
    assert in_the_copy in stores.kinds("beta", statement)


def test_a_copy_has_what_its_own_audit_log_says(talked: Talked) -> None:
    stores, mids = talked
    entries = "FROM audit WHERE event = 'entry'"
    assert stores.kinds("beta", f"DELETE {entries}") == {"entry-untold"}
    assert stores.kinds("beta", f"DELETE {entries} AND mid = '{mids['one']}'") == {"entry-untold"}
    swap = "UPDATE messages SET gseq = 5 - gseq WHERE gseq IN (2, 3)"
    assert stores.kinds("beta", swap) == {"other-entry", "entry-untold"}


def test_what_was_pruned_is_not_missed(talked: Talked) -> None:
    stores, _ = talked
    found = stores.after(
        "beta",
        "INSERT INTO audit SELECT MAX(serial) + 1000, at, 'pruned-entry', '', realm, address, MAX(number), "
        "'' FROM audit WHERE event = 'entry'",
        "DELETE FROM audit WHERE event = 'entry'",
    )
    assert found.holds


def restored(alpha: RunningRealm, beta: RunningRealm, copy: Path, *, noticed: bool) -> None:
    """Put back an older copy of the home of a group after more was said there."""
    begin(alpha, beta)
    send(alpha, "fans", "one")
    until_said(beta, "lineker", GROUP, "one")
    done = here("store", "backup", str(copy), "--store", f"sqlite:///{alpha.store}")
    assert done.returncode == 0, done.stderr
    send(alpha, "fans", "two", "three")
    post(beta, "lineker", GROUP, "four")
    until_said(beta, "lineker", GROUP, "four")
    wait_for(beta, items=0)
    assert alpha.terminate() == 0
    put_back(alpha, copy, noticed=noticed)


@pytest.mark.parametrize("noticed", [True, False])
def test_a_home_that_is_an_older_copy_loses_entries_and_that_is_told(tmp_path: Path, noticed: bool) -> None:
    with linked(tmp_path) as (alpha, beta):
        restored(alpha, beta, tmp_path / "copy.db", noticed=noticed)
        alpha.start()
        send(alpha, "fans", "five")
        until_said(alpha, "messi", "fans", "four")
        send(alpha, "fans", "six")
        until_said(beta, "lineker", GROUP, "six")
        wait_for(beta, items=0)
        found = compared(alpha, beta)
        # Lost are two and three; four beta had still, and sent again.
        assert found["lost"] == [{"group": GROUP, "copy": "beta", "entries": 2, "outside": True}]
        paths = alpha.store, beta.store
        done = here("audit", "verify", *map(str, paths))
        assert f"2 entries of {GROUP} are not at its home" in done.stderr
        changed = tmp_path / "changed"
        changed.mkdir()
        stores = Stores(changed, *paths)
        # What came since then is compared.
        assert stores.kinds("alpha", "DELETE FROM messages WHERE text = 'six'") == {"other-entry"}
        assert stores.kinds("alpha", "DELETE FROM messages WHERE text = 'one'") >= {"other-entry"}
        assert stores.kinds("beta", "DELETE FROM messages WHERE text = 'five'") == {"entry-missing"}


@pytest.mark.parametrize("serve", [True, False])
def test_entries_of_which_a_copy_has_not_heard_yet_that_they_are_lost(tmp_path: Path, serve: bool) -> None:
    with linked(tmp_path) as (alpha, beta):
        restored(alpha, beta, tmp_path / "copy.db", noticed=True)
        assert beta.terminate() == 0
        if serve:
            alpha.start()
            send(alpha, "fans", "five")
            assert alpha.terminate() == 0
        found = compare([f"sqlite:///{realm.store}" for realm in (alpha, beta)])
        assert found.holds
        assert found.older == ["alpha"]
        assert found.lost == [Lost(group=GROUP, copy="beta", entries=3)]


def test_a_post_is_traced_through_its_home_and_the_copies(tmp_path: Path) -> None:
    with linked(tmp_path) as (alpha, beta):
        begin(alpha, beta)
        (here_,) = send(alpha, "fans", "one")
        (there,) = post(beta, "lineker", GROUP, "two")
        until_said(beta, "lineker", GROUP, "two")
        wait_for(beta, items=0)

        def trace(realm: RunningRealm, mid: str) -> list[tuple[str, ...]]:
            done = here("trace", mid, "--store", f"sqlite:///{realm.store}")
            assert done.returncode == 0, done.stderr
            lines = [line.split("\t") for line in done.stdout.splitlines()]
            return [(line[0], line[1], line[3], line[5]) for line in lines if line[1] != "settled"]

        for realm in (alpha, beta):
            assert trace(realm, here_) == [("alpha", "entry", "", "2"), ("beta", "entry", "alpha", "2")]
            assert trace(realm, there) == [
                ("beta", "sent", "alpha", "2"),
                ("beta", "entry", "alpha", "3"),
                ("alpha", "applied", "beta", "2"),
                ("alpha", "entry", "", "3"),
            ]
