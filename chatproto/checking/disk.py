"""The disk that the realm's files are on: its kind, its room, and whether it keeps what it confirms."""

from __future__ import annotations

import os
import statistics
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path

from chatproto.checking.findings import Finding, Setup, fail, ok, warn

#: File systems on which SQLite's locks, or its shared memory, do not work between machines.
_NETWORK = frozenset({"nfs", "nfs4", "cifs", "smb3", "smbfs", "9p", "afs", "ceph", "fuse.sshfs", "glusterfs"})
_NETWORK_NAMES = ("fuse.glusterfs", "fuse.ceph", "fuse.s3fs", "virtiofs")
_MEMORY = frozenset({"tmpfs", "ramfs"})
#: Less room than this is soon none: a busy realm writes some megabytes a minute.
_LITTLE_BYTES = 1024**3
_NONE_BYTES = 64 * 1024**2
_LITTLE_FILES = 100
_SYNCS = 15
#: The quickest disks that keep what they confirm take some tens of microseconds.
_TOO_QUICK = 10e-6
#: A lone message waits for one sync.
_SLOW = 0.05


def check_disk(setup: Setup) -> Iterator[Finding]:
    """Look at the folder of the store, or at where it will be."""
    folder = _existing(setup.folder)
    if folder is None:
        return
    what = f"disk {folder}"
    kind = file_system(folder)
    yield _kind(what, kind, sqlite=setup.database is not None)
    yield from room_of(what, folder, "messages")
    if setup.database is not None and os.access(folder, os.W_OK):
        yield _sync(what, folder, kind)


def _existing(folder: Path | None) -> Path | None:
    while folder is not None and not folder.is_dir():
        folder = folder.parent
    return folder


def file_system(folder: Path) -> str:
    """Return the type of the file system that a folder is on, empty if the system does not tell."""
    try:
        lines = Path("/proc/self/mountinfo").read_text().splitlines()
    except OSError:
        return ""
    best, kind = Path(), ""
    for line in lines:
        before, _, after = line.partition(" - ")
        mounted = Path(before.split()[4].encode().decode("unicode_escape"))
        # Of several at one place the last one is what is seen.
        if folder.resolve().is_relative_to(mounted) and len(mounted.parts) >= len(best.parts):
            best, kind = mounted, after.split()[0]
    return kind


def is_network(kind: str) -> bool:
    """Tell whether a file system is that of another machine."""
    return kind in _NETWORK or kind in _NETWORK_NAMES


def _kind(what: str, kind: str, *, sqlite: bool) -> Finding:
    if is_network(kind):
        if sqlite:
            return fail(
                what,
                f"{kind} is a network file system, on which SQLite loses data; use a disk of this machine",
            )
        return warn(
            what, f"{kind} is a network file system; the lock and the control socket belong on a local disk"
        )
    if kind in _MEMORY:
        return warn(what, f"{kind} is memory: everything is lost when the machine stops; use a disk")
    if kind == "overlay":
        return warn(what, "overlay is a container's own layer and is deleted with it; mount a volume there")
    return ok(what, f"is on {kind or 'an unknown file system'}")


def room_of(what: str, folder: Path, stored: str) -> Iterator[Finding]:
    """Look at how much room there is where a folder is, in which ``stored`` are."""
    status = os.statvfs(folder)
    free = status.f_bavail * status.f_frsize
    shown = f"{free // 1024**2:,} MiB free"
    if free < _NONE_BYTES:
        yield fail(what, f"{shown}; a realm that cannot store refuses {stored}; make room")
    elif free < _LITTLE_BYTES:
        yield warn(what, f"{shown}; make room")
    else:
        yield ok(what, shown)
    if status.f_files and status.f_favail < _LITTLE_FILES:
        yield fail(
            what, f"only {status.f_favail} more files can be made; delete some, small ones count as well"
        )


def _sync(what: str, folder: Path, kind: str) -> Finding:
    try:
        seconds = sync_seconds(folder)
    except OSError as error:
        return fail(what, f"a file cannot be written and synced: {error.strerror}")
    shown = f"a sync takes {seconds * 1000:.2f} ms"
    if seconds < _TOO_QUICK and kind not in _MEMORY:
        return warn(what, f"{shown}: the disk confirms what it does not keep; switch write-back caching off")
    if seconds > _SLOW:
        return warn(what, f"{shown}, and each lone message waits for one; use a quicker disk")
    return ok(what, shown)


def sync_seconds(folder: Path) -> float:
    """Return what it takes to make a page of a new file durable, in the middle of some tries."""
    times = []
    with tempfile.TemporaryFile(dir=folder) as file:
        for _ in range(_SYNCS):
            file.write(b"x" * 4096)
            file.flush()
            begin = time.perf_counter()
            os.fdatasync(file.fileno())
            times.append(time.perf_counter() - begin)
    return statistics.median(times)
