"""The control socket from the operator's side: whatever is at its other end."""

from __future__ import annotations

import socket
import threading
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from chatproto.commands import UserList
from chatproto.control import ControlConnection, NoServer
from chatproto.errors import BadRequest, ConnectionUnavailable
from chatproto.events import UserPage
from tests.serving import SECONDS, Server, here

FREE = "client=tcp:0:interface=127.0.0.1"


@pytest.fixture
def answer(tmp_path: Path) -> Iterator[Callable[[bytes], Path]]:
    """Return a function that lets some bytes be the answer to the first line at a socket, and its path."""
    path, threads = tmp_path / "control", []
    listening = socket.socket(socket.AF_UNIX)
    listening.bind(str(path))
    listening.listen()
    listening.settimeout(SECONDS)

    def serve(data: bytes) -> None:
        connected, _ = listening.accept()
        with connected:
            connected.recv(65_536)
            connected.sendall(data)

    def begin(data: bytes) -> Path:
        threads.append(threading.Thread(target=serve, args=(data,)))
        threads[-1].start()
        return path

    yield begin
    for thread in threads:
        thread.join()
    listening.close()


@pytest.mark.parametrize(
    ("data", "error"),
    [
        (b"", ConnectionUnavailable),
        (b'{"re":1,"status":"OK","users"', ConnectionUnavailable),
        (b"HTTP/1.1 400 Bad Request\r\n", BadRequest),
        (b'{"event":"goodbye","reason":"shutdown","retry_after":1}\r\n', ConnectionUnavailable),
    ],
)
def test_what_is_no_answer_is_an_error(
    answer: Callable[[bytes], Path], data: bytes, error: type[Exception]
) -> None:
    with ControlConnection(answer(data)) as connection, pytest.raises(error):
        connection.ask(UserList(), UserPage)


def test_what_the_other_end_says_is_one_harmless_line(answer: Callable[[bytes], Path]) -> None:
    path = answer(b'{"re":1,"status":"ERROR","code":"odd","message":"\\u001b[2J\\nboo"}\r\n')
    done = here("user", "list", "--control", str(path))
    assert (done.returncode, done.stdout, done.stderr.count("\n")) == (1, "", 1)
    assert "\x1b" not in done.stderr


def test_where_nobody_listens_there_is_no_server(tmp_path: Path) -> None:
    with pytest.raises(NoServer):
        ControlConnection(tmp_path / "none")
    with socket.socket(socket.AF_UNIX) as left:
        left.bind(str(tmp_path / "dead"))
    with pytest.raises(NoServer):
        ControlConnection(tmp_path / "dead")
    (tmp_path / "file").touch()
    with pytest.raises(NoServer):  # a file that is no socket refuses as a dead one does
        ControlConnection(tmp_path / "file")


def test_another_realm_than_the_one_that_is_meant_is_left_alone(tmp_path: Path) -> None:
    store = ("--store", f"sqlite:///{tmp_path / 'alpha.db'}")
    with Server("--realm", "alpha", *store, "--listen", FREE, "--lab"):
        done = here("user", "delete", "messi", "--yes", "--realm", "beta", *store)
        assert (done.returncode, done.stderr) == (
            1,
            f"chatproto: at {tmp_path / 'alpha.db.control'} is the realm alpha, not beta\n",
        )
        assert here("user", "list", "--realm", "alpha", *store).stdout.count("\n") == 3
