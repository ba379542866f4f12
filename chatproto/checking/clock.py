"""The machine's clock: whether somebody keeps it right. Messages, sessions and certificates go by it."""

from __future__ import annotations

import ctypes
import time
from collections.abc import Iterator
from pathlib import Path

from chatproto.checking.findings import Finding, Setup, fail, ok, warn

#: What adjtimex() returns for a clock that nobody keeps right.
_ERROR = 5
#: Larger than any system's struct timex; all zeros ask and change nothing.
_TIMEX_BYTES = 1024
#: Differences up to this are no sign of a wrong clock.
_TOLERATED = 60.0


def check_clock(setup: Setup) -> Iterator[Finding]:
    """Compare the clock with the times of files, and ask the system whether it is kept right."""
    now = time.time()
    ahead = max((path.stat().st_mtime - now for path in _files(setup)), default=0.0)
    if ahead > _TOLERATED:
        yield fail("clock", f"is {ahead:.0f} s behind the store's files; set it before the realm starts")
    yield _kept_right(clock_state())


def behind_newest(newest: int) -> Finding | None:
    """Return what is wrong if the newest message, by its milliseconds, was sent in the future."""
    ahead = newest / 1000 - time.time()
    if ahead <= _TOLERATED:
        return None
    return fail("clock", f"is {ahead:.0f} s behind the newest message; set it before the realm starts")


def _files(setup: Setup) -> list[Path]:
    path = setup.database
    if path is None:
        return []
    return [each for each in (path, path.with_name(path.name + "-wal")) if each.exists()]


def _kept_right(state: int | None) -> Finding:
    if state is None or state < 0:
        return ok("clock", "the system does not tell whether it is synchronised")
    if state == _ERROR:
        return warn(
            "clock", "is not synchronised; run chrony or systemd-timesyncd (`timedatectl set-ntp true`)"
        )
    return ok("clock", "is synchronised")


def clock_state() -> int | None:
    """Return the state of Linux's clock, None where there is no such thing."""
    try:
        adjtimex = ctypes.CDLL(None).adjtimex
    except (OSError, AttributeError):
        return None
    state = adjtimex(ctypes.create_string_buffer(_TIMEX_BYTES))
    return int(state)
