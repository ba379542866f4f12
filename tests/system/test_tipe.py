"""System A over sockets, from its client as it really reads."""

from __future__ import annotations

import threading
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.serving import SECONDS
from tests.system.running import PASSWORD, RunningRealm
from tests.system.tipe import GOOD, OriginalClient, fresh, request


@pytest.fixture(scope="module")
def realm(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RunningRealm]:
    realm = RunningRealm(tmp_path_factory.mktemp("a"), listeners=("tipe", "tipe-main"))
    realm.start()
    try:
        yield realm
    finally:
        realm.close()
        print(realm.log())


def test_the_original_client_lives_through_a_burst(realm: RunningRealm) -> None:
    with OriginalClient(realm, "messi") as messi, OriginalClient(realm, "henderson") as henderson:
        henderson.wait_for()
        texts = [f"halo {number}" for number in range(8)]
        for text in texts:
            messi.kirim("henderson", text)
        messi.kirim("henderson", "x" * 3000)
        messi.kirim("henderson", "ya")
        henderson.wait_for(*(f"Pesan dari messi: {text}" for text in [*texts, "ya"]))
        messi.wait_for(replies=11)
        henderson._send(tipe="terima", username="henderson")
        with henderson._changed:
            # It is longer than one read, which this client cannot take: that is why it was not told.
            henderson._changed.wait_for(lambda: henderson.died is not None, 0.5)
        henderson.died = None


def test_accounts_at_the_main_server_and_its_names(realm: RunningRealm) -> None:
    fresh(realm, "rina")
    rina = {"username": "rina", "realm": "alpha", "password": PASSWORD}
    assert request(realm, "tipe-main", tipe="daftar", **rina)["pesan"] == "Username sudah terdaftar"
    for user in ("rani", "rita"):  # a realm that is not known is a further name of this one, in a lab
        asked = {**rina, "username": user, "realm": "realm1"}
        assert request(realm, "tipe-main", tipe="daftar", **asked) == GOOD
    with OriginalClient(realm, "rani") as rani, OriginalClient(realm, "rita") as rita:
        rita.wait_for()
        rani.kirim("rita", "halo")
        rita.wait_for("Pesan dari rani: halo")


def test_twenty_clients_at_once(realm: RunningRealm) -> None:
    users = [f"siswa{number}" for number in range(20)]
    threads = [threading.Thread(target=fresh, args=(realm, user)) for user in users]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(SECONDS)
    clients = [OriginalClient(realm, user) for user in users]
    try:
        for client in clients:
            client.wait_for()
        for number, client in enumerate(clients):
            client.kirim(users[(number + 1) % 20], f"dari {number}")
        for number, client in enumerate(clients):
            before = (number - 1) % 20
            client.wait_for(f"Pesan dari {users[before]}: dari {before}", replies=2)
    finally:
        for client in clients:
            client.__exit__()


def test_what_was_pushed_stays_read_when_the_server_is_killed(tmp_path: Path) -> None:
    realm = RunningRealm(tmp_path, listeners=("tipe",))
    realm.start()
    try:
        with OriginalClient(realm, "messi") as messi:
            messi.kirim("henderson", "satu")
            messi.wait_for(replies=2)
            with OriginalClient(realm, "henderson") as henderson:
                henderson.wait_for()
                messi.kirim("henderson", "dua")
                henderson.wait_for("Pesan dari messi: dua")
                time.sleep(1.5)  # cursors are written once a second
                realm.kill()
        realm.start()
        with OriginalClient(realm, "henderson") as henderson:
            henderson.wait_for()
            henderson._send(tipe="terima", username="henderson")
            with henderson._changed:
                henderson._changed.wait_for(lambda: len(henderson.unknown) == 2, SECONDS)
            assert henderson.unknown[1]["percakapan"] == [
                {"from": "messi", "to": "henderson", "message": "satu"}
            ]
    finally:
        realm.close()
