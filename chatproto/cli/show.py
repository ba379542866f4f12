"""How far files are, on standard error: a bar for people, and for logs only why it waits."""

from __future__ import annotations

import sys
from collections.abc import Callable

from rich.console import Console
from rich.progress import Progress

from chatproto.cli.gauge import add, columns, update
from chatproto.cli.printing import printable
from chatproto.client import Progress as Step
from chatproto.client import Stage

#: A bar is drawn anew after so long.
_SECONDS = 0.1


class Show:
    """Shows one file at a time. ``seconds`` tells the time."""

    def __init__(self, seconds: Callable[[], float], *, quiet: bool) -> None:
        self._seconds = seconds
        self._quiet = quiet
        self._bar: Progress | None = None
        self._drawn_at = 0.0
        self._reason = ""

    def begin(self, title: str) -> Callable[[Step], None]:
        """Begin with a file; call what is returned with how far it is."""
        self._reason = ""
        if self._quiet:
            return lambda step: None
        if not sys.stderr.isatty():
            return lambda step: self._log(title, step)
        console = Console(stderr=True)
        bar = self._bar = Progress(
            *columns(console.width),
            console=console,
            auto_refresh=False,
            transient=True,
            get_time=self._seconds,
            expand=True,
        )
        task = add(bar, title)
        bar.start()

        def draw(step: Step) -> None:
            update(bar, task, step)
            if step.stage is Stage.WAITING or self._seconds() - self._drawn_at >= _SECONDS:
                self._drawn_at = self._seconds()
                bar.refresh()

        return draw

    def end(self) -> None:
        """Let nothing of it stay."""
        if self._bar is not None:
            self._bar.stop()
            self._bar = None

    def _log(self, title: str, step: Step) -> None:
        reason = step.reason if step.stage is Stage.WAITING else ""
        if reason and reason != self._reason:
            print(f"chatproto: {printable(title)} waits: {printable(reason)}", file=sys.stderr, flush=True)
        self._reason = reason or self._reason
