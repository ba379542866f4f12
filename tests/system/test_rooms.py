"""System E's rooms, from clients that tell fields apart by reads."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.serving import Connection
from tests.system.rooms import RoomClient
from tests.system.running import RunningRealm

NEW, KNOWN = "New Group created", "Welcome to chat room"


@pytest.fixture
def realm(tmp_path: Path) -> Iterator[RunningRealm]:
    realm = RunningRealm(tmp_path, listeners=("client", "room"))
    realm.start()
    yield realm
    assert realm.terminate() == 0


def test_the_flow_of_the_document(realm: RunningRealm) -> None:
    with (
        RoomClient(realm.ports["room"], "ani", "r1") as ani,
        RoomClient(realm.ports["room"], "budi", "r1") as budi,
    ):
        ani.shows(NEW)
        budi.shows(KNOWN)
        ani.say("halo")
        budi.shows("<ani> halo")
        ani.send_file("a.txt", b"isi\n")
        budi.has(("client_a.txt", "ani", b"isi\n"))
        budi.say("terima kasih")
        ani.shows("<budi> terima kasih")
        assert budi.shown == []
        assert ani.files == []


def test_what_came_before_a_restart_is_known_after_it(realm: RunningRealm) -> None:
    with RoomClient(realm.ports["room"], "ani", "r1") as ani:
        ani.shows(NEW)
        ani.say("halo")
    realm.terminate()
    realm.start()
    with RoomClient(realm.ports["room"], "ani", "r1") as ani:
        ani.shows(KNOWN)


def test_a_large_file_arrives_whole_while_others_talk(realm: RunningRealm) -> None:
    content = os.urandom(3_000_001)
    with (
        RoomClient(realm.ports["room"], "ani", "r1") as ani,
        RoomClient(realm.ports["room"], "budi", "r1") as budi,
        RoomClient(realm.ports["room"], "citra", "r1") as citra,
    ):
        ani.shows(NEW)
        budi.shows(KNOWN)
        citra.shows(KNOWN)
        ani.say("FILE", "client_foto.jpg", str(len(content)))
        ani.say(content[:1_000_000])
        citra.say("lama ya")  # nobody has to wait for the file
        budi.shows("<citra> lama ya")
        ani.shows("<citra> lama ya")
        ani.say(content[1_000_000:])
        citra.say("sudah?")
        budi.has(("client_foto.jpg", "ani", content))
        citra.has(("client_foto.jpg", "ani", content))
        budi.shows("<citra> sudah?")


def test_the_realms_users_are_let_in_if_the_operator_says_so(tmp_path: Path) -> None:
    settings = tmp_path / "alpha.toml"
    settings.write_text("[older]\nroom_shared = true\n")
    realm = RunningRealm(tmp_path, f"--config={settings}", listeners=("client", "room"))
    realm.start()
    with (
        RoomClient(realm.ports["room"], "ani", "r1") as ani,
        RoomClient(realm.ports["room"], "messi", "r1") as guest,
        Connection(realm.dial()) as messi,
    ):
        ani.shows(NEW)
        guest.shows(KNOWN)
        messi.ask(do="login", user="messi", password="surabaya")
        assert messi.ask(do="join", group="room-r1")["status"] == "OK"
        messi.ask(do="listen")
        messi.ask(do="send", to="room-r1", text="saya messi")
        ani.shows("<messi> saya messi")
        guest.say("saya juga")
        ani.shows("<~messi> saya juga")
        event = messi.read()
        assert event is not None
        assert (event["from"], event["to"], event["text"]) == ("~~messi@alpha", "room-r1@alpha", "saya juga")
    assert realm.terminate() == 0
