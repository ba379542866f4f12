"""``chatproto check``: every fault is produced, and found."""

from __future__ import annotations

import os
import re
import shutil
import socket
import sqlite3
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
from twisted.internet.defer import Deferred
from twisted.internet.task import Clock

from chatproto.checking import Level, check
from chatproto.checking.disk import _kind, file_system, sync_seconds
from chatproto.checking.findings import Finding
from chatproto.configuration import settings_from_flags
from chatproto.executors import InlineExecutor
from chatproto.realm import PasswordHasher, Realm
from chatproto.store import SqlStore
from chatproto.store.database import Database
from chatproto.store.postgresql import PostgresqlDatabase
from chatproto.store.sqlite import SqliteDatabase
from chatproto.testing.store_contract.rows import batch, conversation, entry, message
from tests.authority import Authority, write_key
from tests.postgresql import PASSWORD, PostgresServer
from tests.serving import SECONDS, Server, chatproto, environment

LOCAL = "client=tcp:0:interface=127.0.0.1"


class Found:
    """The findings of one check."""

    def __init__(self, findings: list[Finding]) -> None:
        self.findings = findings

    def __str__(self) -> str:
        return "\n".join(map(str, self.findings))

    def texts(self, level: Level, what: str = "") -> list[str]:
        return [each.text for each in self.findings if each.level is level and each.what.startswith(what)]

    def failed(self, what: str) -> str:
        """Return the one failure of a subject."""
        (text,) = self.texts(Level.FAIL, what)
        return text

    def warned(self, what: str) -> str:
        (text,) = [text for text in self.texts(Level.WARN, what) if "another free port" not in text]
        return text


def found(
    *, listen: tuple[str, ...] = (LOCAL,), limit: tuple[str, ...] = (), passwords: int = 0, **flags: Any
) -> Found:
    flags = {"realm": "alpha", "store": "memory:", **flags}
    file = flags.pop("file", None)
    settings = settings_from_flags(listen=listen, limit=limit, **flags)
    return Found(list(check(settings, file, passwords)))


def wait(awaitable: Any, clock: Clock) -> Any:
    results: list[Any] = []
    Deferred.fromCoroutine(awaitable).addBoth(results.append)
    clock.pump([0] * 20)
    return results[0]


@contextmanager
def realm_on(database: Database, *, cheap: bool = True, **passwords: str) -> Iterator[SqlStore]:
    """A realm of this process, with users; it is closed at the end."""
    clock = Clock()
    clock.advance(time.time())
    store = SqlStore(database, InlineExecutor(), InlineExecutor())
    hasher = PasswordHasher(InlineExecutor(), cheap=cheap)
    realm = wait(Realm.open("alpha", store, clock, hasher=hasher), clock)
    for user, password in passwords.items():
        wait(realm.add_user(user, password), clock)
    yield store
    wait(realm.close(), clock)


def sqlite(path: Path) -> SqliteDatabase:
    return SqliteDatabase(path, 2, Clock())


@pytest.fixture
def store(tmp_path: Path) -> str:
    """The URL of a realm's store, in which there is a message."""
    folder = tmp_path / "data"
    folder.mkdir(mode=0o700)
    # As `chatproto serve` has it: SQLite's own files take after the database.
    with realm_on(sqlite(folder / "alpha.db"), messi="correct horse battery") as open_store:
        open_store.commit(batch(100, entry(conversation(1), message(1))))
    return f"sqlite:///{folder / 'alpha.db'}"


def path_of(store: str) -> Path:
    return Path(store.removeprefix("sqlite:///"))


def change(store: str, statement: str) -> None:
    connection = sqlite3.connect(path_of(store))
    with connection:
        connection.execute(statement)
    connection.close()


# -- nothing wrong


def test_a_good_set_up_has_no_fault_and_is_not_changed(store: str) -> None:
    folder = path_of(store).parent
    before = {path.name: (path.stat().st_mtime_ns, path.stat().st_size) for path in folder.iterdir()}
    result = found(store=store, passwords=10)
    assert result.texts(Level.FAIL) == []
    assert "no usual one among 1 of 1 accounts" in result.texts(Level.OK, "passwords")
    assert "is up to date (schema" in str(result)
    assert {path.name: (path.stat().st_mtime_ns, path.stat().st_size) for path in folder.iterdir()} == before


