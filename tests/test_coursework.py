"""The programs of the tour for students do what the tour says."""

from __future__ import annotations

import json
import re
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from examples.coursework.first_client import Connection
from examples.older.command_prompt import CommandClient
from tests.serving import ROOT, SECONDS, Server, chatproto, environment

FOLDER = ROOT / "examples" / "coursework"
TOUR = ROOT / "docs" / "coursework.rst"
LAB = ("--realm", "alpha", "--lab", "--store", "memory:", "--listen", "client=tcp:0:interface=127.0.0.1")


#: Checks of mail that waits for ``getrealmchat``, which the realm of the tour does not have.
WAITING = {"getrealmchat-tells-no-more", "an-original-links-itself"}
#: What it says until it was told the name of the link, and then until there is something.
WITHOUT_MAIL = ("Error Realm Tidak Ditemukan", "Message received from realm own: []")


class OwnRealm:
    """A running ``own_realm.py``."""

    def __init__(self, port: int = 0) -> None:
        self.process = subprocess.Popen(
            [sys.executable, str(FOLDER / "own_realm.py"), str(port)],
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            env=environment(),
            text=True,
        )
        assert self.process.stdout is not None
        self.port = int(self.process.stdout.readline().split()[1])

    def end(self) -> str:
        """End it; return what it complained about."""
        self.process.terminate()
        return self.process.communicate(timeout=SECONDS)[1]


@pytest.fixture
def own() -> Iterator[OwnRealm]:
    realm = OwnRealm()
    yield realm
    assert realm.end() == ""


@pytest.fixture
def other() -> Iterator[OwnRealm]:
    realm = OwnRealm()
    yield realm
    assert realm.end() == ""


@pytest.fixture
def lab() -> Iterator[int]:
    with Server(*LAB) as server:
        yield server.ports[0]


def first_client(port: int, *words: str) -> str:
    """Run the client to its end, and return what it printed."""
    done = subprocess.run(
        [sys.executable, str(FOLDER / "first_client.py"), str(port), *words],
        env=environment(),
        capture_output=True,
        text=True,
        timeout=SECONDS,
        check=False,
    )
    return done.stdout + done.stderr


def test_the_client_talks_to_both_realms(own: OwnRealm, lab: int) -> None:
    for port in (own.port, lab):
        assert first_client(port, "messi", "surabaya", "henderson", "hello son") == "Message Sent\n"
        assert first_client(port, "henderson", "surabaya") == "messi: hello son\n"
        assert first_client(port, "henderson", "surabaya") == ""
        assert first_client(port, "messi", "x") == "Password Salah\n"


def test_the_client_takes_replies_that_come_together(lab: int) -> None:
    server = Connection("127.0.0.1", lab)
    # Two lines in one ask: the second reply is there before it is asked for.
    assert server.ask("foo\r\nauth messi surabaya")["status"] == "ERROR"
    assert server.ask("info")["status"] == "OK"
    server.close()


def test_what_fails_at_ones_own_realm_is_about_groups_and_files(own: OwnRealm, tmp_path: Path) -> None:
    found = tmp_path / "found.json"
    done = chatproto("conformance", f"127.0.0.1:{own.port}", "--level", "B", "--json", str(found))
    assert done.returncode == 1
    checks = json.loads(found.read_text())["checks"]
    failed = {check["name"]: check["sent"] for check in checks if check["outcome"] == "failed"}
    assert len([check for check in checks if check["outcome"] == "passed"]) >= 25
    assert "joining-an-unknown-group" in failed
    for name, sent in failed.items():
        assert re.search(r": \w*(group|file)\w* ", sent) or name in WAITING, (name, sent)


def test_one_check_is_made_as_the_tour_says(own: OwnRealm) -> None:
    done = chatproto("conformance", f"127.0.0.1:{own.port}", "--level", "B", "--only", "auth")
    assert done.returncode == 0, done.stdout


def link(one: CommandClient, port: int) -> None:
    assert one.process("auth messi surabaya") == f"username messi logged in, token {one.token} "
    assert one.process(f"addrealm own 127.0.0.1 {port}") == "Realm own added"
    assert one.process(f"addrealm own 127.0.0.1 {port}") == "Error Realm sudah ada"


