"""The kit against servers of systems A and E that keep defects of theirs."""

from __future__ import annotations

import json
from typing import Any

from tests.conformance.naive import LateRooms, NaivePushes, NaiveRooms, ThreadServer
from tests.serving import here


def results(server: ThreadServer, level: str, *only: str) -> dict[str, dict[str, Any]]:
    """Make some checks; return their results by name."""
    found: dict[str, dict[str, Any]] = {}
    for name in only:
        ran = here(
            *("conformance", server.address, "--level", level, "--only", name),
            *("--json", "-", "--patience", "0.5"),
        )
        found |= {result["name"]: result for result in json.loads(ran.stdout)["checks"]}
    return found


def test_a_room_without_a_pause_before_the_bytes() -> None:
    with NaiveRooms() as server:
        found = results(server, "E", "entering", "texts-go", "words-are", "a-file-goes", "text-file")
    outcomes = {name: result["outcome"] for name, result in found.items()}
    assert outcomes == {
        "entering-a-room": "passed",
        "texts-go-to-the-others": "passed",
        "words-are-dropped": "passed",
        "a-file-goes-to-the-others": "failed",
        "the-text-file": "failed",
    }
    glued = found["a-file-goes-to-the-others"]
    assert (glued["expected"], glued["seen"]) == ("ani, in a read of its own", "aniisi\\n")


def test_who_is_late_once_is_asked_again() -> None:
    with LateRooms() as server:
        ran = here("conformance", server.address, "--level", "E", "--only", "a-file-goes", "--json", "-")
    [result] = json.loads(ran.stdout)["checks"]
    assert (result["outcome"], result["tries"]) == ("passed", 2)
    assert (
        "not passed at once (pauses; was the machine busy?): a-file-goes-to-the-others (2 tries)"
        in ran.stderr
    )


def test_what_is_wrong_each_time_fails() -> None:
    with NaiveRooms() as server:
        [result] = results(server, "E", "a-file-goes").values()
    assert (result["outcome"], result["tries"]) == ("failed", 2)


def test_pushes_of_a_kind_that_the_client_does_not_know() -> None:
    with NaivePushes() as server:
        found = results(server, "A", "login-is", "login-with", "kirim-to", "kirim-is", "daftar")
    outcomes = {name: result["outcome"] for name, result in found.items()}
    assert outcomes == {
        "login-is-answered": "passed",
        "login-with-a-wrong-password": "passed",
        "kirim-to-nobody": "failed",
        "kirim-is-pushed": "failed",
        "daftar-makes-users": "skipped",
    }
    assert found["daftar-makes-users"]["why"] == "no main server was given: --main HOST:PORT"
    pushed = found["kirim-is-pushed"]
    assert pushed["expected"].startswith('{"tipe": "terima", "from": "messi"')
    assert pushed["seen"].startswith('{"tipe": "kirim", "from": "messi"')