def test_a_set_up_before_its_first_start_has_no_fault(tmp_path: Path) -> None:
    result = found(store=f"sqlite:///{tmp_path / 'data' / 'alpha.db'}")
    assert result.texts(Level.FAIL) == []
    assert "is not there yet; the first start makes it" in result.texts(Level.OK, "store")
    assert not (tmp_path / "data").exists()


def test_it_goes_with_a_running_realm(tmp_path: Path) -> None:
    at = ("--realm", "alpha", "--store", f"sqlite:///{tmp_path / 'alpha.db'}")
    with Server(*at, "--listen", LOCAL) as server:
        port = server.ports[0]
        done = chatproto("check", *at, "--listen", f"client=tcp:{port}:interface=127.0.0.1")
        assert done.returncode == 0, done.stdout
        assert f"ok   realm: alpha runs as process {server.process.pid}\n" in done.stdout
        assert f"ok   listen.client tcp:{port}:interface=127.0.0.1: is open; the realm runs\n" in done.stdout
        assert "is held by the running realm" in done.stdout
        other = chatproto("check", *at[2:], "--realm", "beta", "--listen", LOCAL, "--quiet")
        assert other.returncode == 1
        assert "is the realm alpha, not beta" in other.stdout
        assert "ok " not in other.stdout
        assert server.stop() == 0


def test_every_line_says_how_bad_it_is_and_the_exit_code_the_worst(tmp_path: Path) -> None:
    done = chatproto("check", "--realm", "alpha", "--store", "memory:", "--listen", LOCAL)
    assert (done.returncode, done.stderr) == (0, "")
    assert {line.split()[0] for line in done.stdout.splitlines()} <= {"ok", "warn"}
    assert all(": " in line for line in done.stdout.splitlines())
    wrong = tmp_path / "wrong.toml"
    wrong.write_text('realm = "alpha"\nnonsense = 1\n')
    done = chatproto("check", "--config", str(wrong))
    assert (done.returncode, done.stderr) == (1, "")
    assert done.stdout.startswith(f"FAIL configuration: {wrong}: nonsense: unknown key")
    done = chatproto("check", "--config", str(tmp_path / "missing.toml"))
    assert (done.returncode, done.stdout.count("\n")) == (1, 1)


def test_a_warning_that_is_known_can_be_left_out_and_a_failure_cannot(tmp_path: Path) -> None:
    options = ("check", "--realm", "alpha", "--store", "memory:", "--listen", LOCAL, "--quiet")
    said = chatproto(*options).stdout
    assert "keeps nothing when the realm ends" in said
    other = [line for line in said.splitlines() if "keeps nothing" not in line]
    assert chatproto(*options, "--ignore", "keeps nothing").stdout.splitlines() == other
    wrong = ("check", "--realm", "Alpha", "--ignore", "realm", "--ignore", "configuration")
    done = chatproto(*wrong)
    assert (done.returncode, done.stdout[:5]) == (1, "FAIL ")
    assert chatproto(*options, "--ignore", "").returncode == 2


# -- listeners


def test_a_port_in_use_is_told_with_who_has_it() -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        text = found(listen=(f"client=tcp:{port}:interface=127.0.0.1",)).failed("listen.client")
    assert text.startswith(f"is in use by process {os.getpid()} (")
    assert found(listen=(f"client=tcp:{port}:interface=127.0.0.1",)).texts(Level.OK, "listen") == ["is free"]


def test_an_address_of_another_machine_and_one_named_twice_are_told() -> None:
    foreign = found(listen=("client=tcp:8889:interface=192.0.2.1",), insecure=True)
    assert foreign.failed("listen").startswith("this machine has no such address")
    twice = found(listen=("client=tcp:48889:interface=127.0.0.1",) * 2)
    assert twice.failed("listen") == "is named twice; leave one out"


