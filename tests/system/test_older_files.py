"""Files of older clients over real sockets, byte for byte, read in pieces as small as theirs."""

from __future__ import annotations

import base64
import hashlib
import json
import os
import re
import socket
import threading
import time
from pathlib import Path

from tests.system.conftest import StartRealm
from tests.system.older import OlderClient, Transcript
from tests.system.running import RunningRealm, encoded

SENT = '{"status": "OK", "message": "File Sent"}'
EMPTY = '{"status": "OK", "messages": {}}'
NOTHING = '{"status": "OK", "messages": []}'
NEITHER = "the content of a file has to be base64, as it is or as b'...'"
KIB = 1024
MIB = 1024 * KIB
#: What the desktop client reads at a time; the others read 1024.
DESKTOP = 64


def entry(name: str, content: str, to: str = "Jordan Henderson", group: str = "") -> dict[str, str]:
    """Return the entry of a file of messi's."""
    shown = {"msg_from": "Lionel Messi", "msg_to": to, "file_name": name, "file_content": content}
    return shown | ({"group": group} if group else {})


def inbox(*entries: dict[str, str]) -> str:
    """Return the reply to ``inbox`` with such entries, each a string that holds an object."""
    return json.dumps({"status": "OK", "messages": {"messi": [json.dumps(each) for each in entries]}})


def content_of(data: bytes) -> str:
    """Return a content as the older clients write it."""
    return repr(base64.b64encode(data))


def auth(client: OlderClient, user: str) -> str:
    return str(json.loads(client.ask(f"auth {user} surabaya \r\n"))["tokenid"])


def test_b2_a_file(server: RunningRealm) -> None:
    with OlderClient(server) as messi, OlderClient(server, DESKTOP) as henderson:
        replay = Transcript()
        replay(messi, "auth messi surabaya \r\n", '{"status": "OK", "tokenid": "<T1>"}')
        replay(henderson, "auth henderson surabaya \r\n", '{"status": "OK", "tokenid": "<T2>"}')
        replay(messi, "sendfile <T1> henderson surat.txt b'aGFsbw=='\r\n", SENT)
        assert henderson.hears_nothing()
        replay(henderson, "inbox <T2> \r\n", inbox(entry("surat.txt", "b'aGFsbw=='")))
        replay(henderson, "inbox <T2> \r\n", EMPTY)
        taken = {"status": "OK", "messages": [json.dumps(entry("surat.txt", "b'aGFsbw=='"))]}
        replay(henderson, "receivefile <T2> \r\n", json.dumps(taken))
        replay(henderson, "receivefile <T2> \r\n", NOTHING)
        replay(messi, "addgroup <T1> tim \r\n", '{"status": "OK", "message": "Add group successful"}')
        replay(messi, "sendgroupfile <T1> tim a\\b\\c.txt b''\r\n", SENT)
        replay(messi, "inbox <T1> \r\n", inbox(entry("c.txt", "b''", to="Lionel Messi", group="tim")))
        replay(messi, "sendgroupfile <T1> henderson,nobody ../../x.txt aGFsbw==\r\n", SENT)
        replay(henderson, "inbox <T2> \r\n", inbox(entry("x.txt", "aGFsbw==")))


def test_errors(server: RunningRealm) -> None:
    with OlderClient(server) as messi, OlderClient(server) as henderson:
        replay = Transcript()
        wrong = '{"status": "ERROR", "message": "%s", "code": "%s"}'
        missing = "a file is sent with its content in base64 behind its name; the server opens no path"
        gone = wrong % ("Informasi tidak ditemukan", "%s")
        replay(messi, "sendfile henderson a.txt b'aGFsbw=='\r\n", gone % "not-logged-in")
        replay(messi, "receivefile \r\n", gone % "not-logged-in")
        replay(messi, "auth messi surabaya \r\n", '{"status": "OK", "tokenid": "<T1>"}')
        replay(
            messi,
            "sendfile <T1> nobody a.txt b'aGFsbw=='\r\n",
            wrong % ("User Tidak Ditemukan", "no-such-user"),
        )
        replay(messi, "sendgroupfile <T1> nogroup a.txt b'aGFsbw=='\r\n", gone % "no-such-group")
        replay(messi, "sendfile <T1> henderson\r\n", wrong % ("--Protocol Tidak Benar", "too-few-words"))
        replay(messi, "sendfile henderson /etc/hostname \r\n", wrong % (missing, "bad-field"))
        replay(messi, "sendfile <T1> henderson a.txt b'aGF'\r\n", wrong % (NEITHER, "bad-field"))
        replay(messi, "sendfile <T1> henderson a.txt b'a$Fs'\r\n", wrong % (NEITHER, "bad-field"))
        messi.socket.sendall(b"sendfile henderson a.txt \xff\xfe\r\n")
        assert json.loads(messi.hear())["code"] == "bad-request"
        replay(messi, "sendfile <T1> henderson a.txt b'aGFsbw=='\r\n", SENT)
        auth(henderson, "henderson")
        assert len(json.loads(henderson.ask("inbox \r\n"))["messages"]["messi"]) == 1


