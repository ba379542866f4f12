"""Clients of systems B, C and D: lines, each answered by one JSON object that an empty line ends."""

from __future__ import annotations

import json
from typing import Any, Never, Self

from chatproto.conformance.checks import shown
from chatproto.conformance.wires import FILE_BYTES, REPLY_BYTES, Wire

#: What ends a reply.
END = b"\r\n\r\n"

#: Commands whose replies hold files.
_WITH_FILES = frozenset({"inbox", "inboxgroup", "receivefile", "getrealminbox", "realminbox"})

UNKNOWN_COMMAND = "**Protocol Tidak Benar"
TOO_FEW_WORDS = "--Protocol Tidak Benar"
NOT_FOUND = "Informasi tidak ditemukan"
NO_SUCH_USER = "User Tidak Ditemukan"


class Answer:
    """One reply, with what it answers."""

    def __init__(self, wire: Wire, sent: str, raw: bytes) -> None:
        self.raw = raw
        self._wire = wire
        self._sent = sent
        try:
            fields = json.loads(raw)
        except ValueError:
            fields = None
        if not isinstance(fields, dict):
            self.fail("one JSON object, ended by CRLF CRLF")
        self.fields: dict[str, Any] = fields
        wire.traces.understand()
        if fields.get("status") == "OK":
            self._leave(sent.split(" "))

    def _leave(self, words: list[str]) -> None:
        """Write down what the server has now."""
        traces = self._wire.traces
        kinds = {"register": traces.users, "addrealm": traces.links, "recvrealm": traces.links}
        if words[0] in kinds and len(words) > 1:
            traces.leave(kinds[words[0]], words[1], self._wire.where)

    def ok(self, message: str | None = None) -> Self:
        """Expect ``"status": "OK"``, and the message if there is one to expect."""
        if self.fields.get("status") != "OK":
            self.fail('"status": "OK"')
        if message is not None and self.fields.get("message") != message:
            self.fail(f'"status": "OK", "message": "{message}"')
        return self

    def error(self, *messages: str) -> Self:
        """Expect ``"status": "ERROR"`` with one of the messages, or with any if none is given."""
        message = self.fields.get("message")
        if self.fields.get("status") != "ERROR" or not isinstance(message, str):
            self.fail('"status": "ERROR" with a "message"' + "".join(f': "{each}"' for each in messages[:1]))
        if messages and message not in messages:
            self.fail('"status": "ERROR", "message": ' + " or ".join(f'"{each}"' for each in messages))
        return self

    @property
    def refused(self) -> bool:
        """Tell whether it is an error."""
        return self.fields.get("status") == "ERROR"

    def member(self, name: str, kind: type) -> Any:
        """Return a member of an OK reply, which has to be of a type."""
        value = self.ok().fields.get(name)
        if not isinstance(value, kind):
            self.fail(f'"status": "OK" with "{name}", a JSON {_KINDS[kind]}')
        return value

    def fail(self, expected: str) -> Never:
        """Say what should have come.

        :raises Departure: always.
        """
        self._wire.sent = self._sent
        self._wire.fail(expected, shown(self.raw))


_KINDS: dict[type, str] = {dict: "object", list: "array", str: "string"}


class LineClient(Wire):
    """A client that is not logged in, or is: then with the token and the names of its user."""

    token = ""
    user = ""
    #: The display name; empty where nobody knows it.
    shown = ""
    #: Whether plain text may come at any time.
    live = False

    def ask(self, line: str | bytes) -> Answer:
        """Send a line, to which the CRLF is added here, and return its reply."""
        if self.leftover():
            self.fail("nothing is sent unasked", shown(self.leftover()))
        self.say((line.encode() if isinstance(line, str) else line) + b"\r\n")
        return self.answer()

    def answer(self) -> Answer:
        """Return the next reply."""
        sent = self.sent
        most = FILE_BYTES if sent.split(" ")[0].removesuffix(r"\r\n") in _WITH_FILES else REPLY_BYTES
        raw = self.until(END, "one JSON object, ended by CRLF CRLF", most)
        return Answer(self, sent, raw)

    @property
    def inbox_line(self) -> str:
        """What asks for the inbox: with the token, if there is one."""
        return f"inbox {self.token} " if self.token else "inbox "

    def inbox(self) -> list[tuple[str, dict[str, Any]]]:
        """Take what is in the inbox: entries, each with the sender under whom it stands."""
        answer = self.ask(self.inbox_line)
        return entries(answer, answer.member("messages", dict))

    def texts(self) -> list[tuple[str, str]]:
        """Take the texts that are in the inbox, with their senders; without the blanks around them."""
        return [(sender, str(entry.get("msg")).strip()) for sender, entry in self.inbox() if "msg" in entry]


def entries(answer: Answer, messages: dict[str, Any]) -> list[tuple[str, dict[str, Any]]]:
    """Return the entries of a box as objects; those of files may be strings that hold one."""
    found = []
    for sender, box in messages.items():
        if not isinstance(box, list):
            answer.fail("under each sender a JSON array of entries")
        for entry in box:
            found.append((sender, as_object(answer, entry)))
    return found


def as_object(answer: Answer, entry: Any) -> dict[str, Any]:
    """Return an entry as an object, whichever way it came."""
    value = entry
    if isinstance(entry, str):
        try:
            value = json.loads(entry)
        except ValueError:
            value = None
    if not isinstance(value, dict):
        answer.fail("an entry is a JSON object (or, of a file, a string that holds one)")
    fields: dict[str, Any] = value
    return fields
