"""Every example runs as it says, as a process of its own, against a real server."""

from __future__ import annotations

import queue
import re
import socket
import subprocess
import sys
import threading
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path
from types import TracebackType
from typing import Self
from urllib.request import urlopen

import pytest

from tests.serving import ROOT, SECONDS, Connection, Server, chatproto, environment

EXAMPLES = ROOT / "examples"
CLIENT = "client=tcp:0:interface=127.0.0.1"
#: Enough for the bot to be killed five times on the way.
_PRAISES = 35


class Example:
    """A running example, talked to through its standard input and output."""

    def __init__(self, name: str, *arguments: str) -> None:
        self.process = subprocess.Popen(
            [sys.executable, str(EXAMPLES / name), *arguments],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            env=environment(PASSWORD="secret", CHATPROTO_PASSWORD="secret"),
            text=True,
        )
        self._lines: queue.Queue[str] = queue.Queue()
        self._thread = threading.Thread(target=self._read, daemon=True)
        self._thread.start()

    def _read(self) -> None:
        assert self.process.stdout is not None
        for line in self.process.stdout:
            self._lines.put(line.rstrip("\n"))

    def write(self, line: str) -> None:
        assert self.process.stdin is not None
        self.process.stdin.write(line + "\n")
        self.process.stdin.flush()

    def read(self, start: str) -> str:
        """Return what follows ``start`` in the first line that begins with it."""
        seen = []
        while True:
            try:
                seen.append(self._lines.get(timeout=SECONDS))
            except queue.Empty:
                raise AssertionError(f"no line begins with {start!r}: {seen}") from None
            if seen[-1].startswith(start):
                return seen[-1][len(start) :].strip()

    def end(self) -> int:
        """End its input and return its exit code."""
        assert self.process.stdin is not None
        self.process.stdin.close()
        return self.process.wait(SECONDS)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self.process.poll() is None:
            self.process.terminate()
            self.process.wait(SECONDS)
        self._thread.join(SECONDS)
        for pipe in (self.process.stdin, self.process.stdout):
            assert pipe is not None
            pipe.close()


@pytest.fixture(scope="module")
def port() -> Iterator[str]:
    with Server("--realm", "alpha", "--lab", "--store", "memory:", "--listen", CLIENT) as realm:
        yield str(realm.ports[0])


def test_the_smallest_realm_takes_a_message() -> None:
    with Example("one_realm.py", "0") as realm:
        port = realm.read("listening")
        with Example("raw_socket_client.py", port, "messi", "messi", "halo") as sender:
            sender.read("OK alpha/")


def test_the_raw_client_sends_to_the_raw_client(port: str) -> None:
    with Example("raw_socket_client.py", port, "raw1", "2") as listener:
        listener.read("listening since")
        for text in ("one", "two"):
            with Example("raw_socket_client.py", port, "raw2", "raw1", text) as sender:
                sender.read("OK alpha/")
                assert sender.end() == 0
            assert listener.read("raw2@alpha says") == text
        assert listener.end() == 0
    with Example("raw_socket_client.py", port, "raw2", "nobody", "text") as sender:
        sender.read("ERROR")


def test_the_echo_bot_answers_the_console_client(port: str) -> None:
    with (
        Example("echo_bot.py", f"127.0.0.1:{port}", "echo") as bot,
        Example("console_client.py", f"127.0.0.1:{port}", "amsal") as console,
    ):
        bot.read("echo@alpha is online")
        console.read("you are amsal@alpha")
        console.write("echo halo apa kabar")
        assert console.read("echo@alpha:") == "'halo apa kabar'"
        console.write("nobody halo")
        console.read("not sent: ")
        assert console.end() == 0


