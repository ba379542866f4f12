"""Logins a second with argon2id at its full cost, and sessions taken up again by their token."""

from __future__ import annotations

import os
import threading
import time
from pathlib import Path

from benchmarks.server import PASSWORD, Server

CLIENTS = 8
SECONDS = 8.0


def _count(work: list[float], server: Server, command: dict[str, str], *, anew: bool) -> None:
    """Log in until the time is over, over one connection or each time over a new one."""
    line = server.connect()
    end = time.perf_counter() + SECONDS
    while time.perf_counter() < end:
        if anew:
            line.socket.close()
            line = server.connect()
        line.ask(**command)
        work.append(time.perf_counter())
    line.socket.close()


def measure(server: Server, what: str, commands: list[dict[str, str]], *, anew: bool) -> None:
    work: list[float] = []
    threads = [
        threading.Thread(target=_count, args=(work, server, command), kwargs={"anew": anew})
        for command in commands
    ]
    before, start = server.processor_seconds(), time.perf_counter()
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    seconds = time.perf_counter() - start
    cost = (server.processor_seconds() - before) / len(work) * 1000
    print(
        f"logins: {len(work) / seconds:,.0f} {what} a second from {len(commands)} clients at once, "
        f"{cost:.2f} ms of processor each",
        flush=True,
    )


def main() -> None:
    with Server("--log-level", "warn", lab=False) as server:
        for task in Path(f"/proc/{server.process.pid}/task").iterdir():
            os.sched_setaffinity(int(task.name), os.sched_getaffinity(0))  # hashes use both processors
        tokens = []
        for number in range(CLIENTS):
            reply = server.connect().ask(do="register", user=f"u{number}", password=PASSWORD)
            tokens.append(reply["token"])
        logins = [{"do": "login", "user": f"u{number}", "password": PASSWORD} for number in range(CLIENTS)]
        measure(server, "logins with a password (argon2id, 19 MiB)", logins, anew=False)
        resumes = [{"do": "resume", "token": token} for token in tokens]
        measure(server, "sessions resumed, each over a new connection,", resumes, anew=True)


if __name__ == "__main__":
    main()
