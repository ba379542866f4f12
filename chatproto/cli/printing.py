"""Messages as lines of a terminal, which nothing in them may control."""

from __future__ import annotations

import os
import re
import unicodedata
import zlib
from collections.abc import Callable, Iterator, Sequence
from datetime import datetime

import click
from rich.filesize import decimal

from chatproto.cli.conversations import SAID
from chatproto.cli.shelf import Shelf
from chatproto.errors import BY_CODE
from chatproto.events import HistoryItem

#: Continued lines of a text stand in, so that none of them looks like a message of its own.
_INDENT = "\n      "
#: Controls, halves of characters, line ends, and the invisible ones that turn writing around.
_ESCAPED_CATEGORIES = frozenset({"Cc", "Cf", "Cs", "Zl", "Zp"})
#: Invisible too, but they only join letters and emoji, or keep letters apart.
_JOINERS = "\u200c\u200d"
#: Columns for the left one of two, and in a terminal that has not so many columns as are wide.
_LEFT = 32
_NARROW_LEFT = 15
_WIDE = 70
#: Where lines may be broken. Wider blanks too: no line of a text may come to begin where messages begin.
_BLANK = re.compile(r"\s")
#: Senders are told apart by these; green is oneself.
_COLOURS = ("cyan", "magenta", "yellow", "blue", "bright_cyan", "bright_magenta", "bright_blue")
#: What a message of each kind says, beside texts.
_NOTICES = {
    "invitation": "{who} invites {to} to {about}: /join {about}",
    "joined": "{who} joined",
    "left": "{who} left",
    "kicked": "{who} removed {about}",
    "promoted": "{who} made {about} an admin",
    "demoted": "{who} made {about} a member like others",
    "owner": "{about} is the owner now",
    "deleted": "{who} deleted the group",
    "topic": "{who} set the topic: {text}",
    "bounce": "{who} did not get what you wrote: {reason}",
    "delayed": "what you wrote to {who} still waits for the other realm",
    "history": "{who} set history={text}",
    "access": "{who} set access={text}",
}
#: Why a message came to nothing, where the code is no error of a command, or says something else there.
_REASONS = {
    "blocked": "the realms exchange no messages",
    "expired": "the other realm was away for too long",
    "no-such-realm": "the other realm does not know of it",
    "outcome-unknown": "the other realm did not come back; perhaps it is there all the same",
    "quota-reached": "the other realm takes no more from this one today",
    "refused": "no messages from you are accepted",
}


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


def _reason(code: str) -> str:
    """Return in words why a message to another realm came to nothing."""
    known = BY_CODE.get(code)
    return _REASONS.get(code) or (printable(code) if known is None else known.message)


def local_time(at: str) -> str:
    """Return when a message was stored, by the clock on the wall; with the day if that was not today."""
    try:
        when = datetime.fromisoformat(at).astimezone()
    except ValueError:
        return "--:--"
    today = datetime.now().astimezone().date() == when.date()
    return when.strftime("%H:%M" if today else "%Y-%m-%d %H:%M")


def local_day(at: str) -> str:
    """Return the day on which a message was stored, or nothing if that cannot be known."""
    try:
        return datetime.fromisoformat(at).astimezone().strftime("%A, %d %B %Y").replace(" 0", " ")
    except ValueError:
        return ""


