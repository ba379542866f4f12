"""The wheel: installed into an environment of its own, it brings the command and the twistd plugin."""

from __future__ import annotations

import os
import shutil
import signal
import socket
import subprocess
import sys
import sysconfig
import time
import zipfile
from pathlib import Path

import pytest

from chatproto.version import VERSION
from tests.serving import ROOT, SECONDS, Connection

#: ``twistd`` as its script does it; the script itself stands in the environment that Twisted is in.
TWISTD = ("-c", "from twisted.scripts.twistd import run; run()")


def run(*command: str | Path, **environment: str) -> str:
    """Return what a command printed, run where the source is not."""
    done = subprocess.run(
        [str(part) for part in command],
        cwd="/",
        env={**_clean(), **environment},
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


def _clean() -> dict[str, str]:
    return {name: value for name, value in os.environ.items() if not name.startswith("PYTHON")}


@pytest.fixture(scope="module")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Build the wheel from a copy, so that the build leaves nothing in the tree, and without the network."""
    source = tmp_path_factory.mktemp("source")
    for name in ("chatproto", "twisted"):
        shutil.copytree(
            ROOT / name, source / name, ignore=shutil.ignore_patterns("__pycache__", "dropin.cache")
        )
    for name in ("pyproject.toml", "setup.py", "README.rst", "LICENSE"):
        shutil.copy(ROOT / name, source)
    made = tmp_path_factory.mktemp("wheel")
    build = ("pip", "wheel", "--quiet", "--no-build-isolation", "--no-deps", "--wheel-dir", made, source)
    run(sys.executable, "-m", *build)
    [path] = made.iterdir()
    return path


@pytest.fixture(scope="module")
def environment(wheel: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return a new environment with the wheel; the libraries are those of the running one."""
    folder = tmp_path_factory.mktemp("environment")
    run(sys.executable, "-m", "venv", "--without-pip", folder)
    python = folder / "bin" / "python"
    run(sys.executable, "-m", "pip", "--python", python, "install", "--quiet", "--no-deps", wheel)
    site = Path(run(python, "-c", "import sysconfig; print(sysconfig.get_path('purelib'))").strip())
    # Not processed for .pth files of its own, so an editable install of the source stays out.
    libraries = {sysconfig.get_path("purelib"), sysconfig.get_path("platlib")}
    (site / "libraries.pth").write_text("\n".join(libraries))
    where = run(python, "-c", "import chatproto; print(chatproto.__file__)").strip()
    assert Path(where).is_relative_to(site)
    return folder


def test_the_wheel_has_what_runs_and_nothing_else(wheel: Path) -> None:
    names = zipfile.ZipFile(wheel).namelist()
    assert "chatproto/py.typed" in names
    assert "twisted/plugins/chatproto_plugin.py" in names
    assert any(name.startswith("chatproto/store/migrations/versions/") for name in names)
    assert not [name for name in names if name.startswith(("twisted/__init__", "twisted/plugins/__init__"))]
    assert {name.partition("/")[0] for name in names} == {
        "chatproto",
        "twisted",
        f"chatproto-{VERSION}.dist-info",
    }


def test_the_command_works(environment: Path) -> None:
    assert run(environment / "bin" / "chatproto", "--version") == f"chatproto, version {VERSION}\n"
    assert "serve" in run(environment / "bin" / "chatproto", "--help")


def test_twistd_lists_the_plugin_without_a_cache(environment: Path) -> None:
    for cache in environment.rglob("dropin.cache"):
        cache.unlink()
    python = environment / "bin" / "python"
    listed = run(python, *TWISTD, "--help")
    assert "    chatproto " in listed
    options = run(python, *TWISTD, "chatproto", "--help")
    for option in (
        "realm",
        "store",
        "config",
        "control",
        "listen",
        "limit",
        "lab",
        "insecure",
        "registration",
    ):
        assert f"--{option}" in options


@pytest.mark.parametrize("reactor", ["epoll", "asyncio"])
def test_twistd_runs_a_realm_on_any_reactor_without_a_cache(
    environment: Path, tmp_path: Path, reactor: str
) -> None:
    """A module that imports the reactor too early breaks ``--reactor``, but only without the cache."""
    for cache in environment.rglob("dropin.cache"):
        cache.unlink()
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    arguments = ("--realm", "alpha", "--store", f"sqlite:///{tmp_path / 'alpha.db'}", "--lab")
    listen = ("--listen", f"client=tcp:{port}:interface=127.0.0.1", "--limit", "pipeline=9")
    process = subprocess.Popen(
        [
            *(environment / "bin" / "python", *TWISTD, "--nodaemon", "--pidfile=", f"--reactor={reactor}"),
            *("chatproto", *arguments, *listen),
        ],
        cwd=tmp_path,
        env=_clean(),
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    )
    try:
        with _connect(port, process) as client:
            assert client.ask(do="hello")["realm"] == "alpha"
            assert client.ask(do="login", user="messi", password="surabaya")["status"] == "OK"
        process.send_signal(signal.SIGTERM)
        log, _ = process.communicate(timeout=SECONDS)
    finally:
        if process.poll() is None:
            process.kill()
            process.communicate()
    assert "realm alpha is closed" in log
    assert "Traceback" not in log
    # twistd ends by the signal that stopped it, so that whoever sent it can see that.
    assert process.returncode == -signal.SIGTERM


def test_twistd_fails_where_the_realm_cannot_be_served(environment: Path, tmp_path: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        endpoint = f"tcp:{taken.getsockname()[1]}:interface=127.0.0.1"
        done = _twistd(environment, tmp_path, "--realm", "alpha", "--listen", f"client={endpoint}")
    assert done.returncode == 1
    assert f"listen.client: cannot open {endpoint}: " in done.stdout


def test_twistd_tells_a_wrong_configuration_before_it_starts(environment: Path, tmp_path: Path) -> None:
    done = _twistd(environment, tmp_path, "--realm", "Alpha")
    assert done.returncode == 1
    assert "realm: expected a name of 1 to 63" in done.stdout + done.stderr


def _twistd(environment: Path, folder: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    command = [environment / "bin" / "python", *TWISTD, "--nodaemon", "--pidfile=", "chatproto"]
    return subprocess.run(
        [str(part) for part in (*command, "--store", f"sqlite:///{folder / 'alpha.db'}", *arguments)],
        cwd=folder,
        env=_clean(),
        capture_output=True,
        text=True,
        timeout=SECONDS,
        check=False,
    )


def _connect(port: int, process: subprocess.Popen[str]) -> Connection:
    deadline = time.monotonic() + SECONDS
    while True:
        try:
            return Connection(socket.create_connection(("127.0.0.1", port), SECONDS))
        except ConnectionRefusedError:
            assert process.poll() is None, process.communicate()[0]
            assert time.monotonic() < deadline
            time.sleep(0.05)
