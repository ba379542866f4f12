"""Telling systemd: what goes into its socket, from a class and from a real server."""

from __future__ import annotations

import os
import signal
import socket
from collections.abc import Iterator
from pathlib import Path

import pytest
from twisted.internet.task import Clock

from chatproto.supervision import Supervisor
from tests.serving import COMMAND, SECONDS, Server

CLIENT = "client=tcp:0:interface=127.0.0.1"


@pytest.fixture
def told(tmp_path: Path) -> Iterator[socket.socket]:
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as receiver:
        receiver.bind(str(tmp_path / "notify"))
        receiver.settimeout(SECONDS)
        yield receiver


def words(told: socket.socket) -> list[str]:
    return told.recv(4096).decode().splitlines()


def test_a_supervisor_hears_of_the_beginning_the_life_and_the_end(told: socket.socket) -> None:
    clock = Clock()
    environment = {
        "NOTIFY_SOCKET": told.getsockname(),
        "WATCHDOG_USEC": "20000000",
        "WATCHDOG_PID": str(os.getpid()),
    }
    supervisor = Supervisor(clock, environment)
    assert supervisor.there
    supervisor.ready("realm alpha is ready")
    assert words(told) == ["READY=1", "STATUS=realm alpha is ready"]
    assert words(told) == ["WATCHDOG=1"]
    clock.advance(10)
    assert words(told) == ["WATCHDOG=1"]
    supervisor.stopping()
    assert words(told)[0] == "STOPPING=1"
    supervisor.gone()
    assert clock.getDelayedCalls() == []


def test_an_abstract_socket_is_found_and_a_watchdog_of_another_process_left_alone() -> None:
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as receiver:
        receiver.bind("")  # the system chooses an abstract name
        name = b"@" + receiver.getsockname()[1:]
        environment = {"NOTIFY_SOCKET": name.decode(), "WATCHDOG_USEC": "20000000", "WATCHDOG_PID": "1"}
        clock = Clock()
        Supervisor(clock, environment).ready("here")
        receiver.settimeout(SECONDS)
        assert words(receiver)[0] == "READY=1"
        assert clock.getDelayedCalls() == []


@pytest.mark.parametrize("environment", [{}, {"NOTIFY_SOCKET": "/nonexistent/notify"}])
def test_where_nobody_listens_nothing_happens(environment: dict[str, str]) -> None:
    supervisor = Supervisor(Clock(), environment)
    supervisor.ready("here")
    supervisor.stopping()
    supervisor.gone()


@pytest.mark.parametrize(
    ("arguments", "status"),
    [
        (("serve", "--realm", "alpha", "--store", "memory:"), "realm alpha is ready"),
        (("front", "--main", "127.0.0.1:1"), "the front is ready"),
    ],
)
def test_a_server_tells_that_it_is_ready_and_that_it_stops(
    told: socket.socket, arguments: tuple[str, ...], status: str
) -> None:
    command = ("env", f"NOTIFY_SOCKET={told.getsockname()}", "WATCHDOG_USEC=200000", *COMMAND)
    with Server(*arguments, "--listen", CLIENT, command=command) as server:
        assert words(told) == ["READY=1", f"STATUS={status}"]
        assert [words(told) for _ in range(3)] == [["WATCHDOG=1"]] * 3
        # What `systemctl reload` sends does no harm, although there is no certificate to read.
        server.process.send_signal(signal.SIGHUP)
        assert words(told) == ["WATCHDOG=1"]
        assert server.stop() == 0
        said = words(told)
        while said == ["WATCHDOG=1"]:
            said = words(told)
        assert said[0] == "STOPPING=1"