def test_a_low_port_is_refused_to_who_may_not(tmp_path: Path) -> None:
    if os.geteuid() != 0 or Path("/proc/sys/net/ipv4/ip_unprivileged_port_start").read_text().strip() == "0":
        pytest.skip("takes root that gives up its rights")
    asked = [
        "check",
        "--realm",
        "alpha",
        "--store",
        "memory:",
        "--listen",
        "client=tcp:81:interface=127.0.0.1",
    ]
    become = "import chatproto.cli.check, os; os.setgid(65534); os.setuid(65534)"
    done = subprocess.run(
        [sys.executable, "-c", f"{become}; from chatproto.cli import main; main({asked})"],
        env=environment(),
        capture_output=True,
        text=True,
        timeout=SECONDS,
        check=False,
    )
    assert "FAIL listen.client tcp:81:interface=127.0.0.1: ports below 1024 need" in done.stdout, done.stderr


def test_unix_sockets_are_tried_too(tmp_path: Path) -> None:
    path = tmp_path / "socket"
    assert found(listen=(f"client=unix:{path}",)).texts(Level.OK, "listen") == ["is free"]
    with socket.socket(socket.AF_UNIX) as taken:
        taken.bind(str(path))
        taken.listen()
        assert found(listen=(f"client=unix:{path}",)).failed("listen").startswith("somebody else listens")
    assert found(listen=(f"client=unix:{path}",)).texts(Level.OK, "listen") == ["is free"]  # a dead one's
    assert "is not there" in found(listen=(f"client=unix:{tmp_path}/missing/socket",)).failed("listen")
    (tmp_path / "file").write_text("mine")
    assert "no socket" in found(listen=(f"client=unix:{tmp_path}/file",)).failed("listen")


def test_plain_tcp_beyond_this_machine_is_a_failure_and_one_that_was_asked_for_a_warning() -> None:
    refused = found(listen=("client=tcp:0",))
    assert "passwords would cross the network" in refused.failed("configuration")
    assert "is in use" not in str(refused)
    assert len(refused.findings) > 5  # the rest is looked at all the same
    asked = found(listen=("client=tcp:0",), insecure=True)
    assert asked.texts(Level.FAIL) == []
    assert asked.warned("listen").startswith("plain TCP beyond this machine")


def test_metrics_that_others_reach_are_told(tmp_path: Path) -> None:
    listen = (LOCAL, f"metrics=ssl:0:selfSigned={tmp_path}:host=localhost")
    assert found(listen=listen).warned("listen.metrics").startswith("asks nobody for a password")


def test_a_class_room_that_others_reach_is_told(tmp_path: Path) -> None:
    result = found(listen=("client=tcp:0",), insecure=True, lab=True)
    assert result.failed("lab").startswith("its users have a password that everybody knows")
    assert result.warned("registration").startswith("is open")
    closed = found(listen=("client=tcp:0",), insecure=True)
    assert closed.texts(Level.WARN, "registration") == []


# -- TLS


def tls(key: Path, certificate: Path) -> tuple[str, ...]:
    return (f"client=ssl:0:interface=127.0.0.1:privateKey={key}:certKey={certificate}",)


def test_a_good_certificate_is_told_with_its_names(tmp_path: Path) -> None:
    result = found(listen=tls(*Authority().write(tmp_path, "chat.example.org")))
    (text,) = result.texts(Level.OK, "tls")
    assert "for chat.example.org, valid for 29 days" in text
    assert result.texts(Level.FAIL) == []


def test_faults_of_certificates_are_told(tmp_path: Path) -> None:
    authority = Authority()
    ended = authority.write(tmp_path / "ended", "localhost", days=-1)
    assert ": expired on " in found(listen=tls(*ended)).failed("tls")
    soon = authority.write(tmp_path / "soon", "localhost", days=3)
    assert ": expires in " in found(listen=tls(*soon)).warned("tls")
    nameless = authority.write(tmp_path / "nameless")
    assert "names no host" in found(listen=tls(*nameless)).warned("tls")
    key, certificate = authority.write(tmp_path / "other", "localhost")
    assert "does not belong to" in found(listen=tls(soon[0], certificate)).failed("tls")
    key.chmod(0o644)
    assert "chmod o=" in found(listen=tls(key, certificate)).warned("tls")
    key.unlink()
    assert "No such file" in found(listen=tls(key, certificate)).failed("tls")
    write_key(key, authority.key, b"secret phrase")
    assert "has a passphrase" in found(listen=tls(key, certificate)).failed("tls")


