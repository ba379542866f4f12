"""Logs of a process in the foreground: one line an event on standard error."""

from __future__ import annotations

import sys
from datetime import UTC, datetime

from twisted.logger import (
    FileLogObserver,
    FilteringLogObserver,
    LogEvent,
    LogLevel,
    LogLevelFilterPredicate,
    eventAsText,
    globalLogBeginner,
)

#: What ``--log-level`` takes, from much to little.
LEVELS = ("debug", "info", "warn", "error", "critical")


def start_logging(level: str) -> None:
    """Write events of at least ``level`` to standard error from now on."""
    predicate = LogLevelFilterPredicate(defaultLogLevel=LogLevel.levelWithName(level))
    # What Twisted tells of ports and of its main loop, the service says in the operator's words.
    for namespace in ("log_legacy", "twisted.internet.base"):
        predicate.setLogLevelForNamespace(namespace, max(LogLevel.warn, LogLevel.levelWithName(level)))
    observer = FilteringLogObserver(FileLogObserver(sys.stderr, _line), [predicate])
    globalLogBeginner.beginLoggingTo([observer], redirectStandardIO=False)


def _line(event: LogEvent) -> str:
    """Return ``TIME LEVEL NAMESPACE: TEXT``; further lines, as of a traceback, are indented."""
    text = eventAsText(event, includeTimestamp=False, includeSystem=False)
    if not text:
        return ""
    time = datetime.fromtimestamp(event["log_time"], UTC).isoformat(timespec="milliseconds")
    level = event.get("log_level", LogLevel.info).name
    # What a peer sent may hold line ends; it must not look like an event of its own.
    shown = text.replace("\r", "\\r").replace("\n", "\n    ")
    return f"{time.removesuffix('+00:00')}Z {level} {event.get('log_namespace', '-')}: {shown}\n"
