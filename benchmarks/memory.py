"""Resident memory of the server per idle connection that is logged in, at 2,000 connections."""

from __future__ import annotations

import resource
import time

from benchmarks.server import Server, pin_load

CONNECTIONS = 2_000
#: Connections made before counting, so that what a server needs once is not counted.
FIRST = 50


def main() -> None:
    pin_load()
    _, most = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (most, most))
    with Server("--limit", "connections=5000", "--log-level", "warn") as server:
        lines = [server.connect().login("messi") for _ in range(FIRST)]
        for line in lines:
            line.ask(do="listen")
        time.sleep(1)
        before = server.resident_bytes()
        start = time.perf_counter()
        for _ in range(CONNECTIONS):
            line = server.connect().login("henderson")
            line.ask(do="listen")
            lines.append(line)
        seconds = time.perf_counter() - start
        time.sleep(1)
        each = (server.resident_bytes() - before) / CONNECTIONS / 1024
        print(
            f"memory: {each:.1f} KiB resident per idle connection, logged in and listening, at {CONNECTIONS} "
            f"connections ({CONNECTIONS / seconds:,.0f} logins/s one after the other, lab hashing)"
        )


if __name__ == "__main__":
    main()
