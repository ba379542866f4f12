"""System A: JSON objects with nothing between them, whose kind is their ``tipe``.

A reply has a ``status`` and the ``tipe`` ``balasan``. What is told unasked has the ``tipe`` ``terima`` and no
status. The older client ends its thread over anything else, and takes what one read gives it for one object.
"""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

import msgspec

from chatproto import commands, errors
from chatproto.commands import Command, Request
from chatproto.errors import BadField, BadName, BadRequest, ChatError, UnknownCommand
from chatproto.events import Event, HistoryItem, PickedMessage, PickedUp, Reply
from chatproto.events.tipe import as_mail
from chatproto.wire.dialect import TagValue
from chatproto.wire.strict import check_shape

#: The longest name that anybody has is shorter.
_NAME_CHARACTERS = 256
#: What clients are told of a refusal, by the ``tipe`` of what they asked and the class of the error; the
#: first base class that is listed decides.
_SAID: dict[str, dict[type[ChatError], str]] = {
    "login": {errors.BadName: "Username atau password salah"},
    "kirim": {
        errors.NoSuchUser: "Pengguna tujuan tidak ditemukan",
        errors.NoSuchGroup: "Pengguna tujuan tidak ditemukan",
        errors.NoSuchRealm: "Pengguna tujuan tidak ditemukan",
        errors.BadName: "Pengguna tujuan tidak ditemukan",
        errors.UnknownUser: "Pengguna pengirim tidak ditemukan",
    },
    "terima": {errors.UnknownUser: "Tidak ada percakapan"},
    "daftar": {
        errors.NameTaken: "Username sudah terdaftar",
        errors.BadName: "Username atau realm tidak sah",
        errors.NoSuchRealm: "Realm tidak ditemukan",
        errors.RegistrationClosed: "Pendaftaran ditutup",
    },
}
#: The same, whatever was asked.
_SAID_ALWAYS: dict[type[ChatError], str] = {
    errors.LoginFailed: "Username atau password salah",
    errors.NotLoggedIn: "Login terlebih dahulu",
    errors.BadToken: "Login terlebih dahulu",
    errors.Blocked: "Penerima tidak menerima pesan dari pengguna ini",
    errors.NotAllowed: "Tidak diizinkan untuk pengguna ini",
    errors.NoSuchUser: "Grup tidak ditemukan",
    errors.NoSuchGroup: "Grup tidak ditemukan",
    errors.NameTaken: "Grup sudah ada",
    errors.AlreadyMember: "Sudah menjadi anggota grup",
    errors.NotMember: "Bukan anggota grup",
    errors.BadName: "Nama tidak sah",
    errors.TextTooLong: "Pesan terlalu panjang",
    errors.LineTooLong: "Permintaan terlalu panjang",
    errors.UnknownCommand: "Tipe tidak dikenali",
    errors.BadField: "Permintaan tidak lengkap",
    errors.BadRequest: "Permintaan bukan objek JSON",
    errors.RateLimited: "Terlalu banyak permintaan, coba lagi nanti",
    errors.Unavailable: "Server tidak siap, coba lagi nanti",
    errors.Busy: "Server sibuk, coba lagi nanti",
}

_decode = msgspec.json.Decoder(dict[str, Any]).decode
_UNREADABLE = (msgspec.DecodeError, UnicodeDecodeError, RecursionError)


class Members:
    """The members of an object that was received."""

    def __init__(self, members: dict[str, Any]) -> None:
        self._members = members

    def text(self, *names: str) -> str:
        """Return the first of some members that is there; it has to be a text.

        :raises BadField: none is, or it is no text.
        """
        found = self.find(*names)
        if found is None:
            raise BadField(f"the member '{names[0]}' is missing")
        return found

    def find(self, *names: str) -> str | None:
        """Return the first of some members that is there, None if none is."""
        for name in names:
            if name in self._members:
                value = self._members[name]
                if not isinstance(value, str):
                    raise BadField(f"the member '{name}' has to be a text")
                return value
        return None

    def name(self, *names: str) -> str:
        """Return a member that is a name.

        :raises BadName: it is too long for one.
        """
        found = self.text(*names)
        if len(found) > _NAME_CHARACTERS:
            raise BadName
        return found


def _sign_in(members: Members) -> Command:
    return commands.SignIn(user=members.name("username"), password=members.text("password"))


