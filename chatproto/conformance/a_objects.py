"""Clients of system A: JSON objects without delimiters, one in each read."""

from __future__ import annotations

import json
from typing import Any

from chatproto.conformance.checks import Skipped, shown
from chatproto.conformance.people import Person
from chatproto.conformance.trial import Trial, Where
from chatproto.conformance.wires import Wire

#: What the original client reads at a time; a longer object kills its thread.
READ = 1024


class ObjectClient(Wire):
    """A client that takes each read for one object, as the original one does."""

    user = ""
    #: The last object that came.
    raw = b""

    def ask(self, **fields: Any) -> dict[str, Any]:
        """Send an object and return the next one that comes, which has to be a reply."""
        self.say(json.dumps(fields))
        reply = self.answer()
        if fields.get("tipe") == "daftar" and reply["status"] == "berhasil":
            self.traces.leave(self.traces.users, str(fields.get("username")), self.where)
        return reply

    def answer(self) -> dict[str, Any]:
        """Return the next object, which has to be a reply."""
        fields = self.one("a reply: one JSON object, in a read of its own")
        if fields.get("status") not in {"berhasil", "gagal"}:
            self.wrong('"status": "berhasil" or "gagal"')
        if fields["status"] == "gagal" and not isinstance(fields.get("pesan"), str):
            self.wrong('"status": "gagal" with "pesan"')
        return fields

    def ok(self, **fields: Any) -> dict[str, Any]:
        """Send an object, and expect that it succeeds."""
        reply = self.ask(**fields)
        if reply["status"] != "berhasil":
            self.wrong('"status": "berhasil"')
        return reply

    def refused(self, reply: dict[str, Any], text: str = "") -> None:
        """Expect that a reply says no, in these words if there are any to expect."""
        if reply["status"] != "gagal" or (text and reply["pesan"] != text):
            self.wrong('"status": "gagal"' + (f', "pesan": "{text}"' if text else ""))

    def pushed(self, sender: str, text: str) -> None:
        """Expect a message."""
        fields = self.one("a push: one JSON object, in a read of its own")
        if fields != {"tipe": "terima", "from": sender, "to": self.user, "message": text}:
            self.wrong(f'{{"tipe": "terima", "from": "{sender}", "to": "{self.user}", "message": "{text}"}}')

    def one(self, what: str) -> dict[str, Any]:
        """Return what the next read gives, one object."""
        self.raw = self.read(what)
        try:
            value = json.loads(self.raw)
        except ValueError:
            value = None
        if not isinstance(value, dict):
            self.wrong(what)
        fields: dict[str, Any] = value
        self.traces.understand()
        return fields

    def texts(self) -> list[tuple[object, object]]:
        """Take what is kept for the client: senders and texts."""
        reply = self.ask(tipe="terima", username=self.user)
        if reply["status"] == "gagal":
            self.refused(reply, "Tidak ada percakapan")
            return []
        kept = reply.get("percakapan")
        if not isinstance(kept, list) or not all(
            isinstance(each, dict) and set(each) == {"from", "to", "message"} for each in kept
        ):
            self.wrong('"percakapan": [{"from", "to", "message"}, ...]')
            return []
        return [(each["from"], each["message"]) for each in kept]

    def wrong(self, expected: str) -> None:
        """Say what should have come instead of the last object.

        :raises Departure: always.
        """
        self.fail(expected, shown(self.raw))


def connect(trial: Trial, who: str = "client", where: Where | None = None) -> ObjectClient:
    """Return a client that is not logged in."""
    return trial.wire(ObjectClient, who, where)


def login(trial: Trial, number: int) -> ObjectClient:
    """Return a client that is logged in, for whom nothing is kept."""
    person = trial.people[number]
    client = connect(trial, person.user)
    client.user = person.user
    client.ok(tipe="login", username=person.user, password=person.password)
    client.texts()
    return client


def main_server(trial: Trial) -> Where:
    """Return where users are made.

    :raises Skipped: no main server was given.
    """
    if trial.target.main is None:
        raise Skipped("no main server was given: --main HOST:PORT")
    return trial.target.main


def register(trial: Trial, _: Where, person: Person) -> Person | None:
    """Register a user at the main server, if there is one."""
    client = connect(trial, "register", main_server(trial))
    reply = client.ask(
        tipe="daftar", username=person.user, realm=trial.target.realm, password=person.password
    )
    return Person(person.user, person.password) if reply["status"] == "berhasil" else None
