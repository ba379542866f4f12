"""Completion: commands, and in each place of a command the names that can stand there."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator

from prompt_toolkit.completion import CompleteEvent, Completer, Completion, PathCompleter
from prompt_toolkit.document import Document

from chatproto.cli.conversations import Conversation, Conversations
from chatproto.cli.printing import Printing
from chatproto.cli.slashes import SLASHES
from chatproto.cli.slashes.groups import OPTIONS

#: Completions that are offered; who wants another one types another letter.
MOST = 50
_PATHS = PathCompleter(expanduser=True)


class Names(Completer):
    """Completes what a talk knows.

    ``current`` tells the conversation in front; ``ask`` asks who is there now, for the next time.
    """

    def __init__(
        self,
        conversations: Conversations,
        printing: Printing,
        *,
        current: Callable[[], Conversation | None],
        ask: Callable[[], None],
    ) -> None:
        self._conversations = conversations
        self._printing = printing
        self._current = current
        self._ask = ask

    def get_completions(self, document: Document, complete_event: CompleteEvent) -> Iterator[Completion]:
        """Yield what can stand at the cursor."""
        before = document.text_before_cursor
        path = _path(before)
        if path is not None:
            yield from _PATHS.get_completions(Document(path), complete_event)
            return
        word = before.split(" ")[-1].rpartition("\n")[2]
        count = 0
        for name, meta in self._candidates(before, word):
            if name.lower().startswith(word.lower()) and name != word:
                yield Completion(name, -len(word), display_meta=meta)
                count += 1
            if count == MOST:
                break

    def _candidates(self, before: str, word: str) -> Iterator[tuple[str, str]]:
        if not before.startswith("/"):
            if word:
                yield from ((name, "") for name in self._people())
        elif before == word:
            yield from ((slash.name, slash.summary()) for slash in SLASHES.values())
        elif (slash := SLASHES.get(before.split(" ", maxsplit=1)[0])) is not None:
            place = len(before[: len(before) - len(word)].split()) - 1
            if place < len(slash.words):
                yield from self._of_kind(slash.words[place])

    def _of_kind(self, kind: str) -> Iterator[tuple[str, str]]:
        """Yield what a word of a usage stands for."""
        if kind == "COMMAND":
            yield from ((slash.name.removeprefix("/"), slash.summary()) for slash in SLASHES.values())
        elif kind == "FILE":
            yield from self._printing.shelf.names()
        elif kind == "OPTION=VALUE":
            yield from ((option, "") for option in OPTIONS)
        elif "|" in kind:
            yield from ((choice, "") for choice in kind.split("|"))
        elif kind == "GROUP":
            yield from self._talks(groups=True)
        elif kind == "USER":
            yield from ((name, "") for name in self._people())
        elif kind == "NAME":
            talks = dict(self._talks(groups=False))
            yield from talks.items()
            yield from ((name, "") for name in self._people() if name not in talks)

    def _talks(self, *, groups: bool) -> Iterator[tuple[str, str]]:
        for found in self._conversations.all():
            if found.is_group if groups else found.is_group or found.newest:
                meta = f"{found.unread} unread" if found.unread else "group" if found.is_group else ""
                yield self._printing.name(found.address), meta

    def _people(self) -> Iterable[str]:
        """Return users: of the group in front, those that are connected, those that one talked with."""
        self._ask()
        current = self._current()
        known = [found.address for found in self._conversations.all() if not found.is_group and found.newest]
        members = current.members if current is not None else []
        return dict.fromkeys(
            self._printing.name(address)
            for address in (*members, *self._conversations.active, *known)
            if not self._conversations.is_own(address)
        )


def _path(before: str) -> str | None:
    """Return what was typed of a path, which takes the rest of a line; None of anything else."""
    name, blank, rest = before.partition(" ")
    slash = SLASHES.get(name)
    if slash is None or not blank or slash.words[-1:] not in (["PATH"], ["FOLDER"]):
        return None
    for _ in slash.words[1:]:
        _, blank, rest = rest.lstrip().partition(" ")
    return rest.lstrip() if blank else None
