"""``chatproto store``: copies, backups and what a store says of itself."""

from __future__ import annotations

import os
import sqlite3
import subprocess
import sys
from collections.abc import Callable
from contextlib import closing
from pathlib import Path
from typing import Any, NamedTuple

import pytest
import pytest_twisted
from msgspec import structs
from pytest_twisted import ensureDeferred
from twisted.internet import reactor as installed
from twisted.internet.defer import Deferred
from twisted.internet.task import Clock

from chatproto.cli import main
from chatproto.errors import StoreError
from chatproto.interfaces import IStore
from chatproto.names import RealmName
from chatproto.records import Batch, CursorRow, EpochRow, GroupRow, KeyRow, StreamRow
from chatproto.store import copying, open_database, open_store
from chatproto.store.keys import MAXIMUM
from tests.postgresql import PostgresServer
from tests.serving import Server, environment
from tests.store.places import arrival, cid, conversation, entry, item, login, member, message, refusal

reactor: Any = installed
ALPHA = RealmName("alpha")
FREE = "client=tcp:0:interface=127.0.0.1"

#: More than one piece of a table.
MESSAGES = 2500
TEXTS = ["halo", "\\N\t\\.\r\n", "é\U0001f600", ""]


class Done(NamedTuple):
    returncode: int
    stdout: str
    stderr: str


Command = Callable[..., Done]


@pytest.fixture
def command(capsys: pytest.CaptureFixture[str]) -> Command:
    """Return a function that runs the command in this process, which is quicker, and needs no reactor."""

    def run(*arguments: str) -> Done:
        mask = os.umask(0o022)
        capsys.readouterr()
        try:
            with pytest.raises(SystemExit) as ended:
                main(arguments)
        finally:
            os.umask(mask)
        assert isinstance(ended.value.code, int)
        return Done(ended.value.code, *capsys.readouterr())

    return run


@pytest.fixture(params=["sqlite", "postgresql"])
def url(request: pytest.FixtureRequest, tmp_path: Path) -> str:
    """Return the URL of a place for a store."""
    if request.param == "sqlite":
        return f"sqlite:///{tmp_path / 'alpha.db'}"
    server: PostgresServer = request.getfixturevalue("postgres")
    return server.url(schema=server.new_schema())


@pytest.fixture
def full(url: str) -> str:
    """Return the URL of a store with a row of every kind that differs between databases."""
    pytest_twisted.blockon(fill(url))
    return url


def fill(url: str) -> Deferred[None]:
    return Deferred.fromCoroutine(_fill(url))


async def _fill(url: str) -> None:
    store = open_store(url, reactor)
    await store.open(ALPHA)
    rows = [
        message(seq, text=TEXTS[seq % 4], kind="void" if seq == 9 else "text") for seq in range(1, MESSAGES)
    ]
    group = GroupRow("fans", "Fans", 1, "messi", 5, "topic", "all", "open", 0)
    more = [EpochRow(1, "first-life", 1, 1_700_000_000_000), group, member(1, "messi@alpha"), login(3)]
    more += [KeyRow("realm", bytes(range(32)), 5), StreamRow("beta", "items", "e1", "", 1, 0, 0, 2**52)]
    more += [item(1, 1), refusal("beta/7"), arrival(MESSAGES)]
    entries = [
        entry(conversation(1), *rows, *more),
        *(entry(cid("p", n, True)) for n in range(5)),
        entry(cid("q")),
    ]
    entries.append(entry(puts=(CursorRow("messi", "device", 7, 2**52),)))
    assert await store.commit(Batch(1, MESSAGES, 3, entries)) == []
    await store.close()


async def contents(store: IStore) -> list[Any]:
    return [
        await store.messages(1, 0, MAXIMUM, MAXIMUM, False, ()),
        await store.newest(1),
        await store.group("fans"),
        await store.login(login(3).token_hash),
        await store.cid("messi", "p", 4, True),
        await store.cid("messi", "q", 0, False),
        await store.cursor("messi", "device", 7),
        await store.epochs(),
        await store.key("realm"),
        await store.streams(),
        await store.outgoing("beta", 0, 9, 1000),
        await store.refusals(["beta/7"]),
        await store.arrived(["beta/1"]),
    ]


