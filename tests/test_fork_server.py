"""Forked commands: they have to be for a test what a started one is."""

from __future__ import annotations

import os
import signal
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from chatproto.version import VERSION
from tests.fork_server import Forked, can_fork
from tests.serving import SECONDS, environment

pytestmark = pytest.mark.skipif(not can_fork(), reason="needs Linux's descriptors of processes")


@pytest.fixture
def waiting() -> Iterator[Forked]:
    """Return a command that runs until it is ended: it serves."""
    place = ("--realm", "alpha", "--store", "memory:", "--listen", "client=tcp:0:interface=127.0.0.1")
    with Forked("serve", *place, "--lab", environ=environment()) as command:
        assert command.stdout is not None
        assert command.stdout.readline().startswith("listening client")
        yield command
        command.kill()


def test_what_it_says_and_its_exit_code_are_its_own() -> None:
    right, wrong = (Forked(option, environ=environment()) for option in ("--version", "--wrong"))
    assert len({right.pid, wrong.pid, os.getpid()}) == 3
    assert right.communicate(timeout=SECONDS) == (f"chatproto, version {VERSION}\n", "")
    said, complained = wrong.communicate(timeout=SECONDS)
    assert (said, complained.count("\n")) == ("", 1)
    assert (right.returncode, wrong.returncode) == (0, 2)


def test_what_it_is_given_is_its_standard_input() -> None:
    given = Forked("chat", "127.0.0.1:1", stdin=subprocess.PIPE, environ=environment())
    _, complained = given.communicate("halo\n", timeout=SECONDS)
    assert "--user" in complained


def test_its_folder_is_that_of_the_test(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    store = ("--store", "sqlite:///alpha.db", "--realm", "alpha")
    added = Forked("user", "add", "messi", "--generate", *store, environ=environment())
    added.communicate(timeout=SECONDS)
    assert added.returncode == 0
    assert (tmp_path / "alpha.db").exists()


def test_it_can_be_killed_and_waited_for(waiting: Forked) -> None:
    assert waiting.poll() is None
    with pytest.raises(subprocess.TimeoutExpired):
        waiting.wait(0.01)
    waiting.send_signal(signal.SIGKILL)
    assert waiting.wait(SECONDS) == -signal.SIGKILL
    waiting.terminate()  # nobody is hit who has its number now
    assert waiting.poll() == -signal.SIGKILL


def test_one_that_asks_to_end_ends_in_order(waiting: Forked) -> None:
    waiting.terminate()
    assert waiting.wait(SECONDS) == 0
