"""What original servers of older systems say to one another: requests as they write them, and their replies.

A request is a line of words split at single blanks, a reply one JSON object and an empty line. There are no
credentials, and no numbers: a reply belongs to the request before it.
"""

from __future__ import annotations

import json
import re
from collections.abc import Sequence
from typing import Any

from msgspec import Struct

from chatproto.events import InboxEntry, InboxFile
from chatproto.wire.text import END

#: What would end a line: a text must not become a command of its own.
_BREAKS = re.compile(r"[\r\n]+")
#: The text of an ERROR, and the code of it here.
_CODES = {
    "User Tidak Ditemukan": "no-such-user",
    "User Tidak Ada": "no-such-user",
    "Realm Tidak Ditemukan": "no-such-realm",
    "Realm sudah ada": "realm-exists",
    "Informasi tidak ditemukan": "not-found",
    "**Protocol Tidak Benar": "not-supported",
}
#: Characters of the text of an ERROR that a user is told: more than any sentence that a server would say, and
#: still two lines or three of a terminal.
SAID = 200


class NoReply(ValueError):
    """What came is no reply."""


class Answer(Struct, frozen=True):
    """A reply: whether it is OK, its text, and the entries of a box."""

    ok: bool
    message: str = ""
    messages: list[dict[str, Any]] = []

    @property
    def code(self) -> str:
        """The code of a refusal, ``""`` if it is none."""
        return "" if self.ok else _CODES.get(self.message, "realm-refused")

    @property
    def said(self) -> str:
        """The text of a refusal as a user is shown it: on one line, and not endless."""
        start = "" if self.ok else self.message[:SAID]
        return "".join(each if each.isprintable() else " " for each in start).strip()


def read_answer(data: bytes) -> Answer:
    """Return a reply.

    :raises NoReply: it is none.
    """
    try:
        fields = json.loads(data)
    except (ValueError, RecursionError):
        raise NoReply from None
    if not isinstance(fields, dict):
        raise NoReply
    messages = fields.get("messages")
    entries = messages if isinstance(messages, list) else []
    message = fields.get("message")
    return Answer(
        fields.get("status") == "OK",
        message if isinstance(message, str) else "",
        [entry for entry in entries if isinstance(entry, dict)],
    )


def is_whole(data: bytes | bytearray) -> bool:
    """Tell whether a reply has come to its end."""
    return data.endswith(END)


def _line(*words: str) -> bytes:
    return " ".join(words).encode() + b"\r\n"


def _text(text: str) -> list[str]:
    """Return the last words of a line; none for no text, as that has no blank either."""
    return [text] if (text := _BREAKS.sub(" ", text).strip(" ")) else []


def _names(names: Sequence[str]) -> str:
    return ",".join(names)


def recv_realm(alias: str, host: str, port: int) -> bytes:
    """Return the request that makes us known by a name, and by where we are."""
    return _line("recvrealm", alias, host, str(port))


def recv_text(sender: str, alias: str, to: Sequence[str], text: str, *, listed: bool) -> bytes:
    """Return the request that brings a text for realm boxes, ``listed`` if its sender gave a list."""
    verb = "recvrealmgroupmsg" if listed else "recvrealmprivatemsg"
    return _line(verb, sender, alias, _names(to), *_text(text))


def recv_file(
    sender: str, alias: str, to: Sequence[str], name: str, content: bytes, *, plain: bool, listed: bool
) -> bytes:
    """Return the request that brings a file for realm boxes; ``content`` is base64."""
    verb = "recvgroupfilerealm" if listed else "recvfilerealm"
    shown = content if plain else b"b'" + content + b"'"
    head = " ".join((verb, sender, alias, _names(to), re.sub(r"\s", "_", name)))
    return head.encode() + b" " + shown + b"\r\n"


def get_realm_chat(alias: str, user: str) -> bytes:
    """Return the request for what waits for a user."""
    return _line("getrealmchat", alias, user)


def server_send(sender: str, to: str, text: str) -> bytes:
    """Return the request that brings a text for an inbox, with the originals' blank at its end."""
    return _line("server", "send", sender, to, *_text(text), "")


def read_entry(fields: dict[str, Any]) -> InboxEntry:
    """Return an entry of a box as an original server gives it."""
    sender = str(fields.get("msg_from", ""))
    file = None
    if "file_name" in fields:
        content = str(fields.get("file_content", ""))
        plain = not (len(content) >= 3 and content.startswith("b'") and content.endswith("'"))
        shown = content if plain else content[2:-1]
        file = InboxFile(name=str(fields["file_name"]), content=shown.encode("ascii", "replace"), plain=plain)
    group = fields.get("group")
    return InboxEntry(
        sender=sender,
        msg_from=sender,
        msg_to=str(fields.get("msg_to", "")),
        msg=str(fields.get("msg", "")),
        group=None if group is None else str(group),
        file=file,
    )
