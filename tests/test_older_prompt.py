"""System B's command prompt in examples/older: what is typed, and what is shown."""

from __future__ import annotations

import json
import os
import re
import socket
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from examples.older.command_prompt import CommandClient
from tests.serving import ROOT, SECONDS, Server, environment

PROMPT = ROOT / "examples" / "older" / "command_prompt.py"
LAB = ("--realm", "alpha", "--lab", "--store", "memory:", "--listen", "client=tcp:0:interface=127.0.0.1")
TOKEN = "[0-9a-f]{8}-[0-9a-f]{4}-4[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}"
#: What ``info`` has of them.
MESSI = {"messi": {"username": "messi", "userdetail": {"nama": "Lionel Messi", "negara": "Argentina"}}}
AMSAL = {"amsal": {"username": "amsal", "userdetail": {"nama": "Amsal Napitupulu", "negara": "Indonesia"}}}


@pytest.fixture
def port() -> Iterator[int]:
    with Server(*LAB) as server:
        yield server.ports[0]


def typed(port: int, *lines: str, variant: str = "server") -> list[str]:
    """Type lines at the prompt; return what was shown after each, tokens as ``<T>``."""
    done = subprocess.run(
        [sys.executable, str(PROMPT), "--variant", variant],
        input="".join(f"{line}\n" for line in lines),
        env=environment(SERVER_PORT=str(port)),
        capture_output=True,
        text=True,
        timeout=SECONDS,
        check=False,
    )
    assert (done.returncode, done.stderr) == (0, "")
    _, *shown = re.sub(TOKEN, "<T>", done.stdout).split("Command ")
    return [each.partition(":")[2].removesuffix("\n") for each in shown[:-1]]


def test_results_are_shown_as_of_old(port: int, tmp_path: Path) -> None:
    path = tmp_path / "surat.txt"
    path.write_text("halo")
    told = {
        "inbox": "Error, not authorized",
        "auth messi x": "Error, Password Salah",
        "auth messi surabaya": "username messi logged in, token <T> ",
        "register amsal jakarta Amsal_Napitupulu Indonesia": "username amsal register in, token <T> ",
        "register messi x Y Z": "Error, User Sudah Ada",
        "send messi halo  mes": "message sent to messi",
        "send nobody halo": "Error, User Tidak Ditemukan",
        "sendgroup messi,henderson rapat": "message sent to messi,henderson",
        f"sendfile messi {path}": "file sent to messi",
        f"sendgroupfile messi,lineker {path}": "file sent to messi,lineker",
        "sendfile messi /no/such/file": "{'status': 'ERROR', 'message': 'File not found'}",
        "addgroup tim": "Group tim added",
        "joingroup tim": "Error, User sudah dalam group",
        "sendgroup tim pagi": "message sent to tim",
        "send": "-Maaf, command tidak benar",
        "addrealm r2 127.0.0.1": "-Maaf, command tidak benar",
        "adios": "*Maaf, command tidak benar",
        "info": f"User yang Aktif:\n{ {**AMSAL, **MESSI} }",
        "logout": "Logout Berhasil",
        "logout ": "Error, not authorized",
    }
    assert dict(zip(told, typed(port, *told), strict=True)) == told
    _, box = typed(port, "auth messi surabaya", "inbox")
    assert box == (
        '{"amsal": [{"msg_from": "Amsal Napitupulu", "msg_to": "Lionel Messi", "msg": "halo  mes"}, '
        '{"msg_from": "Amsal Napitupulu", "msg_to": "Lionel Messi", "msg": "rapat"}, '
        '"{\\"msg_from\\": \\"Amsal Napitupulu\\", \\"msg_to\\": \\"Lionel Messi\\", '
        '\\"file_name\\": \\"surat.txt\\", \\"file_content\\": \\"b\'aGFsbw==\'\\"}", '
        '"{\\"msg_from\\": \\"Amsal Napitupulu\\", \\"msg_to\\": \\"Lionel Messi\\", '
        '\\"file_name\\": \\"surat.txt\\", \\"file_content\\": \\"b\'aGFsbw==\'\\"}"]}'
    )


def test_the_client_variant_has_no_groups_and_shows_info_as_it_is(port: int) -> None:
    told = {
        "auth messi surabaya": "username messi logged in, token <T> ",
        "addgroup tim": "*Maaf, command tidak benar",
        "info": f"{MESSI}",
        "logout": "Logout Berhasil",
        "logout ": "Error, Belum Login",
    }
    assert typed(port, *told, variant="client") == list(told.values())


