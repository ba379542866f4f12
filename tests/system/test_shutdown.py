"""SIGTERM: everything that was acknowledged is stored, everybody is told, and it does not take long."""

from __future__ import annotations

import signal
import socket
import sqlite3
import time
from contextlib import closing
from itertools import count

from tests.serving import Connection, chatproto
from tests.system.conftest import StartRealm
from tests.system.older import OlderClient
from tests.system.running import RunningRealm, encoded

#: A realm with nothing that holds it up ends in this time, with room for a busy machine.
QUICK = 2.0


def stored(realm: RunningRealm) -> list[tuple[str, str, int]]:
    with closing(sqlite3.connect(realm.store)) as store:
        return store.execute("SELECT mid, text, seq FROM messages ORDER BY seq").fetchall()


def rest_of(client: Connection) -> list[dict[str, object]]:
    """Return what still comes until the end of the connection."""
    lines = []
    while (line := client.read()) is not None:
        lines.append(line)
    return lines


def test_a_realm_under_load_ends_quickly_and_has_stored_what_it_acknowledged(server: RunningRealm) -> None:
    numbers = count()
    acknowledged = []
    with server.login("messi") as messi, server.login("lineker") as lineker:
        lineker.ask(do="listen", id="l")

        def send() -> None:
            number = next(numbers)
            messi.write(do="send", id=number, to="lineker", text=f"text {number}", cid=f"load:{number}")

        for _ in range(256):
            send()
        ends_at = time.monotonic() + 0.5
        while time.monotonic() < ends_at:
            reply = messi.read()
            assert reply is not None
            acknowledged.append(reply)
            send()
        started = time.monotonic()
        server.send_signal(signal.SIGTERM)
        acknowledged += rest_of(messi)
        heard = rest_of(lineker)
        assert server.wait() == 0
        assert time.monotonic() - started < QUICK
    # Nobody was listening at the sender's end, so it gets replies only: in order, all of them good.
    assert [reply["re"] for reply in acknowledged] == list(range(len(acknowledged)))
    assert {reply["status"] for reply in acknowledged} == {"OK"}
    expected = [(reply["mid"], f"text {reply['re']}", reply["seq"]) for reply in acknowledged]
    # What was stored was also acknowledged: in a drain nobody is left in doubt.
    assert stored(server) == expected
    *events, goodbye = heard
    assert (goodbye["event"], goodbye["reason"]) == ("goodbye", "shutdown")
    # A listener is told messages without a gap; what it was not told it finds in the log.
    told = [(event["mid"], event["text"], event["seq"]) for event in events]
    assert told == expected[: len(told)]


def test_a_client_that_floods_and_does_not_read_still_gets_every_reply(server: RunningRealm) -> None:
    """A socket that is closed with unread input is reset, and the reset takes replies with it."""
    with server.login("messi") as messi:
        messi.socket.settimeout(0.2)
        for number in range(200_000):
            try:
                messi.write(do="send", id=number, to="lineker", text=f"text {number}", cid=f"flood:{number}")
            except TimeoutError:
                break  # the server has stopped reading, and both sockets are full
        messi.socket.settimeout(None)
        server.send_signal(signal.SIGTERM)
        acknowledged = [(reply["mid"], reply["seq"]) for reply in rest_of(messi)]
        assert server.wait() == 0
    assert acknowledged == [(mid, seq) for mid, _, seq in stored(server)]
    assert acknowledged


def test_clients_that_do_nothing_do_not_hold_it_up(server: RunningRealm) -> None:
    with server.dial() as silent, OlderClient(server) as older, server.login("messi") as messi:
        older.ask("auth henderson surabaya \r\n")
        started = time.monotonic()
        assert server.terminate() == 0
        assert time.monotonic() - started < QUICK
        assert silent.recv(1) == b""
        # An older client is never told what it did not ask.
        assert older.socket.recv(1) == b""
        assert rest_of(messi) == []


def test_a_listener_that_does_not_read_holds_it_up_for_seconds_only(server: RunningRealm) -> None:
    with server.dial() as stuck, server.login("messi") as messi:
        stuck.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
        stuck.sendall(encoded(do="login", user="lineker", password="surabaya"))
        stuck.sendall(encoded(do="listen"))
        time.sleep(0.2)
        for number in range(600):
            messi.write(do="send", to="lineker", text="x" * 16000, id=number)
        for _ in range(600):
            reply = messi.read()
            assert reply is not None
            assert reply["status"] == "OK"
        started = time.monotonic()
        assert server.terminate() == 0
        assert time.monotonic() - started < 5.0 + QUICK
    assert len(stored(server)) == 600


def test_nothing_is_accepted_after_the_signal_and_the_next_life_goes_on_at_once(server: RunningRealm) -> None:
    with server.login("messi") as messi:
        first = messi.ask(do="send", to="lineker", text="one", cid="a:1")
        assert server.terminate() == 0
        assert not server.store.with_name("alpha.db-wal").exists()
    server.start()
    with server.login("messi") as messi:
        assert messi.ask(do="send", to="lineker", text="one", cid="a:1") == first
        second = messi.ask(do="send", to="lineker", text="two", cid="a:2")
        assert second["seq"] > first["seq"]
        assert second["mid"] != first["mid"]


def test_a_second_realm_on_the_store_is_refused_and_the_first_does_not_notice(server: RunningRealm) -> None:
    options = ("--realm", "alpha", "--lab", "--listen", "client=tcp:0:interface=127.0.0.1")
    with server.login("messi") as messi:
        assert messi.ask(do="send", to="lineker", text="one")["status"] == "OK"
        second = chatproto("serve", *options, "--store", f"sqlite:///{server.store}")
        assert (second.returncode, second.stdout) == (1, "")
        last = second.stderr.splitlines()[-1]
        assert last == f"chatproto: store-in-use: another process has sqlite:///{server.store} open"
        assert "Traceback" not in second.stderr
        assert messi.ask(do="send", to="lineker", text="two")["status"] == "OK"
    # The lock dies with its holder, however that ends.
    server.kill()
    server.start()
    assert [text for _, text, _ in stored(server)] == ["one", "two"]


def test_two_signals_end_it_as_well_as_one(start_realm: StartRealm) -> None:
    realm = start_realm()
    with realm.login("messi") as messi:
        messi.ask(do="listen")
        realm.send_signal(signal.SIGTERM)
        realm.send_signal(signal.SIGINT)
        assert realm.wait() == 0
