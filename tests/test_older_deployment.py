"""The files by which a course runs a realm: a lab's configuration, a container, a composition of two."""

from __future__ import annotations

import os
import re
import shlex
import socket
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
import yaml

from chatproto.configuration import configure, read_settings
from chatproto.listeners import LISTENERS
from tests.serving import ROOT, SECONDS, Connection, Server

EXAMPLES = ROOT / "examples"
COMPOSE = EXAMPLES / "docker-compose.yml"
DOCKERFILE = EXAMPLES / "Dockerfile"


@pytest.fixture
def services() -> dict[str, Any]:
    loaded: dict[str, Any] = yaml.safe_load(COMPOSE.read_text())
    assert loaded.keys() == {"services", "networks", "volumes"}
    services: dict[str, Any] = loaded["services"]
    for service in services.values():
        assert set(service["networks"]) <= loaded["networks"].keys()
    return services


def test_the_file_of_a_lab_says_what_a_lab_is_without_it() -> None:
    config = configure(read_settings(EXAMPLES / "lab.toml"))
    assert (config.lab, config.insecure, config.store) == (True, False, "memory:")
    assert {listener.name: listener.endpoint for listener in config.listeners} == {
        name: endpoint for name, endpoint in LISTENERS.items() if name != "metrics"
    }


def test_the_server_of_the_composition_is_open_to_its_network(services: dict[str, Any]) -> None:
    server = services["chatserver"]
    assert server["environment"] == {"SERVER_IP": "0.0.0.0", "SERVER_PORT": "8889"}
    assert server["ports"] == ["8889:8889"]
    command = server["command"]
    assert ("--insecure" in command, "--lab" in command) == (True, False)
    assert command[command.index("--registration") + 1] == "open"


def test_its_client_finds_the_server(services: dict[str, Any]) -> None:
    client = services["chatclient"]
    assert client["environment"] == {"SERVER_IP": "chatserver", "SERVER_PORT": "8889"}
    assert "chatserver" in client["depends_on"]
    program = client["command"][1]
    assert (ROOT / Path(program).relative_to("/app")).exists()
    assert "..:/app:ro" in client["volumes"]


def test_the_command_of_the_server_serves_where_the_environment_says(
    services: dict[str, Any], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name, value in services["chatserver"]["environment"].items():
        monkeypatch.setenv(name, value)
    monkeypatch.setenv("SERVER_PORT", "0")
    _, *command = services["chatserver"]["command"]
    command = [word.replace("/data/", f"{tmp_path}/") for word in command]
    with Server(command=(sys.executable, *command)) as server:
        assert server.lines[0] == f"listening client 0.0.0.0 {server.ports[0]}"
        with Connection(socket.create_connection(("127.0.0.1", server.ports[0]), SECONDS)) as client:
            assert client.ask(do="login", user="messi", password="surabaya")["code"] == "login-failed"
            assert client.ask(do="register", user="ani", password="rahasia")["status"] == "OK"
        healthy = services["chatserver"]["healthcheck"]["test"]
        alive = [sys.executable, str(ROOT / healthy[2])]
        environ = {**os.environ, "SERVER_PORT": str(server.ports[0])}
        assert subprocess.run(alive, env=environ, timeout=SECONDS, check=False).returncode == 0
        assert server.stop() == 0
        assert subprocess.run(alive, env=environ, timeout=SECONDS, check=False).returncode == 1


def test_the_container_runs_the_same_without_the_composition(services: dict[str, Any]) -> None:
    text = DOCKERFILE.read_text().replace("\\\n", " ")
    (command,) = re.findall(r"^CMD (\[.*\])$", text, re.MULTILINE)
    assert yaml.safe_load(command) == services["chatserver"]["command"]
    (environ,) = re.findall(r"^ENV (.*)$", text, re.MULTILINE)
    assert dict(each.split("=") for each in shlex.split(environ)) == services["chatserver"]["environment"]
    (image,) = re.findall(r"^FROM (.*)$", text, re.MULTILINE)
    assert image == services["chatclient"]["image"]


def test_the_script_is_one_that_every_shell_reads() -> None:
    script = EXAMPLES / "run.sh"
    assert os.access(script, os.X_OK)
    assert subprocess.run(["sh", "-n", str(script)], timeout=SECONDS, check=False).returncode == 0


def test_the_folder_of_older_programs_tells_of_each() -> None:
    older = EXAMPLES / "older"
    told = set(re.findall(r"^``(\w+\.py)`` ", (older / "README.rst").read_text(), re.MULTILINE))
    # What several of them share is no program.
    programs = {path.name for path in older.glob("*.py") if "__main__" in path.read_text()} | {"alive.py"}
    assert programs <= told
