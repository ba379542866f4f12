"""One lab and a client of every older system at once: they talk to each other, each in its own way."""

from __future__ import annotations

import json
import socket
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.serving import SECONDS
from tests.system.older import OlderClient
from tests.system.running import RunningRealm

#: What system E's clients wait between two fields.
PAUSE = 0.1


@pytest.fixture
def realm(tmp_path: Path) -> Iterator[RunningRealm]:
    realm = RunningRealm(tmp_path, listeners=("client", "tipe", "tipe-main", "room"))
    realm.start()
    yield realm
    realm.close()


class Objects:
    """A client of system A: what one read gives it is one object."""

    def __init__(self, port: int) -> None:
        self.socket = socket.create_connection(("127.0.0.1", port), SECONDS)

    def ask(self, **request: str) -> dict[str, Any]:
        self.socket.sendall(json.dumps(request).encode())
        return self.hear()

    def hear(self) -> dict[str, Any]:
        heard: dict[str, Any] = json.loads(self.socket.recv(1024))
        return heard


class Guest:
    """A client of system E: what one read gives it is one field."""

    def __init__(self, port: int, name: str, room: str) -> None:
        self.socket = socket.create_connection(("127.0.0.1", port), SECONDS)
        for field in (name, room):
            self.say(field)

    def say(self, field: str) -> None:
        self.socket.sendall(field.encode())
        time.sleep(PAUSE)

    def hear(self) -> str:
        return self.socket.recv(1024).decode()


def test_all_talk_to_each_other_and_each_hears_what_its_own_server_would_say(realm: RunningRealm) -> None:
    main, private = Objects(realm.ports["tipe-main"]), Objects(realm.ports["tipe"])
    ani, budi = (Guest(realm.ports["room"], name, "kelas") for name in ("ani", "budi"))
    with OlderClient(realm) as henderson, OlderClient(realm, 64) as lineker, realm.login("messi") as messi:
        assert messi.ask(do="listen")["status"] == "OK"
        done = {"status": "berhasil", "tipe": "balasan"}
        assert main.ask(tipe="daftar", username="amsal", realm="alpha", password="jakarta") == done
        assert private.ask(tipe="login", username="amsal", password="jakarta") == done
        token = json.loads(henderson.ask("auth henderson surabaya \r\n"))["tokenid"]
        assert "tokenid" in lineker.ask("auth lineker surabaya \r\n")  # and names no token, as those of C
        assert (ani.hear(), budi.hear()) == ("New Group created", "Welcome to chat room")

        # From B to A, C and ours.
        for name in ("amsal", "lineker", "messi"):
            assert "Message Sent" in henderson.ask(f"send {token} {name}  dari B \r\n")
        assert private.hear() == {"tipe": "terima", "from": "henderson", "to": "amsal", "message": "dari B"}
        event = messi.read()
        assert event is not None
        assert (event["from"], event["text"]) == ("henderson@alpha", "dari B")
        # From A, C and ours to B.
        assert private.ask(tipe="kirim", **{"from": "amsal"}, to="henderson", message="dari A") == done
        assert "Message Sent" in lineker.ask("sendprivate henderson dari C \r\n")
        assert messi.ask(do="send", to="henderson", text="dari JSON")["status"] == "OK"
        # A group of all three, live for one of them.
        assert "Add group" in henderson.ask(f"addgroup {token} tim \r\n")
        assert private.ask(tipe="gabung_grup", **{"from": "amsal"}, grup="tim") == done
        lineker.say("group tim\r\n")
        assert lineker.socket.recv(64) == b"lineker telah bergabung"
        assert "Message Sent" in henderson.ask(f"sendgroup {token} tim  rapat \r\n")
        assert lineker.socket.recv(64) == b"henderson: rapat"
        assert private.hear() == {"tipe": "terima", "from": "henderson", "to": "tim", "message": "rapat"}
        # Rooms are their guests' alone.
        budi.say("halo")
        assert ani.hear() == "<budi> halo"

        # Nobody of B was told anything of it; now one asks.
        assert henderson.hears_nothing()
        box = json.loads(henderson.ask(f"inbox {token} \r\n"))["messages"]
        texts = {sender: [entry["msg"] for entry in entries] for sender, entries in box.items()}
        assert texts == {
            "amsal": ["dari A"],
            "lineker": ["dari C"],
            "messi": ["dari JSON"],
            "henderson": ["rapat"],
        }
        lineker.say("exit")
        assert lineker.socket.recv(64) == b"exit"
        assert json.loads(lineker.hear())["message"] == "Telah keluar dari grup tim"
        box = json.loads(lineker.ask("inbox \r\n"))["messages"]["henderson"]
        assert [entry["msg"] for entry in box] == ["dari B"]  # it was live when the other was said
    for connected in (main, private, ani, budi):
        connected.socket.close()
    assert realm.terminate() == 0
