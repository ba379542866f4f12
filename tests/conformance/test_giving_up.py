"""What the kit says while it runs and when it ends: a line a check, why it gave up, and what it left."""

from __future__ import annotations

import json
import socket
import subprocess
import threading
import uuid
from typing import Any

import pytest

from tests.conformance.naive import ThreadServer
from tests.conformance.student import StudentServer, wrong
from tests.serving import COMMAND, SECONDS, environment, here


class Saying(ThreadServer):
    """Says always the same, or nothing."""

    def __init__(self, word: bytes) -> None:
        self._word = word
        super().__init__()

    def serve(self, connection: socket.socket) -> None:
        while connection.recv(1024):
            connection.sendall(self._word)


class Registering(StudentServer):
    """Registers users, and links realms without asking them."""

    def answer(self, line: str) -> dict[str, Any]:
        match line.split(" "):
            case ["register", user, *_]:
                self._users[user] = user
                return {"status": "OK", "tokenid": str(uuid.uuid4())}
            case ["addrealm", *_, "", ""]:
                return wrong("--Protocol Tidak Benar")
            case ["addrealm", *_]:
                return {"status": "OK"}
        return super().answer(line)


@pytest.mark.parametrize("level", ["B", "A", "E", "json"])
def test_nobody_checks_to_the_end_a_server_that_says_nothing(level: str) -> None:
    with Saying(b"") as server:
        where = server.address
        ran = here("conformance", where, "--level", level, "--patience", "0.1")
    assert ran.returncode == 1
    assert "3 failed, 0 skipped\n" in ran.stdout.replace("1 skipped", "0 skipped")
    told = f"{where} takes connections and has not sent one byte in 3 checks\n"
    assert ran.stdout.endswith(f"gave up at level {level}: {told}")


def test_one_silence_is_enough_for_all_levels() -> None:
    with Saying(b"") as server:
        ran = here("conformance", server.address, "--patience", "0.1")
    assert ran.stdout.count("gave up") == 1


@pytest.mark.parametrize("level", ["B", "E"])
def test_another_protocol_is_named(level: str) -> None:
    with Saying(b"HTTP/1.1 400 Bad Request\r\n\r\n<html>{}</html>") as server:
        where = server.address
        ran = here("conformance", where, "--level", level, "--patience", "0.2")
    assert ran.returncode == 1
    assert f"what is at {where} speaks HTTP, which is none of these protocols\n" in ran.stdout


def test_what_is_no_reply_is_shown() -> None:
    with Saying(b"apa?\r\n\r\n") as server:
        ran = here("conformance", server.address, "--level", "B", "--patience", "0.2", "--json", "-")
    (why,) = json.loads(ran.stdout)["given_up"]
    assert why.endswith("has the form of a reply; it begins with: apa?\\r\\n\\r\\n")


def test_a_line_is_printed_as_each_check_ends() -> None:
    def fault(line: str, reply: bytes) -> bytes:
        if " x " in line:
            hold.wait(SECONDS)
        return reply

    hold = threading.Event()
    with StudentServer(fault) as server:
        command = [*COMMAND, "conformance", server.address, "--level", "B", "--only", "auth-"]
        process = subprocess.Popen(
            [*command, "--patience", "60"], stdout=subprocess.PIPE, env=environment(), text=True
        )
        with process:
            assert process.stdout is not None
            try:
                assert process.stdout.readline().split()[:2] == ["level", "check"]
                assert process.stdout.readline().split()[:2] == ["B", "auth-gives-a-token"]
                # The next one waits for its reply.
                assert process.poll() is None
            finally:
                hold.set()
            assert process.wait(SECONDS) == 0


def test_what_stays_at_the_server_is_told() -> None:
    with Registering() as server:
        only = ("--level", "B", "--only", "an-original", "--patience", "0.3")
        ran = here("conformance", server.address, *only)
        told = json.loads(here("conformance", server.address, *only, "--json", "-").stdout)
        where = server.address
    users, links = (
        next(line for line in ran.stdout.splitlines() if line.startswith(f"left behind, {kind}: "))
        for kind in ("users", "links to realms")
    )
    assert users.endswith(f" at {where}")
    assert links.startswith("left behind, links to realms: r")
    assert "chatproto realm drop NAME" in ran.stdout
    assert told["users"][0].startswith("k")
    assert told["links"][0].startswith("r")
