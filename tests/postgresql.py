"""A real PostgreSQL server, from the system's packages, in a temporary folder and on a free port."""

from __future__ import annotations

import ctypes
import itertools
import os
import pwd
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from types import TracebackType
from typing import Any, Self
from urllib.parse import quote

#: Starting, recovering and stopping take a second at most where nothing else runs.
SECONDS = 30.0
USER = "chatproto"
_PR_SET_PDEATHSIG = 1
#: A role that has to give its password.
LOCKED, PASSWORD = "locked", "pw-locked-91"

_HBA = f"""
host all {LOCKED} 127.0.0.1/32 scram-sha-256
host all all 127.0.0.1/32 trust
local all all trust
"""


#: Leaves a store as it was when it had just been made; the triggers that hold references are not asked.
_EMPTY = """
DO $$ DECLARE name text; BEGIN
    SET LOCAL session_replication_role = replica;
    FOR name IN SELECT tablename FROM pg_tables WHERE schemaname = '{schema}'
        AND tablename NOT IN ('alembic_version', 'meta', 'state')
    LOOP EXECUTE 'DELETE FROM {schema}.' || name; END LOOP;
    UPDATE {schema}.state SET batch = 0, seq = 0, serial = 0;
END $$
"""


def find_programs() -> Path | None:
    """Return the folder of the server's programs. Debian keeps them off the path, one folder a version."""
    initdb = shutil.which("initdb")
    if initdb is not None:
        return Path(initdb).parent
    folders = Path("/usr/lib/postgresql").glob("*/bin/initdb")
    return max((path.parent for path in folders), key=lambda path: int(path.parent.name), default=None)


