"""Messages as lines of a terminal, which nothing in them may control."""

from __future__ import annotations

import os
import unicodedata
from datetime import datetime

import click

#: Continued lines of a text stand in, so that none of them looks like a message of its own.
_INDENT = "\n      "
#: Controls, halves of characters, line ends, and the invisible ones that turn writing around.
_ESCAPED_CATEGORIES = frozenset({"Cc", "Cf", "Cs", "Zl", "Zp"})
#: Invisible too, but they only join letters and emoji, or keep letters apart.
_JOINERS = "\u200c\u200d"


def printable(text: str) -> str:
    """Return text with everything escaped that moves a cursor, changes a colour or turns writing around."""
    return "".join(_shown(character) for character in text)


def _shown(character: str) -> str:
    if character.isprintable():
        return character  # almost everything, and quick
    if character in _JOINERS or unicodedata.category(character) not in _ESCAPED_CATEGORIES:
        return character
    return ascii(character)[1:-1]


def printable_text(text: str) -> str:
    """Return a message's text, over several lines if it has them."""
    lines = text.replace("\r\n", "\n").replace("\t", "    ").split("\n")
    return _INDENT.join(printable(line) for line in lines)


def local_time(at: str) -> str:
    """Return when a message was stored, by the clock on the wall; with the day if that was not today."""
    try:
        when = datetime.fromisoformat(at).astimezone()
    except ValueError:
        return "--:--"
    today = datetime.now().astimezone().date() == when.date()
    return when.strftime("%H:%M" if today else "%Y-%m-%d %H:%M")


class Printing:
    """How one user's talk is shown: in colours or not, addresses of the own realm without the realm."""

    def __init__(self, *, colours: bool) -> None:
        # https://no-color.org: any value that is not empty.
        self._colours = colours and not os.environ.get("NO_COLOR")
        self.own = ""

    def name(self, address: str) -> str:
        """Return an address as short as it is clear."""
        name, _, realm = address.partition("@")
        return printable(name if realm == self.own.partition("@")[2] else address)

    def is_own(self, address: str) -> bool:
        """Tell whether an address is the user's."""
        return address.lower() == self.own.lower()

    def message(self, from_: str, to: str, text: str, at: str) -> str:
        """Return a message as ``TIME SENDER: TEXT``, with the group or the recipient where not clear."""
        sender = self._style(self.name(from_), bold=True, fg="green" if self.is_own(from_) else "cyan")
        if self.is_own(from_):
            sender = f"{sender} -> {self.name(to)}"
        elif not self.is_own(to):
            sender = f"[{self.name(to)}] {sender}"
        return f"{self._style(local_time(at), dim=True)} {sender}: {printable_text(text)}"

    def note(self, text: str) -> str:
        """Return something that the client says itself."""
        return self._style(f"-- {printable(text)}", dim=True)

    def error(self, text: str) -> str:
        """Return what went wrong."""
        return self._style(f"error: {printable(text)}", fg="red")

    def _style(self, text: str, *, bold: bool = False, dim: bool = False, fg: str | None = None) -> str:
        return click.style(text, bold=bold, dim=dim, fg=fg) if self._colours else text