def _register(members: Members) -> Command:
    return commands.RegisterAt(
        user=members.name("username"), password=members.text("password"), realm=members.name("realm")
    )


def _send(members: Members) -> Command:
    return commands.Send(to=members.name("to"), text=members.text("message"), wait=True)


def _send_group(members: Members) -> Command:
    return commands.Send(
        to=members.name("grup", "group", "to"), text=members.text("message", "pesan"), wait=True
    )


def _create(members: Members) -> Command:
    return commands.Create(group=members.name("grup", "group"))


def _join(members: Members) -> Command:
    return commands.Join(group=members.name("grup", "group"))


def _pick_up(members: Members) -> Command:
    return commands.PickUp()


#: What is asked, by the ``tipe``; these have nobody who asks.
_OPEN: dict[str, Callable[[Members], Command]] = {"login": _sign_in, "daftar": _register}
#: What is asked by somebody.
_OWN: dict[str, Callable[[Members], Command]] = {
    "kirim": _send,
    "terima": _pick_up,
    "buat_grup": _create,
    "gabung_grup": _join,
    "kirim_pesan_grup": _send_group,
    "kirim_grup": _send_group,
}


class TipeDialect:
    """The server's end. With ``trusting`` whoever is named without a login is believed, as of old.

    ``own`` is the address of who signed in on the connection.
    """

    __slots__ = ("_own", "trusting")

    def __init__(self, *, trusting: bool = False, own: str = "") -> None:
        self.trusting = trusting
        self._own = own

    def of(self, own: str) -> TipeDialect:
        """Return the dialect of a connection on which somebody has signed in."""
        return TipeDialect(trusting=self.trusting, own=own)

    def decode(self, line: bytes) -> Request:
        """See :meth:`Dialect.decode`. The tag of a request is its ``tipe``, as refusals differ by it."""
        try:
            fields = _decode(line)
            check_shape(line)
        except _UNREADABLE:
            raise BadRequest("this is no JSON object in UTF-8") from None
        tipe, members = fields.get("tipe"), Members(fields)
        if not isinstance(tipe, str):
            raise UnknownCommand
        if tipe in _OPEN:
            return Request(_OPEN[tipe](members), tipe)
        if tipe not in _OWN:
            raise UnknownCommand
        user = members.find("from", "username")
        return Request(commands.As(command=_OWN[tipe](members), user=user, trusting=self.trusting), tipe)

    def tag_of(self, line: bytes) -> TagValue:
        """See :meth:`Dialect.tag_of`."""
        try:
            tipe = _decode(line).get("tipe")
        except _UNREADABLE:
            return None
        return tipe if isinstance(tipe, str) else None

    def encode_reply(self, reply: Reply, tag: TagValue) -> bytes:
        """See :meth:`Dialect.encode_reply`."""
        if not isinstance(reply, PickedUp):
            return _answer("berhasil")
        if not reply.messages and not (reply.used and self.trusting):
            return _answer("gagal", pesan="Tidak ada percakapan")
        return _answer("berhasil", percakapan=[_shown(message) for message in reply.messages])

    def encode_refusal(self, error: ChatError, tag: TagValue) -> bytes:
        """See :meth:`Dialect.encode_refusal`."""
        own = _SAID.get(str(tag), {})
        for kind in type(error).__mro__:
            said = own.get(kind) or _SAID_ALWAYS.get(kind)
            if said is not None:
                return _answer("gagal", pesan=said)
        return _answer("gagal", pesan=error.text)

    def encode_event(self, event: Event) -> bytes:
        """See :meth:`Dialect.encode_event`: mail for who signed in, and nothing else."""
        mail = as_mail(event, self._own) if isinstance(event, HistoryItem) and self._own else None
        return b"" if mail is None else _object({"tipe": "terima", **_shown(mail)})


def _answer(status: str, **members: Any) -> bytes:
    return _object({"status": status, "tipe": "balasan", **members})


def _shown(message: PickedMessage) -> dict[str, str]:
    return {"from": message.from_, "to": message.to, "message": message.text}


def _object(members: dict[str, Any]) -> bytes:
    """Return an object as clients can read it in any pieces: short, and in ASCII."""
    return json.dumps(members, separators=(",", ":")).encode("ascii")
