"""Files over real sockets, on a real disk, through a realm that is killed in the middle."""

from __future__ import annotations

import hashlib
import json
import random
import signal
from pathlib import Path

from chatproto.limits import CHUNK_BYTES
from tests.serving import Connection, Server

DATA = random.Random(6).randbytes(3 * 1024 * 1024 + 5)


def serve(folder: Path) -> Server:
    return Server(
        "--realm", "alpha", "--lab", "--store", f"sqlite:///{folder}/alpha.db", "--files", f"{folder}/files",
        "--listen", "client=tcp:0:interface=127.0.0.1",
    )  # fmt: skip


def log_in(server: Server, user: str) -> Connection:
    connection = server.connect()
    assert connection.ask(do="login", user=user, password="surabaya")["status"] == "OK"
    return connection


def upload(connection: Connection) -> dict[str, object]:
    return connection.ask(do="upload", to="henderson", name="plan.pdf", size=len(DATA), cid="c")


def send_chunk(connection: Connection, file: str, offset: int) -> int:
    """Send a chunk without waiting for its reply; return where the next one begins."""
    data = DATA[offset : offset + CHUNK_BYTES]
    line = {"do": "chunk", "file": file, "offset": offset, "size": len(data)}
    connection.socket.sendall(json.dumps(line).encode() + b"\r\n" + data)
    return offset + len(data)


def read_piece(connection: Connection) -> bytes:
    reply = connection.read()
    assert reply is not None
    assert reply["status"] == "OK", reply
    return connection.read_bytes(reply["size"])


def test_a_file_survives_a_kill_of_the_realm_in_its_middle(tmp_path: Path) -> None:
    with serve(tmp_path) as server, log_in(server, "messi") as messi:
        file = str(upload(messi)["file"])
        offset = 0
        for _ in range(8):
            offset = send_chunk(messi, file, offset)
        replies = [messi.read() for _ in range(5)]
        acked = max(reply["offset"] for reply in replies if reply is not None)
        server.stop(signal.SIGKILL)
    with serve(tmp_path) as server, log_in(server, "messi") as messi:
        again = upload(messi)
        assert again["file"] == file
        offset = int(str(again["offset"]))
        assert acked <= offset <= 8 * CHUNK_BYTES
        count = 0
        while offset < len(DATA):
            offset = send_chunk(messi, file, offset)
            count += 1
        messi.write(do="finish", file=file, sha256=hashlib.sha256(DATA).hexdigest())
        written = [messi.read() for _ in range(count)]
        assert all(reply is not None and reply["status"] == "OK" for reply in written)
        finished = messi.read()
        assert finished is not None
        assert finished["mid"] == file, finished
        server.stop(signal.SIGKILL)
    with (
        serve(tmp_path) as server,
        log_in(server, "messi") as messi,
        log_in(server, "henderson") as henderson,
    ):
        assert upload(messi)["mid"] == file
        (item,) = henderson.ask(do="history", **{"with": "messi"})["messages"]
        assert item["file"]["sha256"] == hashlib.sha256(DATA).hexdigest()
        starts = range(0, len(DATA), CHUNK_BYTES)
        for start in starts:
            henderson.write(do="download", file=file, offset=start, size=CHUNK_BYTES)
        assert b"".join(read_piece(henderson) for _ in starts) == DATA
        assert server.stop() == 0
        assert "Traceback" not in server.errors()
    # A part that the kill left is garbage.
    kept = [path for path in (tmp_path / "files" / "contents").rglob("*") if path.is_file()]
    assert [path.name for path in kept] == [hashlib.sha256(DATA).hexdigest()]
