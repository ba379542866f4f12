"""``chatproto send-file`` and ``chatproto fetch``, as scripts use them: killed, repeated, refused."""

from __future__ import annotations

import os
import re
import signal
import subprocess
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.fork_server import Forked
from tests.serving import SECONDS, Server, on_terminal, start
from tests.small_disk import small_disk
from tests.system.running import RunningRealm

#: Large enough to be killed on the way, several times.
BYTES = os.urandom(1024) * 24 * 1024


@pytest.fixture
def realm(tmp_path: Path) -> Iterator[RunningRealm]:
    folder = tmp_path / "realm"
    folder.mkdir()
    running = RunningRealm(folder)
    running.start()
    yield running
    running.close()


@pytest.fixture(scope="module")
def place() -> Iterator[str]:
    listen = ("--listen", "client=tcp:0:interface=127.0.0.1")
    with Server("--realm", "alpha", "--lab", "--store", "memory:", *listen) as server:
        yield f"127.0.0.1:{server.ports[0]}"


@pytest.fixture
def path(tmp_path: Path) -> Path:
    path = tmp_path / "plan.pdf"
    path.write_bytes(BYTES)
    return path


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    folder = tmp_path / "in"
    folder.mkdir()
    return folder


def begin(*arguments: object, password: str = "surabaya") -> Forked | subprocess.Popen[str]:
    return start(*map(str, arguments), environ={"CHATPROTO_PASSWORD": password})


def done(*arguments: object, password: str = "surabaya") -> tuple[int, str, str]:
    process = begin(*arguments, password=password)
    said, complained = process.communicate(timeout=SECONDS)
    assert process.returncode is not None
    return process.returncode, said, complained


def send(place: str, *arguments: object, user: str = "messi") -> tuple[int, str, str]:
    return done("send-file", place, *arguments, "--user", user)


def fetch(place: str, *arguments: object, user: str = "henderson") -> tuple[int, str, str]:
    return done("fetch", place, *arguments, "--user", user)


def test_a_file_goes_from_one_script_to_another(place: str, tmp_path: Path, folder: Path) -> None:
    small, empty = tmp_path / "small.txt", tmp_path / "empty"
    small.write_text("halo")
    empty.touch()
    code, said, complained = send(place, "henderson", small, empty)
    assert (code, complained) == (0, "")
    ids = [line.split("\t")[0] for line in said.splitlines()]
    assert said == f"{ids[0]}\t{small}\n{ids[1]}\t{empty}\n"
    assert fetch(place, ids[0], folder) == (0, f"{folder / 'small.txt'}\n", "")
    assert (folder / "small.txt").read_text() == "halo"
    assert fetch(place, "--from", "messi", folder)[1] == f"{folder / 'empty'}\n"
    small.write_text("another one")
    assert send(place, "henderson", small)[0] == 0
    assert fetch(place, "--from", "messi", "small.txt", folder)[1] == f"{folder / 'small (1).txt'}\n"
    assert fetch(place, "--from", "messi", "small.txt", folder, "--overwrite")[0] == 0
    assert (folder / "small.txt").read_text() == "another one"
    assert fetch(place, "--from", "messi", "small.txt", folder)[1] == f"{folder / 'small.txt'}\n"


def test_what_cannot_be_done_is_one_line_and_an_exit_code(place: str, path: Path, folder: Path) -> None:
    assert send(place, "nobody", path)[::2] == (
        1,
        "chatproto: no-such-user: there is no such user or group\n",
    )
    code, _, complained = send(place, "henderson", folder / "nothing")
    assert (code, complained) == (1, f"chatproto: {folder / 'nothing'}: no such file or directory\n")
    assert fetch(place, "alpha/0", folder)[::2] == (
        1,
        "chatproto: there is no file alpha/0 that you may read\n",
    )
    code, _, complained = fetch(place, "--from", "henderson", "x", folder)
    assert (code, complained) == (1, "chatproto: there is no file x from henderson\n")
    assert fetch(place, folder)[0] == 2
    assert done("send-file", place, "henderson", path, "--user", "messi", password="wrong")[0] == 1
    code, _, complained = done("send-file", place, "henderson", path, "--user", "messi", password="")
    assert (code, "--password-file" in complained) == (2, True)
    assert send("192.0.2.1:8889", "henderson", path)[0] == 2  # without TLS
    code, _, complained = send("127.0.0.1:1", "henderson", path, "--patience", "0.3")
    assert (code, complained) == (3, "chatproto: 127.0.0.1:1 did not answer in 0.3 s\n")