#: Sizes of files, and in what pieces their lines are sent, 0: in one.
SIZES = (
    (0, 1024),
    (1, 1024),
    (64 * KIB - 1, 1024),
    (64 * KIB, 0),
    (64 * KIB + 1, 1),
    (512 * KIB, 1024),
    (8 * MIB, 0),
)


def test_a_file_of_any_size_comes_as_it_was_sent(server: RunningRealm) -> None:
    with (
        OlderClient(server) as messi,
        OlderClient(server) as henderson,
        OlderClient(server, DESKTOP) as lineker,
    ):
        token = auth(messi, "messi")
        auth(henderson, "henderson")
        auth(lineker, "lineker")
        messi.socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        for size, piece in SIZES:
            content = content_of(os.urandom(size))
            line = f"sendgroupfile {token} henderson,lineker data.bin {content}\r\n".encode()
            for start in range(0, len(line), piece or len(line)):
                messi.socket.sendall(line[start : start + (piece or len(line))])
            assert messi.hear() == SENT + "\r\n\r\n"
            assert henderson.ask("inbox \r\n") == inbox(entry("data.bin", content)) + "\r\n\r\n"
            assert henderson.ask("inbox \r\n") == EMPTY + "\r\n\r\n"
            expected = inbox(entry("data.bin", content, to="Gary Lineker"))
            assert lineker.ask("inbox \r\n") == expected + "\r\n\r\n"


def test_two_files_and_a_text_in_one_packet(server: RunningRealm) -> None:
    contents = [content_of(os.urandom(100 * KIB)) for _ in range(2)]
    with OlderClient(server) as messi, OlderClient(server) as henderson:
        auth(messi, "messi")
        messi.say(
            f"sendfile henderson a {contents[0]}\r\nsend henderson  halo \r\n"
            f"sendfile henderson b {contents[1]}\r\n"
        )
        replies = [json.loads(reply)["message"] for reply in messi.hear_replies(3)]
        assert replies == ["File Sent", "Message Sent", "File Sent"]
        auth(henderson, "henderson")
        first, text, second = json.loads(henderson.ask("inbox \r\n"))["messages"]["messi"]
        assert [json.loads(each)["file_content"] for each in (first, second)] == contents
        assert text["msg"] == "halo"


def test_a_file_that_is_too_large_is_refused_and_the_connection_goes_on(server: RunningRealm) -> None:
    with OlderClient(server) as messi:
        token = auth(messi, "messi")
        too_large = content_of(bytes(8 * MIB + 1))
        reply = json.loads(messi.ask(f"sendfile {token} henderson a {too_large}\r\n"))
        assert (reply["status"], reply["code"]) == ("ERROR", "file-too-large")
        # The error is said as soon as the bound is passed, and what follows up to the line's end is skipped.
        messi.say("sendfile henderson a " + "A" * (13 * MIB) + "\r\ninbox \r\n")
        refused, box = messi.hear_replies(2)
        assert json.loads(refused)["code"] == "line-too-long"
        assert box == EMPTY


def test_before_login_lines_are_short(server: RunningRealm) -> None:
    with OlderClient(server) as stranger:
        stranger.say("sendfile henderson a " + "A" * 5000 + "\r\n")
        assert json.loads(stranger.hear())["code"] == "line-too-long"
        assert stranger.socket.recv(1) == b""
    with OlderClient(server) as messi, OlderClient(server) as other:
        token = auth(messi, "messi")
        # Who names a session on a new connection is no stranger, also after a restart.
        content = content_of(os.urandom(MIB))
        assert other.ask(f"sendfile {token} henderson a {content}\r\n") == SENT + "\r\n\r\n"
        server.kill()
        server.start()
    with OlderClient(server) as other, OlderClient(server) as henderson:
        assert other.ask(f"sendfile {token} henderson b {content}\r\n") == SENT + "\r\n\r\n"
        auth(henderson, "henderson")
        # What was acknowledged before the crash is there.
        assert henderson.ask("inbox \r\n") == inbox(entry("a", content), entry("b", content)) + "\r\n\r\n"