# -- the store


def test_stores_that_are_not_this_realms_are_told(store: str, tmp_path: Path) -> None:
    result = found(realm="beta", store=store)
    assert result.failed("store").startswith("belongs to the realm alpha, not to beta")
    other = tmp_path / "other.db"
    sqlite3.connect(other).execute("CREATE TABLE notes (text)").connection.close()
    other.chmod(0o600)
    assert found(store=f"sqlite:///{other}").failed("store").startswith("is not a store")
    other.write_text("a letter, long enough to look like a file of some other program" * 50)
    assert found(store=f"sqlite:///{other}").failed("store").startswith("is not a store")


def test_the_revision_of_a_store_is_told(store: str) -> None:
    change(store, "UPDATE alembic_version SET version_num = '0001'")
    assert "the next start brings it to" in found(store=store).warned("store")
    change(store, "UPDATE alembic_version SET version_num = '9999'")
    assert "written by a newer version" in found(store=store).failed("store")


def test_an_older_copy_is_told(store: str) -> None:
    change(store, "UPDATE state SET batch = 5")
    path_of(store).with_name("alpha.db.lock").write_text(f"{80:020}\n")
    assert "is an older copy: it ends at batch 5, and 80 was committed once" in found(store=store).failed(
        "store"
    )


def test_a_store_held_by_a_process_that_does_not_answer_is_told(store: str) -> None:
    with realm_on(sqlite(path_of(store))):
        text = found(store=store).failed("store")
    assert text.startswith(f"is held by process {os.getpid()} (")
    assert text.endswith("alpha.db.control; end it")
    assert found(store=store).texts(Level.FAIL) == []


def test_what_a_crash_left_is_read_too(store: str) -> None:
    path = path_of(store)
    with realm_on(sqlite(path)) as open_store:
        open_store.commit(batch(200, entry(message(2))))
        crashed = path.parent / "crashed.db"
        for end in ("", "-wal", "-shm"):
            shutil.copy(path.with_name(path.name + end), crashed.with_name(crashed.name + end))
    crashed.with_name("crashed.db.lock").write_text(f"{201:020}\n")
    result = found(store=f"sqlite:///{crashed}")
    assert "it ends at batch 200, and 201 was committed once" in result.failed("store")


def test_a_store_in_memory_is_told() -> None:
    assert found(store="memory:").warned("store").startswith("keeps nothing when the realm ends")


def test_faults_of_the_control_socket_are_told(tmp_path: Path) -> None:
    control = tmp_path / "alpha.control"
    control.write_text("mine")
    assert (
        found(control=str(control)).failed("control") == "there is something that is no socket; move it away"
    )
    control.unlink()
    with socket.socket(socket.AF_UNIX) as silent:
        silent.bind(str(control))
        control.chmod(0o600)
        silent.listen()

        def hang_up() -> None:
            silent.accept()[0].close()

        thread = threading.Thread(target=hang_up)
        thread.start()
        text = found(control=str(control)).failed("control")
        thread.join()
    assert text.startswith("the realm does not answer")
    assert found(control=str(control)).texts(Level.FAIL) == []  # a dead realm's


# -- PostgreSQL


def test_a_realm_in_postgresql_is_looked_at(postgres: PostgresServer, tmp_path: Path) -> None:
    schema = postgres.new_schema()
    url = postgres.url(schema=schema)
    control = str(tmp_path / "alpha.control")
    empty = found(store=url, control=control)
    assert "is empty; the first start makes its tables" in empty.texts(Level.OK, "store")
    with realm_on(PostgresqlDatabase(url, 2), messi="messi"):
        pass
    result = found(store=url, control=control, passwords=10)
    assert any(text.startswith("PostgreSQL ") for text in result.texts(Level.OK, "store"))
    assert any("is up to date" in text for text in result.texts(Level.OK, "store"))
    assert result.warned("passwords").startswith("messi has one")
    # The tests' own server is told to be quick and unsafe.
    assert result.failed("store").startswith("the server runs with fsync=off")
    assert "belongs to the realm alpha" in str(found(realm="beta", store=url, control=control))
    (tmp_path / "alpha.control.newest").write_text(f"{10**6:020}\n")
    assert "is an older copy" in str(found(store=url, control=control))