class Printing:
    """How one user's talk is shown: in colours or not, addresses of the own realm without the realm.

    ``columns`` tells how wide the terminal is, if texts are to be fitted into it, and ``width`` how many of
    them a text takes.
    """

    def __init__(
        self, *, colours: bool, columns: Callable[[], int] | None = None, width: Callable[[str], int] = len
    ) -> None:
        # https://no-color.org: any value that is not empty.
        self._colours = colours and not os.environ.get("NO_COLOR")
        self._columns = columns
        self._width = width
        self.own = ""
        #: The files that were shown.
        self.shelf = Shelf()

    def name(self, address: str) -> str:
        """Return an address as short as it is clear."""
        name, _, realm = address.partition("@")
        return printable(name if realm == self.own.partition("@")[2] else address)

    def is_own(self, address: str) -> bool:
        """Tell whether an address is the user's."""
        return address.lower() == self.own.lower()

    def listed(self, item: HistoryItem) -> str:
        """Return a message as it is clear wherever it stands: with the day, and with whom it is."""
        when = self._style(local_time(item.at), dim=True)
        if item.kind not in SAID:
            where = "" if self._is_direct(item) else f"[{self.name(item.to)}] "
            return f"{when} {where}{self._style(f'-- {self.said(item)}', dim=True)}"
        sender = self._sender(item)
        if self.is_own(item.from_):
            sender = f"{sender} -> {self.name(item.to)}"
        elif not self.is_own(item.to):
            sender = f"[{self.name(item.to)}] {sender}"
        return f"{when} {sender}: {self._words(item, printable(item.mid))}"

    def spoken(self, item: HistoryItem) -> str:
        """Return a message of the conversation that the reader is in, fitted into the terminal."""
        when = local_time(item.at)[-5:]
        if item.kind not in SAID:
            return self._style(self._fitted(f"{when} -- {self.said(item)}"), dim=True)
        sender = self._sender(item)
        taken = len(when) + 1 + self._width(self.name(item.from_)) + 2
        return f"{self._style(when, dim=True)} {sender}: {self._fitted(self._words(item), taken)}"

    def glimpse(self, item: HistoryItem) -> str:
        """Return one short line on a message of another conversation."""
        sender = self.name(item.from_)
        place = self.name(item.to if self.is_own(item.from_) or not self._is_direct(item) else item.from_)
        said = self.said(item)
        if item.kind in SAID and place != sender:
            said = f"{sender}: {said}"
        return self._style(self.cut(f"{local_time(item.at)[-5:]} [{place}] {said}"), dim=True)

    def said(self, item: HistoryItem) -> str:
        """Return what a message says in one line, of whatever kind it is."""
        text = printable(" ".join(item.text.split()))
        if item.kind in SAID:
            return self._words(item) if item.file is not None else text
        template = _NOTICES.get(item.kind)
        who, about = self.name(item.from_), self.name(item.about or "")
        if template is None:  # of a later version
            return f"{who}: {printable(item.kind)} {about} {text}".rstrip()
        to = "you" if self.is_own(item.to) else self.name(item.to)
        return template.format(who=who, about=about, to=to, text=text, reason=_reason(item.text))

    def rule(self, title: str) -> str:
        """Return a line across the terminal with a title in it."""
        columns = 60 if self._columns is None else self._columns() - 1
        shown = self.cut_to(f"── {printable(title)} ", columns - 2)
        return self._style(shown + "─" * max(columns - self._width(shown), 2), dim=True)

    def note(self, text: str) -> str:
        """Return something that the client says itself."""
        return self._style(self._fitted(f"-- {printable(text)}"), dim=True)

    def error(self, text: str) -> str:
        """Return what went wrong."""
        return self._style(self._fitted(f"error: {printable(text)}"), fg="red")

    def entries(self, entries: Sequence[tuple[str, str]]) -> Iterator[str]:
        """Return lines in two columns, cut to the terminal; if it is narrow, the left has one word only."""
        narrow = self._columns is not None and self._columns() < _WIDE
        for left, right in entries:
            shown = left.partition(" ")[0] if narrow else left
            yield self.cut(f"{printable(shown):{_NARROW_LEFT if narrow else _LEFT}}  {printable(right)}")

    def fitted(self, text: str) -> str:
        """Return a server's or a document's words, broken between words to fit into the terminal."""
        return self._fitted(printable(text))

    def cut(self, text: str) -> str:
        """Return a line, cut where the terminal ends."""
        return text if self._columns is None else self.cut_to(text, self._columns() - 1)

    def cut_to(self, text: str, columns: int) -> str:
        """Return a line, cut to so many columns."""
        if self._width(text) <= columns:
            return text
        shown, taken = [], 1
        for character in text:
            taken += self._width(character)
            if taken > columns:
                break
            shown.append(character)
        return "".join(shown) + "…"

    def _words(self, item: HistoryItem, how: str = "") -> str:
        """Return a text, or what is said of a file, with the way to name it."""
        if item.file is None:
            return printable_text(item.text)
        self.shelf.number(item)
        what = f"{printable(item.file.name)}, {decimal(item.file.size)}"
        return f"[file] {what} ({how or f'/save {self.shelf.number(item)}'})"

    def _sender(self, item: HistoryItem) -> str:
        colour = "green"
        if not self.is_own(item.from_):
            colour = _COLOURS[zlib.crc32(item.from_.lower().encode()) % len(_COLOURS)]
        return self._style(self.name(item.from_), bold=True, fg=colour)

    def _is_direct(self, item: HistoryItem) -> bool:
        return self.is_own(item.to) or item.kind == "invitation"

    def _fitted(self, text: str, taken: int = 0) -> str:
        """Break lines between words; what has no blanks, such as an address of a page, stays whole."""
        if self._columns is None:
            return text
        columns = self._columns() - 1
        lines = []
        for line in text.split("\n"):
            shown = ""
            for piece in self._pieces(line):
                if taken + self._width(piece) > columns and shown.strip():
                    lines.append(shown)
                    shown = _INDENT[1:] + piece.lstrip(" ")
                    taken = self._width(shown)
                else:
                    shown += piece
                    taken += self._width(piece)
            lines.append(shown)
            taken = 0
        return "\n".join(lines)

    def _pieces(self, line: str) -> Iterator[str]:
        """Split a line where it may be broken: before blanks, and between wide characters without any."""
        for number, word in enumerate(_BLANK.split(line)):
            blank = " " if number else ""
            if self._width(word) > len(word):
                yield blank
                yield from word
            else:
                yield blank + word

    def _style(self, text: str, *, bold: bool = False, dim: bool = False, fg: str | None = None) -> str:
        # False would end what another one began, and so bold and dim each other.
        return click.style(text, bold=bold or None, dim=dim or None, fg=fg) if self._colours else text
