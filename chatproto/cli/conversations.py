"""What is known of a user's conversations: what is unread in them, how far the other one is, who is writing.

It is told of messages and events, and asks nobody.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

from chatproto.events import ConversationState, HistoryItem, IsTyping, LiveChange, Receipt
from chatproto.limits import UNREAD
from chatproto.names import fold

#: Conversations of which something is remembered here; of those beyond it the realm knows more.
MOST = 2000
#: How long somebody is shown as writing after it was told.
TYPING_SECONDS = 6.0
#: Kinds of messages that people send.
SAID = ("text", "file")
#: Kinds of messages that count as unread, as the realm counts; the others are notices in a group's log.
COUNTED = ("text", "file", "invitation", "bounce")


class Conversation:
    """One conversation; numbers are those of messages in the realm's log, and 0 is before all of them."""

    def __init__(self, address: str) -> None:
        self.address = address
        self.is_group = False
        self.newest = 0
        self.unread = 0
        #: Up to here the realm was told that it is read.
        self.read = 0
        #: Up to here messages were shown as they came, or as the last page.
        self.shown = 0
        #: The first message of the page that was shown last; None if none was.
        self.top: int | None = None
        #: The newest text of one's own, and how far the other one has got, or its realm if it is another one.
        self.mine = 0
        self.stored = 0
        self.delivered = 0
        self.seen = 0
        self.members: list[str] = []
        self.live: list[str] = []
        #: Until when each one is shown as writing.
        self.writers: dict[str, float] = {}

    @property
    def fate(self) -> str:
        """What became of the newest text of one's own, where two talk; empty if there is none."""
        if not self.mine or self.is_group:
            return ""
        if self.seen >= self.mine:
            return "read"
        if self.delivered >= self.mine:
            return "delivered"
        return f"in {self.address.partition('@')[2]}" if self.stored >= self.mine else "sent"


class Conversations:
    """All that are known. ``seconds`` tells the time."""

    def __init__(self, seconds: Callable[[], float]) -> None:
        #: The user's full address.
        self.own = ""
        #: Users who were connected when it was last asked.
        self.active: list[str] = []
        self._seconds = seconds
        self._known: dict[str, Conversation] = {}

    def __getitem__(self, name: str) -> Conversation:
        """Return a conversation by an address, or by a name of the own realm; there may be nothing in it."""
        address = name if "@" in name else f"{name}@{self.own.partition('@')[2]}"
        key = fold(address)
        found = self._known.get(key)
        if found is None:
            if len(self._known) >= MOST:
                del self._known[min(self._known, key=lambda key: _interest(self._known[key]))]
            found = self._known[key] = Conversation(address)
        return found

    def is_own(self, address: str) -> bool:
        """Tell whether an address is the user's."""
        return fold(address) == fold(self.own)

    def unread(self) -> list[Conversation]:
        """Return those with something unread, the newest first."""
        found = [each for each in self._known.values() if each.unread]
        return sorted(found, key=lambda each: -each.newest)

    def all(self) -> list[Conversation]:
        """Return all of them, those with something unread and the newest first."""
        return sorted(self._known.values(), key=lambda each: (each.unread == 0, -each.newest))

    def of(self, item: HistoryItem) -> Conversation:
        """Return the conversation of a message."""
        if self.is_own(item.to) and not self.is_own(item.from_):
            return self[item.from_]
        found = self[item.to]
        if not self.is_own(item.from_) or item.kind not in COUNTED:
            found.is_group = True
        return found

    def heard(self, item: HistoryItem) -> Conversation:
        """Take a message that came, and return its conversation."""
        found = self.of(item)
        found.writers.pop(fold(item.from_), None)
        if item.kind in SAID and self.is_own(item.from_):
            found.mine = item.seq
        if item.seq > found.newest:
            found.newest = item.seq
            theirs = not self.is_own(item.from_) or self.is_own(found.address)
            if theirs and item.kind in COUNTED:
                found.unread = min(found.unread + 1, UNREAD)
        return found

    def paged(self, found: Conversation, items: Sequence[HistoryItem]) -> None:
        """Take a page of a conversation's history that was shown."""
        if items:
            found.top = items[0].seq
            found.newest = max(found.newest, items[-1].seq)
        for item in items:
            if item.kind in SAID and self.is_own(item.from_):
                found.mine = max(found.mine, item.seq)

    def begin_again(self) -> None:
        """Forget positions that the realm tells anew: it may count from an older copy of its log now."""
        for found in self._known.values():
            found.newest = found.stored = found.delivered = found.seen = found.shown = 0

    def learn(self, states: Sequence[ConversationState]) -> None:
        """Take what the realm says of conversations. Messages that came meanwhile are counted already."""
        for state in states:
            found = self[state.with_]
            found.address = state.with_
            found.stored = max(found.stored, state.stored or 0)
            found.delivered = max(found.delivered, state.delivered or 0)
            found.seen = max(found.seen, state.seen or 0)
            found.read = state.read  # after a crash it may know less than it was told
            if found.newest <= state.seq:
                found.newest = state.seq
                # What was shown while the realm was asked is read, though it could not know it.
                found.unread = 0 if found.shown >= state.seq else state.unread

    def receipt(self, receipt: Receipt) -> None:
        """Take how far somebody has got; the user itself on another device, perhaps."""
        found = self[receipt.with_]
        if self.is_own(receipt.by):
            found.read = max(found.read, receipt.read or 0)
            if found.read >= found.newest:
                found.unread = 0
        else:
            found.stored = max(found.stored, receipt.stored or 0)
            found.delivered = max(found.delivered, receipt.delivered or 0)
            found.seen = max(found.seen, receipt.read or 0)

    def typing(self, event: IsTyping) -> None:
        """Take that somebody is writing."""
        found = self[event.from_ if self.is_own(event.to) else event.to]
        if len(found.writers) < UNREAD:
            found.writers[fold(event.from_)] = self._seconds() + TYPING_SECONDS

    def live(self, change: LiveChange) -> Conversation:
        """Take that somebody came to be live in a group, or is not any more."""
        found = self[change.group]
        others = [name for name in found.live if fold(name) != fold(change.from_)]
        found.live = sorted([*others, change.from_]) if change.on else others
        return found

    def writers(self, found: Conversation) -> list[str]:
        """Return who is writing in a conversation now."""
        now = self._seconds()
        found.writers = {name: end for name, end in found.writers.items() if end > now}
        return list(found.writers)


def _interest(conversation: Conversation) -> tuple[bool, int]:
    return conversation.unread > 0, conversation.newest
