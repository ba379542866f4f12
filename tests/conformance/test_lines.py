"""The kit against servers that are wrong on purpose: the right checks fail, with the right words."""

from __future__ import annotations

import json
from typing import Any

import pytest

from tests.conformance.student import END, Fault, StudentServer
from tests.serving import here

#: Impatient, as a server on this machine that is silent stays so.
QUICK = ("--patience", "0.5")


def results(server: StudentServer, *more: str, level: str = "B") -> dict[str, dict[str, Any]]:
    """Run the kit and return its results by the name of the check."""
    ran = here("conformance", server.address, "--level", level, "--json", "-", *QUICK, *more)
    told = json.loads(ran.stdout)
    assert ran.returncode == int(told["failed"] > 0), ran.stderr
    assert told["passed"] + told["failed"] + told["skipped"] == len(told["checks"])
    return {result["name"]: result for result in told["checks"]}


def failure(fault: Fault, check: str) -> dict[str, Any]:
    """Return how one check fails that a server without the fault passes."""
    with StudentServer() as server:
        assert results(server, "--only", check)[check]["outcome"] == "passed"
    with StudentServer(fault) as server:
        result = results(server, "--only", check)[check]
    assert result["outcome"] == "failed"
    return result


def test_a_server_that_has_half_of_it_passes_half_of_it() -> None:
    with StudentServer() as server:
        found = {
            name: result
            for only in ("auth-", "inbox-is-drained", "joining-a-group-twice", "register-logs-in")
            for name, result in results(server, "--only", only).items()
        }
    outcomes = {name: result["outcome"] for name, result in found.items()}
    assert outcomes["auth-gives-a-token"] == outcomes["inbox-is-drained"] == "passed"
    assert outcomes["joining-a-group-twice"] == "failed"
    assert outcomes["register-logs-in"] == "skipped"
    assert found["register-logs-in"]["why"] == "needs a server that registers users"


def test_other_words_are_told_beside_those_that_were_expected() -> None:
    def fault(line: str, reply: bytes) -> bytes:
        return reply.replace(b"Password Salah", b"Wrong password")

    result = failure(fault, "auth-with-a-wrong-password")
    assert result["sent"] == "client: auth messi x \\r\\n"
    assert result["expected"] == '"status": "ERROR", "message": "Password Salah"'
    assert result["seen"] == '{"status": "ERROR", "message": "Wrong password"}\\r\\n\\r\\n'
    assert (result["section"], result["line"]) == ("2.2", "auth with a wrong password: Password Salah")


def test_a_reply_without_its_end_is_shown_as_it_came() -> None:
    result = failure(lambda line, reply: reply.removesuffix(END) + b"\r\n", "auth-of-nobody")
    assert result["expected"] == "one JSON object, ended by CRLF CRLF"
    assert result["seen"].endswith('"User Tidak Ada"}\\r\\n, and nothing more in time')


def test_a_connection_that_is_closed_without_a_reply() -> None:
    result = failure(lambda line, reply: b"" if line == "foo" else reply, "an-unknown-command")
    assert result["seen"] == "nothing, and the connection ended"


def test_what_is_no_json_is_shown() -> None:
    result = failure(lambda line, reply: b"ERROR" + END, "auth-of-nobody")
    assert (result["expected"], result["seen"]) == (
        "one JSON object, ended by CRLF CRLF",
        "ERROR\\r\\n\\r\\n",
    )


def test_what_is_sent_unasked_is_found() -> None:
    def fault(line: str, reply: bytes) -> bytes:
        return reply + (b'{"push": 1}' + END if line.startswith("send") else b"")

    result = failure(fault, "send-tells-nobody-unasked")
    assert result["expected"] == "nothing is sent unasked"
    assert result["seen"] == '{"push": 1}\\r\\n\\r\\n'


def test_other_letters_than_ascii_are_found() -> None:
    def fault(line: str, reply: bytes) -> bytes:
        return json.dumps(json.loads(reply), ensure_ascii=False).encode() + END

    assert failure(fault, "replies-are-ascii")["expected"] == "only ASCII"


@pytest.mark.parametrize(
    "reply",
    [
        b'{"status": "OK", "tokenid": "t", "messages": {"messi": [7, null, "{"]}, "message": [[]]}',
        b'{"status": "OK", "tokenid": "\\ud800", "messages": {}, "message": 1}',
        b"[" * 100_000,
        b"\xff\xfe\x00",
        b"1" * 10_000,
    ],
)
def test_no_reply_stops_the_kit(reply: bytes) -> None:
    with StudentServer(lambda line, _: reply + END) as server:
        found = results(server, "--only", "a")
    assert {result["outcome"] for result in found.values()} <= {"failed", "skipped", "passed"}
    # Where no reply is an object the kit gives up after the first checks.
    assert found["inbox-is-drained" if reply.startswith(b"{") else "auth-of-nobody"]["outcome"] == "failed"


@pytest.mark.parametrize(("word", "check"), [("auth", "auth-gives-a-token"), ("inbox", "inbox-is-drained")])
def test_a_reply_that_does_not_end_is_not_read_for_ever(word: str, check: str) -> None:
    def fault(line: str, reply: bytes) -> bytes:
        return b"x" * 100_000_000 if line.startswith(word) else reply

    result = failure(fault, check)
    assert result["seen"].startswith("xxxx")
    assert result["seen"].endswith(" in all), which does not end")
    most = {"auth": 1024 * 1024, "inbox": 12 * 1024 * 1024}[word]
    size = int(result["seen"].partition(" ... (")[2].partition(" ")[0])
    assert most <= size < most + 65_536


def test_the_talk_in_which_a_check_failed_is_told() -> None:
    result = failure(lambda line, reply: reply.replace(b"Sent", b"sent"), "send-tells-nobody-unasked")
    assert [step["way"] for step in result["steps"]] == [">", "<"] * 5
    assert result["steps"][-1]["text"] == '{"status": "OK", "message": "Message sent"}\\r\\n\\r\\n'


@pytest.mark.parametrize("level", ["C", "D", "json"])
def test_who_does_not_speak_it_fails_every_level(level: str) -> None:
    with StudentServer(lambda line, reply: b"?" + END) as server:
        found = results(server, level=level)
    outcomes = {result["outcome"] for result in found.values()}
    assert "failed" in outcomes
    assert "passed" not in outcomes