def test_who_holds_a_store_in_postgresql_is_told(postgres: PostgresServer, tmp_path: Path) -> None:
    place = ("--store", postgres.url(schema=postgres.new_schema()), "--control", str(tmp_path / "control"))
    options = ("--realm", "alpha", *place, "--listen", LOCAL)
    with Server(*options):
        running = chatproto("check", *options).stdout
        elsewhere = chatproto("check", *options, "--control", str(tmp_path / "other")).stdout
    assert re.search(r"^ok   store .*: is held by the running realm, from .* \(process \d+ of", running, re.M)
    assert re.search(
        r"^FAIL store .*: is held by a process from .* \(process \d+ of .* end it$", elsewhere, re.M
    )
    assert "is held by" not in chatproto("check", *options).stdout


def test_a_server_that_cannot_be_reached_is_told_without_its_password(
    postgres: PostgresServer, tmp_path: Path
) -> None:
    control = str(tmp_path / "alpha.control")
    with socket.socket() as closed:
        closed.bind(("127.0.0.1", 0))
        port = closed.getsockname()[1]
        away = found(store=f"postgresql://messi:{PASSWORD}@127.0.0.1:{port}/alpha", control=control)
    assert away.failed("store").startswith("cannot be reached: ")
    wrong = found(
        store=f"postgresql://locked:not-{PASSWORD}@127.0.0.1:{postgres.port}/chatproto", control=control
    )
    assert wrong.failed("store").startswith("cannot be reached: ")
    assert PASSWORD not in str(away) + str(wrong)


def test_another_programs_database_is_told(postgres: PostgresServer, tmp_path: Path) -> None:
    schema = postgres.new_schema()
    postgres.execute(f"CREATE TABLE {schema}.notes (text text)", database="chatproto")
    result = found(store=postgres.url(schema=schema), control=str(tmp_path / "alpha.control"))
    assert "is another program's database" in str(result)


