"""``chatproto serve`` as scripts and operators see it: lines, exit codes, signals."""

from __future__ import annotations

import re
import signal
import socket
import stat
import time
from pathlib import Path

import pytest

from tests.serving import SECONDS, Server, chatproto

FREE = "client=tcp:0:interface=127.0.0.1"


def serve(store: Path, *more: str) -> Server:
    return Server("--realm", "alpha", "--store", f"sqlite:///{store}", "--listen", FREE, *more)


def test_it_prints_its_listeners_then_ready_then_nothing(tmp_path: Path) -> None:
    with serve(tmp_path / "alpha.db", "--listen", FREE) as server:
        one, two, ready = server.lines
        assert re.fullmatch(r"listening client 127\.0\.0\.1 [1-9]\d*", one)
        assert re.fullmatch(r"listening client 127\.0\.0\.1 [1-9]\d*", two)
        assert ready == "ready alpha"
        with server.connect() as client:
            assert client.ask(do="hello")["realm"] == "alpha"
        assert server.stop() == 0
        assert server.printed_since() == []


def test_an_acknowledged_message_is_there_after_a_restart(tmp_path: Path) -> None:
    with serve(tmp_path / "alpha.db", "--lab") as server, server.connect() as client:
        assert client.ask(do="login", user="messi", password="surabaya")["status"] == "OK"
        assert client.ask(do="send", to="lineker", text="halo")["status"] == "OK"
        assert server.stop() == 0
    with serve(tmp_path / "alpha.db", "--lab") as server, server.connect() as client:
        client.ask(do="login", user="lineker", password="surabaya")
        page = client.ask(do="history", **{"with": "messi"})
        assert [item["text"] for item in page["messages"]] == ["halo"]


@pytest.mark.parametrize("sign", [signal.SIGTERM, signal.SIGINT])
def test_a_signal_says_goodbye_to_listeners_and_ends_with_0(tmp_path: Path, sign: int) -> None:
    with serve(tmp_path / "alpha.db", "--lab") as server, server.connect() as client:
        client.ask(do="login", user="messi", password="surabaya")
        assert client.ask(do="listen")["status"] == "OK"
        assert server.stop(sign) == 0
        goodbye = client.read()
        assert goodbye is not None
        assert goodbye["event"] == "goodbye"
        assert client.read() is None


def test_signals_until_the_very_end_change_nothing(tmp_path: Path) -> None:
    with serve(tmp_path / "alpha.db", "--lab") as server, server.connect() as client:
        client.ask(do="login", user="messi", password="surabaya")
        client.ask(do="listen")
        end = time.monotonic() + SECONDS
        while server.process.poll() is None:
            assert time.monotonic() < end
            server.process.send_signal(signal.SIGTERM)
            server.process.send_signal(signal.SIGINT)
            time.sleep(0.001)
        assert server.process.returncode == 0
        assert "Traceback" not in server.errors()


def test_a_signal_answers_what_is_under_way(tmp_path: Path) -> None:
    with serve(tmp_path / "alpha.db", "--lab") as server, server.connect() as client:
        client.ask(do="login", user="messi", password="surabaya")
        for number in range(500):
            client.write(do="send", id=number, to="lineker", text="halo", cid=f"c:{number}")
        first = client.read()
        assert server.stop() == 0
        replies = [first]
        while (reply := client.read()) is not None:
            replies.append(reply)
    answered = [reply["re"] for reply in replies if reply and "re" in reply]
    assert answered == list(range(len(answered)))
    with serve(tmp_path / "alpha.db", "--lab") as server, server.connect() as client:
        client.ask(do="login", user="lineker", password="surabaya")
        stored = client.ask(do="conversations")["conversations"]
        assert stored[0]["unread"] >= len(answered) > 0


def test_the_second_process_on_a_store_is_told_that_it_is_in_use(tmp_path: Path) -> None:
    with serve(tmp_path / "alpha.db"):
        second = chatproto("serve", "--realm", "alpha", "--store", f"sqlite:///{tmp_path / 'alpha.db'}")
        assert second.returncode == 1
        assert second.stdout == ""
        assert second.stderr.splitlines()[-1].startswith("chatproto: store-in-use: ")


