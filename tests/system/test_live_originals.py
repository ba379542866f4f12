"""Live groups between a realm of ours and an original server of system D, each asking the other."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.system.linked import _realm
from tests.system.older import OlderClient
from tests.system.original_d import OriginalD
from tests.system.running import RunningRealm
from tests.system.test_live_mode import LEFT, LiveClient

PENDING = '{"status": "PENDING", "message": "Tidak ada grup bola di server"}\r\n\r\n'


@pytest.fixture
def original() -> Iterator[OriginalD]:
    with OriginalD(amsal="surabaya") as server:
        yield server


@pytest.fixture
def realm(tmp_path: Path, original: OriginalD) -> Iterator[RunningRealm]:
    """Run a realm of ours that has the original server as a neighbour, which has it as one, too."""
    connect = f'connect = "tcp:127.0.0.1:{original.port}"'
    realm = _realm(tmp_path, "alpha", f"[peers.beta]\nlegacy = true\nneighbour = true\n{connect}")
    try:
        realm.start()
        original.neighbour = realm.port
        yield realm
    finally:
        realm.close()
        print(realm.log())


def texts(realm: RunningRealm) -> list[tuple[str, str]]:
    """Return what was said in the group of our realm, as messi reads it."""
    with realm.login("messi") as client:
        page = client.ask(do="history", **{"with": "bola"})
    return [(each["from"], each["text"]) for each in page["messages"] if "kind" not in each]


def test_d2_the_group_is_the_originals(original: OriginalD, realm: RunningRealm) -> None:
    with LiveClient(original, "amsal") as amsal, LiveClient(realm, "messi", 64) as messi:
        amsal.enter().shows("amsal telah bergabung")
        assert original.checks == [PENDING]
        messi.enter()
        for client in (amsal, messi):
            client.shows("messi telah bergabung")
        assert original.checks[1:] == ["check group messi bola other "]
        amsal.say("halo mes, nonton pildun ga?")
        for client in (amsal, messi):
            client.shows("amsal: halo mes, nonton pildun ga?")
        messi.say("nonton dong\r\n")
        for client in (amsal, messi):
            client.shows("messi: nonton dong")
        messi.say("exit")
        messi.shows("exit")
        assert messi.leave() == LEFT
        amsal.shows("messi meninggalkan group")
        assert json.loads(messi.ask(f"inbox {messi.token} \r\n"))["status"] == "OK"
        assert original.members("bola") == ["amsal"]


def test_d2_the_group_is_ours(original: OriginalD, realm: RunningRealm) -> None:
    with LiveClient(realm, "messi", 64) as messi, LiveClient(original, "amsal") as amsal:
        messi.enter().shows("messi telah bergabung")
        assert original.checks == ["check group messi bola other "]
        amsal.enter()
        for client in (messi, amsal):
            client.shows("amsal telah bergabung")
        messi.say("jadi main?")
        for client in (messi, amsal):
            client.shows("messi: jadi main?")
        amsal.say("jadi")
        for client in (messi, amsal):
            client.shows("amsal: jadi")
        amsal.say("exit")
        amsal.shows("exit")
        assert amsal.leave() == LEFT
        messi.shows("amsal meninggalkan group")
        assert json.loads(amsal.ask(f"inbox {amsal.token} \r\n"))["status"] == "OK"
        assert texts(realm) == [("messi@alpha", "jadi main?"), ("amsal@beta", "jadi")]
        messi.say("exit")
        messi.shows("exit")
        assert messi.leave() == LEFT


def test_a_group_of_the_original_by_its_address(original: OriginalD, realm: RunningRealm) -> None:
    with LiveClient(original, "amsal") as amsal, LiveClient(realm, "messi") as messi:
        assert json.loads(messi.ask("group bola@beta\r\n"))["message"] == "Informasi tidak ditemukan"
        amsal.enter().shows("amsal telah bergabung")
        messi.enter("group {} bola@beta\r\n")
        for client in (amsal, messi):
            client.shows("messi telah bergabung")
        messi.say("exit")
        messi.shows("exit")
        assert messi.leave() == LEFT


def test_the_last_one_out_removes_the_group_as_far_as_the_original_can_tell(
    original: OriginalD, realm: RunningRealm
) -> None:
    with LiveClient(realm, "messi") as messi:
        messi.enter().shows("messi telah bergabung")
        messi.say("exit\r\n")
        messi.shows("exit")
        assert messi.leave() == LEFT
    with OlderClient(realm) as peer:
        assert peer.ask("check group amsal bola other \r\n") == PENDING
    with LiveClient(original, "amsal") as amsal, LiveClient(realm, "messi") as messi:
        amsal.enter().shows("amsal telah bergabung")
        messi.enter()
        for client in (amsal, messi):
            client.shows("messi telah bergabung")


def test_a_group_that_was_made_to_stay_is_there_for_the_original(realm: RunningRealm) -> None:
    with OlderClient(realm) as messi, OlderClient(realm) as peer:
        token = json.loads(messi.ask("auth messi surabaya \r\n"))["tokenid"]
        messi.ask(f"addgroup {token} bola \r\n")
        peer.say("check group amsal bola other\r\n")
        assert peer.socket.recv(1024) == b"amsal telah bergabung"
        peer.say("halo")
        assert peer.socket.recv(1024) == b"amsal: halo"
        peer.say("exit")
        assert peer.socket.recv(1024) == b"exit"
        assert peer.hear() == LEFT
        for line in ("inbox \r\n", "send messi halo\r\n"):
            assert json.loads(peer.ask(line))["message"] == "Informasi tidak ditemukan"
        assert peer.ask("check group amsal voli other\r\n") == PENDING.replace("bola", "voli")
        box = json.loads(messi.ask(f"inbox {token} \r\n"))["messages"]
    (entries,) = box.values()
    assert [(entry["msg"], entry["group"]) for entry in entries] == [("halo", "bola")]


def test_an_original_that_dies_leaves_its_guests_a_way_out(original: OriginalD, realm: RunningRealm) -> None:
    with LiveClient(original, "amsal") as amsal, LiveClient(realm, "messi") as messi:
        amsal.enter().shows("amsal telah bergabung")
        messi.enter().shows("messi telah bergabung")
        original.end()
        messi.shows("** the other server has ended this")
        messi.say("halo?\n")
        messi.shows("** the other server has ended this")
        messi.say("exit\n")
        messi.shows("exit")
        assert messi.leave() == LEFT
        assert json.loads(messi.ask(f"inbox {messi.token} \r\n"))["status"] == "OK"


def test_a_dead_original_is_passed_over_at_once(original: OriginalD, realm: RunningRealm) -> None:
    original.end()
    with LiveClient(realm, "messi") as messi, LiveClient(realm, "lineker") as lineker:
        messi.enter().shows("messi telah bergabung")
        lineker.enter()
        for client in (messi, lineker):
            client.shows("lineker telah bergabung")


def test_to_strangers_there_is_no_such_command(tmp_path: Path) -> None:
    realm = RunningRealm(tmp_path)
    try:
        realm.start()
        with OlderClient(realm) as stranger:
            for line in ("check group amsal bola other \r\n", "check\r\n", "check group\r\n"):
                assert json.loads(stranger.ask(line))["message"] == "**Protocol Tidak Benar"
    finally:
        realm.close()
