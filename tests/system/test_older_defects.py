"""What was wrong in system B's server, a test for each, on its own bytes and by clients that read so."""

from __future__ import annotations

import base64
import json
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.system.older import OlderClient
from tests.system.running import RunningRealm

HALO = repr(base64.b64encode(b"halo"))
UNKNOWN = "Informasi tidak ditemukan"


@pytest.fixture(scope="module")
def realm(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RunningRealm]:
    """Return a realm for all tests that leave it as they found it."""
    realm = RunningRealm(tmp_path_factory.mktemp("realm"))
    realm.start()
    yield realm
    realm.close()


@pytest.fixture
def messi(realm: RunningRealm) -> Iterator[Person]:
    with Person(realm, "messi") as person:
        yield person
        person.leave()


@pytest.fixture
def henderson(realm: RunningRealm) -> Iterator[Person]:
    with Person(realm, "henderson", 64) as person:
        yield person
        person.leave()


class Person(OlderClient):
    """A demo user of a realm who has logged in, and whose replies are read as values."""

    def __init__(self, realm: RunningRealm, name: str, size: int = 1024) -> None:
        super().__init__(realm, size)
        self.name = name
        self.token = self.tell(f"auth {name} surabaya \r\n")["tokenid"]

    def tell(self, text: str) -> dict[str, Any]:
        """Send bytes that are one command; return its reply, and see that nothing more comes."""
        [reply] = self.tell_all(text, 1)
        return reply

    def tell_all(self, text: str, count: int) -> list[dict[str, Any]]:
        """Send bytes that are so many commands; return their replies."""
        self.say(text)
        return [json.loads(reply) for reply in self.hear_replies(count)]

    def leave(self) -> None:
        """Leave an empty box and no session."""
        self.tell(f"auth {self.name} surabaya \r\n")
        self.tell("inbox \r\n")
        self.tell(f"logout {self.token}\r\n")
        self.tell("logout \r\n")

    def box(self) -> dict[str, list[Any]]:
        messages: dict[str, list[Any]] = self.tell(f"inbox {self.token} \r\n")["messages"]
        return messages


def texts(box: dict[str, list[Any]]) -> dict[str, list[str]]:
    return {sender: [entry["msg"] for entry in entries] for sender, entries in box.items()}


def refused(reply: dict[str, Any], message: str | None = None) -> bool:
    return reply["status"] == "ERROR" and (message is None or reply["message"] == message)


def test_no_password_is_in_the_store(server: RunningRealm) -> None:
    with Person(server, "messi") as messi:
        messi.tell("register ani rahasia123 Ani Indonesia\r\n")
    assert server.terminate() == 0
    kept = b"".join(path.read_bytes() for path in server.store.parent.glob("alpha.db*") if path.is_file())
    assert b"rahasia123" not in kept
    assert messi.token.encode() not in kept


def test_info_tells_no_token_and_no_password_and_works_when_mail_waits(
    messi: Person, henderson: Person
) -> None:
    messi.tell(f"send {messi.token} henderson  halo \r\n")
    for line in ("info \r\n", "info {} \r\n", "info\r\n"):
        reply = messi.tell(line)
        assert reply["message"].keys() == {"messi", "henderson"}
        assert reply["message"]["messi"] == {
            "username": "messi",
            "userdetail": {"nama": "Lionel Messi", "negara": "Argentina"},
        }
        for secret in (messi.token, henderson.token, "surabaya", "halo"):
            assert secret not in json.dumps(reply)
    assert texts(henderson.box()) == {"messi": ["halo"]}


def test_logout_ends_nobody_elses_session(messi: Person, henderson: Person) -> None:
    assert messi.tell("logout \r\n") == {"status": "OK"}
    assert refused(messi.tell(f"inbox {messi.token} \r\n"), UNKNOWN)
    assert refused(messi.tell("logout \r\n"), "Belum Login")
    assert henderson.box() == {}


