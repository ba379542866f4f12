"""What goes wrong with the programs of examples/older ends them with one line, and never with a traceback."""

from __future__ import annotations

import signal
import socket
import subprocess
import sys
import threading

import pytest

from tests.serving import ROOT, SECONDS, environment

OLDER = ROOT / "examples" / "older"
USER = ("--host", "127.0.0.1", "--username", "messi", "--password", "surabaya")


def slip(name: str, *arguments: str, given: str = "", **more: str) -> tuple[int, str]:
    """Run a program to its end; return its exit code, and what it said of what went wrong."""
    done = subprocess.run(
        [sys.executable, str(OLDER / name), *arguments],
        input=given,
        env=environment(**more),
        capture_output=True,
        text=True,
        timeout=SECONDS,
        check=False,
    )
    return done.returncode, done.stderr


@pytest.mark.parametrize(
    ("name", "arguments", "given"),
    [
        ("private_client.py", (*USER, "--port", "1"), ""),
        ("group_client.py", (*USER, "--port", "1"), ""),
        ("talk_caller.py", ("--port", "1"), "127.0.0.1\nani\n"),
    ],
)
def test_nobody_is_there(name: str, arguments: tuple[str, ...], given: str) -> None:
    code, error = slip(name, *arguments, given=given)
    assert (code, error) == (1, "127.0.0.1:1: [Errno 111] Connection refused\n")


@pytest.mark.parametrize("port", ["70000", "-1"])
def test_a_port_that_is_none(port: str) -> None:
    for name, arguments, given in (
        ("private_client.py", (*USER, "--port", port), ""),
        ("talk_caller.py", ("--port", port), "127.0.0.1\nani\n"),
        ("talk_listener.py", ("--port", port), "budi\n"),
    ):
        code, error = slip(name, *arguments, given=given)
        assert (code, error.count("\n")) == (1, 1), error
        assert error.startswith(f"127.0.0.1:{port}: ")


@pytest.mark.parametrize("address", ["no such address", "x" * 70])
def test_a_name_instead_of_an_address(address: str) -> None:
    code, error = slip("talk_caller.py", given=f"{address}\nani\n")
    assert (code, error.count("\n")) == (1, 1), error
    assert error.startswith(f"{address}:8080: ")


def test_a_port_that_is_taken() -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = str(taken.getsockname()[1])
        code, error = slip("talk_listener.py", "--port", port, given="budi\n")
        assert (code, error.count("\n")) == (1, 1), error
        assert error.startswith(f"127.0.0.1:{port}: ")
        code, error = slip("system_d.py", port, "0")
        assert (code, error.count("\n")) == (1, 1), error
        assert port in error


def test_the_two_realms_tell_what_they_take() -> None:
    assert slip("system_d.py", "--help") == (0, "")
    code, error = slip("system_d.py", "x", "0")
    assert (code, error.count("\n")) == (1, 1), error
    assert error.startswith("listen.client: expected ")


def test_the_two_realms_without_twisted() -> None:
    # -S: without site-packages.
    done = subprocess.run(
        [sys.executable, "-S", str(OLDER / "system_d.py")],
        capture_output=True,
        text=True,
        timeout=SECONDS,
        check=False,
    )
    told = "no module twisted: this needs chatproto and what it requires (pip install .)\n"
    assert (done.returncode, done.stderr) == (1, told)


@pytest.mark.parametrize("port", ["x", "-1", "70000", ""])
def test_a_server_port_that_is_none(port: str) -> None:
    told = f"SERVER_PORT: expected the number of a port, not {port!r}\n"
    assert slip("command_prompt.py", SERVER_PORT=port) == (1, told)
    assert slip("alive.py", SERVER_PORT=port) == (2, told)


def test_a_server_that_speaks_something_else() -> None:
    with socket.create_server(("127.0.0.1", 0)) as server:

        def answer() -> None:
            connection, _ = server.accept()
            with connection:
                connection.recv(1024)
                connection.sendall(b"HTTP/1.1 400 Bad Request\r\n\r\n")
                connection.recv(1024)

        thread = threading.Thread(target=answer, daemon=True)
        thread.start()
        port = str(server.getsockname()[1])
        code, error = slip("command_prompt.py", given="info\n", SERVER_PORT=port)
        thread.join(SECONDS)
    told = f"127.0.0.1:{port}: this is no reply of a chat server: b'HTTP/1.1 400 Bad Request\\r\\n\\r\\n'\n"
    assert (code, error) == (1, told)


@pytest.mark.parametrize(
    ("name", "shown"), [("talk_caller.py", "Enter friend"), ("talk_listener.py", "Enter your name")]
)
def test_nothing_is_typed(name: str, shown: str) -> None:
    assert slip(name) == (0, "")
    code, error = _interrupted(shown, name)
    assert (code, error) == (130, "")


def test_a_program_that_waits_is_interrupted() -> None:
    with socket.create_server(("127.0.0.1", 0)) as server:
        port = str(server.getsockname()[1])
        assert _interrupted("Command ", "command_prompt.py", SERVER_PORT=port) == (130, "")
        # It waits for the reply to its login, which does not come.
        with subprocess.Popen(
            [sys.executable, str(OLDER / "private_client.py"), *USER, "--port", port],
            stderr=subprocess.PIPE,
            env=environment(),
            text=True,
        ) as client:
            server.accept()  # the prompt's
            connection, _ = server.accept()
            with connection:
                connection.recv(1024)
                client.send_signal(signal.SIGINT)
                _, error = client.communicate(timeout=SECONDS)
        assert (client.returncode, error) == (130, "")


def _interrupted(shown: str, name: str, **more: str) -> tuple[int, str]:
    """Press Ctrl-C when a program has shown something; return its exit code and what it said."""
    with subprocess.Popen(
        [sys.executable, str(OLDER / name)],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        env=environment(**more),
        text=True,
    ) as program:
        assert program.stdout is not None
        seen = ""
        while shown not in seen:
            piece = program.stdout.read(1)
            assert piece, seen
            seen += piece
        program.send_signal(signal.SIGINT)
        _, error = program.communicate(timeout=SECONDS)
    return program.returncode, error


def test_run_sh_starts_no_lab_for_another_machine() -> None:
    # No machine has an address of this net.
    code, error = _run_sh(SERVER_IP="192.0.2.1", SERVER_PORT="8889")
    told = "Nothing answers at 192.0.2.1:8889, and that is not this machine, where a lab could be started.\n"
    assert (code, error) == (1, told)


def test_run_sh_tells_once_that_a_port_is_none() -> None:
    assert _run_sh(SERVER_PORT="abc") == (1, "SERVER_PORT: expected the number of a port, not 'abc'\n")


def _run_sh(**more: str) -> tuple[int, str]:
    done = subprocess.run(
        [str(ROOT / "examples" / "run.sh")],
        input="",
        env=environment(PYTHON=sys.executable, **more),
        capture_output=True,
        text=True,
        timeout=SECONDS,
        check=False,
    )
    return done.returncode, done.stderr
