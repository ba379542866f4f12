"""A backup that is taken under load, put in the store's place, and served."""

from __future__ import annotations

import time
from pathlib import Path

import pytest

from tests.postgresql import PostgresServer
from tests.serving import chatproto
from tests.system.conftest import StartRealm
from tests.system.running import history
from tests.system.talkers import Recipient, Sender, ordered_cids


@pytest.mark.parametrize("kind", ["sqlite", "postgresql"])
def test_a_backup_is_what_was_stored_up_to_some_moment_and_is_told_as_an_older_copy(
    start_realm: StartRealm, request: pytest.FixtureRequest, tmp_path: Path, kind: str
) -> None:
    url = f"sqlite:///{tmp_path / 'alpha.db'}"
    options = ["--control", str(tmp_path / "control")]
    if kind == "postgresql":
        postgres: PostgresServer = request.getfixturevalue("postgres")
        url = postgres.url(schema=postgres.new_schema())
    realm = start_realm("--store", url, *options)
    sender = Sender(realm, "messi", "lineker", ordered_cids())
    recipient = Recipient(realm, "lineker")
    for client in (recipient, sender):
        client.start()
    while len(sender.acknowledged) < 500:
        assert sender.is_alive(), sender.error
        time.sleep(0.01)
    before = len(sender.acknowledged)
    done = chatproto("store", "backup", str(tmp_path / "backup.db"), "--store", url)
    assert done.returncode == 0, done.stderr
    time.sleep(0.1)
    sender.finish()
    recipient.expect(sender.acknowledged[-1][2])
    recipient.finish()
    acknowledged = [(mid, text, seq) for _, text, mid, seq in sender.acknowledged]
    epoch, heard = recipient.epoch, recipient.heard[-1][2]
    assert realm.terminate() == 0

    if kind == "sqlite":
        assert sorted(path.name for path in tmp_path.glob("alpha.db*")) == [
            "alpha.db",
            "alpha.db.files",
            "alpha.db.lock",
        ]
        (tmp_path / "backup.db").replace(tmp_path / "alpha.db")
    else:
        url = postgres.url(schema=postgres.new_schema())
        done = chatproto("store", "copy", f"sqlite:///{tmp_path / 'backup.db'}", url)
        assert done.returncode == 0, done.stderr

    restored = start_realm("--store", url, *options)
    with restored.login("lineker") as lineker:
        found = [(item["mid"], item["text"], item["seq"]) for item in history(lineker, "messi")]
        assert before <= len(found) < len(acknowledged)
        assert found == acknowledged[: len(found)]
        # Who heard more than the backup has is told where the common part ends.
        reply = lineker.ask(do="listen", after=heard, epoch=epoch)
        assert reply["reset"]
        assert reply["after"] <= found[-1][2]
    with restored.login("messi") as messi:
        lost = sender.acknowledged[-1]
        sent = messi.ask(do="send", to="lineker", text="after", cid=lost[0])
        assert sent["mid"] not in {mid for mid, _, _ in acknowledged}
        assert sent["seq"] > found[-1][2]
    assert restored.terminate() == 0
    assert "the store is an older copy" in restored.log()