def test_each_of_a_list_gets_an_entry_that_is_no_deeper(
    realm: RunningRealm, messi: Person, henderson: Person
) -> None:
    with Person(realm, "lineker") as lineker:
        messi.tell(f"sendgroup {messi.token} henderson,lineker,messi  halo \r\n")
        messi.tell(f"sendgroupfile {messi.token} henderson,lineker,messi a.txt {HALO}\r\n")
        names = {"Jordan Henderson": henderson, "Gary Lineker": lineker, "Lionel Messi": messi}
        for name, person in names.items():
            text, file = person.box()["messi"]
            assert text == {"msg_from": "Lionel Messi", "msg_to": name, "msg": "halo"}
            assert json.loads(file) == {
                "msg_from": "Lionel Messi",
                "msg_to": name,
                "file_name": "a.txt",
                "file_content": HALO,
            }


def test_a_group_that_is_there_keeps_its_members(messi: Person, henderson: Person) -> None:
    messi.tell(f"addgroup {messi.token} tim \r\n")
    henderson.tell(f"joingroup {henderson.token} tim \r\n")
    for person in (messi, henderson):
        assert refused(person.tell(f"addgroup {person.token} tim \r\n"), "Group sudah ada")
    messi.tell(f"sendgroup {messi.token} tim  rapat \r\n")
    assert texts(henderson.box()) == {"messi": ["rapat"]}


def test_inner_blanks_stay(messi: Person, henderson: Person) -> None:
    messi.tell(f"send {messi.token} henderson  a  b   c \r\n")
    assert texts(henderson.box()) == {"messi": ["a  b   c"]}


@pytest.mark.parametrize("verb", ["getrealmchat r2 messi", "check group messi bola other"])
def test_a_stranger_has_no_command_of_a_server(realm: RunningRealm, verb: str, henderson: Person) -> None:
    with OlderClient(realm) as stranger:
        assert refused(json.loads(stranger.ask(f"{verb}\r\n")), "**Protocol Tidak Benar")
    # Neither has somebody who logged in as a user.
    assert refused(henderson.tell(f"{verb}\r\n"), "**Protocol Tidak Benar")


@pytest.mark.parametrize(
    "line",
    [
        "server send messi henderson palsu",
        "server",
        "recvrealmprivatemsg messi r2 henderson palsu",
        "recvrealmgroupmsg messi r2 henderson,lineker palsu",
        f"recvfilerealm messi r2 henderson a.txt {HALO}",
        f"recvgroupfilerealm messi r2 henderson a.txt {HALO}",
    ],
)
def test_a_stranger_forges_nothing(realm: RunningRealm, henderson: Person, line: str) -> None:
    with OlderClient(realm) as stranger:
        assert refused(json.loads(stranger.ask(f"{line}\r\n")), "**Protocol Tidak Benar")
    assert henderson.box() == {}


@pytest.mark.parametrize(
    "text",
    [
        "server send amsal messi halo",
        "halo server",
        "check group ani bola other",
        "exit",
        "group bola",
        "{}",
        "info",
    ],
)
def test_words_of_a_text_mean_nothing(messi: Person, henderson: Person, text: str) -> None:
    assert messi.tell(f"send {messi.token} henderson  {text} \r\n")["message"] == "Message Sent"
    assert texts(henderson.box()) == {"messi": [text]}


@pytest.mark.parametrize(
    "line",
    [
        b"addrealm r2 127.0.0.1 1 \r\n",
        b"addrealm r2 127.0.0.1 seribu \r\n",
        b"addrealm r2 127.0.0.1 99999 \r\n",
        b"addrealm r2 no-such-host.invalid 8889 \r\n",
        b"sendfile %s henderson a.txt b'not base64!'\r\n",
        b"sendfile %s henderson a.txt b'aGFsbw\r\n",
        b"send %s henderson  \xff\xfe \r\n",
        b"auth messi \xff \r\n",
        b"sendgrouprealm %s r2 henderson,nobody  halo \r\n",
        b"sendprivaterealm %s r2 henderson  halo\r\n",
        b"getrealminbox %s r2 \r\n",
        b"\xff\xfe\r\n",
        b"\r\n",
        b" \r\n",
    ],
)
def test_what_cannot_be_done_is_answered_and_the_connection_goes_on(messi: Person, line: bytes) -> None:
    if b"%s" in line:
        line %= messi.token.encode()
    messi.socket.sendall(line)
    [reply] = messi.hear_replies(1)
    assert refused(json.loads(reply))
    assert messi.box() == {}


