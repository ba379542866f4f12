"""What the kernel saw: a message's bytes are synced before the first byte of its acknowledgement leaves."""

from __future__ import annotations

import re
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.serving import COMMAND, SECONDS
from tests.system.conftest import StartRealm
from tests.system.older import OlderClient
from tests.system.running import RunningRealm

_CALLS = "recvfrom,read,pwrite64,fsync,fdatasync,sendto,write,writev,sendmsg"
_START = re.compile(r"(?P<pid>\d+) (?P<name>\w+)\((?P<arguments>.*)")
_UNFINISHED = " <unfinished ...>"
_RESUMED = re.compile(r"(?P<pid>\d+) <\.\.\. (?P<name>\w+) resumed>(?P<arguments>.*)")


class Call:
    """A system call: its text, and the lines of the trace at which it began and ended."""

    def __init__(self, name: str, text: str, began: int) -> None:
        self.name = name
        self.text = text
        self.began = began
        self.ended = began

    @property
    def sends(self) -> bool:
        return self.name in ("sendto", "write", "writev", "sendmsg")

    def syncs(self, path: Path) -> bool:
        return self.name in ("fsync", "fdatasync") and f"<{path}>" in self.text and self.text.endswith("= 0")


def parse(trace: str) -> list[Call]:
    """Return the calls in the order of their beginnings. A call of another thread may cut one in two."""
    calls: list[Call] = []
    unfinished: dict[str, Call] = {}
    for number, line in enumerate(trace.splitlines()):
        if match := _START.fullmatch(line):
            call = Call(match["name"], match["arguments"].removesuffix(_UNFINISHED), number)
            calls.append(call)
            if line.endswith(_UNFINISHED):
                unfinished[match["pid"]] = call
        elif match := _RESUMED.fullmatch(line):
            call = unfinished.pop(match["pid"])
            call.text += match["arguments"]
            call.ended = number
    return calls


@pytest.fixture
def traced(
    start_realm: StartRealm, require: Callable[[str], str], tmp_path: Path
) -> tuple[RunningRealm, Callable[[], list[Call]]]:
    """Return a realm under strace, and a function that ends it and returns its calls."""
    trace = tmp_path / "trace"
    # -D: the realm, not strace, is our child, so that it gets our signals.
    strace = (require("strace"), "-D", "-f", "-y", "-s", "200", "-e", f"trace={_CALLS}", "-o", str(trace))
    realm = start_realm(command=(*strace, *COMMAND, "serve"))
    pid = realm.pid

    def calls() -> list[Call]:
        assert realm.terminate() == 0
        last = re.compile(rf"^{pid} +\+\+\+ exited", re.MULTILINE)
        deadline = time.monotonic() + SECONDS
        while not last.search(text := trace.read_text()):
            assert time.monotonic() < deadline, "strace does not end"
            time.sleep(0.05)
        return parse(re.sub(r"^(\d+) +", r"\1 ", text, flags=re.MULTILINE))

    return realm, calls


def request_of(calls: list[Call], asked: str) -> Call:
    return next(call for call in calls if call.name in ("recvfrom", "read") and asked in call.text)


def check_reply(calls: list[Call], log: Path, asked: str, answered: str) -> None:
    """Check that between a request and its only reply the log was written, then synced, and nothing told."""
    request = request_of(calls, asked)
    (reply,) = [call for call in calls if call.sends and answered in call.text]
    between = [call for call in calls if request.ended < call.began and call.ended < reply.began]
    writes = [call for call in between if call.name == "pwrite64" and f"<{log}>" in call.text]
    assert writes, "nothing was written to the log before the reply"
    assert any(call.syncs(log) and call.began > writes[-1].ended for call in between), (
        "the log was not synced"
    )
    assert [call.text for call in between if call.sends and re.match(r"\d+<(TCP|socket)", call.text)] == []


def check_push(calls: list[Call], log: Path, text: str) -> None:
    """Check that a listener hears of a message only after the log was synced."""
    request = request_of(calls, text)
    (push,) = [
        call for call in calls if call.sends and r"\"event\":\"message\"" in call.text and text in call.text
    ]
    assert any(call.syncs(log) and request.ended < call.began and call.ended < push.began for call in calls)


def test_the_log_is_synced_before_a_message_is_acknowledged_or_told(
    traced: tuple[RunningRealm, Callable[[], list[Call]]],
) -> None:
    realm, calls = traced
    log = realm.store.with_name("alpha.db-wal")
    with realm.login("messi") as messi, realm.login("lineker") as lineker, OlderClient(realm) as henderson:
        lineker.ask(do="listen")
        henderson.ask("auth henderson surabaya \r\n")
        for number in range(5):
            reply = messi.ask(do="send", to="lineker", text=f"json {number}", id=f"tag{number}")
            assert reply["status"] == "OK"
            event = lineker.read()
            assert event is not None
            assert event["text"] == f"json {number}"
        assert "Message Sent" in henderson.ask("send messi  text \r\n")
        messi.ask(do="register", user="ani", password="rahasia", id="tagged")
    seen = calls()
    for number in range(5):
        check_reply(seen, log, f"json {number}", rf"\"re\":\"tag{number}\"")
        check_push(seen, log, f"json {number}")
    check_reply(seen, log, "send messi  text", "Message Sent")
    check_reply(seen, log, "rahasia", r"\"re\":\"tagged\"")
