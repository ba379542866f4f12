"""A realm whose disk for files is full: uploads wait for room, and everything else goes on."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from tests.cli.conftest import FREE
from tests.serving import Connection, Server
from tests.small_disk import small_disk

CHUNK = 64 * 1024
#: Two of them are more than fits.
SIZE = 40 * CHUNK


def begin(client: Connection, cid: str) -> tuple[str, int]:
    """Begin an upload, or go on with it; return its id and where it goes on."""
    opened = client.ask(do="upload", to="henderson", name=f"{cid}.bin", size=SIZE, cid=cid)
    assert opened["status"] == "OK", opened
    return opened["file"], opened["offset"]


def send_chunk(client: Connection, file: str, offset: int) -> dict[str, Any]:
    line = json.dumps({"do": "chunk", "file": file, "offset": offset, "size": CHUNK})
    client.socket.sendall(line.encode() + b"\r\n" + (offset // CHUNK).to_bytes(4, "big") * (CHUNK // 4))
    reply = client.read()
    assert reply is not None
    return reply


def send_until_refused(client: Connection, file: str, offset: int = 0) -> tuple[int, dict[str, Any]]:
    """Send chunks; return how far that went, and the refusal, if there was one."""
    while offset < SIZE:
        reply = send_chunk(client, file, offset)
        if reply["status"] != "OK":
            return offset, reply
        offset = reply["offset"]
    return offset, {}


def test_a_full_disk_refuses_bytes_until_there_is_room(tmp_path: Path) -> None:
    at = ("--realm", "alpha", "--store", f"sqlite:///{tmp_path / 'alpha.db'}", "--listen", FREE, "--lab")
    with small_disk(tmp_path / "small") as disk, Server(*at, "--files", str(disk / "files")) as server:
        with server.connect() as client:
            client.ask(do="login", user="messi", password="surabaya")
            first, _ = begin(client, "first")
            second, _ = begin(client, "second")
            assert send_until_refused(client, first) == (SIZE, {})
            offset, refusal = send_until_refused(client, second)
            assert 0 < offset < SIZE
            assert refusal["code"] == "store-full"
            assert refusal["retry_after"] > 0
            too_large = client.ask(do="upload", to="henderson", name="c", size=SIZE)
            assert too_large["code"] == "store-full"
            # Messages have a disk of their own here, and go on anyway.
            assert client.ask(do="send", to="henderson", text="halo")["status"] == "OK"
            assert client.ask(do="cancel", file=first)["status"] == "OK"
        with server.connect() as client:
            client.ask(do="login", user="messi", password="surabaya")
            again, where = begin(client, "second")
            assert (again, where) == (second, offset)
            assert send_until_refused(client, second, offset) == (SIZE, {})
            assert client.ask(do="finish", file=second)["status"] == "OK"
        assert server.stop() == 0
        left = sorted(path.stat().st_size for path in (disk / "files").rglob("*") if path.is_file())
        assert left == [0, 6, SIZE]
