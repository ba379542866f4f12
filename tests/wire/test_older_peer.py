"""What original servers say to one another, byte for byte."""

from __future__ import annotations

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from chatproto.wire import older_peer
from chatproto.wire.older_peer import Answer, NoReply, read_answer, read_entry


@pytest.mark.parametrize(
    ("request_", "line"),
    [
        (older_peer.recv_realm("r2", "127.0.0.1", 8889), b"recvrealm r2 127.0.0.1 8889\r\n"),
        (
            older_peer.recv_text("messi", "r2", ["henderson"], "halo", listed=False),
            b"recvrealmprivatemsg messi r2 henderson halo\r\n",
        ),
        (
            older_peer.recv_text("messi", "r2", ["henderson", "lineker"], " a  b ", listed=True),
            b"recvrealmgroupmsg messi r2 henderson,lineker a  b\r\n",
        ),
        (
            older_peer.recv_text("messi", "r2", ["henderson"], "halo", listed=True),
            b"recvrealmgroupmsg messi r2 henderson halo\r\n",
        ),
        (
            older_peer.recv_file(
                "messi", "r2", ["henderson"], "my a.txt", b"aGFsbw==", plain=False, listed=False
            ),
            b"recvfilerealm messi r2 henderson my_a.txt b'aGFsbw=='\r\n",
        ),
        (
            older_peer.recv_file(
                "messi", "r2", ["henderson", "lineker"], "a.txt", b"aGFsbw==", plain=True, listed=True
            ),
            b"recvgroupfilerealm messi r2 henderson,lineker a.txt aGFsbw==\r\n",
        ),
        (
            older_peer.recv_file("messi", "r2", ["henderson"], "a.txt", b"aGFsbw==", plain=True, listed=True),
            b"recvgroupfilerealm messi r2 henderson a.txt aGFsbw==\r\n",
        ),
        (
            older_peer.recv_text("messi", "r2", ["henderson"], " \r\n ", listed=False),
            b"recvrealmprivatemsg messi r2 henderson\r\n",
        ),
        (
            older_peer.recv_text("messi", "r2", ["henderson", "lineker"], "", listed=True),
            b"recvrealmgroupmsg messi r2 henderson,lineker\r\n",
        ),
        (older_peer.get_realm_chat("r2", "henderson"), b"getrealmchat r2 henderson\r\n"),
        (older_peer.server_send("amsal", "messi", " "), b"server send amsal messi \r\n"),
        (
            older_peer.server_send("amsal", "messi", "  jadi main mes? \r\n"),
            b"server send amsal messi jadi main mes? \r\n",
        ),
    ],
)
def test_requests_are_written_as_the_originals_do(request_: bytes, line: bytes) -> None:
    assert request_ == line


@given(st.text())
def test_a_text_stays_one_line(text: str) -> None:
    try:
        text.encode()
    except UnicodeEncodeError:
        return
    for line in (
        older_peer.server_send("a", "b", text),
        older_peer.recv_text("a", "r", ["b"], text, listed=False),
        older_peer.recv_file("a", "r", ["b"], text, b"", plain=True, listed=False),
    ):
        assert line.endswith(b"\r\n")
        assert not set(line[:-2]) & set(b"\r\n")


@pytest.mark.parametrize(
    ("reply", "code"),
    [
        (b'{"status": "OK"}\r\n\r\n', ""),
        (b'{"status": "ERROR", "message": "User Tidak Ditemukan"}\r\n\r\n', "no-such-user"),
        (b'{"status": "ERROR", "message": "Informasi tidak ditemukan"}\r\n\r\n', "not-found"),
        (b'{"status": "ERROR", "message": "**Protocol Tidak Benar"}\r\n\r\n', "not-supported"),
        (b'{"status": "ERROR", "message": "Gagal"}', "realm-refused"),
        (b'{"status": "PENDING"}', "realm-refused"),
        (b"{}", "realm-refused"),
    ],
)
def test_replies_are_verdicts(reply: bytes, code: str) -> None:
    assert read_answer(reply).code == code


@pytest.mark.parametrize(
    ("message", "said"),
    [
        ("Aneh Sekali", "Aneh Sekali"),
        (" Sudah café ☕ ", "Sudah café ☕"),
        ("a\r\nb\x1b[2Jc\ud800\u202e", "a  b [2Jc"),
        ("x" * 1000, "x" * 200),
        ("\n", ""),
        (None, ""),
        (7, ""),
        ({"status": "OK"}, ""),
    ],
)
def test_the_text_of_a_refusal_is_told_as_it_is_on_one_line(message: object, said: str) -> None:
    for status in ("ERROR", "PENDING", None):
        assert read_answer(json.dumps({"status": status, "message": message}).encode()).said == said
    assert read_answer(json.dumps({"status": "OK", "message": message}).encode()).said == ""


@pytest.mark.parametrize("data", [b"", b"[]", b"{", b"\xff", b"amsal telah bergabung", b"[" * 100_000])
def test_what_is_no_reply_is_told(data: bytes) -> None:
    with pytest.raises(NoReply):
        read_answer(data)


def test_boxes_may_have_anything_in_them() -> None:
    answer = read_answer(
        b'{"status": "OK", "messages": [{"msg_from": 7}, 8, {"file_name": "a", "msg": null}]}'
    )
    assert answer == Answer(True, "", [{"msg_from": 7}, {"file_name": "a", "msg": None}])
    text, file = map(read_entry, answer.messages)
    assert (text.msg_from, text.file) == ("7", None)
    assert file.file is not None
    assert (file.file.name, file.file.content, file.file.plain) == ("a", b"", True)