def talk(here: CommandClient, there: CommandClient, *, name: str) -> None:
    """Send both ways between two realms that call each other own; of one the sender's ``name`` is shown."""
    assert here.process("sendprivaterealm own henderson hello from alpha") == "Message sent to realm own"
    assert here.process("sendprivaterealm own nobody halo") == "Error User Tidak Ditemukan"
    assert there.process("auth henderson surabaya") == f"username henderson logged in, token {there.token} "
    entry = {"msg_from": name, "msg_to": "Jordan Henderson", "msg": "hello from alpha"}
    assert there.process("getrealminbox own") == f"Message received from realm own: {[entry]}"
    assert there.process("getrealminbox own") == "Message received from realm own: []"
    assert there.process("sendprivaterealm own messi hello back") == "Message sent to realm own"
    entry = {"msg_from": "henderson", "msg_to": "Lionel Messi", "msg": "hello back"}
    assert here.process("getrealminbox own") == f"Message received from realm own: {[entry]}"
    assert here.process("inbox") == "{}"


def test_two_realms_of_ones_own_are_peers(own: OwnRealm, other: OwnRealm) -> None:
    here, there = (CommandClient("127.0.0.1", realm.port) for realm in (own, other))
    link(here, other.port)
    talk(here, there, name="messi")
    for client in (here, there):
        client.close()


def test_ones_own_realm_is_a_peer_of_ours(own: OwnRealm, lab: int) -> None:
    here, there = CommandClient("127.0.0.1", lab), CommandClient("127.0.0.1", own.port)
    link(here, own.port)
    talk(here, there, name="messi")
    assert there.process("sendprivaterealm own nobody halo") == "Error User Tidak Ditemukan"
    for client in (here, there):
        client.close()


def test_ones_own_realm_that_is_started_anew_is_a_peer_again(own: OwnRealm, lab: int) -> None:
    here = CommandClient("127.0.0.1", lab)
    link(here, own.port)
    assert here.process("sendprivaterealm own henderson satu") == "Message sent to realm own"
    assert own.end() == ""
    anew = OwnRealm(own.port)  # which knows nobody
    try:
        there = CommandClient("127.0.0.1", anew.port)
        there.process("auth henderson surabaya")
        for text in ("dua", "tiga"):
            assert here.process(f"sendprivaterealm own henderson {text}") == "Message sent to realm own"
            entry = {"msg_from": "messi", "msg_to": "Jordan Henderson", "msg": text}
            deadline = time.monotonic() + SECONDS
            while (said := there.process("getrealminbox own")) in WITHOUT_MAIL:
                assert time.monotonic() < deadline
                time.sleep(0.05)
            assert said == f"Message received from realm own: {[entry]}"
        assert there.process("sendprivaterealm own messi ya") == "Message sent to realm own"
        entry = {"msg_from": "henderson", "msg_to": "Lionel Messi", "msg": "ya"}
        assert here.process("getrealminbox own") == f"Message received from realm own: {[entry]}"
        for client in (here, there):
            client.close()
    finally:
        assert anew.end() == ""


def test_a_peer_that_is_away_is_told_and_strangers_are_no_peers(own: OwnRealm, other: OwnRealm) -> None:
    here = CommandClient("127.0.0.1", own.port)
    assert here.process("addrealm own 127.0.0.1 1") == "Error Informasi tidak ditemukan"
    link(here, other.port)
    assert other.end() == ""
    assert here.process("sendprivaterealm own henderson halo") == "Error Gagal"
    assert here.process("addrealm two 127.0.0.1 1") == "Error Gagal"
    assert here.process("addrealm two 192.0.2.1 1") == "Error Gagal"
    assert here.process("sendprivaterealm three henderson halo") == "Error Realm Tidak Ditemukan"
    assert here.ask("recvrealmprivatemsg messi three henderson palsu")["message"] == "**Protocol Tidak Benar"
    here.close()


def test_the_tour_shows_what_is_there() -> None:
    text = TOUR.read_text()
    for source, part in re.findall(r"literalinclude:: \.\./(\S+)\n.*\n   :pyobject: (\S+)", text):
        assert f"def {part.rpartition('.')[2]}" in (ROOT / source).read_text() or part == "Connection"
    for program in re.findall(r"(examples/\w+/\w+\.py)", text):
        assert (ROOT / program).exists()
