"""What a command that begins with a slash is: how it is written, what it does, and how it is explained."""

from __future__ import annotations

import inspect
import re
from collections.abc import Awaitable, Callable

from msgspec import Struct

from chatproto.commands import Command

#: A word of a usage that may be left out.
_OPTIONAL = re.compile(r"\[(.+)\]")
#: Words of a usage that take the rest of the line.
_LONG = frozenset({"TEXT", "TOPIC", "PATH", "FOLDER"})


class Mistake(Exception):
    """What was typed cannot be done; the message says why."""


class Slash(Struct, frozen=True):
    """A command: ``usage`` is its grammar, ``run`` is called with the talk and a word for each of the usage.

    What it does is explained by the ``command`` of the protocol that it stands for, or by ``run``.
    """

    usage: str
    run: Callable[..., Awaitable[None]]
    command: type[Command] | None = None

    @property
    def name(self) -> str:
        """The word that it begins with."""
        return self.usage.split()[0]

    @property
    def is_long(self) -> bool:
        """Whether its last word takes the rest of the line."""
        return bool(self.words) and self.words[-1] in _LONG

    @property
    def words(self) -> list[str]:
        """What may follow, without brackets."""
        return [_OPTIONAL.sub(r"\1", word) for word in self.usage.split()[1:]]

    def arguments(self, rest: str) -> list[str]:
        """Return the words that were typed behind the name.

        :raises Mistake: they are too few or too many.
        """
        words = self.words
        least = sum(not _OPTIONAL.match(word) for word in self.usage.split()[1:])
        given = rest.split(maxsplit=len(words) - 1) if self.is_long else rest.split()
        if not least <= len(given) <= len(words):
            raise Mistake(f"it is {self.usage}")
        return given

    def help(self) -> str:
        """Return what it does, in full."""
        return inspect.cleandoc((self.command or self.run).__doc__ or "").replace("``", "")

    def summary(self) -> str:
        """Return what it does in one sentence, without what only programs can say."""
        line, *_ = inspect.cleandoc((self.command or self.run).__doc__ or "").split("\n\n")
        sentence, *_ = re.split(r"(?<=\.)\s", " ".join(line.split()), maxsplit=1)
        parts = sentence.split(", ")
        said = [parts[0], *(part for part in parts[1:] if "``" not in part)]
        return ", ".join(said).replace("``", "").rstrip(".") + "."
