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

from chatproto.cli.demo_narrator import Narrator
from chatproto.cli.demo_people import Ledger
from tests.serving import COMMAND, SECONDS, environment

#: Nine processes are started in it, one after the other.
_DEMO_SECONDS = 4 * SECONDS


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
        timeout=_DEMO_SECONDS,
        check=False,
    )
    assert (done.returncode, done.stderr) == (0, ""), done.stdout
    lines = [line.strip() for line in done.stdout.splitlines()]
    # Not a terminal: nothing but text, whoever reads it.
    assert "\x1b" not in done.stdout
    text = "The television is broken, come to my place!"
    moments = [
        lines.index(line)
        for line in (
            "beta is killed (kill -9)",
            f"messi@alpha to henderson@beta: {text}",
            "lineker@alpha to bola@alpha: Who wins tonight?",
            "gamma is killed too",
            "alpha is killed too",
            "beta is started again on its store",
            f"henderson@beta hears messi@alpha: {text}",
        )
    ]
    assert moments == sorted(moments)
    assert lines.count("messi@alpha is told that henderson@beta has got it") >= 1
    assert lines.count("henderson@beta hears messi@alpha: Will you watch the match tonight?") == 1
    assert lines.count("messi@alpha gets it back: no-such-user") == 1
    assert lines.count("lineker@alpha gets it back: refused") == 1
    assert lines.count("amsal finds, from Lionel Messi: Come at half past seven.") == 1
    assert lines.count("henderson@beta hears lineker@alpha in bola@alpha: Who wins tonight?") == 1
    assert lines.count("henderson@beta saves it, every byte as it was") == 1
    compared = (
        "chatproto audit verify gamma.db alpha.db beta.db: 13 messages and 4 entries of groups compared"
    )
    assert lines[-2:] == [
        "16 messages, 18 deliveries: everything arrived exactly once",
        f"{compared}: the promise holds",
    ]
    # It leaves no store, and no realm: the folder of a living one would still be there.
    assert list(folder.iterdir()) == []


def test_an_interrupt_ends_it_and_its_realms(folder: Path) -> None:
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
        while demo.stdout.readline() != "A group of both realms\n":
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


def logs(alpha: list[str], beta: list[str]) -> dict[tuple[str, str], list[str]]:
    return {("alpha", ""): alpha, ("beta", ""): beta}


class TestLedger:
    def ledger(self) -> Ledger:
        """Return one of three texts: the first from beta to alpha, the others within alpha."""
        ledger = Ledger()
        ledger.said("one", "messi@alpha", by="amsal@beta")
        ledger.said("two", "messi@alpha", "lineker@alpha", by="lineker@alpha")
        ledger.said("three", by="messi@alpha")
        for name, text in (("messi", "one"), ("messi", "two"), ("lineker", "two")):
            ledger.heard(f"{name}@alpha", text)
        return ledger

    def test_what_arrived_once_and_in_order_is_no_problem(self) -> None:
        assert self.ledger().problems(logs(["one", "two", "three"], ["one"])) == []

    def test_it_notices_what_is_missing(self) -> None:
        ledger = self.ledger()
        ledger.said("four", "amsal@beta", by="messi@alpha")
        assert ledger.problems(logs(["one", "two", "three", "four"], ["one"])) == [
            "the log of beta: missing 'four'",
            "amsal@beta: missing 'four'",
        ]

    def test_it_notices_what_came_twice_or_to_the_wrong_one(self) -> None:
        ledger = self.ledger()
        ledger.heard("messi@alpha", "one")
        ledger.heard("henderson@beta", "two")
        assert ledger.problems(logs(["one", "two", "three"], ["one", "one"])) == [
            "the log of beta: once too often 'one'",
            "messi@alpha: once too often 'one'",
            "henderson@beta: once too often 'two'",
        ]

    def test_it_notices_another_order(self) -> None:
        problems = self.ledger().problems(logs(["two", "one", "three"], ["one"]))
        assert problems == ["the log of alpha: not in the order in which it was said"]

    def test_a_group_has_an_order_of_its_own_in_each_realm(self) -> None:
        ledger = self.ledger()
        stored = logs(["one", "two", "three"], ["one"])
        ledger.said("four", "messi@alpha", by="amsal@beta", group="bola@alpha")
        ledger.heard("messi@alpha", "four", "bola@alpha")
        stored["alpha", "bola@alpha"] = ["four"]
        assert ledger.problems(stored) == ["the log of beta in bola@alpha: missing 'four'"]
        stored["beta", "bola@alpha"] = ["four"]
        assert ledger.problems(stored) == []
