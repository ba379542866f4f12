"""Clients that speak JSON lines."""

from __future__ import annotations

import itertools
import json
from typing import Any, Self

from chatproto.conformance.checks import shown
from chatproto.conformance.people import Person
from chatproto.conformance.trial import Trial, Where
from chatproto.conformance.wires import Wire

_END = b"\r\n"


class JsonClient(Wire):
    """A client that is not logged in, or is."""

    user = ""
    #: user@realm
    address = ""
    token = ""
    #: The last line that came.
    raw = b""

    def __init__(self, *arguments: Any) -> None:
        super().__init__(*arguments)
        self._ids = itertools.count(1)

    def ask(self, do: str, **fields: Any) -> dict[str, Any]:
        """Ask and return the reply, which has to be to this; events before it are left out."""
        number = next(self._ids)
        self.tell(do=do, id=number, **fields)
        reply = self.answer(number)
        if do == "register" and reply["status"] == "OK":
            self.traces.leave(self.traces.users, str(fields.get("user")), self.where)
        return reply

    def tell(self, **fields: Any) -> Self:
        """Send a command."""
        self.say(json.dumps(fields).encode() + _END)
        return self

    def answer(self, number: object) -> dict[str, Any]:
        """Return the reply to a command."""
        sent = self.sent
        while "event" in (reply := self.line()):
            pass
        self.sent = sent
        if reply.get("re") != number:
            self.wrong(f'"re": {json.dumps(number)}')
        if reply.get("status") not in {"OK", "ERROR"}:
            self.wrong('"status": "OK" or "ERROR"')
        return reply

    def ok(self, do: str, **fields: Any) -> dict[str, Any]:
        """Ask, and expect an OK."""
        reply = self.ask(do, **fields)
        if reply["status"] != "OK":
            self.wrong('"status": "OK"')
        return reply

    def refused(self, do: str, code: str = "", **fields: Any) -> dict[str, Any]:
        """Ask, and expect an error, with a code if there is one to expect."""
        reply = self.ask(do, **fields)
        self.expect_error(reply, code)
        return reply

    def expect_error(self, reply: dict[str, Any], code: str = "") -> None:
        """Expect that a reply is an error with ``code`` and ``message``."""
        texts = (reply.get("code"), reply.get("message"))
        if reply.get("status") != "ERROR" or not all(isinstance(text, str) for text in texts):
            self.wrong('"status": "ERROR" with "code" and "message"')
        if code and reply["code"] != code:
            self.wrong(f'"code": "{code}"')

    def event(self, **fields: Any) -> dict[str, Any]:
        """Expect a message event with such members."""
        line = self.line()
        if line.get("event") != "message":
            self.wrong('an event {"event": "message", ...}')
        for name, value in fields.items():
            if line.get(name) != value:
                self.wrong(f'"{name}": {json.dumps(value)}')
        return line

    def line(self) -> dict[str, Any]:
        """Return the next line, an object."""
        self.raw = self.until(_END, "one JSON object, ended by CRLF")
        try:
            value = json.loads(self.raw)
        except ValueError:
            value = None
        if not isinstance(value, dict):
            self.wrong("one JSON object, ended by CRLF")
        fields: dict[str, Any] = value
        self.traces.understand()
        return fields

    def member(self, reply: dict[str, Any], name: str, kind: type) -> Any:
        """Return a member of a reply, which has to be of a type."""
        value = reply.get(name)
        if not isinstance(value, kind) or (kind is int and isinstance(value, bool)):
            self.wrong(f'"{name}" in the reply')
        return value

    def wrong(self, expected: str) -> None:
        """Say what should have come instead of the last line.

        :raises Departure: always.
        """
        self.fail(expected, shown(self.raw))


def connect(trial: Trial, who: str = "client", where: Where | None = None) -> JsonClient:
    """Return a client that is not logged in."""
    return trial.wire(JsonClient, who, where)


def login(trial: Trial, number: int, **more: Any) -> JsonClient:
    """Return a client that is logged in as one of the server's users."""
    return login_as(trial, trial.people[number], **more)


def login_as(trial: Trial, person: Person, where: Where | None = None, **more: Any) -> JsonClient:
    """Return a client that is logged in."""
    client = connect(trial, person.user, where)
    reply = client.ok("login", user=person.user, password=person.password, **more)
    client.user = person.user
    client.address = client.member(reply, "address", str)
    client.token = client.member(reply, "token", str)
    return client


def register(trial: Trial, where: Where, person: Person) -> Person | None:
    """Register a user, if the server can."""
    client = connect(trial, "register", where)
    reply = client.ask("register", user=person.user, password=person.password, name=person.shown)
    return person if reply["status"] == "OK" else None
