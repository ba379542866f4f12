"""``chatproto files``, and what ``chatproto check`` says of them."""

from __future__ import annotations

import hashlib
import json
import os
import shutil
import time
from pathlib import Path

from chatproto.checking import Level
from tests.cli.conftest import FREE
from tests.cli.test_check import Found, found
from tests.serving import Server, chatproto, here


def upload(server: Server, data: bytes, name: str = "laporan.txt") -> str:
    """Send a file from messi to henderson, and return its id."""
    with server.connect() as client:
        client.ask(do="login", user="messi", password="surabaya")
        file: str = client.ask(do="upload", to="henderson", name=name, size=len(data))["file"]
        client.socket.sendall(
            json.dumps({"do": "chunk", "file": file, "offset": 0, "size": len(data)}).encode()
            + b"\r\n"
            + data
        )
        reply = client.read()
        assert reply is not None
        assert reply["offset"] == len(data)
        assert client.ask(do="finish", file=file)["status"] == "OK"
    return file


def make_older(folder: Path, days: int) -> None:
    """Have everything in a folder kept so long ago."""
    for path in folder.rglob("*"):
        when = path.stat().st_mtime - days * 86400
        os.utime(path, (when, when))


def test_files_of_a_running_realm_are_listed_and_copied_out(
    server: Server, store: str, tmp_path: Path
) -> None:
    at = ("--store", store)
    data = b"halo" * 1000
    file = upload(server, data)
    listed = here("files", "list", *at).stdout.rstrip("\n").split("\t")
    assert (listed[0], *listed[2:]) == (
        file,
        "messi@alpha",
        "henderson@alpha",
        "stored",
        "4000",
        "laporan.txt",
    )
    whole = json.loads(here("files", "list", "--json", *at).stdout)
    assert whole["sha256"] == hashlib.sha256(data).hexdigest()
    assert whole["from"] == "messi@alpha"
    target = tmp_path / "copy.txt"
    made = here("files", "export", file, str(target), *at)
    assert (made.returncode, made.stderr) == (0, f"{target} has 4000 bytes\n")
    assert target.read_bytes() == data
    again = here("files", "export", file, str(target), *at)
    told = "chatproto: bad-field: path: there is a file already, and it is not overwritten\n"
    assert (again.returncode, again.stderr) == (1, told)
    unknown = here("files", "export", "alpha/0/1", str(tmp_path / "other"), *at)
    assert unknown.stderr.startswith("chatproto: no-such-file: ")
    removed = here("files", "gc", *at)
    assert removed.stderr == ("removed 0 contents of 0 bytes, 0 that were never finished; 0 files are gone\n")
    assert here("files", "gc", "--older-than", "1d", *at).returncode == 2


def test_files_of_a_realm_that_does_not_run_are_looked_after(
    server: Server, store: str, tmp_path: Path
) -> None:
    at = ("--store", store, "--realm", "alpha")
    upload(server, b"halo")
    file = upload(server, b"dunia")
    assert server.stop() == 0
    folder = tmp_path / "alpha.db.files"
    make_older(folder, 1)
    target = tmp_path / "copy"
    assert chatproto("files", "export", file, str(target), *at).returncode == 0
    assert target.read_bytes() == b"dunia"
    time.sleep(1.1)  # that they are older than a second is said by the store
    removed = chatproto("files", "gc", "--older-than", "1s", "--yes", *at)
    assert removed.stderr == ("removed 2 contents of 9 bytes, 0 that were never finished; 2 files are gone\n")
    copied = here("store", "copy", store, f"sqlite:///{tmp_path / 'other.db'}")
    assert "files that people sent stay where they are" in copied.stderr
    # Other commands leave the folder alone.
    shutil.rmtree(folder)
    assert chatproto("user", "list", *at).returncode == 0
    assert not folder.exists()


def test_a_folder_of_its_own(tmp_path: Path) -> None:
    at = ("--realm", "alpha", "--store", f"sqlite:///{tmp_path / 'alpha.db'}")
    folder = ("--files", str(tmp_path / "data" / "files"))
    with Server(*at, *folder, "--listen", FREE, "--lab") as server:
        upload(server, b"halo")
        assert server.stop() == 0
    assert sorted(path.name for path in (tmp_path / "data" / "files").iterdir()) == [
        "contents",
        "lock",
        "new",
        "parts",
        "realm",
    ]
    assert not (tmp_path / "alpha.db.files").exists()
    other = chatproto("serve", "--realm", "beta", "--store", f"sqlite:///{tmp_path / 'beta.db'}", *folder)
    assert other.returncode == 1
    assert "are those of the realm 'alpha'" in other.stderr


# -- check


def served(store: str, tmp_path: Path) -> tuple[Path, str]:
    """Return the folder of a realm that was served, and the hash of a file in it."""
    with Server("--realm", "alpha", "--store", store, "--listen", FREE, "--lab") as server:
        upload(server, b"halo")
        assert server.stop() == 0
    return tmp_path / "alpha.db.files", hashlib.sha256(b"halo").hexdigest()


def failures(result: Found) -> list[str]:
    return result.texts(Level.FAIL, "files")


def test_faults_of_the_folder_are_told(store: str, tmp_path: Path) -> None:
    before = found(store=store)
    assert before.texts(Level.OK, "files") == ["is not there yet; the first start makes it"]
    folder, sha256 = served(store, tmp_path)
    result = found(store=store)
    assert result.texts(Level.OK, "files") == ["has the newest 1 contents that the store knows"]
    assert failures(result) == []
    (folder / "contents" / sha256[:2] / sha256).unlink()
    assert "lacks 1 of the newest 1 contents" in found(store=store).failed("files")
    folder.chmod(0o755)
    assert "others than its owner may look into it" in failures(found(store=store))[0]
    folder.chmod(0o700)
    (folder / "realm").write_text("beta\n")
    assert found(store=store).failed("files") == "is that of the realm beta; name another folder"
    shutil.rmtree(folder)
    folder.write_text("no folder")
    assert found(store=store).failed("files") == "is no folder; name another one"
