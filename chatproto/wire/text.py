"""The text dialect: lines of words, as older clients write them, and their exact replies.

Requests are words split at single blanks with a text at the end; each gets one JSON object in ASCII, ended by
an empty line, in order, and nothing is ever sent unasked. The forms of a command are declared in
:mod:`chatproto.commands`; here is how they are read, and what the older systems answered.
"""

from __future__ import annotations

import enum
import json
from typing import Any

from chatproto import errors
from chatproto.commands import Command, Guard, Request, all_commands
from chatproto.errors import BadRequest, ChatError, LineTooLong, TooFewWords, UnknownCommand
from chatproto.events import (
    Event,
    FileReceivedInRealm,
    FileSent,
    FileSentToRealm,
    FilesTaken,
    GroupChanged,
    InboxEntry,
    InboxFile,
    InboxTaken,
    InfoTaken,
    LoggedIn,
    NoGroup,
    RealmBoxTaken,
    Reply,
    Sent,
    SentBack,
    SentEach,
    SentToGroupInRealm,
    SentToRealm,
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
    errors.NoSuchRealm: "Realm Tidak Ditemukan",
    errors.RealmExists: "Realm sudah ada",
    errors.RealmUnreachable: "Gagal",
    errors.NothingToLogOut: "Belum Login",
    errors.NotLoggedIn: "Informasi tidak ditemukan",
    errors.BadToken: "Informasi tidak ditemukan",
    errors.NoSuchGroup: "Informasi tidak ditemukan",
    errors.NotMember: "Informasi tidak ditemukan",
    errors.NotFoundThere: "Informasi tidak ditemukan",
    errors.UnknownCommand: "**Protocol Tidak Benar",
    errors.TooFewWords: "--Protocol Tidak Benar",
    errors.MainAway: "Gagal",
    errors.OutcomeUnknown: "Gagal",
}

