"""Twenty clients of system B at once, of its three variants: each gets its own replies and nothing else."""

from __future__ import annotations

import base64
import json
import select
import threading
from collections.abc import Callable
from pathlib import Path
from typing import Any

from examples.older.command_prompt import VARIANTS, CommandClient
from tests.system.running import RunningRealm

COUNT = 20
ROUNDS = 12
#: How long each waits for the others, or for a reply.
SECONDS = 30.0


class Watched(CommandClient):
    """A client that looks before each command whether anything came unasked."""

    def __init__(self, realm: RunningRealm, number: int) -> None:
        self.variant = list(VARIANTS)[number % len(VARIANTS)]
        super().__init__("127.0.0.1", realm.port, self.variant)
        self._socket.settimeout(SECONDS)
        self.name = f"user{number}"
        self.got: list[Any] = []

    def ask(self, line: str) -> dict[str, Any]:
        self.check_silence()
        return super().ask(line)

    def check_silence(self) -> None:
        """Fail if there is anything to read."""
        assert select.select([self._socket], [], [], 0)[0] == [], "something came unasked"

    def shows(self, typed: str, shown: str) -> None:
        """Type a command, and compare what is shown."""
        assert self.process(typed) == shown

    def read(self) -> int:
        """Take what is in the box, and return how many entries it has."""
        shown = self.process("inbox")
        assert isinstance(shown, str)
        entries = [entry for entries in json.loads(shown).values() for entry in entries]
        self.got += entries
        return len(entries)


def together(work: Callable[[Watched], None], clients: list[Watched]) -> None:
    """Let all clients do the same at once, each in a thread of its own."""
    failures: list[BaseException] = []

    def run(client: Watched) -> None:
        try:
            work(client)
        except BaseException as failure:
            failures.append(failure)

    threads = [threading.Thread(target=run, args=(client,)) for client in clients]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(SECONDS * 2)
    assert failures == []


def test_twenty_talk_at_once_and_nothing_comes_unasked(server: RunningRealm, tmp_path: Path) -> None:
    (tmp_path / "surat.txt").write_text("halo")
    with server.connect() as registrar:
        for number in range(COUNT):
            assert registrar.ask(do="register", user=f"user{number}", password="x")["status"] == "OK"
    clients = [Watched(server, number) for number in range(COUNT)]
    meeting = threading.Barrier(COUNT, timeout=SECONDS)

    def talk(client: Watched) -> None:
        number = clients.index(client)
        after = clients[(number + 1) % COUNT].name
        shown = client.process(f"auth {client.name} x")
        assert shown == f"username {client.name} logged in, token {client.token} "
        meeting.wait()
        for turn in range(ROUNDS):
            client.shows(f"send {after} halo {turn}  dari {client.name}", f"message sent to {after}")
            client.shows(f"send nobody {turn}", "Error, User Tidak Ditemukan")
            if turn % 3 == 0:
                client.read()
        if client.variant == "server":
            client.shows(f"addgroup tim{number}", f"Group tim{number} added")
            client.shows(f"sendgroup tim{number} rapat", f"message sent to tim{number}")
        if client.variant == "client":
            client.shows(
                f"sendgroup {after},nobody,{client.name} rapat",
                f"message sent to {after},nobody,{client.name}",
            )
            client.shows(f"sendfile {after} {tmp_path / 'surat.txt'}", f"file sent to {after}")
        meeting.wait()
        while client.read():
            pass

    together(talk, clients)
    for number, client in enumerate(clients):
        before = clients[number - 1]
        texts = [entry["msg"] for entry in client.got if isinstance(entry, dict) and "halo" in entry["msg"]]
        assert texts == [f"halo {turn}  dari {before.name}" for turn in range(ROUNDS)]
        rapat = [entry for entry in client.got if isinstance(entry, dict) and entry["msg"] == "rapat"]
        files = [json.loads(entry) for entry in client.got if isinstance(entry, str)]
        own, theirs = client.variant != "desktop", before.variant == "client"
        assert len(rapat) == own + theirs
        content = repr(base64.b64encode(b"halo"))
        assert [file["file_content"] for file in files] == [content] * theirs
        assert len(client.got) == ROUNDS + own + theirs * 2
    together(lambda client: client.check_silence(), clients)
    for client in clients:
        client.close()


def test_they_may_all_be_one_user(server: RunningRealm) -> None:
    clients = [Watched(server, number) for number in range(COUNT)]
    meeting = threading.Barrier(COUNT, timeout=SECONDS)

    def talk(client: Watched) -> None:
        assert "logged in" in str(client.process("auth messi surabaya"))
        meeting.wait()
        for turn in range(ROUNDS):
            client.shows(f"send messi {client.name} {turn}", "message sent to messi")
            client.read()
        meeting.wait()
        client.read()

    together(talk, clients)
    # Whoever asks first has it: nobody gets what another one took, and nothing is lost between them.
    texts = [entry["msg"] for client in clients for entry in client.got]
    assert sorted(texts) == sorted(f"{client.name} {turn}" for client in clients for turn in range(ROUNDS))
    for client in clients:
        client.check_silence()
        client.close()