def test_commands_in_one_packet_and_in_pieces_are_all_answered_in_order(messi: Person) -> None:
    send = f"send {messi.token} messi "
    first, rest = f"{send} satu \r\nfoo\r\n{send} du", f"a \r\ninbox {messi.token} \r\nauth\r\nlogout \r\n"
    messi.say(first)
    assert [json.loads(reply)["status"] for reply in messi.hear_replies(2)] == ["OK", "ERROR"]
    replies = messi.tell_all(rest, 4)
    assert texts(replies[1]["messages"]) == {"messi": ["satu", "dua"]}
    assert replies[2]["message"] == "--Protocol Tidak Benar"
    assert replies[3] == {"status": "OK"}


def test_a_file_of_a_mebibyte_fits_into_its_line(messi: Person, henderson: Person) -> None:
    content = repr(base64.b64encode(bytes(range(256)) * 4096))
    assert messi.tell(f"sendfile {messi.token} henderson a.bin {content}\r\n")["message"] == "File Sent"
    # Small pieces, as the desktop client's, would take their time.
    henderson._size = 65536
    [entry] = henderson.box()["messi"]
    assert json.loads(entry)["file_content"] == content


def test_a_line_that_is_longer_than_any_may_be_is_answered_and_the_next_one_read(messi: Person) -> None:
    content = "A" * (13 * 1024 * 1024)
    first, second = messi.tell_all(
        f"sendfile {messi.token} messi a.bin {content}\r\ninbox {messi.token} \r\n", 2
    )
    assert refused(first)
    assert second == {"status": "OK", "messages": {}}
    first, second = messi.tell_all(
        f"send {messi.token} messi  {'A' * 100_000} \r\ninbox {messi.token} \r\n", 2
    )
    assert refused(first)
    assert second == {"status": "OK", "messages": {}}


@pytest.mark.parametrize(
    ("path", "name"),
    [
        ("app\\client\\upload\\surat.txt", "surat.txt"),
        ("..\\..\\surat.txt", "surat.txt"),
        ("../../surat.txt", "surat.txt"),
        ("/etc/passwd", "passwd"),
    ],
)
def test_of_a_path_only_its_last_part_is_a_name(
    realm: RunningRealm, messi: Person, henderson: Person, path: str, name: str
) -> None:
    for _ in range(2):
        messi.tell(f"sendfile {messi.token} henderson {path} {HALO}\r\n")
    assert [json.loads(entry)["file_name"] for entry in henderson.box()["messi"]] == [name, name]
    folder = realm.store.with_name("alpha.db.files")
    outside = [each for each in realm.store.parent.rglob(f"*{name}*") if folder not in each.parents]
    assert outside == []
    assert all(re.fullmatch(r"[\w.-]+", each.name) for each in Path(folder).rglob("*"))


def test_a_file_of_the_servers_own_is_never_opened(messi: Person, henderson: Person) -> None:
    assert refused(messi.tell("sendfile henderson /etc/passwd\r\n"))
    assert henderson.box() == {}


def test_a_restart_loses_nothing(server: RunningRealm) -> None:
    with Person(server, "messi") as messi:
        messi.tell(f"addgroup {messi.token} tim \r\n")
        messi.tell(f"send {messi.token} henderson  halo \r\n")
        messi.tell(f"sendfile {messi.token} henderson a.txt {HALO}\r\n")
        messi.tell("register ani rahasia Ani Indonesia\r\n")
        token = messi.token
    server.kill()
    server.start()
    with Person(server, "henderson") as henderson:
        assert len(henderson.box()["messi"]) == 2
        assert refused(henderson.tell(f"addgroup {token} tim \r\n"), "Group sudah ada")
        assert refused(henderson.tell("register ani x Ani Indonesia\r\n"), "User Sudah Ada")
