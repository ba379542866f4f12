"""What Linux tells of processes under ``/proc``: who listens, who holds a lock, what a process may.

Everything here is None where it cannot be known: on another system, or without the right to look.
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path

_PROC = Path("/proc")
#: The number of the state LISTEN in the tables of sockets.
_LISTEN = "0A"


def name_of(pid: int) -> str:
    """Return what a process is called."""
    return _text(_PROC / str(pid) / "comm").strip() or "?"


def listening_process(port: int) -> int | None:
    """Return a process that listens at a TCP port."""
    sockets = {f"socket:[{inode}]" for inode in _listening_inodes(port)}
    if not sockets:
        return None
    for folder in _PROC.glob("[0-9]*/fd"):
        try:
            if any(str(file.readlink()) in sockets for file in folder.iterdir()):
                return int(folder.parent.name)
        except OSError:
            continue  # not ours to see, or gone
    return None


def _listening_inodes(port: int) -> Iterator[str]:
    for table in ("tcp", "tcp6"):
        for line in _text(_PROC / "net" / table).splitlines()[1:]:
            fields = line.split()
            if fields[3] == _LISTEN and int(fields[1].rpartition(":")[2], 16) == port:
                yield fields[9]


def lock_holder(path: Path) -> int | None:
    """Return the process that has a whole file locked, 0 if it is one that cannot be seen from here.

    Asked of the system's table, since trying the lock could keep a realm from starting.
    """
    status = path.stat()
    file = f"{os.major(status.st_dev):02x}:{os.minor(status.st_dev):02x}:{status.st_ino}"
    for line in _text(_PROC / "locks").splitlines():
        fields = line.split()
        if fields[1] == "FLOCK" and fields[5] == file:
            return max(int(fields[4]), 0)
    return None


def open_files(pid: int) -> int | None:
    """Return how many files a process may have open."""
    for line in _text(_PROC / str(pid) / "limits").splitlines():
        if line.startswith("Max open files"):
            number = line.split()[3]
            return int(number) if number.isdigit() else None
    return None


def _text(path: Path) -> str:
    try:
        return path.read_text()
    except OSError:
        return ""