def test_a_disk_that_is_full_is_told_and_gone_on_with_when_it_has_room(place: str, tmp_path: Path) -> None:
    path = tmp_path / "plan.pdf"
    path.write_bytes(BYTES[: 4 * 1024 * 1024])
    assert send(place, "henderson", path)[0] == 0
    with small_disk(tmp_path / "small", "2m") as disk:
        assert fetch(place, "--from", "messi", "plan.pdf", disk) == (
            3,
            "",
            f"chatproto: {disk / 'plan.pdf'}: no space left on device; the same command goes on with it\n",
        )
        [part] = disk.iterdir()
        assert part.stat().st_size > 1024 * 1024
        subprocess.run(["mount", "-o", "remount,size=8m", str(disk)], check=True)
        assert fetch(place, "--from", "messi", "plan.pdf", disk) == (0, f"{disk / 'plan.pdf'}\n", "")
        assert (disk / "plan.pdf").read_bytes() == path.read_bytes()


def test_a_path_that_would_move_the_cursor_is_printed_escaped(place: str, tmp_path: Path) -> None:
    path = tmp_path / "a\x1b[31m\u202eb.txt"
    path.write_text("halo")
    code, said, complained = send(place, "henderson", path)
    assert (code, complained) == (0, "")
    assert said.split("\t")[1] == f"{tmp_path}/a\\x1b[31m\\u202eb.txt\n"


def test_the_password_may_come_from_a_file(place: str, tmp_path: Path) -> None:
    secret, small = tmp_path / "secret", tmp_path / "small"
    secret.write_text("surabaya\n")
    small.write_text("halo")
    arguments = ("send-file", place, "henderson", small, "--user", "messi", "--password-file", secret)
    assert done(*arguments, password="")[0] == 0


def test_what_was_sent_with_a_cid_is_not_sent_again(place: str, tmp_path: Path) -> None:
    small = tmp_path / "small"
    small.write_text("halo")
    said = {send(place, "henderson", small, "--cid", "report-7")[1] for _ in range(2)}
    assert len(said) == 1


def test_a_killed_sender_goes_on_when_the_command_is_repeated(
    realm: RunningRealm, path: Path, folder: Path
) -> None:
    place, arrived = f"127.0.0.1:{realm.port}", [0]
    with realm.login("messi") as messi:
        for _ in range(2):
            sending = begin("send-file", place, "henderson", path, "--user", "messi")
            end = time.monotonic() + SECONDS
            while sending.poll() is None and arrived[-1] == _here(messi):
                assert time.monotonic() < end, "nothing arrives"
            sending.kill()
            sending.communicate()
            arrived.append(_here(messi))
        assert arrived == sorted(arrived)
        code, said, complained = send(place, "henderson", path)
        assert (code, complained) == (0, "")
        assert messi.ask(do="uploads")["uploads"] == []
        history = messi.ask(do="history", **{"with": "henderson"})["messages"]
    assert [message["mid"] for message in history][-1:] == said.split()[:1]
    assert len(history) == 1 or arrived[-1] == 0  # the last kill may have come after the end
    assert fetch(place, said.split()[0], folder)[0] == 0
    assert (folder / path.name).read_bytes() == BYTES


def _here(client: object) -> int:
    uploads = client.ask(do="uploads")["uploads"]  # type: ignore[attr-defined]
    return int(uploads[0]["offset"]) if uploads else 0