#: What the older systems say when something was done.
_SAID: dict[type[Reply], str] = {
    Sent: "Message Sent",
    SentEach: "Message Sent",
    FileSent: "File Sent",
    GroupChanged: "Add group successful",
    SentToRealm: "Message Sent to Realm",
    SentToGroupInRealm: "Message Sent to Group in Realm",
    FileSentToRealm: "File Sent to Realm",
    FileReceivedInRealm: "File Received to Realm",
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
#: Verbs whose line may carry a file.
_LARGE = {verb.encode() for verb, forms in FORMS.items() if any(form.command.large for form in forms)}
#: Verbs of servers.
_OF_PEERS = {verb.encode() for verb, forms in FORMS.items() if forms[0].command.guard is Guard.PEER}
#: A text that no name can be, in JSON.
_NUL = json.dumps("\0")
#: More than the longest verb has.
_VERB_BYTES = 32
#: Blanks that have a meaning in such a line: around five words, and one at the end.
_LARGE_BLANKS = 6
#: The longest word beside the content in such a line: a list of as many as may be listed.
_WORD_CHARACTERS = 64 * 1024


class FileEntries(enum.Enum):
    """What a file in a box is: a string that holds a JSON object, as of old, or the object itself."""

    STRING = "string"
    OBJECT = "object"


class TextDialect:
    """The server's end of the text dialect.

    With ``exact_bodies`` a text is stored as the older servers did, with the blank before it and the line's
    end: for comparing transcripts with theirs. ``file_entries`` says what a file in a box is. Of a group that
    is not of ``realm`` a reply has the address, as nothing else tells by which name it is to be called.
    """

    __slots__ = ("_exact_bodies", "_file_objects", "_own")

    def __init__(
        self, *, exact_bodies: bool = False, file_entries: FileEntries = FileEntries.STRING, realm: str = ""
    ) -> None:
        self._exact_bodies = exact_bodies
        self._file_objects = file_entries is FileEntries.OBJECT
        self._own = realm

    def is_large(self, start: bytes) -> bool:
        """Tell whether a line that begins so may carry a file."""
        return start.partition(b" ")[0] in _LARGE

    def is_of_peer(self, start: bytes) -> bool:
        """Tell whether a line that begins so is one for an original server to say."""
        return start.partition(b" ")[0] in _OF_PEERS

    def token_of(self, start: bytes) -> str | None:
        """Return the token in a line that begins so, if there is one."""
        verb, _, rest = start.partition(b" ")
        word = rest.partition(b" ")[0].decode(errors="replace")
        forms = FORMS.get(verb.decode(errors="replace"), [])
        return word if forms and forms[0].token and is_uuid4(word) else None

    def decode(self, line: bytes) -> Request:
        """See :meth:`Dialect.decode`."""
        try:
            words = line.decode().split(" ", _LARGE_BLANKS if self.is_large(line[:_VERB_BYTES]) else -1)
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
            if name != "content" and len(word) > _WORD_CHARACTERS:
                raise LineTooLong
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
        if isinstance(reply, InboxTaken | FilesTaken | RealmBoxTaken):
            return self._boxes(reply)
        if isinstance(reply, NoGroup):
            return _line({"status": "PENDING", "message": f"Tidak ada grup {reply.group} di server"})
        fields = {"status": "OK", **_fields(reply)}
        if isinstance(reply, GroupChanged) and self._own and reply.group.rpartition("@")[2] != self._own:
            fields["group"] = reply.group
        return _line(fields)

    def _boxes(self, reply: InboxTaken | FilesTaken | RealmBoxTaken) -> bytes:
        """Return entries as JSON, in one piece at the end only: the content of a file is long."""
        pieces = [b'{"status": "OK", "messages": ']
        if not isinstance(reply, InboxTaken):
            self._add_list(pieces, reply.entries, self._file_objects or isinstance(reply, RealmBoxTaken))
        else:
            by_sender: dict[str, list[InboxEntry]] = {}
            for entry in reply.entries:
                by_sender.setdefault(entry.sender, []).append(entry)
            for number, (sender, entries) in enumerate(by_sender.items()):
                pieces += (b", " if number else b"{", _json(sender), b": ")
                self._add_list(pieces, entries, self._file_objects)
            pieces.append(b"}" if by_sender else b"{}")
        return b"".join([*pieces, b"}", END])

    @staticmethod
    def _add_list(pieces: list[bytes], entries: list[InboxEntry], file_objects: bool) -> None:
        pieces.append(b"[")
        for number, entry in enumerate(entries):
            if number:
                pieces.append(b", ")
            pieces += _entry(entry, file_objects)
        pieces.append(b"]")

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


def _json(value: Any) -> bytes:
    return json.dumps(value).encode("ascii")


def _line(fields: dict[str, Any]) -> bytes:
    return _json(fields) + END


def _fields(reply: Reply) -> dict[str, Any]:
    """Return what the older systems add to an OK reply, by the type of the reply."""
    match reply:
        case LoggedIn():
            return {"tokenid": reply.token}
        case SentBack(entry=entry):
            sent_back = {"msg_from": entry.msg_from, "msg_to": entry.msg_to, "msg": entry.msg}
            return {"message": "Message Sent", "sendback": sent_back}
        case InfoTaken():
            return {
                "message": {
                    user.username: _user_info(user.username, user.name, user.country) for user in reply.users
                }
            }
        case _:
            return {"message": _SAID[type(reply)]} if type(reply) in _SAID else {}


def _user_info(username: str, name: str, country: str) -> dict[str, Any]:
    return {"username": username, "userdetail": {"nama": name, "negara": country}}


def _entry(entry: InboxEntry, file_object: bool) -> list[bytes]:
    names = {"msg_from": entry.msg_from, "msg_to": entry.msg_to}
    group = {} if entry.group is None else {"group": entry.group}
    if entry.file is None:
        return [_json({**names, "msg": entry.msg, **group})]
    return _file(entry.file, names, group, file_object)


def _file(file: InboxFile, names: dict[str, str], group: dict[str, str], as_object: bool) -> list[bytes]:
    """Return the entry of a file. Its content needs no escapes, and is put in as it is."""
    around = json.dumps({**names, "file_name": file.name, "file_content": "\0", **group})
    head, _, tail = around.partition(_NUL)
    content = [file.content] if file.plain else [b"b'", file.content, b"'"]
    if as_object:
        return [head.encode(), b'"', *content, b'"', tail.encode()]
    # A string that holds the object: the quotes around the content are escaped like all others.
    return [_json(head)[:-1], b'\\"', *content, b'\\"', _json(tail)[1:]]


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
