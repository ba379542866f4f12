"""The text dialect: lines of words, as older clients write them, and their exact replies.

Requests are words split at single blanks with a text at the end; each gets one JSON object in ASCII, ended by
an empty line, in order, and nothing is ever sent unasked. The forms of a command are declared in
:mod:`chatproto.commands`; here is how they are read, and what the older systems answered.
"""

from __future__ import annotations

import json
from typing import Any

from chatproto import errors
from chatproto.commands import Command, Request, all_commands
from chatproto.errors import BadRequest, ChatError, TooFewWords, UnknownCommand
from chatproto.events import (
    Event,
    GroupChanged,
    InboxEntry,
    InboxTaken,
    InfoTaken,
    LoggedIn,
    Reply,
    Sent,
    SentEach,
)
from chatproto.names import is_uuid4
from chatproto.wire.dialect import TagValue

#: What ends a reply.
END = b"\r\n\r\n"

#: What the older systems say, by the class of the error; the first base class that is listed decides.
MESSAGES: dict[type[ChatError], str] = {
    errors.UnknownUser: "User Tidak Ada",
    errors.WrongPassword: "Password Salah",
    errors.UserExists: "User Sudah Ada",
    errors.GroupExists: "Group sudah ada",
    errors.NoSuchUser: "User Tidak Ditemukan",
    errors.AlreadyMember: "User sudah dalam group",
    errors.NothingToLogOut: "Belum Login",
    errors.NotLoggedIn: "Informasi tidak ditemukan",
    errors.BadToken: "Informasi tidak ditemukan",
    errors.NoSuchGroup: "Informasi tidak ditemukan",
    errors.NotMember: "Informasi tidak ditemukan",
    errors.UnknownCommand: "**Protocol Tidak Benar",
    errors.TooFewWords: "--Protocol Tidak Benar",
}


class Form:
    """One way to write a command: a verb and what its words mean."""

    __slots__ = ("command", "extra", "fields", "preset", "rest", "token", "verbs")

    def __init__(self, command: type[Command], grammar: str) -> None:
        verbs, *words = grammar.split(" ")
        self.command = command
        self.verbs = verbs.split("|")
        self.token = words[:1] == ["[token]"]
        words = words[self.token :]
        self.extra = words[-1:] == ["*"]
        words = words[: len(words) - self.extra]
        self.rest = words.pop().removesuffix("...") if words and words[-1].endswith("...") else None
        #: Field names with whether an underscore in the word stands for a blank.
        self.fields = [(word.removesuffix("_"), word.endswith("_")) for word in words]
        self.preset = command.preset

    def takes(self, count: int) -> bool:
        """Tell whether so many words after verb and token have a meaning."""
        needed = len(self.fields)
        return count == needed or (count > needed and (self.extra or self.rest is not None))


def _forms() -> dict[str, list[Form]]:
    by_verb: dict[str, list[Form]] = {}
    for command in all_commands():
        for grammar in command.forms:
            form = Form(command, grammar)
            for verb in form.verbs:
                by_verb.setdefault(verb, []).append(form)
    return by_verb


#: Forms by verb; where one verb has several, the longest stands first.
FORMS = _forms()