async def read(url: str) -> tuple[Any, list[Any]]:
    store = open_store(url, reactor)
    state = await store.open(ALPHA)
    found = await contents(store)
    await store.close()
    # Who knows what was committed differs: the file beside a SQLite store, the realm's own for PostgreSQL.
    return structs.replace(state, vouched=False), found


@ensureDeferred
async def test_a_copy_and_a_copy_of_it_are_the_same_store(
    command: Command, full: str, tmp_path: Path, postgres: PostgresServer
) -> None:
    here, there = f"sqlite:///{tmp_path / 'copy.db'}", postgres.url(schema=postgres.new_schema())
    for source, target in ((full, there), (there, here)):
        done = command("store", "copy", source, target)
        assert done.returncode == 0, done.stderr
        rows = dict(line.split("\t") for line in done.stdout.splitlines())
        assert rows["messages"] == str(MESSAGES)
        assert (rows["cid_runs"], rows["cids"], rows["meta"], rows["state"]) == ("1", "1", "1", "1")
        assert {rows[name] for name in ("keys", "streams", "outbox", "refusals")} == {"1"}
        assert done.stderr.startswith("copied everything up to batch 1; ")
    assert await read(full) == await read(there) == await read(here)
    assert (tmp_path / "copy.db").stat().st_mode & 0o077 == 0
    # The lock file of the copy vouches for it.
    assert int((tmp_path / "copy.db.lock").read_text()) == 1


@ensureDeferred
async def test_a_copy_is_served_as_after_a_restart(
    command: Command, full: str, postgres: PostgresServer, tmp_path: Path
) -> None:
    target = postgres.url(schema=postgres.new_schema())
    assert command("store", "copy", full, target).returncode == 0
    more = ("--lab", "--listen", FREE, "--control", str(tmp_path / "control"))
    with Server("--realm", "alpha", "--store", target, *more) as server, server.connect() as client:
        assert client.ask(do="login", user="messi", password="surabaya")["status"] == "OK"
        greeting = client.ask(do="listen", after=MESSAGES, epoch="first-life")
        # Serials go on above those of the copied rows, and so do seqs.
        assert greeting["status"] == "OK"
        sent = client.ask(do="send", to="lineker", text="after")
        assert sent["seq"] > MESSAGES - 1


def test_stores_in_use_are_not_copied(command: Command, full: str, tmp_path: Path) -> None:
    target = tmp_path / "target.db"
    more = ("--listen", FREE, "--control", str(tmp_path / "control"))
    with Server("--realm", "alpha", "--store", full, *more):
        done = [command("store", "copy", full, f"sqlite:///{target}")]
    done.append(command("store", "copy", full, full))
    for each in done:
        assert each.stderr.startswith("chatproto: store-in-use: ")
        assert each.stderr.count("\n") == 1
        assert (each.returncode, each.stdout) == (1, "")
    assert not target.exists()


@pytest.mark.parametrize(
    ("what", "told"),
    [
        ("full", "there is a store already"),
        ("missing", "there is no realm in this store"),
        ("other", "belongs to something else"),
        ("memory", "memory is nowhere"),
    ],
)
@ensureDeferred
async def test_what_cannot_be_copied_is_told_and_nothing_changes(
    command: Command, tmp_path: Path, what: str, told: str
) -> None:
    source, target = tmp_path / "source.db", tmp_path / "target.db"
    if what != "missing":
        await fill(f"sqlite:///{source}")
    if what == "full":
        assert command("store", "copy", f"sqlite:///{source}", f"sqlite:///{target}").returncode == 0
    elif what == "other":
        with closing(sqlite3.connect(target)) as other:
            other.execute("CREATE TABLE recipes (name TEXT)")
    to = "memory:" if what == "memory" else f"sqlite:///{target}"
    tables = tables_of(target)
    done = command("store", "copy", f"sqlite:///{source}", to)
    assert told in done.stderr
    assert done.stderr.count("\n") == 1
    assert (done.returncode, done.stdout) == (2 if what == "memory" else 1, "")
    assert tables_of(target) == tables
    assert source.exists() == (what != "missing")


