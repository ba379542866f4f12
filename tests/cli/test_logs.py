"""Logs in a file, and that rotating them loses no line."""

from __future__ import annotations

import os
import re
import stat
import subprocess
import sys
import threading
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from chatproto.cli.logs import LogFile
from tests.serving import ROOT, SECONDS, Server, chatproto, environment

CLIENT = "client=tcp:0:interface=127.0.0.1"
#: Writes numbered lines through the logging of `chatproto serve` until its standard input ends.
WRITER = """
import sys, threading
from pathlib import Path
from twisted.logger import Logger
from chatproto.cli.logs import start_logging
start_logging("info", Path(sys.argv[1]))
ended = threading.Event()
threading.Thread(target=lambda: (sys.stdin.read(), ended.set())).start()
number = 0
while not ended.is_set():
    Logger("test").info("line {number}", number=number)
    number += 1
print(number)
"""


class Writing:
    """A process that logs without a pause."""

    def __init__(self, path: Path) -> None:
        self.process = subprocess.Popen(
            [sys.executable, "-c", WRITER, str(path)],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            env=environment(),
            text=True,
        )
        deadline = time.monotonic() + SECONDS
        while not (path.exists() and path.stat().st_size):
            assert time.monotonic() < deadline
            time.sleep(0.01)

    def end(self) -> int:
        """Return how many lines it wrote."""
        written, _ = self.process.communicate(timeout=SECONDS)
        return int(written)


def numbers(paths: list[Path]) -> list[int]:
    return [
        int(found) for path in paths for found in re.findall(r"line (\d+)$", path.read_text(), re.MULTILINE)
    ]


def test_moving_the_log_away_loses_no_line(tmp_path: Path) -> None:
    log = tmp_path / "alpha.log"
    writing = Writing(log)
    moved = []
    for number in range(20):
        moved.append(tmp_path / f"alpha.log.{number:02}")
        log.rename(moved[-1])
        deadline = time.monotonic() + SECONDS
        while not (log.exists() and log.stat().st_size > 1000):
            assert time.monotonic() < deadline, "the log is not made anew"
            time.sleep(0.001)
    count = writing.end()
    assert numbers([*moved, log]) == list(range(count))


def test_logrotate_with_our_configuration_loses_no_line(
    tmp_path: Path, require: Callable[[str], str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PATH", os.environ["PATH"] + os.pathsep + "/usr/sbin")  # on root's path only
    logrotate = require("logrotate")
    log = tmp_path / "alpha.log"
    said = (ROOT / "examples" / "logrotate" / "chatproto").read_text()
    settings = tmp_path / "logrotate.conf"
    settings.write_text(said.replace("/var/log/chatproto/*.log", str(log)))
    writing = Writing(log)
    for _ in range(3):
        command = [logrotate, "--force", "--state", str(tmp_path / "state"), str(settings)]
        subprocess.run(command, check=True, timeout=SECONDS)
        deadline = time.monotonic() + SECONDS
        while not (log.exists() and log.stat().st_size > 1000):
            assert time.monotonic() < deadline, "the log is not made anew"
            time.sleep(0.001)
    count = writing.end()
    for packed in tmp_path.glob("alpha.log*.gz"):
        subprocess.run(["gzip", "-d", str(packed)], check=True, timeout=SECONDS)
    assert sorted(numbers(list(tmp_path.glob("alpha.log*")))) == list(range(count))
    assert len(list(tmp_path.glob("alpha.log*"))) > 3


def test_threads_that_log_do_not_cut_each_other_off(tmp_path: Path) -> None:
    log = LogFile(tmp_path / "alpha.log")

    def write(letter: str) -> None:
        for _ in range(500):
            log.write(letter * 100 + "\n")

    threads = [threading.Thread(target=write, args=(letter,)) for letter in "abcd"]
    for thread in threads:
        thread.start()
    for number in range(50):
        (tmp_path / "alpha.log").rename(tmp_path / f"old.{number}")
        while not (tmp_path / "alpha.log").exists() and any(thread.is_alive() for thread in threads):
            time.sleep(0.0001)
        if not (tmp_path / "alpha.log").exists():
            break
    for thread in threads:
        thread.join()
    log.close()
    lines = [line for path in tmp_path.iterdir() for line in path.read_text().splitlines()]
    assert len(lines) == 2000
    assert {len(line) for line in lines} == {100}
    assert all(len(set(line)) == 1 for line in lines)


def test_what_cannot_be_made_anew_is_written_on(tmp_path: Path) -> None:
    folder = tmp_path / "logs"
    folder.mkdir()
    log = LogFile(folder / "alpha.log")
    (folder / "alpha.log").rename(tmp_path / "old.log")
    folder.rmdir()
    log.write("line \ud800\n")
    log.close()
    assert (tmp_path / "old.log").read_text() == "line \\ud800\n"


def test_a_server_logs_into_a_file_that_is_the_operators_alone(tmp_path: Path) -> None:
    log = tmp_path / "alpha.log"
    arguments = ("--realm", "alpha", "--store", "memory:", "--listen", CLIENT, "--log-file", str(log))
    with Server(*arguments) as server:
        log.rename(tmp_path / "alpha.log.1")
        assert server.stop() == 0
        assert server.errors() == ""
    assert "realm alpha is ready" in (tmp_path / "alpha.log.1").read_text()
    assert "realm alpha is closed" in log.read_text()
    assert stat.S_IMODE(log.stat().st_mode) == 0o600


def test_a_log_file_that_cannot_be_opened_is_one_line(tmp_path: Path) -> None:
    log = tmp_path / "missing" / "alpha.log"
    done = chatproto(
        "serve", "--realm", "alpha", "--store", "memory:", "--listen", CLIENT, "--log-file", str(log)
    )
    assert (done.returncode, done.stdout) == (1, "")
    assert done.stderr == f"chatproto: log file: {log}: No such file or directory\n"
