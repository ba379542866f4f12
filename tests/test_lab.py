"""A lab: what listens, and what those who run it are told; and where a server in a container listens."""

from __future__ import annotations

import errno
import os
import signal
import socket
import subprocess
from pathlib import Path

import pytest

from chatproto.configuration import Settings, configure, in_surroundings, read_settings
from chatproto.errors import ConfigError
from chatproto.lab import guide
from chatproto.listeners import LISTENERS, METRICS
from chatproto.service import Listening
from tests.serving import COMMAND, SECONDS, Server, chatproto, environment

LAB = ("--realm", "alpha", "--lab", "--store", "memory:")
CLIENT = "tcp:0:interface=127.0.0.1"


def lab(**said: object) -> Settings:
    return Settings(realm="alpha", store="memory:", lab=True, **said)  # type: ignore[arg-type]


class TestListeners:
    def test_a_lab_has_one_for_every_system_on_this_machine(self) -> None:
        listeners = configure(lab()).listeners
        assert {each.name: each.endpoint for each in listeners} == {
            name: endpoint for name, endpoint in LISTENERS.items() if name != METRICS
        }
        assert listeners[0].name == "client"
        assert all(each.loopback for each in listeners)

    def test_where_one_is_named_there_is_no_other(self, tmp_path: Path) -> None:
        file = tmp_path / "lab.toml"
        file.write_text(f'realm = "alpha"\nlab = true\n[listen]\nclient = "{CLIENT}"\n')
        for settings in (lab(listen={"client": CLIENT}), read_settings(file)):
            assert [each.name for each in configure(settings).listeners] == ["client"]

    def test_no_default_is_given_twice(self) -> None:
        assert len(set(LISTENERS.values())) == len(LISTENERS)


class TestSurroundings:
    """``SERVER_IP`` and ``SERVER_PORT``, which the older server in its container ignored."""

    @pytest.mark.parametrize(
        ("environ", "endpoint"),
        [
            ({"SERVER_PORT": "9000"}, "tcp:9000:interface=127.0.0.1"),
            ({"SERVER_IP": "0.0.0.0"}, "tcp:8889:interface=0.0.0.0"),
            ({"SERVER_IP": "::1", "SERVER_PORT": "9000"}, r"tcp6:9000:interface=\:\:1"),
        ],
    )
    def test_they_say_where_clients_connect(self, environ: dict[str, str], endpoint: str) -> None:
        settings = in_surroundings(lab(insecure=True), environ)
        assert [each.endpoint for each in configure(settings).listeners] == [endpoint]

    def test_what_is_said_elsewhere_wins(self) -> None:
        said = lab(listen={"client": CLIENT})
        assert in_surroundings(said, {"SERVER_IP": "0.0.0.0", "SERVER_PORT": "1"}) == said
        assert in_surroundings(lab(), {"SERVER_IP": "", "PATH": "/"}) == lab()

    @pytest.mark.parametrize(
        ("environ", "complaint"),
        [
            ({"SERVER_IP": "chatserver"}, "SERVER_IP: expected an IP address"),
            ({"SERVER_PORT": "http"}, "SERVER_PORT: expected a port"),
        ],
    )
    def test_what_is_no_address_is_told(self, environ: dict[str, str], complaint: str) -> None:
        with pytest.raises(ConfigError, match=complaint):
            in_surroundings(lab(), environ)

    def test_beyond_this_machine_it_has_to_be_asked_for(self) -> None:
        with pytest.raises(ConfigError, match="add `insecure`"):
            configure(in_surroundings(lab(), {"SERVER_IP": "0.0.0.0"}))

    def test_a_server_listens_there(self, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setenv("SERVER_IP", "127.0.0.2")
        monkeypatch.setenv("SERVER_PORT", "0")
        with Server(*LAB) as server:
            assert [line.rsplit(" ", 1)[0] for line in server.lines] == [
                "listening client 127.0.0.2",
                "ready",
            ]
            assert server.stop() == 0


class TestGuide:
    def test_it_says_who_connects_where_and_what_is_allowed(self) -> None:
        config = configure(lab())
        where = [Listening(each.name, "127.0.0.1", 1000 + n) for n, each in enumerate(config.listeners)]
        lines = list(guide(config, where))
        for each in where:
            (line,) = [line for line in lines if f" {each.host} {each.port}: " in line]
            assert line.startswith(f"lab: {each.name} ")
        for word in (
            "messi, henderson, lineker",
            "knows the password",
            "anybody may register",
            "link this realm",
        ):
            assert word in "\n".join(lines)
        assert "other machines" not in "\n".join(lines)

    def test_it_warns_where_others_reach_it(self) -> None:
        config = configure(lab(insecure=True, listen={"client": "tcp:0"}))
        assert "other machines reach it" in list(guide(config, []))[-1]

    def test_it_comes_on_standard_error_and_standard_output_stays_as_it_is(self) -> None:
        with Server(*LAB, "--listen", f"client={CLIENT}", "--log-level", "error") as server:
            assert server.lines == [f"listening client 127.0.0.1 {server.ports[0]}", "ready alpha"]
            assert server.stop() == 0
            assert server.printed_since() == []
            told = server.errors().splitlines()
        assert all(line.startswith("lab: ") for line in told)
        assert any(
            line.startswith(f"lab: client 127.0.0.1 {server.ports[0]}: systems B, C and D") for line in told
        )

    def test_without_a_lab_there_is_none(self) -> None:
        arguments = ("--realm", "alpha", "--store", "memory:", "--listen", f"client={CLIENT}")
        with Server(*arguments, "--log-level", "error") as server:
            assert server.stop() == 0
            assert server.errors() == ""

    def test_under_twistd_it_is_in_the_log(self, tmp_path: Path) -> None:
        process = subprocess.Popen(
            [
                *(
                    COMMAND[0],
                    "-m",
                    "twisted",
                    "--log-format=text",
                    "chatproto",
                    *LAB,
                    "--listen",
                    f"client={CLIENT}",
                )
            ],
            cwd=tmp_path,
            env=environment(),
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
        )
        with process:
            assert process.stdout is not None
            told = []
            for line in process.stdout:
                told.append(line)
                if "lab: warning" in line:
                    process.send_signal(signal.SIGTERM)
            assert process.wait(SECONDS) is not None
        assert any("lab: client 127.0.0.1 " in line for line in told)


def test_a_port_that_is_taken_is_one_clear_line() -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        listen = f"client=tcp:{port}:interface=127.0.0.1"
        done = chatproto("serve", *LAB, "--log-level", "critical", "--listen", listen)
    assert done.returncode == 1
    assert done.stdout == ""
    (line,) = done.stderr.splitlines()
    assert line.startswith(f"chatproto: listen.client: cannot open tcp:{port}:interface=127.0.0.1: ")
    assert f"{os.strerror(errno.EADDRINUSE)}; end the program that has this port, or name each " in line
