"""The command around the kit: whom it reaches, what it prints, how it ends."""

from __future__ import annotations

import json
import socket
import threading
import time
from pathlib import Path

import pytest

from chatproto.conformance import LEVELS
from tests.conformance.student import END, StudentServer
from tests.serving import ROOT, here

ONE = ("--level", "B", "--only", "auth-of-nobody", "--patience", "0.5")


def test_a_table_is_printed_and_the_exit_code_is_that_of_the_checks() -> None:
    with StudentServer() as server:
        ran = here("conformance", server.address, *ONE)
    assert ran.returncode == 0
    heading, line, counts = ran.stdout.splitlines()
    assert heading.split() == ["level", "check", "section", "outcome", "what", "the", "line", "says"]
    assert line.split()[:4] == ["B", "auth-of-nobody", "2.2", "passed"]
    assert counts == "1 passed, 0 failed, 0 skipped"


def test_what_failed_is_told_line_by_line() -> None:
    with StudentServer(lambda line, reply: b'{"status": "\x1b[2J"}' + END) as server:
        ran = here("conformance", server.address, *ONE)
    assert ran.returncode == 1
    assert "\x1b" not in ran.stdout
    told = ran.stdout.partition("B auth-of-nobody\n")[2].splitlines()
    assert [line.split()[0] for line in told[:4]] == ["line:", "sent:", "expected:", "seen:"]


def test_results_go_into_a_file(tmp_path: Path) -> None:
    file = tmp_path / "results.json"
    with StudentServer() as server:
        assert here("conformance", server.address, *ONE, "--json", str(file)).returncode == 0
        told = json.loads(file.read_text())
        assert (told["server"], told["passed"], told["failed"]) == (server.address, 1, 0)
    assert told["checks"][0]["outcome"] == "passed"


def test_a_file_that_cannot_be_written(tmp_path: Path) -> None:
    with StudentServer() as server:
        ran = here("conformance", server.address, *ONE, "--json", str(tmp_path))
    assert (ran.returncode, ran.stderr) == (1, f"chatproto: {tmp_path}: Is a directory\n")


def test_nobody_is_there() -> None:
    with socket.socket() as unused:
        unused.bind(("127.0.0.1", 0))
        where = f"127.0.0.1:{unused.getsockname()[1]}"
        ran = here("conformance", where)
    assert (ran.returncode, ran.stdout) == (1, "")
    assert ran.stderr == f"chatproto: nothing answers at {where} (Connection refused)\n"


@pytest.mark.parametrize("where", ["8889", "127.0.0.1:", "127.0.0.1:0", "127.0.0.1:x", ":8889"])
def test_what_is_no_address_is_refused(where: str) -> None:
    ran = here("conformance", where)
    assert ran.returncode == 2
    assert "expected HOST:PORT" in ran.stderr


def test_users_need_passwords() -> None:
    ran = here(
        "conformance",
        "127.0.0.1:1",
        "--user",
        "ani",
        "--user",
        "budi",
        "--password",
        "a",
        "--password",
        "b",
        "--password",
        "c",
    )
    assert ran.returncode == 2
    assert "--user" in ran.stderr


def test_given_users_are_taken() -> None:
    with StudentServer() as server:
        ran = here(
            "conformance",
            server.address,
            *ONE[:2],
            "--only",
            "auth-gives",
            "--user",
            "henderson",
            "--password",
            "surabaya",
            "--json",
            "-",
        )
    assert json.loads(ran.stdout)["passed"] == 1


def test_a_server_that_never_says_anything_is_left_in_time() -> None:
    with socket.create_server(("127.0.0.1", 0)) as silent:
        began = time.monotonic()
        where = f"127.0.0.1:{silent.getsockname()[1]}"
        ran = here("conformance", where, "--level", "C", "--only", "adios", "--patience", "0.2")
        assert ran.returncode == 1
        assert time.monotonic() - began < 3


def test_a_server_that_says_it_byte_by_byte_for_ever_is_left_in_time() -> None:
    listening = socket.create_server(("127.0.0.1", 0))
    stop = threading.Event()

    def drip(connection: socket.socket) -> None:
        with connection:
            while not stop.wait(0.02):
                try:
                    connection.sendall(b"x")
                except OSError:
                    return

    def accept() -> None:
        while not stop.is_set():
            try:
                connection, _ = listening.accept()
            except OSError:
                return
            threading.Thread(target=drip, args=(connection,), daemon=True).start()

    threading.Thread(target=accept, daemon=True).start()
    try:
        began = time.monotonic()
        where = f"127.0.0.1:{listening.getsockname()[1]}"
        ran = here("conformance", where, "--level", "C", "--only", "adios", "--patience", "0.3")
        assert ran.returncode == 1
        assert time.monotonic() - began < 3
    finally:
        stop.set()
        listening.shutdown(socket.SHUT_RDWR)
        listening.close()


def test_the_list_names_every_check_once() -> None:
    everything = [word for level in LEVELS for word in ("--level", level)]
    lines = [line.split("\t") for line in here("conformance", "--list", *everything).stdout.splitlines()]
    assert [(line[0], line[1]) for line in lines] == [
        (check.level, check.name) for checks in LEVELS.values() for check in checks
    ]
    assert len({(line[0], line[1]) for line in lines}) == len(lines) > 150
    assert all(len(line) == 4 and line[2] and line[3] for line in lines)


def test_the_document_has_every_level() -> None:
    table = (ROOT / "docs" / "conformance.rst").read_text()
    assert [level for level in LEVELS if f"\n``{level}`` " not in table] == []
