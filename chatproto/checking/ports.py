"""Whether the listeners can be opened, and who is in their place."""

from __future__ import annotations

import errno
import os
import socket
from collections.abc import Iterator
from pathlib import Path

from chatproto.checking.findings import Finding, Setup, fail, ok, warn
from chatproto.checking.processes import listening_process, name_of
from chatproto.endpoints import EndpointText
from chatproto.listeners import METRICS, Listener

_TCP = {"tcp": "", "tcp6": "::"}


def check_ports(setup: Setup) -> Iterator[Finding]:
    """Try to bind each address, and let go again."""
    seen: set[str] = set()
    for listener in setup.config.listeners:
        what = f"listen.{listener.name} {listener.endpoint}"
        parts = EndpointText.parse(listener.opens)
        if str(parts) in seen and parts.values[:1] != ("0",):
            yield fail(what, "is named twice; leave one out")
            continue
        seen.add(str(parts))
        if parts.kind in _TCP:
            yield _tcp(setup, what, parts)
        elif parts.kind == "unix":
            yield _unix(setup, what, parts)
        else:
            yield ok(what, f"cannot be tried, as {parts.kind} is not opened by a port or a path")
        yield from _exposed(listener, what)


def _exposed(listener: Listener, what: str) -> Iterator[Finding]:
    if listener.loopback:
        return
    if not listener.encrypted:
        yield warn(
            what, "plain TCP beyond this machine: everybody on the way reads along; use an ssl endpoint"
        )
    if listener.name == METRICS:
        yield warn(what, "asks nobody for a password; let a firewall keep out all but the one who collects")


def _tcp(setup: Setup, what: str, parts: EndpointText) -> Finding:
    port = int(parts.named.get("port") or parts.values[0])
    host = parts.named.get("interface", _TCP[parts.kind])
    if port == 0:
        return warn(what, "takes another free port at each start; clients would have to be told")
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    with socket.socket(family) as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((host, port))
        except OSError as error:
            return _not_bound(setup, what, port, error)
    return ok(what, "is free")


def _not_bound(setup: Setup, what: str, port: int, error: OSError) -> Finding:
    if error.errno == errno.EADDRINUSE:
        return _in_use(setup, what, listening_process(port))
    if error.errno == errno.EACCES:
        return fail(what, "ports below 1024 need AmbientCapabilities=CAP_NET_BIND_SERVICE; or choose another")
    if error.errno == errno.EADDRNOTAVAIL:
        return fail(what, "this machine has no such address; see `ip address`, or leave interface= out")
    return fail(what, f"cannot be opened: {error.strerror or error}")


def _in_use(setup: Setup, what: str, pid: int | None) -> Finding:
    running = setup.running
    if running is not None and pid in (running.pid, None):
        return ok(what, "is open; the realm runs")
    if pid is None:
        return fail(what, "is in use by a process of somebody else; as root this tells which")
    return fail(what, f"is in use by process {pid} ({name_of(pid)}); end that, or choose another port")


def _unix(setup: Setup, what: str, parts: EndpointText) -> Finding:
    path = Path(parts.named.get("address") or parts.values[0])
    if not path.parent.is_dir() or not os.access(path.parent, os.W_OK):
        return fail(what, f"the folder {path.parent} is not there, or may not be written to; make it")
    if path.exists() and not path.is_socket():
        return fail(what, "there is something that is no socket; move it away")
    with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as probe:
        try:
            probe.connect(str(path))
        except OSError:
            return ok(what, "is free")
    if setup.running is not None:
        return ok(what, "is open; the realm runs")
    return fail(what, "somebody else listens there; choose another path")
