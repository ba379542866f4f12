"""How far files are, as bars that rich draws."""

from __future__ import annotations

import io
import os
from collections.abc import Callable, Mapping

from rich.console import Console
from rich.progress import (
    BarColumn,
    DownloadColumn,
    Progress,
    ProgressColumn,
    TaskID,
    TaskProgressColumn,
    TextColumn,
    TimeRemainingColumn,
    TransferSpeedColumn,
)
from rich.table import Column

from chatproto.cli.printing import printable
from chatproto.client import Progress as Step
from chatproto.client import Stage

#: Terminals with fewer columns than these are shown less.
_WIDE, _MIDDLE, _NARROW = 90, 60, 36
#: What is shown in the place of a speed.
_WORDS = {
    Stage.QUEUED: "waits for others",
    Stage.READING: "reading",
    Stage.FINISHING: "the realm checks it",
    Stage.SAVING: "saving",
}


def columns(width: int) -> list[ProgressColumn]:
    """Return what is shown of each file in a terminal that is so wide."""
    name = TextColumn(
        "{task.description}", markup=False, table_column=Column(no_wrap=True, overflow="ellipsis", ratio=1)
    )
    words = TextColumn("{task.fields[words]}", markup=False, table_column=Column(no_wrap=True))
    if width < _MIDDLE:
        return [name, TaskProgressColumn(), *([words] if width >= _NARROW else [])]
    bar = BarColumn(bar_width=20)
    if width < _WIDE:
        return [name, bar, TaskProgressColumn(), TransferSpeedColumn(), words]
    return [
        *(name, bar, TaskProgressColumn(), DownloadColumn()),
        *(TransferSpeedColumn(), TimeRemainingColumn(), words),
    ]


class Gauges:
    """Bars of files under way, as lines of text; ``seconds`` tells the time."""

    def __init__(self, seconds: Callable[[], float]) -> None:
        self._console = Console(
            file=io.StringIO(),
            force_terminal=True,
            color_system=None if os.environ.get("NO_COLOR") else "standard",
            legacy_windows=False,
        )
        self._progress = Progress(console=self._console, auto_refresh=False, get_time=seconds, expand=True)
        self._tasks: dict[int, TaskID] = {}

    def drawn(self, under_way: Mapping[int, tuple[str, Step]], width: int) -> str:
        """Return a line for each of what is under way, known by its number, fitted to so many columns."""
        for number in [each for each in self._tasks if each not in under_way]:
            self._progress.remove_task(self._tasks.pop(number))
        if not under_way:
            return ""
        for number, (title, step) in under_way.items():
            if number not in self._tasks:
                self._tasks[number] = add(self._progress, title)
            update(self._progress, self._tasks[number], step)
        stream = self._console.file = io.StringIO()
        self._console.width = width
        self._progress.columns = tuple(columns(width))
        self._console.print(self._progress.get_renderable(), end="")
        return stream.getvalue()


def add(progress: Progress, title: str) -> TaskID:
    """Show one more file."""
    return progress.add_task(printable(title), total=None, words="")


def update(progress: Progress, task: TaskID, step: Step) -> None:
    """Show how far a file is."""
    words = step.reason if step.stage is Stage.WAITING else _WORDS.get(step.stage, "")
    # What is read again is no progress of its own, and would look like a great speed.
    done = 0 if step.stage is Stage.READING else step.done
    progress.update(task, completed=done, total=step.size, words=printable(words))