def test_a_port_in_use_is_one_line_and_the_store_is_free_again(tmp_path: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        arguments = ("--realm", "alpha", "--store", f"sqlite:///{tmp_path / 'alpha.db'}")
        done = chatproto("serve", *arguments, "--listen", f"client=tcp:{port}:interface=127.0.0.1")
    assert done.returncode == 1
    assert done.stdout == ""
    last = done.stderr.splitlines()[-1]
    assert last.startswith(f"chatproto: listen.client: cannot open tcp:{port}:interface=127.0.0.1: ")
    assert "Traceback" not in done.stderr
    assert not (tmp_path / "alpha.db.control").exists()
    with serve(tmp_path / "alpha.db") as server:
        assert server.stop() == 0


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ((), "chatproto: realm: expected a name of 1 to 63 of a-z, 0-9, dot and hyphen"),
        (("--realm", "Alpha"), "chatproto: realm: expected a name"),
        (("--realm", "a", "--listen", "peer=tcp:1"), "chatproto: listen.peer: messages would cross"),
        (("--realm", "a", "--listen", "client=tcp:8889"), "chatproto: listen.client: passwords would cross"),
        (("--realm", "a", "--limit", "pipeline=0"), "chatproto: limits.pipeline: expected `int` >= 1"),
        (("--realm", "a", "--nonsense"), "chatproto: No such option"),
        (("--realm", "a", "--log-level", "loud"), "chatproto: Invalid value for '--log-level'"),
        (("--config", "/nonexistent.toml"), "chatproto: /nonexistent.toml: cannot be read: No such file"),
    ],
)
def test_a_wrong_configuration_is_one_line_and_exit_code_2(arguments: tuple[str, ...], message: str) -> None:
    done = chatproto("serve", *arguments)
    assert (done.returncode, done.stdout) == (2, "")
    assert done.stderr.startswith(message)
    assert done.stderr.count("\n") == 1


def test_a_store_that_is_no_database_is_one_line(tmp_path: Path) -> None:
    path = tmp_path / "alpha.db"
    path.write_text("this is not a database, but long enough to look like a file of some other program" * 50)
    done = chatproto("serve", "--realm", "alpha", "--store", f"sqlite:///{path}", "--listen", FREE)
    assert (done.returncode, done.stdout) == (1, "")
    assert done.stderr.splitlines()[-1].startswith(f"chatproto: store: sqlite:///{path}: ")
    assert "Traceback" not in done.stderr


def test_the_store_and_the_control_socket_are_the_operators_alone(tmp_path: Path) -> None:
    with serve(tmp_path / "data" / "alpha.db") as server:
        folder = tmp_path / "data"
        control = folder / "alpha.db.control"
        assert stat.S_ISSOCK(control.stat().st_mode)
        modes = {path.name: stat.S_IMODE(path.stat().st_mode) for path in (folder, *folder.iterdir())}
        assert modes.pop("alpha.db.control") == 0o600
        assert modes.pop("data") == 0o700
        assert {mode & 0o077 for mode in modes.values()} == {0}
        server.stop()
        assert not control.exists()


def test_a_dead_servers_control_socket_is_replaced(tmp_path: Path) -> None:
    with serve(tmp_path / "alpha.db") as server:
        server.stop(signal.SIGKILL)
    assert (tmp_path / "alpha.db.control").exists()
    with serve(tmp_path / "alpha.db") as server:
        assert server.stop() == 0


def test_a_file_at_the_control_path_that_is_no_socket_is_kept(tmp_path: Path) -> None:
    precious = tmp_path / "precious"
    precious.write_text("mine")
    done = chatproto(
        *("serve", "--realm", "alpha", "--store", "memory:", "--control", str(precious), "--listen", FREE)
    )
    assert done.returncode == 1
    assert f"chatproto: control: cannot open {precious}" in done.stderr
    assert precious.read_text() == "mine"


def test_logs_have_levels_and_no_secrets(tmp_path: Path) -> None:
    with serve(tmp_path / "alpha.db", "--lab", "--log-level", "debug") as server, server.connect() as client:
        token = client.ask(do="login", user="messi", password="surabaya")["token"]
        client.ask(do="login", user="messi", password="wrong-secret")
        client.ask(do="send", to="lineker", text="between-us")
        server.stop()
        log = server.errors()
    assert re.search(r"^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z info chatproto\.", log, re.MULTILINE)
    for secret in ("surabaya", "wrong-secret", "between-us", token):
        assert secret not in log


def test_configuration_comes_from_a_file_too(tmp_path: Path) -> None:
    (tmp_path / "alpha.toml").write_text(
        'realm = "alpha"\nstore = "sqlite:///a.db"\n[listen]\nclient = "tcp:0:interface=127.0.0.1"\n'
    )
    with Server("--config", str(tmp_path / "alpha.toml")) as server:
        assert server.lines[-1] == "ready alpha"
        assert (tmp_path / "a.db").exists()
        assert server.stop() == 0
