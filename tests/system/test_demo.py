"""``chatproto demo`` as a stranger sees it, and whether it would notice that something is wrong."""

from __future__ import annotations

import os
import pty
import signal
import subprocess
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from chatproto.cli.demo import Narrator
from chatproto.cli.demo_people import Ledger
from tests.serving import COMMAND, SECONDS, environment


@pytest.fixture
def folder() -> Iterator[Path]:
    """Return an empty folder with a short path: Unix sockets are made in it."""
    with tempfile.TemporaryDirectory(prefix="chatproto-") as path:
        yield Path(path)


def test_it_shows_a_talk_through_a_crash_and_ends_with_0(folder: Path) -> None:
    done = subprocess.run(
        [*COMMAND, "demo"],
        env=environment(TMPDIR=str(folder)),
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        timeout=SECONDS,
        check=False,
    )
    assert (done.returncode, done.stderr) == (0, ""), done.stdout
    lines = [line.strip() for line in done.stdout.splitlines()]
    # Not a terminal: nothing but text, whoever reads it.
    assert "\x1b" not in done.stdout
    said = lines.index("messi to bola: The television is broken, come to my place!")
    killed = lines.index("the realm is killed (kill -9)")
    heard = lines.index("lineker hears messi in bola: The television is broken, come to my place!")
    assert killed < said < heard
    assert lines.count("henderson hears messi: Will you watch the match tonight?") == 1
    assert lines.count("amsal finds, from Lionel Messi: Come at half past seven.") == 1
    assert lines[-1] == "8 messages, 11 deliveries: everything arrived exactly once"
    # It leaves no store, and no realm: the folder of a living one would still be there.
    assert list(folder.iterdir()) == []


def test_an_interrupt_ends_it_and_its_realm(folder: Path) -> None:
    # A terminal sends the signal to everybody in the foreground, so to the realm too.
    with subprocess.Popen(
        [*COMMAND, "demo"],
        env=environment(TMPDIR=str(folder)),
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        start_new_session=True,
    ) as demo:
        assert demo.stdout is not None
        assert demo.stderr is not None
        while demo.stdout.readline() != "A group\n":
            assert demo.poll() is None
        os.killpg(demo.pid, signal.SIGINT)
        demo.stdout.read()
        assert demo.stderr.read() == "chatproto: interrupted\n"
        assert demo.wait(SECONDS) == 1
    # Nobody is left in its group, and nothing on the disk.
    with pytest.raises(ProcessLookupError):
        os.killpg(demo.pid, 0)
    assert list(folder.iterdir()) == []


def test_a_terminal_that_wants_no_colours_gets_none() -> None:
    ours, theirs = pty.openpty()
    with subprocess.Popen(
        [*COMMAND, "demo"], env=environment(NO_COLOR="1"), stdin=subprocess.DEVNULL, stdout=theirs
    ) as demo:
        os.close(theirs)
        seen = b""
        try:
            while piece := os.read(ours, 65536):
                seen += piece
        except OSError:
            pass  # the other end of the terminal is closed
        finally:
            os.close(ours)
        assert demo.wait(SECONDS) == 0
    assert b"exactly once" in seen
    assert b"\x1b" not in seen


def test_the_narrator_can_do_colours(capsys: pytest.CaptureFixture[str]) -> None:
    Narrator(colours=True).says("messi", "lineker", "gol \x1b[2J!")
    shown = capsys.readouterr().out
    assert "\x1b[1m" in shown
    assert "\x1b[2J" not in shown


class TestLedger:
    def ledger(self) -> Ledger:
        ledger = Ledger()
        ledger.said("one", "messi", "lineker")
        ledger.said("two", "messi")
        for name, text in (("messi", "one"), ("messi", "two"), ("lineker", "one")):
            ledger.heard(name, text)
        return ledger

    def test_what_arrived_once_and_in_order_is_no_problem(self) -> None:
        assert self.ledger().problems(["one", "two"]) == []

    def test_it_notices_what_is_missing(self) -> None:
        ledger = self.ledger()
        ledger.said("three", "lineker")
        assert ledger.problems(["one", "two"]) == [
            "the realm's log: missing 'three'",
            "lineker: missing 'three'",
        ]

    def test_it_notices_what_came_twice_or_to_the_wrong_one(self) -> None:
        ledger = self.ledger()
        ledger.heard("messi", "one")
        ledger.heard("henderson", "two")
        assert ledger.problems(["one", "two"]) == [
            "messi: once too often 'one'",
            "henderson: once too often 'two'",
        ]

    def test_it_notices_another_order(self) -> None:
        problems = self.ledger().problems(["two", "one"])
        assert problems == ["the realm's log: not in the order in which it was said"]
