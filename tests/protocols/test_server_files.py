"""Files on one connection: raw bytes behind lines, whatever their answer; how much is under way; order."""

from __future__ import annotations

import hashlib
import json
from typing import Any

import pytest

from chatproto.limits import Limits
from chatproto.records import FileRow, MessageRow, UploadRow
from tests.protocols.wires import Peer, Served, as_line

CHUNK = 64 * 1024


def content(size: int) -> bytes:
    """Return bytes that look like lines, commands among them."""
    line = b'{"do":"hello"}\r\n\n'
    return (line * (size // len(line) + 1))[:size]


def sha256(data: bytes) -> str:
    return hashlib.sha256(data).hexdigest()


def chunk(file: str, offset: int, data: bytes, **fields: Any) -> bytes:
    line = as_line({"do": "chunk", "file": file, "offset": offset, "size": len(data), **fields})
    return line + data


def chunks(file: str, data: bytes, start: int = 0) -> list[bytes]:
    return [
        chunk(file, offset, data[offset : offset + CHUNK], id=offset)
        for offset in range(start, len(data), CHUNK)
    ]


def heard(peer: Peer) -> list[tuple[dict[str, Any], bytes]]:
    """Return the replies with the bytes that follow them."""
    taken, peer.wire.taken = peer.wire.taken, b""
    found = []
    while taken:
        line, _, taken = taken.partition(b"\r\n")
        reply = json.loads(line)
        size = reply.get("size", 0) if "offset" in reply and "file" in reply else 0
        found.append((reply, taken[:size]))
        taken = taken[size:]
    return found


@pytest.fixture
def served() -> Served:
    served = Served()
    served.house.add("messi", "henderson")
    return served


@pytest.fixture
def messi(served: Served) -> Peer:
    return served.peer("messi")


def begin(peer: Peer, size: int, **fields: Any) -> str:
    reply = peer.ask({"do": "upload", "to": "henderson", "name": "plan.pdf", "size": size, **fields})
    assert reply["status"] == "OK", reply
    return str(reply["file"])


def fetch(peer: Peer, file: str, size: int) -> bytes:
    asked = [
        {"do": "download", "file": file, "offset": offset, "size": CHUNK}
        for offset in range(0, size + 1, CHUNK)
    ]
    peer.say(*asked)
    pieces = heard(peer)
    assert [reply["status"] for reply, _ in pieces] == ["OK"] * len(asked)
    return b"".join(data for _, data in pieces)


class TestWhole:
    @pytest.mark.parametrize("size", [0, 1, CHUNK - 1, CHUNK, CHUNK + 1, 3 * 1024 * 1024 + 7])
    def test_what_was_sent_is_fetched(self, served: Served, messi: Peer, size: int) -> None:
        data = content(size)
        henderson = served.peer("henderson")
        henderson.ask({"do": "listen"})
        file = begin(messi, size)
        messi.say(*chunks(file, data), {"do": "finish", "id": "f", "file": file, "sha256": sha256(data)})
        *written, finished = messi.heard()
        assert [reply["offset"] for reply in written] == [
            min(size, n * CHUNK) for n in range(1, len(written) + 1)
        ]
        assert (finished["status"], finished["mid"]) == ("OK", file)
        (event,) = henderson.heard()
        assert (event["text"], event["kind"]) == ("", "file")
        assert event["file"] == {
            "id": file, "name": "plan.pdf", "size": size, "sha256": sha256(data),
        }  # fmt: skip
        assert fetch(henderson, file, size) == data
        (item,) = henderson.ask({"do": "history", "with": "messi"})["messages"]
        assert item["file"] == event["file"]
        assert served.house.rows(UploadRow) == []
        assert served.house.file_disk.parts == {}

    def test_lines_may_follow_bytes_at_once_and_come_in_any_pieces(self, messi: Peer) -> None:
        data = content(1000)
        file = begin(messi, 2000)
        whole = chunk(file, 0, data, id=1) + as_line({"do": "hello", "id": 2}) + chunk(file, 1000, data, id=3)
        for start in range(0, len(whole), 7):
            messi.protocol.dataReceived(whole[start : start + 7])
        messi.say(b"")
        assert [(reply["re"], reply.get("offset")) for reply in messi.heard()] == [
            (1, 1000),
            (2, None),
            (3, 2000),
        ]

    def test_a_piece_is_cut_at_the_end_of_the_file(self, messi: Peer) -> None:
        data = content(100)
        file = begin(messi, 100)
        messi.say(chunk(file, 0, data), {"do": "finish", "file": file})
        messi.heard()
        messi.say(*({"do": "download", "file": file, "offset": n, "size": 60} for n in (0, 60, 99, 100, 101)))
        replies = heard(messi)
        assert [piece for _, piece in replies] == [data[:60], data[60:], data[99:], b"", b""]
        assert [reply["status"] for reply, _ in replies] == ["OK"] * 4 + ["ERROR"]
        assert replies[-1][0]["code"] == "bad-offset"


class TestRefusedChunks:
    def test_bytes_are_thrown_away_whatever_the_answer(self, served: Served, messi: Peer) -> None:
        data = content(CHUNK)
        file = begin(messi, CHUNK)
        stranger = served.peer()
        stranger.say(chunk(file, 0, data, id=1), {"do": "hello", "id": 2})
        assert [(reply["re"], reply.get("code")) for reply in stranger.heard()] == [
            (1, "not-logged-in"), (2, None),
        ]  # fmt: skip
        other = served.peer("henderson")
        other.say(chunk(file, 0, data, id=1), chunk("nothing", 0, data, id=2), {"do": "hello", "id": 3})
        assert [reply.get("code") for reply in other.heard()] == ["no-such-file", "no-such-file", None]
        messi.say(chunk(file, 1, data[1:], id=1), chunk(file, 0, data, id=2), chunk(file, CHUNK, b"x", id=3))
        assert [reply.get("code") for reply in messi.heard()] == ["bad-offset", None, "bad-offset"]

    @pytest.mark.parametrize(
        "fields",
        [{"offset": "x"}, {"file": 7}, {"id": {}}, {"data": 5}, {"offset": -1}],
    )
    def test_a_bad_field_beside_the_size_costs_nothing_more(
        self, messi: Peer, fields: dict[str, Any]
    ) -> None:
        line = {"do": "chunk", "file": "x", "offset": 0, "size": 20, **fields}
        messi.say(as_line(line) + content(20), {"do": "hello", "id": 2})
        assert [reply["status"] for reply in messi.heard()] == ["ERROR", "OK"]

    @pytest.mark.parametrize(
        "line",
        [
            {"do": "chunk", "file": "x", "offset": 0},
            {"do": "chunk", "file": "x", "offset": 0, "size": "20"},
            {"do": "chunk", "file": "x", "offset": 0, "size": -1},
            {"do": "chunk", "file": "x", "offset": 0, "size": CHUNK + 1},
            b'{"do": "chunk", "size": 5, oops\r\n',
            b'{"do": "chunk", "size": 5, "file": "%b"}\r\n' % (b"x" * CHUNK),
        ],
    )
    def test_a_size_that_cannot_be_read_ends_the_connection_after_its_error(
        self, messi: Peer, line: dict[str, Any] | bytes
    ) -> None:
        messi.say(as_line(line) + content(200))
        assert [reply["status"] for reply in messi.heard()] == ["ERROR"]
        messi.house.turn(5)
        messi.settle()
        assert messi.closed

    def test_nothing_follows_a_text_that_only_looks_like_a_chunk(self, messi: Peer) -> None:
        messi.say({"do": "send", "to": 5, "text": '{"do":"chunk","size":3}'}, {"do": "hello", "id": 2})
        assert [reply["status"] for reply in messi.heard()] == ["ERROR", "OK"]


class TestBounds:
    def test_pieces_that_are_not_taken_are_bounded(self, served: Served, messi: Peer) -> None:
        size = 8 * 1024 * 1024
        data = content(size)
        file = begin(messi, size)
        for each in chunks(file, data):
            messi.say(each)
        messi.say({"do": "finish", "file": file})
        messi.heard()
        henderson = served.peer("henderson")
        henderson.wire.reading = False
        asked = [{"do": "download", "file": file, "offset": n, "size": CHUNK} for n in range(0, size, CHUNK)]
        henderson.say(*asked)
        protocol: Any = henderson.protocol
        assert len(henderson.wire.waiting) + protocol.unsent < 3 * 1024 * 1024
        henderson.wire.reading = True
        while henderson.wire.waiting or protocol.unsent:
            henderson.wire.take()
            henderson.say(b"")
        assert b"".join(piece for _, piece in heard(henderson)) == data

    def test_the_limits_are_told(self, messi: Peer) -> None:
        limits = messi.ask({"do": "hello"})["limits"]
        assert (limits["chunk"], limits["window"], limits["uploads"]) == (
            CHUNK,
            1024 * 1024,
            Limits().uploads,
        )


def test_a_message_and_its_file_are_one(served: Served, messi: Peer) -> None:
    file = begin(messi, 1)
    messi.say(chunk(file, 0, b"x"), {"do": "finish", "file": file})
    (message,) = served.house.rows(MessageRow)
    (row,) = served.house.rows(FileRow)
    assert (row.mid, row.seq, row.conversation) == (message.mid, message.seq, message.conversation)
    assert (row.sender, row.recipient, row.realm, row.state) == (
        "messi@alpha",
        "henderson@alpha",
        "",
        "stored",
    )


def test_half_a_chunk_is_nothing(served: Served, messi: Peer) -> None:
    data = content(CHUNK)
    file = begin(messi, CHUNK, cid="c")
    messi.say(chunk(file, 0, data)[:-1])
    assert messi.heard() == []
    messi.lose()
    again = served.peer("messi")
    upload = {"do": "upload", "to": "henderson", "name": "plan.pdf", "size": CHUNK, "cid": "c"}
    assert again.ask(upload)["offset"] == 0
    again.say(chunk(file, 0, data), {"do": "finish", "file": file})
    assert again.heard()[-1]["mid"] == file


def test_commands_go_on_while_a_file_is_finished(served: Served, messi: Peer) -> None:
    file = begin(messi, 1)
    messi.say(chunk(file, 0, b"x"))
    messi.heard()
    served.house.faults.hold()
    messi.say(
        {"do": "finish", "id": 1, "file": file}, {"do": "send", "id": 2, "to": "henderson", "text": "a"}
    )
    assert messi.heard() == []
    served.house.faults.release()
    messi.say(b"")
    assert [reply["re"] for reply in messi.heard()] == [1, 2]
    assert [row.kind for row in served.house.rows(MessageRow)] == ["file", "text"]