class PostgresServer:
    """A server; use it in a ``with`` statement. It runs as somebody else if this is root, as it has to.

    ``settings`` are lines of its configuration. Nothing is synced unless they say so: the tests stop
    processes, not machines.
    """

    def __init__(self, programs: Path, **settings: str) -> None:
        self._programs = programs
        self._user: dict[str, Any] = {}
        self.folder = Path(tempfile.mkdtemp(prefix="chatproto-pg-"))
        if os.geteuid() == 0:
            user = _unprivileged()
            self._user = {"user": user.pw_uid, "group": user.pw_gid, "extra_groups": ()}
            os.chown(self.folder, user.pw_uid, user.pw_gid)
        self.port = _free_port()
        self._process: subprocess.Popen[bytes] | None = None
        self._schemas = itertools.count(1)
        self._emptied: list[str] = []
        self._log = self.folder / "log"
        with self._log.open("wb"):
            pass
        self._settings = {
            "listen_addresses": "127.0.0.1",
            "unix_socket_directories": str(self.folder),
            "port": str(self.port),
            "shared_buffers": "16MB",
            "max_connections": "60",
            "fsync": "off",
            **settings,
        }
        # Names that are ordered by a language show that ours are not.
        icu = "--icu-locale" in self._run("initdb", "--help")
        locale = ("--locale-provider=icu", "--icu-locale=en") if icu else ()
        self._run(
            *("initdb", "-D", "data", "-U", USER, "-A", "trust", "-E", "UTF8", "--no-sync"),
            *("--locale=C.UTF-8", *locale),
        )
        self.write("pg_hba.conf", _HBA)
        self.start()
        self.execute(f"CREATE ROLE {LOCKED} LOGIN PASSWORD '{PASSWORD}'", f"CREATE DATABASE {USER}")

    def _run(self, program: str, *arguments: str) -> str:
        done = subprocess.run(
            [self._programs / program, *arguments],
            cwd=self.folder,
            capture_output=True,
            text=True,
            timeout=2 * SECONDS,
            check=False,
            **self._user,
        )
        assert done.returncode == 0, done.stderr
        return str(done.stdout)

    def write(self, name: str, text: str) -> None:
        """Write a file for the server alone; names are meant from its data."""
        path = self.folder / "data" / name
        path.write_text(text)
        path.chmod(0o600)
        if self._user:
            os.chown(path, self._user["user"], self._user["group"])

    def set_up(self, **settings: str) -> None:
        """Restart with other settings."""
        self._settings |= settings
        self.stop()
        self.start()

    def start(self) -> None:
        """Start the server and return when it takes connections."""
        until = time.monotonic() + SECONDS
        while not self._started(until):
            # The last life's processes need a moment to notice that it ended.
            assert time.monotonic() < until, self.log()
            time.sleep(0.05)

    def _started(self, until: float) -> bool:
        said = [f"-c{name}={value}" for name, value in self._settings.items()]
        with self._log.open("ab") as log:
            self._process = process = subprocess.Popen(
                [self._programs / "postgres", "-D", self.folder / "data", *said],
                cwd=self.folder,
                stdout=log,
                stderr=log,
                preexec_fn=_end_with_parent,  # noqa: PLW1509 - it is one system call
                **self._user,
            )
        while process.poll() is None:
            if self._accepts():
                return True
            assert time.monotonic() < until, self.log()
            time.sleep(0.02)
        return False

    def _accepts(self) -> bool:
        import psycopg

        try:
            psycopg.connect(self.url(database="postgres"), connect_timeout=2).close()
        except psycopg.OperationalError:
            return False
        return True

    def stop(self, sign: int = signal.SIGINT) -> None:
        """End the server: SIGINT throws out its clients, SIGQUIT is a crash, SIGKILL that of one process."""
        process, self._process = self._process, None
        if process is not None:
            process.send_signal(sign)
            process.wait(SECONDS)

    def log(self) -> str:
        """Return what the server said."""
        return self._log.read_text(errors="replace")

    def url(self, *, schema: str = "", database: str = USER, user: str = USER, tcp: int = 0) -> str:
        """Return the URL of a store, over the server's Unix socket or a TCP port."""
        where = f"{user}@127.0.0.1:{tcp}/{database}" if tcp else f"{user}@/{database}"
        query = [] if tcp else [f"host={quote(str(self.folder), safe='')}", f"port={self.port}"]
        query += [f"options=-csearch_path%3D{schema}"] if schema else []
        return f"postgresql://{where}?{'&'.join(query)}"

    def new_schema(self) -> str:
        """Make an empty place for a store; return its name."""
        name = f"place_{next(self._schemas)}"
        self.execute(f"CREATE SCHEMA {name}", database=USER)
        return name

    def used_schema(self) -> str:
        """Return a place with the tables of a store and nothing in them, if there is one, or an empty one.

        To make tables takes the server longer than most tests do.
        """
        return self._emptied.pop() if self._emptied else self.new_schema()

    def empty_schema(self, schema: str) -> None:
        """Make a place that nobody uses any more ready for another test of the same realm."""
        self.execute(_EMPTY.format(schema=schema), database=USER)
        self._emptied.append(schema)

    def execute(self, *statements: str, database: str = "postgres") -> list[tuple[Any, ...]]:
        """Carry out statements; return the rows of the last one."""
        import psycopg

        with psycopg.connect(self.url(database=database), autocommit=True) as connection:
            rows: list[tuple[Any, ...]] = []
            for statement in statements:
                cursor = connection.execute(statement.encode())
                rows = cursor.fetchall() if cursor.description else []
        return rows

    def close(self) -> None:
        """End the server and remove everything."""
        self.stop(signal.SIGQUIT)
        shutil.rmtree(self.folder, ignore_errors=True)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()


def _end_with_parent() -> None:
    """Let the server end when the tests are killed; only Linux can do that."""
    if sys.platform == "linux":
        ctypes.CDLL(None).prctl(_PR_SET_PDEATHSIG, signal.SIGQUIT)


def _unprivileged() -> pwd.struct_passwd:
    for name in ("postgres", "nobody"):
        try:
            return pwd.getpwnam(name)
        except KeyError:
            continue
    raise AssertionError("there is no user that a server could run as")


def _free_port() -> int:
    with socket.socket() as found:
        found.bind(("127.0.0.1", 0))
        port: int = found.getsockname()[1]
        return port
