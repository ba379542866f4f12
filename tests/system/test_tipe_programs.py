"""Our own programs for system A, in examples/older: what is typed, and what is shown."""

from __future__ import annotations

import os
import select
import subprocess
import sys
import time
from collections.abc import Iterator
from typing import Self

import pytest

from tests.serving import ROOT, SECONDS, environment
from tests.system.running import PASSWORD, RunningRealm
from tests.system.tipe import fresh

EXAMPLES = ROOT / "examples" / "older"


@pytest.fixture(scope="module")
def realm(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RunningRealm]:
    realm = RunningRealm(tmp_path_factory.mktemp("a"), listeners=("tipe", "tipe-main", "talk"))
    realm.start()
    try:
        yield realm
    finally:
        realm.close()
        print(realm.log())


class Program:
    """A program of examples/older, at a pipe."""

    def __init__(self, name: str, *arguments: str) -> None:
        self.process = subprocess.Popen(
            [sys.executable, str(EXAMPLES / name), *arguments],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            env=environment(),
            text=True,
        )
        self.shown = ""

    def type(self, *lines: str) -> None:
        assert self.process.stdin is not None
        self.process.stdin.write("".join(f"{line}\n" for line in lines))
        self.process.stdin.flush()

    def wait_for(self, text: str) -> None:
        assert self.process.stdout is not None
        until = time.monotonic() + SECONDS
        while text not in self.shown:
            assert time.monotonic() < until, self.shown
            if select.select([self.process.stdout], [], [], 1)[0]:
                piece = os.read(self.process.stdout.fileno(), 1)
                assert piece, self.shown
                self.shown += piece.decode()

    def end(self) -> str:
        """Return all that was shown."""
        rest, _ = self.process.communicate(timeout=SECONDS)
        return self.shown + rest

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.process.kill()
        self.process.communicate()


def as_user(realm: RunningRealm, user: str, *more: str) -> tuple[str, ...]:
    port = str(realm.ports["tipe"])
    return ("--host", "127.0.0.1", "--port", port, "--username", user, "--password", PASSWORD, *more)


def test_the_private_client(realm: RunningRealm) -> None:
    fresh(realm, "ani", "budi")
    with (
        Program("private_client.py", *as_user(realm, "ani")) as ani,
        Program(
            "private_client.py", *as_user(realm, "budi", "--to", "ani", "--message", "apa kabar?")
        ) as budi,
    ):
        ani.wait_for("> ")
        budi.wait_for("Pesan dikirim ke ani: apa kabar?\n")
        ani.type("/send budi halo  semua", "/send nobody x", "/send budi", "/apa", "/help")
        budi.wait_for("Pesan dari ani: halo  semua\n")
        ani.wait_for("/quit\n")
        ani.type("/quit")
        shown = ani.end()
        assert ani.process.returncode == 0
        assert budi.process.poll() is None
    for line in (
        "Pesan dikirim ke budi: halo  semua\n",
        "Pengguna tujuan tidak ditemukan\n",
        "Pemakaian: /send <to> <message>\n",
        "Perintah tidak dikenali. Ketik /help untuk daftar perintah.\n",
        "/send <to> <message>\n/help\n/quit\n",
    ):
        assert line in shown


def test_a_wrong_password_ends_the_client(realm: RunningRealm) -> None:
    arguments = as_user(realm, "messi", "--password", "x")
    with Program("private_client.py", *arguments) as client:
        assert client.end() == "Username atau password salah\n"
        assert client.process.returncode == 1


def test_the_group_client(realm: RunningRealm) -> None:
    fresh(realm, "cici", "dedi")
    with Program("group_client.py", *as_user(realm, "cici", "--create", "tim")) as cici:
        cici.wait_for('Membuat grup baru "tim"\n')
        with Program("group_client.py", *as_user(realm, "dedi")) as dedi:
            dedi.type("/join tim", "/send rapat jam satu", "/join nowhere", "/help")
            cici.wait_for("Pesan dari dedi: rapat jam satu\n")
            dedi.wait_for("/quit\n")
            cici.type("/send baik")
            dedi.wait_for("Pesan dari cici: baik\n")
            assert 'Bergabung dengan grup "tim"\n' in dedi.shown
            assert "Pesan dikirim ke grup: rapat jam satu\n" in dedi.shown
            assert "Grup tidak ditemukan\n" in dedi.shown
        arguments = as_user(realm, "dedi", "--message", "x", "--join", "tim")
        with Program("group_client.py", *arguments) as again:
            again.wait_for("Sudah menjadi anggota grup\n")


def test_two_callers(realm: RunningRealm) -> None:
    port = ("--port", str(realm.ports["talk"]))
    with Program("talk_caller.py", *port) as ani, Program("talk_caller.py", *port) as budi:
        ani.type("127.0.0.1", "ani")
        ani.wait_for("Enter your name: ")
        budi.type("127.0.0.1", "budi")
        for caller in (ani, budi):
            caller.wait_for(" is there\n")
        # Who came first begins, which may be either.
        ani.type("halo")
        budi.type("hai")
        budi.wait_for("ani: halo\n")
        ani.wait_for("budi: hai\n")
        budi.process.kill()
        budi.process.wait(SECONDS)
        ani.type("ada?")
        assert ani.end().startswith("Enter friend's IP address: Enter your name: ")


def test_caller_and_listener() -> None:
    with Program("talk_listener.py", "--port", "0") as listener:
        listener.type("budi")
        listener.wait_for("Waiting at port ")
        listener.wait_for("\n")
        port = listener.shown.rpartition("port ")[2].strip()
        with Program("talk_caller.py", "--port", port) as caller:
            caller.type("127.0.0.1", "ani")
            caller.wait_for("budi is there\n")
            listener.wait_for("ani is there\n")
            listener.type("halo")
            caller.wait_for("budi: halo\n")
            caller.type("hai")
            listener.wait_for("ani: hai\n")