def test_the_web_site_tells_who_is_in_the_chat_and_ends_in_order(tmp_path: Path) -> None:
    store = tmp_path / "alpha.db"
    with Example("embedded_realm.py", "0", "0", str(store)) as site:
        chat, web = site.read("chat"), f"http://127.0.0.1:{site.read('web')}/"
        assert urlopen(web, timeout=SECONDS).read() == b"in the chat: nobody\n"
        with Connection(socket.create_connection(("127.0.0.1", int(chat)), SECONDS)) as messi:
            messi.ask(do="register", user="messi", password="secret")
            assert urlopen(web, timeout=SECONDS).read() == b"in the chat: messi\n"
            site.process.terminate()
            assert messi.read() is None
        assert site.process.wait(SECONDS) == 0
    assert store.exists()
    assert not store.with_name("alpha.db-wal").exists()  # the store was closed


def test_the_custom_store_has_every_message_after_a_crash(tmp_path: Path) -> None:
    journal = str(tmp_path / "alpha.journal")
    with Example("custom_store.py", "0", journal) as realm:
        port = realm.read("listening")
        for text in ("one", "two"):
            with Example("raw_socket_client.py", port, "messi", "messi", text) as sender:
                sender.read("OK")
        realm.process.kill()
        realm.process.wait(SECONDS)
    with (tmp_path / "alpha.journal").open("ab") as file:
        file.write(b"[3,9,9,[{")  # what a crash in the middle of a write leaves
    with Example("custom_store.py", "0", journal) as realm:
        assert history(realm.read("listening"), "messi", "messi") == ["one", "two"]


def history(port: str, user: str, other: str) -> list[str]:
    with logged_in(port, user) as connection:
        page = connection.ask(do="history", limit=200, **{"with": other})
        return [message["text"] for message in page["messages"]]


def logged_in(port: str, user: str, password: str = "secret") -> Connection:
    connection = Connection(socket.create_connection(("127.0.0.1", int(port)), SECONDS))
    assert connection.ask(do="login", user=user, password=password)["status"] == "OK"
    return connection


def next_text(connection: Connection) -> str:
    """Return the text of the next message, past the replies before it."""
    while True:
        line = connection.read()
        assert line is not None
        if line.get("event") == "message":
            return str(line["text"])


def test_the_tally_bot_counts_each_message_once_however_often_it_is_killed(port: str, tmp_path: Path) -> None:
    arguments = ("tally_bot.py", f"127.0.0.1:{port}", "tally", str(tmp_path / "tally.json"))
    for user in ("fan", "tally"):
        with Example("raw_socket_client.py", port, user, user, "now there is an account") as sender:
            sender.read("OK")
    heard: list[str] = []
    with logged_in(port, "fan") as fan:
        fan.ask(do="listen")
        for _ in range(_PRAISES):
            fan.write(do="send", to="tally", text="+1 messi")
        while len(heard) < _PRAISES:
            with Example(*arguments) as bot:
                heard += [next_text(fan) for _ in range(min(7, _PRAISES - len(heard)))]
                bot.process.kill()
        with Example(*arguments) as bot:
            fan.write(do="send", to="tally", text="score messi")
            heard.append(next_text(fan))
            fan.write(do="send", to="tally", text="last")
            assert next_text(fan) == f"messi has {_PRAISES} / score messi / messi has {_PRAISES}"
            fan.ask(do="block", address="tally")
            fan.ask(do="send", to="tally", text="score messi")
            bot.read("not sent: refused")
            fan.ask(do="unblock", address="tally")
            fan.write(do="send", to="tally", text="score lineker")
            assert next_text(fan) == "lineker has 0"
    assert heard == [f"messi has {number}" for number in [*range(1, _PRAISES + 1), _PRAISES]]


