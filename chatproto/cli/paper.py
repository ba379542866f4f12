"""What stands above the prompt of a terminal, and stays there."""

from __future__ import annotations

import asyncio
import contextlib
import contextvars
from asyncio import Task

from prompt_toolkit.application.run_in_terminal import in_terminal
from prompt_toolkit.output import Output


class Paper:
    """Prints lines above the prompt; those of one turn of the loop at once."""

    def __init__(self, output: Output) -> None:
        self._output = output
        self._lines: list[str] = []
        self._printing: Task[None] | None = None
        # prompt_toolkit finds the prompt by the context, and what comes from a thread has none of its own.
        self._context = contextvars.copy_context()

    def show(self, line: str) -> None:
        """Print a line."""
        self._lines.append(line)
        if self._printing is None:
            loop = asyncio.get_running_loop()
            self._printing = loop.create_task(self._print(), context=self._context)

    async def _print(self) -> None:
        with contextlib.suppress(OSError):  # a terminal that was closed shows nothing
            while self._lines:
                async with in_terminal():
                    lines, self._lines = self._lines, []
                    self._output.write_raw("".join(f"{line}\n" for line in lines))
                    self._output.flush()
        self._printing = None

    async def close(self) -> None:
        """Return when everything is printed."""
        if self._printing is not None:
            await self._printing
