"""The text dialect's live mode: what is typed is said in one group, and what is said there is shown.

There are no commands but ``exit``, and no replies. Each line that is shown is one piece of plain text; older
clients show what one read gives them.
"""

from __future__ import annotations

import json

from chatproto import events
from chatproto.commands import ExitGroup, Request, Say, Send
from chatproto.errors import BadRequest, ChatError
from chatproto.events import Done, EnteredGroup, Event, LiveChange, Message, Reply, Sent
from chatproto.limits import LIVE_USERS
from chatproto.wire.dialect import TagValue
from chatproto.wire.text import END, message_of

#: The one word that is a command, and what a client is told when it has left.
EXIT = "exit"
#: What would end a line, or move a terminal's cursor: nobody writes lines in another's name.
_NOT_SHOWN = dict.fromkeys([*range(32), *range(127, 160), 0x2028, 0x2029], " ")


class LiveDialect:
    """The live mode of one user in one group; ``end`` is put behind each line."""

    __slots__ = ("_end", "_group", "_names", "_own", "_relayed", "_token", "_user")

    def __init__(self, entered: EnteredGroup, token: str | None, end: bytes = b"") -> None:
        self._group = entered.group
        self._user = entered.user
        self._relayed = entered.relayed
        self._token = token
        user, _, self._own = entered.user.lower().partition("@")
        #: Of which realm those are who are called by their bare names.
        self._names = {user: self._own}
        self._end = end

    def decode(self, line: bytes) -> Request:
        """See :meth:`Dialect.decode`: everything but ``exit`` is said in the group."""
        try:
            text = line.decode().strip(" ")
        except UnicodeDecodeError:
            raise BadRequest("this is not UTF-8") from None
        if text == EXIT:
            return Request(ExitGroup())
        if self._relayed:
            return Request(Say(text=text), token=self._token)
        return Request(Send(to=self._group, text=text), token=self._token)

    def tag_of(self, line: bytes) -> TagValue:
        """See :meth:`Dialect.tag_of`: there are none."""
        return None

    def encode_reply(self, reply: Reply, tag: TagValue) -> bytes:
        """See :meth:`Dialect.encode_reply`. What was said is answered by being shown to its sender too."""
        if isinstance(reply, Sent | Done) or (isinstance(reply, EnteredGroup) and reply.relayed):
            return b""
        if isinstance(reply, EnteredGroup):
            return self._line(f"{_name(reply.user)} telah bergabung")
        message = f"Telah keluar dari grup {_name(self._group)}"
        return json.dumps({"status": "OK", "message": message}).encode("ascii") + END

    def encode_refusal(self, error: ChatError, tag: TagValue) -> bytes:
        """See :meth:`Dialect.encode_refusal`: a line that begins as no user's name can."""
        return self._line(f"** {message_of(error)}")

    def encode_event(self, event: Event) -> bytes:
        """See :meth:`Dialect.encode_event`: what is said in the group, and who comes and goes."""
        text = self._text_of(event)
        return b"" if text is None or text == EXIT else self._line(text)

    def _text_of(self, event: Event) -> str | None:
        """Return what is shown of an event. What reads as ``exit`` would end the mode at the client alone."""
        match event:
            case Message(to=self._group, kind="text"):
                text = f"{self._shown(event.from_)}: {event.text}"
            case Message(to=self._group, kind=events.SHOWN):
                text = event.text
            case Message(to=self._group, kind=events.ENDED):
                text = "** the other server has ended this"
            case Message(from_=self._group, kind="bounce"):
                text = f"** (not delivered: {event.text})"
            case Message(to=self._group) if self._is_own_end(event):
                text = f"{_name(self._user)} meninggalkan group"
            case LiveChange(group=self._group):
                did = "telah bergabung" if event.on else "meninggalkan group"
                text = f"{self._shown(event.from_)} {did}"
            case _:
                return None
        return text

    def leaving(self) -> bytes:
        """Return what tells an older client, in a write of its own, that live mode is over."""
        return self._line(EXIT)

    def _shown(self, address: str) -> str:
        """Return how somebody is called: by the bare name, if that is not somebody else's here."""
        name, _, realm = address.lower().partition("@")
        known = self._names.get(name)
        if known is None and len(self._names) < LIVE_USERS:
            known = self._names[name] = realm
        if realm == self._own:  # who has the name in this realm has it, whoever came first
            self._names[name] = known = realm
        return _name(address) if known in (None, realm) else address

    def _is_own_end(self, event: Message) -> bool:
        """Tell whether a notice says that the user is no member any more; the others hear it as a change."""
        who = {"kicked": event.about, "left": event.from_, "deleted": self._user}.get(event.kind)
        return who == self._user

    def _line(self, text: str) -> bytes:
        return text.translate(_NOT_SHOWN).encode() + self._end


def _name(address: str) -> str:
    return address.partition("@")[0]
