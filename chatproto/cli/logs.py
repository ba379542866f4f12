"""Logs of a process in the foreground: one line an event, on standard error or in a file."""

from __future__ import annotations

import os
import re
import sys
import threading
from datetime import UTC, datetime
from pathlib import Path
from typing import IO, Any, cast

from twisted.logger import (
    FileLogObserver,
    FilteringLogObserver,
    LogEvent,
    LogLevel,
    LogLevelFilterPredicate,
    eventAsText,
    globalLogBeginner,
)

from chatproto.faults import Discreet

#: Controls, line separators, marks of direction, and halves of surrogate pairs.
_CONTROLS = re.compile("[\x00-\x1f\x7f-\x9f\u061c\u200e\u200f\u2028-\u202e\u2066-\u2069\ud800-\udfff]")

#: What ``--log-level`` takes, from much to little.
LEVELS = ("debug", "info", "warn", "error", "critical")


class LogFile:
    """A file to append to that may be moved away at any time: the next line goes to a new one in its place.

    So whatever rotates logs need send no signal, and no line is lost between its steps.

    :raises OSError: the file cannot be opened.
    """

    def __init__(self, path: Path) -> None:
        self._path = path
        self._lock = threading.Lock()  # threads of a store log too
        self._file = self._open()

    def write(self, text: str) -> None:
        """Append text, in one piece."""
        with self._lock:
            self._follow()
            # A name may hold half of a surrogate pair.
            os.write(self._file, text.encode(errors="backslashreplace"))

    def flush(self) -> None:
        """Do nothing: everything is written at once."""

    def close(self) -> None:
        """Close the file."""
        os.close(self._file)

    def _open(self) -> int:
        return os.open(self._path, os.O_WRONLY | os.O_APPEND | os.O_CREAT | os.O_CLOEXEC, 0o600)

    def _follow(self) -> None:
        """Go on in a new file if another one, or none, stands at the path."""
        ours = os.fstat(self._file)
        try:
            if os.path.samestat(self._path.stat(), ours):
                return
        except OSError:
            pass
        try:
            new = self._open()
        except OSError:
            return  # a line in the old file is better than none
        os.close(self._file)
        self._file = new


def start_logging(level: str, path: Path | None = None) -> None:
    """Write events of at least ``level`` to standard error, or to a file, from now on.

    :raises OSError: the file cannot be opened.
    """
    predicate = LogLevelFilterPredicate(defaultLogLevel=LogLevel.levelWithName(level))
    # What Twisted tells of ports and of its main loop, the service says in the operator's words.
    for namespace in ("log_legacy", "twisted.internet.base"):
        predicate.setLogLevelForNamespace(namespace, max(LogLevel.warn, LogLevel.levelWithName(level)))
    file = sys.stderr if path is None else cast("IO[Any]", LogFile(path))
    observer = FilteringLogObserver(FileLogObserver(file, _line), [predicate])
    globalLogBeginner.beginLoggingTo([observer], redirectStandardIO=False)


def _line(event: LogEvent) -> str:
    """Return ``TIME LEVEL NAMESPACE: TEXT``; the further lines of a traceback are indented."""
    text = eventAsText(event, includeTraceback=False, includeTimestamp=False, includeSystem=False)
    failure = event.get("log_failure")
    if not text and failure is None:
        return ""
    time = datetime.fromtimestamp(event["log_time"], UTC).isoformat(timespec="milliseconds")
    level = event.get("log_level", LogLevel.info).name
    lines = [_escape(text)]
    if failure is not None:
        lines += [_escape(line) for line in Discreet(failure).getTraceback().rstrip().split("\n")]
    shown = "\n    ".join(lines)
    return f"{time.removesuffix('+00:00')}Z {level} {event.get('log_namespace', '-')}: {shown}\n"


def _escape(text: str) -> str:
    """Return text without what would end a line, move a cursor or turn text around."""
    return _CONTROLS.sub(lambda found: found[0].encode("unicode_escape").decode(), text)