def test_the_desktop_variant_logs_in_sends_and_reads_its_box(port: int) -> None:
    told = {
        "auth messi surabaya": "username messi logged in, token <T> ",
        "send messi café": "message sent to messi",
        "inbox": '{"messi": [{"msg_from": "Lionel Messi", "msg_to": "Lionel Messi", "msg": "caf\\u00e9"}]}',
        "info": "*Maaf, command tidak benar",
    }
    assert typed(port, *told, variant="desktop") == list(told.values())


def test_the_menu_names_every_command_of_the_variant(port: int) -> None:
    done = subprocess.run(
        [sys.executable, str(PROMPT)],
        input="",
        env=environment(SERVER_PORT=str(port)),
        capture_output=True,
        text=True,
        timeout=SECONDS,
        check=True,
    )
    menu, end = done.stdout.split("Command ")
    assert end == ":\n"
    for verb in ("auth", "sendrealm", "realminbox", "sendgroupfilerealm", "logout"):
        assert re.search(rf"\b{verb}\b", menu)


def test_without_a_server_it_says_so() -> None:
    done = subprocess.run(
        [sys.executable, str(PROMPT)],
        env=environment(SERVER_IP="127.0.0.1", SERVER_PORT="1"),
        capture_output=True,
        text=True,
        timeout=SECONDS,
        check=False,
    )
    assert done.returncode == 1
    assert done.stderr.startswith("127.0.0.1:1: ")


def test_run_sh_starts_a_lab_and_the_prompt_and_leaves(tmp_path: Path) -> None:
    with socket.create_server(("127.0.0.3", 0)) as free:
        place = free.getsockname()[1]
    more = {"PYTHON": sys.executable, "SERVER_IP": "127.0.0.3", "SERVER_PORT": str(place)}
    shown = subprocess.run(
        [str(ROOT / "examples" / "run.sh"), "--variant", "client"],
        input="auth messi surabaya\nsend messi halo\ninbox\n",
        env={**os.environ, **more},
        cwd=tmp_path,
        capture_output=True,
        text=True,
        timeout=SECONDS,
        check=False,
    )
    assert (shown.returncode, shown.stderr) == (0, "")
    assert f"A lab listens at 127.0.0.3 port {place}" in shown.stdout
    assert (
        '{"messi": [{"msg_from": "Lionel Messi", "msg_to": "Lionel Messi", "msg": "halo"}]}' in shown.stdout
    )
    assert not _answers(more)


def test_run_sh_takes_a_server_that_is_there(port: int) -> None:
    more = {"PYTHON": sys.executable, "SERVER_PORT": str(port)}
    assert _answers(more)
    shown = subprocess.run(
        [str(ROOT / "examples" / "run.sh")],
        input="auth messi surabaya\n",
        env={**os.environ, **more},
        capture_output=True,
        text=True,
        timeout=SECONDS,
        check=False,
    )
    assert (shown.returncode, shown.stderr) == (0, "")
    assert "A lab listens" not in shown.stdout
    assert "username messi logged in" in shown.stdout
    assert _answers(more)


def _answers(more: dict[str, str]) -> bool:
    alive = ROOT / "examples" / "older" / "alive.py"
    done = subprocess.run(
        [sys.executable, str(alive)], env={**os.environ, **more}, timeout=SECONDS, check=False
    )
    return done.returncode == 0


def test_what_a_graphical_client_looks_at_is_there(
    port: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It works through a client's results: words in texts, users of ``info``, objects in a box."""
    monkeypatch.chdir(tmp_path)
    upload = r"app\client\upload\surat.txt"
    (tmp_path / upload).write_text("halo")
    messi, henderson = (CommandClient("127.0.0.1", port, "client") for _ in range(2))
    assert "Error" in str(messi.process("auth messi x"))
    for client, name in ((messi, "messi"), (henderson, "henderson")):
        assert "Error" not in str(client.process(f"auth {name} surabaya"))
    users = messi.ask("info {} ")["message"]
    assert {value["username"] for value in users.values()} == {"messi", "henderson"}
    assert "sent" in str(messi.process("send henderson halo"))
    assert "sent" in str(messi.process(f"sendfile henderson {upload}"))
    box = henderson.ask(f"inbox {henderson.token} ")["messages"]
    assert box["messi"][0]["msg"] == "halo"
    assert json.loads(box["messi"][1])["file_name"] == "surat.txt"
    for client in (messi, henderson):
        client.close()
