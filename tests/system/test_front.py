"""System C's topology in processes: clients, realm servers, one main server that holds the data."""

from __future__ import annotations

import json
import signal
import socket
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from functools import partial
from pathlib import Path
from typing import Any

import pytest

from tests.serving import SECONDS, Server, chatproto, start
from tests.system.conftest import StartRealm
from tests.system.fronts import RunningFront, until
from tests.system.older import OlderClient
from tests.system.running import RunningRealm
from tests.system.test_netcat import netcat

CLIENT = "client=tcp:0:interface=127.0.0.1"
SECRET = "at least 16 characters"
AWAY = '{"status": "ERROR", "message": "Gagal", "code": "unavailable", "retry_after": 1.0}\r\n\r\n'

StartFront = Callable[..., RunningFront]


@pytest.fixture
def start_front() -> Iterator[StartFront]:
    """Return a function that starts a front before a port."""
    fronts: list[RunningFront] = []

    def start(main: int, *more: str) -> RunningFront:
        fronts.append(RunningFront(main, *more))
        return fronts[-1]

    yield start
    for front in fronts:
        front.close()
        print(front.log())


def older(stack: ExitStack, front: Any, size: int = 1024) -> OlderClient:
    return stack.enter_context(OlderClient(front, size))


def test_flow_c1_byte_for_byte_over_three_hops(server: RunningRealm, start_front: StartFront) -> None:
    first = start_front(server.port)
    third = start_front(start_front(first.port).port)
    with ExitStack() as stack:
        ani, budi = older(stack, third), older(stack, first, 64)
        for client, name in ((ani, "ani"), (budi, "budi")):
            assert json.loads(client.ask(f"register {name} rahasia\r\n"))["status"] == "OK"
            assert json.loads(client.ask(f"auth {name} rahasia\r\n"))["status"] == "OK"
        sent = '{"status": "OK", "message": "Message Sent"}\r\n\r\n'
        added = '{"status": "OK", "message": "Add group successful"}\r\n\r\n'
        assert ani.ask("sendprivate budi halo \r\n") == sent
        assert budi.hears_nothing()
        assert budi.ask("inbox \r\n") == (
            '{"status": "OK", "messages": {"ani": [{"msg_from": "ani", "msg_to": "budi", "msg": "halo"}]}}'
            "\r\n\r\n"
        )
        assert ani.ask("creategroup kelas\r\n") == added
        assert budi.ask("joingroup kelas\r\n") == added
        assert ani.ask("sendgroup kelas pagi \r\n") == sent
        assert budi.ask("inboxgroup kelas \r\n") == (
            '{"status": "OK", "messages": {"ani": [{"msg_from": "ani", "msg_to": "budi", "msg": "pagi", '
            '"group": "kelas"}]}}\r\n\r\n'
        )
        assert ani.hears_nothing()


def test_flow_c1_by_netcat(
    server: RunningRealm, start_front: StartFront, require: Callable[[str], str]
) -> None:
    front, tool = start_front(server.port), require("nc")
    for name in ("ani", "budi"):
        assert netcat(tool, front.port, f"register {name} rahasia")[0]["status"] == "OK"
    sent = netcat(tool, front.port, "auth ani rahasia", "sendprivate budi halo ")
    assert [reply["status"] for reply in sent] == ["OK", "OK"]
    # A client of a front is one of the main server's.
    _, box = netcat(tool, server.port, "auth budi rahasia", "inbox ")
    assert box["messages"] == {"ani": [{"msg_from": "ani", "msg_to": "budi", "msg": "halo"}]}


def test_a_main_server_that_goes_and_comes_back_costs_no_session(
    server: RunningRealm, start_front: StartFront
) -> None:
    front = start_front(server.port)
    with ExitStack() as stack:
        messi = older(stack, front)
        listener = stack.enter_context(front.connect())
        messi.ask("auth messi surabaya \r\n")
        listener.ask(do="login", user="lineker", password="surabaya")
        listener.ask(do="listen")
        server.kill()
        until(lambda: messi.ask("inbox \r\n"), lambda heard: heard == AWAY)
        server.start()
        until(lambda: messi.ask("inbox \r\n"), lambda heard: heard != AWAY)
        assert '"OK"' in messi.ask("send lineker halo \r\n")
        event = listener.read()
        assert event is not None
        assert (event["event"], event["text"]) == ("message", "halo")


def test_any_order_of_starting(start_front: StartFront, start_realm: StartRealm) -> None:
    realm = start_realm()
    assert realm.terminate() == 0  # its port is known now, and nobody is there
    near = start_front(realm.port)
    far = start_front(near.port)
    with OlderClient(far) as client:
        assert client.ask("auth messi surabaya \r\n") == AWAY
        realm.start()
        until(lambda: client.ask("auth messi surabaya \r\n"), lambda heard: '"OK"' in heard)


def test_a_front_ends_in_order_and_the_clients_of_others_stay(
    server: RunningRealm, start_front: StartFront
) -> None:
    one, two = start_front(server.port), start_front(server.port)
    with one.connect() as listener, OlderClient(two) as other:
        listener.ask(do="login", user="messi", password="surabaya")
        listener.ask(do="listen")
        other.ask("auth henderson surabaya \r\n")
        assert one.terminate() == 0
        goodbye = listener.read()
        assert goodbye is not None
        assert (goodbye["event"], goodbye["reason"]) == ("goodbye", "shutdown")
        until(lambda: json.loads(other.ask("info {} \r\n"))["message"], lambda who: [*who] == ["henderson"])