def test_missing_libraries_are_told(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setitem(sys.modules, "prometheus_client", None)
    monkeypatch.setitem(sys.modules, "psycopg", None)
    monkeypatch.delitem(sys.modules, "chatproto.store.postgresql")  # it was imported with them
    listen = (LOCAL, "metrics=tcp:0:interface=127.0.0.1")
    result = found(store="postgresql:///alpha", control=str(tmp_path / "c"), listen=listen)
    assert result.failed("extras") == "prometheus_client is not installed; `pip install 'chatproto[metrics]'`"
    assert result.failed("store").endswith("is not installed: pip install 'chatproto[postgresql]'")


# -- clock and disk


def test_a_clock_that_is_behind_is_told(store: str) -> None:
    newest = int((time.time() + 3600) * 1000)
    change(store, f"UPDATE messages SET at = {newest}")
    assert "behind the newest message" in found(store=store).failed("clock")
    change(store, f"UPDATE messages SET at = {newest - 7_200_000}")
    os.utime(path_of(store), (time.time() + 3600,) * 2)
    assert "behind the store's files" in found(store=store).failed("clock")


@pytest.mark.skipif(not Path("/dev/shm").is_dir(), reason="needs a file system in memory")
def test_a_disk_in_memory_is_told() -> None:
    assert file_system(Path("/dev/shm")) == "tmpfs"
    assert "is memory" in found(store="sqlite:////dev/shm/chatproto-of-a-test/alpha.db").warned("disk")


def test_a_full_disk_and_one_that_takes_no_file_are_told() -> None:
    failures = found(store="sqlite:////proc/alpha.db").texts(Level.FAIL, "disk /proc")
    assert "0 MiB free; a realm that cannot store refuses messages; make room" in failures
    if os.geteuid() == 0:
        assert any("cannot be written and synced" in text for text in failures)


def test_a_full_disk_for_files_refuses_files(store: str) -> None:
    failures = found(store=store, files="/proc/files").texts(Level.FAIL, "files")
    assert "0 MiB free; a realm that cannot store refuses files; make room" in failures


def test_network_file_systems_are_no_place_for_sqlite() -> None:
    for kind in ("nfs4", "cifs", "fuse.sshfs"):
        assert _kind("disk", kind, sqlite=True).level is Level.FAIL
        assert _kind("disk", kind, sqlite=False).level is Level.WARN
    assert _kind("disk", "ext4", sqlite=True).level is Level.OK


def test_a_sync_is_timed(tmp_path: Path) -> None:
    assert 0 < sync_seconds(tmp_path) < SECONDS
    assert list(tmp_path.iterdir()) == []


# -- permissions and limits


@pytest.mark.parametrize("name", ["alpha.db", "alpha.db.lock"])
def test_files_that_others_may_read_are_told(store: str, name: str) -> None:
    path_of(store).with_name(name).chmod(0o644)
    text = found(store=store).failed("permissions")
    assert text.startswith("others than its owner may read or change it; `chmod go= ")


def test_a_folder_that_others_may_write_to_is_told(store: str) -> None:
    path_of(store).parent.chmod(0o777)
    assert "chmod go-w" in found(store=store).failed("permissions")


def test_a_file_of_another_user_is_told(store: str) -> None:
    if os.geteuid() != 0:
        pytest.skip("takes root")
    os.chown(path_of(store).parent, 65534, 65534)
    texts = found(store=store).texts(Level.FAIL, "permissions")
    assert texts
    assert all(text.startswith("belongs to root, and its folder to nobody; `chown nobody ") for text in texts)


def test_a_configuration_with_a_password_is_nobody_elses(tmp_path: Path) -> None:
    file = tmp_path / "alpha.toml"
    file.write_text("")
    control = str(tmp_path / "c")
    secret = "postgresql://messi:between-us@127.0.0.1:1/alpha"
    file.chmod(0o644)
    result = found(store=secret, control=control, file=file)
    assert "everybody may read the store's password" in result.failed("permissions")
    assert "between-us" not in str(result)
    file.chmod(0o640)
    assert found(store=secret, control=control, file=file).texts(Level.FAIL, "permissions") == []
    file.chmod(0o646)
    assert "everybody may change it" in found(file=file).failed("permissions")


def test_more_connections_than_files_are_told() -> None:
    assert "set LimitNOFILE=" in found(limit=("connections=1000000000",)).warned("limits")


# -- passwords


def test_passwords_that_everybody_tries_first_are_told(tmp_path: Path) -> None:
    path = tmp_path / "alpha.db"
    with realm_on(sqlite(path), Messi="messi", lineker="123456", amsal="quite another one", beckham="alpha"):
        pass
    store = f"sqlite:///{path}"
    weak = found(store=store, passwords=10).texts(Level.WARN, "passwords")
    assert [text.split()[0] for text in weak] == ["messi", "lineker", "beckham"]
    assert "`chatproto user passwd messi --generate`" in weak[0]
    assert len(found(store=store, passwords=2).texts(Level.WARN, "passwords")) == 2
    assert found(store=store).texts(Level.WARN, "passwords") == []
    abroad = found(store=store, listen=("client=tcp:0",), insecure=True)
    assert abroad.warned("passwords").startswith("4 were stored by a lab")


def test_hashes_of_full_cost_are_no_labs(tmp_path: Path) -> None:
    path = tmp_path / "alpha.db"
    with realm_on(sqlite(path), cheap=False, amsal="quite another one"):
        pass
    store = f"sqlite:///{path}"
    result = found(store=store, listen=("client=tcp:0",), insecure=True, passwords=1)
    assert result.texts(Level.WARN, "passwords") == []
    assert result.texts(Level.OK, "passwords") == ["no usual one among 1 of 1 accounts"]
