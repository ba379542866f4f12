"""The voice of the demo."""

from __future__ import annotations

from typing import Any

import click

from chatproto.cli.printing import printable_text


class Narrator:
    """Prints what happens."""

    def __init__(self, *, colours: bool) -> None:
        self._colours = colours

    def chapter(self, title: str) -> None:
        """Begin a part of the story."""
        print(f"\n{self._style(title, bold=True)}", flush=True)

    def note(self, text: str) -> None:
        """Say what happens beside the talk."""
        print(f"  {self._style(text, dim=True)}", flush=True)

    def says(self, sender: str, to: str, text: str) -> None:
        """Show that somebody says something."""
        print(f"  {self._style(sender, bold=True, fg='cyan')} to {to}: {printable_text(text)}", flush=True)

    def follows(self, text: str) -> None:
        """Show what becomes of what was said."""
        print(f"      {self._style(text, fg='green')}", flush=True)

    def problem(self, text: str) -> None:
        """Show what is wrong."""
        print(f"  {self._style(text, fg='red')}", flush=True)

    def _style(self, text: str, **style: Any) -> str:
        return click.style(text, **style) if self._colours else text