def test_a_killed_fetcher_goes_on_when_the_command_is_repeated(
    realm: RunningRealm, path: Path, folder: Path
) -> None:
    place = f"127.0.0.1:{realm.port}"
    assert send(place, "henderson", path)[0] == 0
    fetching = begin("fetch", place, "--from", "messi", folder, "--user", "henderson")
    end = time.monotonic() + SECONDS
    while not any(each.stat().st_size for each in folder.iterdir()):
        assert time.monotonic() < end, "nothing arrives"
    fetching.kill()
    fetching.communicate()
    [part] = folder.iterdir()
    assert part.name.endswith(".part") or part.stat().st_size == len(BYTES)
    assert fetch(place, "--from", "messi", folder) == (0, f"{folder / path.name}\n", "")
    assert [each.name for each in folder.iterdir()] == [path.name]
    assert (folder / path.name).read_bytes() == BYTES


def test_a_server_that_is_killed_and_started_again_is_waited_for(
    realm: RunningRealm, path: Path, folder: Path
) -> None:
    place = f"127.0.0.1:{realm.port}"
    sending = begin("send-file", place, "henderson", path, "--user", "messi")
    with realm.login("messi") as messi:
        end = time.monotonic() + SECONDS
        while sending.poll() is None and not _here(messi):
            assert time.monotonic() < end, "nothing arrives"
    realm.kill()
    realm.start()
    said, complained = sending.communicate(timeout=SECONDS)
    assert sending.returncode == 0, complained
    assert re.fullmatch("(chatproto: .*plan.pdf waits: no connection\n)?", complained)
    fetching = begin("fetch", place, "--from", "messi", folder, "--user", "henderson")
    end = time.monotonic() + SECONDS
    while not any(each.stat().st_size for each in folder.iterdir()):
        assert time.monotonic() < end, "nothing arrives"
    realm.kill()
    realm.start()
    assert fetching.communicate(timeout=SECONDS)[0] == f"{folder / path.name}\n"
    assert fetching.returncode == 0
    assert (folder / path.name).read_bytes() == BYTES
    assert said.count("\n") == 1


def test_who_waits_too_long_is_told_that_it_can_go_on(realm: RunningRealm, path: Path) -> None:
    place = f"127.0.0.1:{realm.port}"
    sending = begin("send-file", place, "henderson", path, "--user", "messi", "--patience", "1")
    with realm.login("messi") as messi:
        end = time.monotonic() + SECONDS
        while sending.poll() is None and not _here(messi):
            assert time.monotonic() < end, "nothing arrives"
    realm.kill()
    _, complained = sending.communicate(timeout=SECONDS)
    assert sending.returncode == 3
    assert complained.splitlines()[-1].endswith("no connection for 1 s; the same command goes on with it")


def test_an_interrupt_ends_the_session_and_says_so(realm: RunningRealm, path: Path) -> None:
    place = f"127.0.0.1:{realm.port}"
    with realm.login("messi") as messi:
        sending = begin("send-file", place, "henderson", path, "--user", "messi")
        end = time.monotonic() + SECONDS
        while sending.poll() is None and not _here(messi):
            assert time.monotonic() < end, "nothing arrives"
        sending.send_signal(signal.SIGINT)
        _, complained = sending.communicate(timeout=SECONDS)
        assert (sending.returncode, complained) == (1, "chatproto: interrupted\n")
        assert len(messi.ask(do="sessions")["sessions"]) == 1


def test_a_person_sees_a_bar_that_is_gone_in_the_end(
    place: str, path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("CHATPROTO_PASSWORD", "surabaya")
    code, screen = on_terminal("send-file", place, "henderson", str(path), "--user", "messi")
    assert code == 0
    assert "plan.pdf" in screen
    assert "━" in screen
    assert "%" in screen
    assert screen.splitlines()[-1].endswith(f"\t{path}") or str(path) in screen.splitlines()[-1]