def tables_of(path: Path) -> list[tuple[str]] | None:
    if not path.exists():
        return None
    with closing(sqlite3.connect(path)) as connection:
        return connection.execute("SELECT name FROM sqlite_master").fetchall()


@ensureDeferred
async def test_a_copy_that_fails_leaves_nothing(
    command: Command, postgres: PostgresServer, tmp_path: Path
) -> None:
    """A text that PostgreSQL cannot hold: no realm stores one, but a file may be anybody's."""
    path = tmp_path / "alpha.db"
    await fill(f"sqlite:///{path}")
    with closing(sqlite3.connect(path)) as connection:
        connection.execute("UPDATE messages SET text = 'secret' || char(0) WHERE seq = 2000")
        connection.commit()
    schema = postgres.new_schema()
    done = command("store", "copy", f"sqlite:///{path}", postgres.url(schema=schema))
    assert done.returncode == 1
    assert "cannot be made" in done.stderr
    assert "secret" not in done.stderr
    left = f"SELECT count(*) FROM pg_class WHERE relnamespace = '{schema}'::regnamespace"
    assert postgres.execute(left, database="chatproto") == [(0,)]


class TestBackup:
    @ensureDeferred
    async def test_it_is_the_store_and_only_its_owner_may_read_it(
        self, command: Command, full: str, tmp_path: Path
    ) -> None:
        copy = tmp_path / "copies" / "backup.db"
        copy.parent.mkdir()
        done = command("store", "backup", str(copy), "--store", full)
        assert (done.returncode, done.stdout) == (0, "")
        assert done.stderr == f"{copy} has everything up to batch 1\n"
        assert [path.name for path in copy.parent.iterdir()] == ["backup.db"]
        assert copy.stat().st_mode & 0o777 == 0o600
        assert await read(f"sqlite:///{copy}") == await read(full)

    def test_it_replaces_nothing(self, command: Command, full: str, tmp_path: Path) -> None:
        copy = tmp_path / "backup.db"
        copy.write_text("mine")
        done = command("store", "backup", str(copy), "--store", full)
        assert (done.returncode, done.stderr) == (
            1,
            f"chatproto: {copy} is there already, and is left as it is\n",
        )
        assert copy.read_text() == "mine"

    @pytest.mark.parametrize("what", ["missing", "empty", "folder"])
    def test_what_cannot_be_backed_up_is_told_and_leaves_nothing(
        self, command: Command, url: str, tmp_path: Path, what: str
    ) -> None:
        copy = tmp_path / ("nowhere" if what == "folder" else "copies") / "backup.db"
        (tmp_path / "copies").mkdir()
        if what == "empty" and url.startswith("sqlite"):
            (tmp_path / "alpha.db").touch()
        done = command("store", "backup", str(copy), "--store", url)
        assert done.returncode == 1
        assert done.stderr.count("\n") == 1
        assert list((tmp_path / "copies").iterdir()) == []
        assert (tmp_path / "alpha.db").exists() == (what == "empty" and url.startswith("sqlite"))

    def test_one_that_is_interrupted_leaves_nothing(
        self, full: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        def interrupt(path: Path) -> int:
            raise KeyboardInterrupt

        monkeypatch.setattr(copying, "_check", interrupt)
        (tmp_path / "copies").mkdir()
        database = open_database(full, Clock())
        with pytest.raises(KeyboardInterrupt):
            copying.back_up(database, tmp_path / "copies" / "backup.db", Clock())
        assert list((tmp_path / "copies").iterdir()) == []
        database.close()

    def test_one_that_is_killed_has_no_name_and_the_next_one_removes_it(
        self, command: Command, full: str, tmp_path: Path
    ) -> None:
        copies = tmp_path / "copies"
        copies.mkdir()
        program = (
            "import sys, time\n"
            "from chatproto.cli import main\n"
            "from chatproto.store import copying\n"
            "copying._check = lambda path: (print('copied', flush=True), time.sleep(60))\n"
            "main(sys.argv[1:])\n"
        )
        arguments = ("store", "backup", str(copies / "one.db"), "--store", full)
        killed = subprocess.Popen(
            [sys.executable, "-c", program, *arguments],
            env=environment(),
            stdout=subprocess.PIPE,
        )
        assert killed.stdout is not None
        with killed:
            assert killed.stdout.read(6) == b"copied"
            # One that is under way is left alone by another.
            assert command("store", "backup", str(copies / "two.db"), "--store", full).returncode == 0
            (left,) = copies.glob(".*")
            assert (left / "copy.db").exists()
            killed.kill()
        assert not (copies / "one.db").exists()
        assert command("store", "backup", str(copies / "one.db"), "--store", full).returncode == 0
        assert sorted(path.name for path in copies.iterdir()) == ["one.db", "two.db"]

    def test_a_file_that_came_meanwhile_is_not_replaced(
        self, full: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        path = tmp_path / "copies" / "backup.db"
        path.parent.mkdir()

        def create(copy: Path) -> int:
            path.write_text("mine")
            return 1

        monkeypatch.setattr(copying, "_check", create)
        database = open_database(full, Clock())
        with pytest.raises(FileExistsError):
            copying.back_up(database, path, Clock())
        database.close()
        assert path.read_text() == "mine"
        assert list(path.parent.iterdir()) == [path]

    @ensureDeferred
    async def test_a_damaged_store_is_told(self, tmp_path: Path) -> None:
        path = tmp_path / "alpha.db"
        await fill(f"sqlite:///{path}")
        data = bytearray(path.read_bytes())
        data[len(data) // 2 : len(data) // 2 + 8192] = b"\xff" * 8192
        path.write_bytes(data)
        database = open_database(f"sqlite:///{path}", Clock())
        with pytest.raises(StoreError, match=r"damaged|malformed"):
            copying.back_up(database, tmp_path / "backup.db", Clock())
        database.close()
        assert not (tmp_path / "backup.db").exists()


class TestInfo:
    def test_it_tells_what_there_is_also_of_a_realm_that_runs(
        self, command: Command, full: str, tmp_path: Path
    ) -> None:
        def said() -> dict[str, str]:
            done = command("store", "info", "--store", full)
            assert done.returncode == 0, done.stderr
            return dict(line.split("\t", 1) for line in done.stdout.splitlines())

        found = said()
        assert (found["realm"], found["batch"], found["seq"]) == ("alpha", "1", str(MESSAGES))
        assert found["rows messages"] == str(MESSAGES)
        assert int(found["size"]) > 100_000
        assert found["epoch"] == "1\tfirst-life\tfrom seq 1\t2023-11-14 22:13:20 UTC"
        more = ("--listen", FREE, "--control", str(tmp_path / "control"))
        with Server("--realm", "alpha", "--store", full, *more):
            assert said()["batch"] == "2"

    @pytest.mark.parametrize(
        ("arguments", "told", "code"),
        [
            ((), "store: expected one of --realm, --store and --config", 2),
            (("--store", "memory:"), "store: a store in memory", 2),
            (
                ("--store", "sqlite:////no/such/file.db"),
                "store: sqlite:////no/such/file.db: there is no store",
                1,
            ),
            (
                ("--store", "postgresql://a:secret@127.0.0.1:1/x"),
                "store: postgresql://a:***@127.0.0.1:1/x: ",
                1,
            ),
        ],
    )
    def test_what_is_no_store_is_told(
        self, command: Command, arguments: tuple[str, ...], told: str, code: int
    ) -> None:
        done = command("store", "info", *arguments)
        assert done.stderr.startswith(f"chatproto: {told}")
        assert done.stderr.count("\n") == 1
        assert (done.returncode, done.stdout) == (code, "")
        assert "secret" not in done.stderr