def test_the_file_drop_saves_what_it_is_sent_and_misses_nothing(
    port: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("CHATPROTO_PASSWORD", "surabaya")
    folder = tmp_path / "drop"
    folder.mkdir()
    arguments = ("file_drop.py", f"127.0.0.1:{port}", "drop", str(folder), "1")
    files = {"one.txt": b"1", "two.bin": bytes(600_000), "large.bin": bytes(600_000), "last.txt": b"2"}
    for name, data in files.items():
        (tmp_path / name).write_bytes(data)

    def send(*names: str) -> None:
        paths = [str(tmp_path / name) for name in names]
        place = f"127.0.0.1:{port}"
        sent = chatproto("send-file", place, "drop", *paths, "--user", "messi")
        assert (sent.returncode, sent.stderr) == (0, "")

    with Example(*arguments) as bot:
        bot.read("drop@alpha is online")
        send("one.txt", "two.bin")
        bot.read("messi@alpha saved one.txt, 1 bytes")
        bot.process.kill()
    send("large.bin", "last.txt")
    with Example(*arguments) as bot:
        bot.read("messi@alpha there is no room for large.bin")
        bot.read("messi@alpha saved last.txt, 1 bytes")
    saved = {each.name: each.read_bytes() for each in folder.iterdir() if not each.name.startswith(".")}
    assert saved == {name: data for name, data in files.items() if name != "large.bin"}
    with logged_in(port, "messi", "surabaya") as messi:
        page = messi.ask(do="history", **{"with": "drop"})
        answers = [each["text"] for each in page["messages"] if each["from"] == "drop@alpha"]
    assert [answer.partition(",")[0] for answer in answers] == [
        "saved one.txt",
        "saved two.bin",
        "there is no room for large.bin",
        "saved last.txt",
    ]


def test_the_plain_dialect_answers_as_in_the_tutorial() -> None:
    transcript = (ROOT / "docs" / "tutorial" / "plain.txt").read_text().splitlines()
    with ExitStack() as opened:
        port = opened.enter_context(Example("plain_dialect.py", "0")).read("listening")
        people = {}
        for line in transcript:
            who, said, text = line[0], line[1] == ">", line[3:]
            if who not in people:
                person = opened.enter_context(socket.create_connection(("127.0.0.1", int(port)), SECONDS))
                people[who] = opened.enter_context(person.makefile("rw", newline="\r\n"))
            if said:
                people[who].write(text + "\n")
                people[who].flush()
            else:
                assert re.sub(r"alpha/\w+", "alpha/...", people[who].readline()) == text + "\r\n"


def test_the_users_of_a_password_file_log_in_and_nobody_registers(tmp_path: Path) -> None:
    passwords = tmp_path / "passwords"
    with Example("password_file.py", "messi") as adding:
        passwords.write_text(f"messi:{adding.read('messi:')}\n")
        assert adding.end() == 0
    assert "secret" not in passwords.read_text()
    with Example("password_file.py", "0", str(passwords)) as realm:
        port = realm.read("listening")
        with logged_in(port, "messi") as messi:
            wrong = messi.ask(do="login", user="messi", password="surabaya")
            assert wrong["code"] == "login-failed"
            assert messi.ask(do="login", user="ani", password="secret")["code"] == "login-failed"
            refused = messi.ask(do="register", user="ani", password="secret")
            assert (refused["code"], str(passwords) in refused["message"]) == ("not-supported", True)


def test_every_example_says_how_to_run_it() -> None:
    for path in EXAMPLES.glob("*.py"):
        assert f"python examples/{path.name}" in path.read_text().split('"""')[1]


def test_two_realms_say_halo() -> None:
    lines = (EXAMPLES / "two_realms.py").read_text().splitlines()[1:]
    assert len([line for line in lines if line]) <= 20
    with Example("two_realms.py") as realms:
        realms.read("halo")
        assert realms.end() == 0


def test_a_message_goes_through_the_gateway() -> None:
    with Example("gateway.py") as realms:
        realms.read("halo")
        assert realms.end() == 0


def test_a_member_in_another_realm_posts_and_reads() -> None:
    with Example("group_across_realms.py") as realms:
        assert realms.read("in beta the post is") == "pending"
        realms.read("messi@beta in bola@alpha: text halo semua")
        assert realms.read("history in beta:") == "['halo semua']"
        assert realms.end() == 0


def test_a_bot_is_right_whatever_the_federation_does() -> None:
    with Example("federation_in_a_test.py") as example:
        assert example.read("everybody was told each score once,") == "with each of 10 seeds"
        assert example.end() == 0