def test_a_main_server_that_says_nothing_is_told_of_soon(start_front: StartFront) -> None:
    with socket.create_server(("127.0.0.1", 0)) as silent:
        until(start_front(silent.getsockname()[1]).log, lambda log: "it has not answered yet" in log)


def test_a_front_that_is_to_end_before_it_is_ready_ends_in_order() -> None:
    with (
        socket.create_server(("127.0.0.1", 0)) as silent,
        start("front", "--main", f"127.0.0.1:{silent.getsockname()[1]}", "--listen", CLIENT) as front,
    ):
        assert front.stderr is not None
        assert "listening client" in front.stderr.readline()
        front.send_signal(signal.SIGTERM)
        assert front.communicate(timeout=SECONDS) == ("", "")
        assert front.returncode == 0


def test_fronts_of_a_server_that_is_no_lab_share_a_secret(tmp_path: Path, start_front: StartFront) -> None:
    lines = ("[fronts.lobby]", f'secret = "{SECRET}"', "[fronts.other]", 'secret = "0123456789abcdef"')
    main = start_main(tmp_path, "\n".join(lines))
    secret = tmp_path / "secret"
    secret.write_text(f"{SECRET}\n")
    try:
        stranger = start_front(main.ports["peer"])
        lobby = start_front(main.ports["peer"], "--name", "lobby", "--secret-file", str(secret))
        wrong = start_front(main.ports["peer"], "--name", "other", "--secret-file", str(secret))
        before = start_front(lobby.port, "--name", "hall", "--secret-file", str(secret))
        with ExitStack() as stack:
            for front in (lobby, before):
                ask = partial(older(stack, front).ask, "auth ani rahasia\r\n")
                until(ask, lambda heard: "User Tidak Ada" in heard)
            for front in (stranger, wrong):
                assert older(stack, front).ask("auth ani rahasia\r\n") == AWAY
            # The clients' port is for clients.
            with main.connect() as client_port:
                client_port.write_line(b'{"frame":"front"}')
                refused = client_port.read()
            assert refused is not None
            assert refused["status"] == "ERROR"
        assert SECRET not in lobby.log() + wrong.log()
        where = f"no link with the main server at tcp:127.0.0.1:{main.ports['peer']}: "
        assert stranger.log().count(f"{where}it knows no front called front; it needs [fronts.front]") == 1
        assert wrong.log().count(f"{where}it does not take this front's proof; the secret here is not") == 1
        assert "the link with the front front at 127.0.0.1 ends: no front of that name is known" in main.log()
        assert "the front lobby at 127.0.0.1 is linked" in main.log()
        assert lobby.terminate() == 0
        until(main.log, lambda log: "the front lobby at 127.0.0.1 is gone" in log)
    finally:
        main.close()


def start_main(folder: Path, fronts: str) -> RunningRealm:
    """Return a main server that is no lab."""
    config = folder / "main.toml"
    config.write_text(fronts)
    main = _Main(folder, "--config", str(config), listeners=("client", "peer"))
    main.start()
    return main


class _Main(RunningRealm):
    def start(self) -> None:
        self._server = Server(
            *("--realm", self.name, "--store", f"sqlite:///{self.store}"),
            *(f"--listen={name}=tcp:{port}:interface=127.0.0.1" for name, port in self.ports.items()),
            *self._more,
        )
        self.ports = dict(zip(self.ports, self._server.ports, strict=True))


def test_a_front_knows_its_main_server_again(
    tmp_path: Path, server: RunningRealm, start_front: StartFront
) -> None:
    state = tmp_path / "state"
    first = start_front(server.port, "--state", str(state))
    with OlderClient(first) as client:
        assert "Password Salah" in client.ask("auth messi x\r\n")
    assert first.terminate() == 0
    assert {path.name: path.stat().st_mode & 0o777 for path in state.iterdir()} == {
        "front.key": 0o600,
        "main.key": 0o600,
    }
    (state / "main.key").write_text("ab" * 32)
    other = start_front(server.port, "--state", str(state))
    with OlderClient(other) as client:
        assert client.ask("auth messi x\r\n") == AWAY
    until(other.log, lambda log: "it has another key, ed25519:" in log and "remove main.key" in log)


def test_the_kit_finds_nothing_wrong_behind_two_fronts(server: RunningRealm, start_front: StartFront) -> None:
    far = start_front(start_front(server.port).port)
    done = chatproto("conformance", f"127.0.0.1:{far.port}", "--level", "C")
    assert (done.returncode, " 0 failed" in done.stdout) == (0, True), done.stdout


@pytest.mark.parametrize(
    ("options", "complaint"),
    [
        ((), "Missing option '--main'"),
        (("--main", "nonsense"), "main: expected a client endpoint"),
        (("--main", "192.0.2.1:8889"), "plain text"),
        (("--main", "127.0.0.1:1", "--listen", "peer=tcp:0"), "a front listens for clients only"),
        (("--main", "127.0.0.1:1", "--listen", "client=tcp:0"), "passwords would cross the network"),
        (("--main", "127.0.0.1:1", "--name", "A B"), "name: expected"),
        (("--main", "127.0.0.1:1", "--main-pin", "x"), "main.pin: expected ed25519:"),
        (("--main", "127.0.0.1:1", "--secret-file", "/nowhere"), "cannot be read"),
    ],
)
def test_what_is_wrong_is_said_in_one_line(options: tuple[str, ...], complaint: str) -> None:
    done = chatproto("front", *options)
    assert done.returncode == 2
    assert complaint in done.stderr
    assert done.stdout == ""
    assert "Traceback" not in done.stderr