class TextDialect:
    """The server's end of the text dialect.

    With ``exact_bodies`` a text is stored as the older servers did, with the blank before it and the line's
    end: for comparing transcripts with theirs. Of a group that is not of ``realm`` a reply has the address,
    as nothing else tells by which name it is to be called.
    """

    __slots__ = ("_exact_bodies", "_own")

    def __init__(self, *, exact_bodies: bool = False, realm: str = "") -> None:
        self._exact_bodies = exact_bodies
        self._own = realm

    def decode(self, line: bytes) -> Request:
        """See :meth:`Dialect.decode`."""
        try:
            words = line.decode().split(" ")
        except UnicodeDecodeError:
            raise BadRequest("the line is not UTF-8") from None
        forms = FORMS.get(words[0])
        if forms is None:
            raise UnknownCommand
        token = None
        position = 1
        if forms[0].token and (len(words) > 2 or (len(words) == 2 and words[1])):
            # A word in the shape of a UUID4 is always a token; two blanks are an empty one.
            token = words[1] if not words[1] or is_uuid4(words[1]) else None
            position += token is not None
        given = len(words) - position
        if given and not words[-1]:
            given -= 1  # most older clients put a blank before the line's end
        for form in forms:
            if form.takes(given):
                return Request(self._command(form, words, position), token=token)
        raise TooFewWords

    def _command(self, form: Form, words: list[str], position: int) -> Command:
        values: dict[str, Any] = dict(form.preset)
        for offset, (name, blanks) in enumerate(form.fields):
            word = words[position + offset]
            values[name] = word.replace("_", " ") if blanks else word
        if form.rest is not None:
            values[form.rest] = self._body(words[position + len(form.fields) :])
        return form.command(**values)

    def _body(self, words: list[str]) -> str:
        if not words:
            return ""
        text = " ".join(words)
        return f" {text}\r\n" if self._exact_bodies else text.strip(" ")

    def tag_of(self, line: bytes) -> TagValue:
        """See :meth:`Dialect.tag_of`: text commands have none."""
        return None

    def encode_reply(self, reply: Reply, tag: TagValue) -> bytes:
        """See :meth:`Dialect.encode_reply`."""
        fields = {"status": "OK", **_fields(reply)}
        if isinstance(reply, GroupChanged) and self._own and reply.group.rpartition("@")[2] != self._own:
            fields["group"] = reply.group
        return _line(fields)

    def encode_refusal(self, error: ChatError, tag: TagValue) -> bytes:
        """See :meth:`Dialect.encode_refusal`. ``message`` is the older systems' text where they have one."""
        fields: dict[str, Any] = {"status": "ERROR", "message": message_of(error), "code": error.code}
        if error.retry_after is not None:
            fields["retry_after"] = error.retry_after
        return _line(fields)

    def encode_event(self, event: Event) -> bytes:
        """See :meth:`Dialect.encode_event`: an unasked line would be taken for a part of the next reply."""
        return b""


def message_of(error: ChatError) -> str:
    """Return what the older systems say of an error, or else what we do."""
    return next((MESSAGES[kind] for kind in type(error).__mro__ if kind in MESSAGES), error.text)


def _line(fields: dict[str, Any]) -> bytes:
    return json.dumps(fields).encode("ascii") + END


def _fields(reply: Reply) -> dict[str, Any]:
    """Return what the older systems add to an OK reply, by the type of the reply."""
    match reply:
        case Sent() | SentEach():
            return {"message": "Message Sent"}
        case LoggedIn():
            return {"tokenid": reply.token}
        case InboxTaken():
            return {"messages": _by_sender(reply.entries)}
        case GroupChanged():
            return {"message": "Add group successful"}
        case InfoTaken():
            return {
                "message": {
                    user.username: _user_info(user.username, user.name, user.country) for user in reply.users
                }
            }
        case _:
            return {}


def _user_info(username: str, name: str, country: str) -> dict[str, Any]:
    return {"username": username, "userdetail": {"nama": name, "negara": country}}


def _by_sender(entries: list[InboxEntry]) -> dict[str, list[dict[str, str]]]:
    by_sender: dict[str, list[dict[str, str]]] = {}
    for entry in entries:
        shown = {"msg_from": entry.msg_from, "msg_to": entry.msg_to, "msg": entry.msg}
        if entry.group is not None:
            shown["group"] = entry.group
        by_sender.setdefault(entry.sender, []).append(shown)
    return by_sender


def encode_command(request: Request) -> bytes:
    """Return a command as an older client sends it, with its end.

    :raises ValueError: no form of the command says all that is in the request.
    """
    command = request.command
    for form in (form for forms in FORMS.values() for form in forms if type(command) is form.command):
        words = [form.verbs[0]]
        if request.token is not None:
            words.append(request.token)
        for name, blanks in form.fields:
            value = str(getattr(command, name))
            words.append(value.replace(" ", "_") if blanks else value)
        if form.rest is not None:
            words.append(str(getattr(command, form.rest)))
        line = " ".join(words).encode()
        if b"\n" not in line and not line.endswith(b"\r") and _means(line, request):
            return line + b"\r\n"
    raise ValueError("the text dialect cannot say this command")


def _means(line: bytes, request: Request) -> bool:
    try:
        return TextDialect().decode(line) == request
    except ChatError:
        return False
