"""Settings that work and are better not left as they are, and what is missing to use them."""

from __future__ import annotations

import importlib.util
import platform
import resource
import sqlite3
from collections.abc import Iterator

from cryptography.hazmat.backends.openssl.backend import backend

import twisted
from chatproto.checking.findings import Finding, Setup, fail, ok, warn
from chatproto.checking.processes import open_files
from chatproto.listeners import METRICS, PEER, TIPE
from chatproto.protocols.peer_factory import STRANGERS
from chatproto.realm import Registration
from chatproto.version import VERSION

#: The oldest SQLite with as many variables in a statement as the store uses.
_SQLITE = (3, 32, 0)
#: Files that a realm has open beside its connections: store, logs, sockets, the reactor's own.
_OTHER_FILES = 64


def check_versions(setup: Setup) -> Iterator[Finding]:
    """Tell what is installed."""
    openssl = backend.openssl_version_text()
    yield ok(
        "versions",
        f"chatproto {VERSION}, Python {platform.python_version()}, Twisted {twisted.__version__}, "
        f"SQLite {sqlite3.sqlite_version}, {' '.join(openssl.split()[:2])}",
    )
    if setup.database is not None and sqlite3.sqlite_version_info < _SQLITE:
        yield fail("versions", f"SQLite {sqlite3.sqlite_version} is too old; use a Python with 3.32 or newer")
    if openssl.startswith("OpenSSL 1."):
        yield warn("versions", "this OpenSSL gets no repairs any more; `pip install --upgrade cryptography`")


def check_extras(setup: Setup) -> Iterator[Finding]:
    """Look for the library that metrics need; that of a store is missed by the store."""
    asked = any(listener.name == METRICS for listener in setup.config.listeners)
    if asked and importlib.util.find_spec("prometheus_client") is None:
        yield fail("extras", "prometheus_client is not installed; `pip install 'chatproto[metrics]'`")


def check_limits(setup: Setup) -> Iterator[Finding]:
    """Compare the files that the process may have open with the connections that it may accept."""
    wanted = _OTHER_FILES + 2 * len(setup.config.peers)
    for each in setup.config.listeners:
        wanted += {METRICS: 0, PEER: STRANGERS}.get(each.name, each.limits.connections)
    running = setup.running
    allowed = None if running is None else open_files(running.pid)
    if allowed is None:
        # The realm raises its own bound as far as it may.
        allowed = resource.getrlimit(resource.RLIMIT_NOFILE)[1]
    if allowed != resource.RLIM_INFINITY and allowed < wanted:
        yield warn(
            "limits",
            f"{allowed} files may be open, and {wanted} connections and files may be wanted; "
            "set LimitNOFILE= in the unit, or `connections` in [limits] lower",
        )
    else:
        yield ok("limits", f"{wanted} connections and files fit")


def check_openness(setup: Setup) -> Iterator[Finding]:
    """Name what is meant for a class room, where others than this machine can reach it."""
    config = setup.config
    if all(listener.loopback for listener in config.listeners):
        return
    if config.lab:
        yield fail(
            "lab", "its users have a password that everybody knows, and other machines reach it; leave it out"
        )
    if config.older.tipe_open and any(each.name in TIPE and not each.loopback for each in config.listeners):
        yield fail("older", "tipe_open lets everybody read and write in the name of everybody; leave it out")
    if config.registration is Registration.OPEN:
        yield warn("registration", "is open, and whoever reaches the realm may make accounts; close it")