def test_a_box_of_files_comes_in_replies_of_bounded_size(server: RunningRealm) -> None:
    contents = [content_of(os.urandom(5 * MIB)) for _ in range(4)]
    with OlderClient(server) as messi, OlderClient(server, 65536) as henderson:
        auth(messi, "messi")
        auth(henderson, "henderson")
        for content in contents:
            assert messi.ask(f"sendfile henderson a {content}\r\n") == SENT + "\r\n\r\n"
        taken = []
        while (reply := henderson.ask("inbox \r\n")) != EMPTY + "\r\n\r\n":
            assert len(reply) <= 16 * MIB
            taken += [json.loads(each)["file_content"] for each in json.loads(reply)["messages"]["messi"]]
        assert taken == contents


def test_files_as_objects_by_option(start_realm: StartRealm) -> None:
    realm = start_realm("--file-entries", "object")
    with OlderClient(realm) as messi, OlderClient(realm) as henderson:
        auth(messi, "messi")
        auth(henderson, "henderson")
        messi.ask("sendfile henderson a.txt b'aGFsbw=='\r\n")
        expected = {"status": "OK", "messages": {"messi": [entry("a.txt", "b'aGFsbw=='")]}}
        assert henderson.ask("inbox \r\n") == json.dumps(expected) + "\r\n\r\n"


def test_what_a_new_client_uploads_is_in_the_box(server: RunningRealm) -> None:
    data = os.urandom(100 * KIB)
    sha256 = hashlib.sha256(data).hexdigest()
    with server.login("messi") as messi, OlderClient(server) as henderson:
        reply = messi.ask(do="upload", id=1, to="henderson", name="foto.png", size=len(data), sha256=sha256)
        assert reply["status"] == "OK", reply
        file = reply["file"]
        for start in range(0, len(data), 64 * KIB):
            piece = data[start : start + 64 * KIB]
            messi.socket.sendall(encoded(do="chunk", file=file, offset=start, size=len(piece)) + piece)
            written = messi.read()
            assert written is not None
            assert written["status"] == "OK"
        assert messi.ask(do="finish", id=2, file=file)["status"] == "OK"
        auth(henderson, "henderson")
        assert henderson.ask("inbox \r\n") == inbox(entry("foto.png", content_of(data))) + "\r\n\r\n"
        assert len(json.loads(henderson.ask("receivefile \r\n"))["messages"]) == 1


def resident(pid: int) -> int:
    """Return how much memory a process has, and had at most, in bytes."""
    status = Path(f"/proc/{pid}/status").read_text()
    return max(int(kib) for kib in re.findall(r"Vm(?:RSS|HWM):\s+(\d+) kB", status)) * KIB


def test_many_at_once_take_turns_and_the_memory_stays_bounded(server: RunningRealm) -> None:
    content = content_of(os.urandom(8 * MIB))
    before = resident(server.pid)
    failed: list[str] = []

    def send() -> None:
        with OlderClient(server) as client:
            auth(client, "messi")
            reply = client.ask(f"sendfile henderson a {content}\r\n")
            if reply != SENT + "\r\n\r\n":
                failed.append(reply)

    threads = [threading.Thread(target=send) for _ in range(12)]
    for thread in threads:
        thread.start()
    # Others are served meanwhile.
    with OlderClient(server) as lineker:
        auth(lineker, "lineker")
        waits = []
        while any(thread.is_alive() for thread in threads):
            start = time.monotonic()
            assert lineker.ask("inbox \r\n") == EMPTY + "\r\n\r\n"
            waits.append(time.monotonic() - start)
            time.sleep(0.01)
    for thread in threads:
        thread.join()
    assert not failed
    grown = resident(server.pid) - before
    print(f"grown by {grown / MIB:.0f} MiB; the longest wait was {max(waits) * 1000:.0f} ms")
    assert grown < 200 * MIB
