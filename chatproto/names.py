"""The names of realms, users, groups and devices: parse, fold, print.

These are the only validators: what comes out of a ``parse`` here is safe to store, to
compare and to show. Users and groups of a realm share one namespace, so an address never
says which of the two it means. This module knows nothing of the wire.
"""

from __future__ import annotations

import hashlib
import re
import unicodedata
from typing import NamedTuple, Self

from chatproto.errors import BadName

_REALM = re.compile(r"[a-z0-9][a-z0-9.-]{0,62}")
_LOCAL = re.compile(r"[A-Za-z0-9_][A-Za-z0-9_.-]{0,63}")
_UUID4 = re.compile(r"[0-9a-f]{8}-[0-9a-f]{4}-4[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}", re.IGNORECASE)
_SHA256 = re.compile(r"[0-9a-f]{64}")
_CID = re.compile(r"[A-Za-z0-9._:-]{1,64}")

#: Digits of the counter in an ordered cid, so that every store and every client can hold the number.
COUNTER_DIGITS = 15
_COUNTER = re.compile(rf"0|[1-9][0-9]{{0,{COUNTER_DIGITS - 1}}}")

#: Characters that reorder the text around them; in a name they would let one user look like another.
_BIDIRECTIONAL = frozenset({"LRE", "RLE", "LRO", "RLO", "PDF", "LRI", "RLI", "FSI", "PDI"})

#: Longest display name and country, in characters: one line of a narrow terminal.
DISPLAY_NAME_CHARACTERS = 64

#: Longest name of a file, in bytes of UTF-8: what the usual file systems take.
FILE_NAME_BYTES = 255
#: Longest end of a file's name, with its dot, that is kept when the name is cut.
_EXTENSION_BYTES = 32
#: What is removed from a file's name: controls, invisible characters, those that turn writing around, halves.
_UNSEEN = frozenset({"Cc", "Cf", "Cs", "Zl", "Zp"})
#: Characters that some systems have other uses for in a path.
_RESERVED = str.maketrans('<>:"|?*', "_______")
#: Names that are devices on some systems, whatever follows a dot.
_DEVICE = re.compile(r"(con|prn|aux|nul|conin\$|conout\$|clock\$|(com|lpt)[0-9¹²³]) *(\.|\Z)", re.IGNORECASE)


#: What the name of a guest of a room begins with in its address, and no other name can.
_GUEST = "~"
#: What could make a guest's name look like another's where it stands between brackets, or before ``@``.
_IN_GUESTS = str.maketrans({"@": "%40", "%": "%25"})
_BRACKETS = str.maketrans("<>[]", "____")
#: What the name of a room's group begins with, and of one whose id is too long to stand in it: nothing that
#: is escaped has two underscores in a row.
_ROOM, _LONG_ROOM = "room-", "room-__"
_GROUP_CHARACTERS = 64
_PLAIN_IN_ROOMS = frozenset(b"abcdefghijklmnopqrstuvwxyz0123456789.-")


def fold(name: str) -> str:
    """Return the form of a name that is compared: names differ by more than case, or not at all."""
    return name.lower()


def is_uuid4(text: str) -> bool:
    """Tell whether text has the shape of a UUID4, which older clients use for tokens only."""
    return len(text) == 36 and _UUID4.fullmatch(text) is not None


class RealmName(str):
    """The name of a realm: lower case, digits, dots and hyphens, at most 63 characters."""

    __slots__ = ()

    @classmethod
    def parse(cls, text: str) -> Self:
        """Return text as a realm's name.

        :raises BadName: text is not of the form ``[a-z0-9][a-z0-9.-]{0,62}``.
        """
        if _REALM.fullmatch(text) is None:
            raise BadName("a realm's name has 1 to 63 of a-z, 0-9, dot and hyphen")
        return cls(text)


class LocalName(str):
    """A name inside a realm, shown as registered and compared without regard to case."""

    __slots__ = ()
    subject = "name"

    @classmethod
    def parse(cls, text: str) -> Self:
        """Return text as a name.

        :raises BadName: text is not of the form ``[A-Za-z0-9_][A-Za-z0-9_.-]{0,63}``, or looks
            like a UUID4: older clients could not tell such a name from a token.
        """
        if _LOCAL.fullmatch(text) is None or is_uuid4(text):
            raise BadName(
                f"a {cls.subject} has 1 to 64 of A-Z, a-z, 0-9, underscore, dot and hyphen, "
                "does not begin with dot or hyphen, and is not shaped like a UUID"
            )
        return cls(text)

    @property
    def folded(self) -> str:
        """The form that is compared and stored as a key."""
        return fold(self)


class UserName(LocalName):
    """The name of a user within one realm."""

    __slots__ = ()
    subject = "user name"


class GroupName(LocalName):
    """The name of a group within its home realm."""

    __slots__ = ()
    subject = "group name"


class DeviceName(LocalName):
    """The name under which a session keeps its place in the log."""

    __slots__ = ()
    subject = "device name"


class Address(NamedTuple):
    """A user or a group, and the realm where it lives; printed ``name@realm``."""

    name: LocalName
    realm: RealmName

    @classmethod
    def parse(cls, text: str, home: RealmName) -> Address:
        """Return the address that text means to a user of the realm ``home``.

        :raises BadName: the name or the realm is malformed.
        """
        name, at, realm = text.partition("@")
        return cls(LocalName.parse(name), RealmName.parse(fold(realm)) if at else home)

    @property
    def folded(self) -> str:
        """The form that is compared and stored as a key."""
        return f"{fold(self.name)}@{self.realm}"

    def __str__(self) -> str:
        return f"{self.name}@{self.realm}"


def parse_display_name(text: str) -> str:
    """Return text as a name to show, which may be in any script; blank ends are cut.

    :raises BadName: more than 64 characters, or a control or bidirectional character.
    """
    return parse_shown(text, DISPLAY_NAME_CHARACTERS, "a display name")


def parse_shown(text: str, most: int, what: str) -> str:
    """Return one line of text for people; blank ends are cut.

    :raises BadName: more than ``most`` characters, or a control or bidirectional character.
    """
    shown = unicodedata.normalize("NFC", text).strip()
    if len(shown) > most:
        raise BadName(f"{what} has at most {most} characters")
    for character in shown:
        category = unicodedata.category(character)
        if category in ("Cc", "Cs", "Zl", "Zp") or (
            unicodedata.bidirectional(character) in _BIDIRECTIONAL or character in "\u200e\u200f\u061c"
        ):
            raise BadName(f"{what} has no control or bidirectional characters")
    return shown


def clean_shown(text: str, most: int) -> str:
    """Return what a stranger typed as one line for people, of at most so many characters; perhaps none."""
    seen = "".join(
        " " if unicodedata.category(character) in ("Cc", "Zl", "Zp") else character
        for character in text
        if unicodedata.category(character) not in ("Cf", "Cs")
    )
    return unicodedata.normalize("NFC", seen).strip()[:most].rstrip()


def guest_name(text: str) -> str:
    """Return how a guest of a room is called who typed this, which may have blanks and be in any script."""
    return clean_shown(text, DISPLAY_NAME_CHARACTERS).translate(_BRACKETS) or "guest"


def guest_in_address(name: str) -> str:
    """Return what stands before the ``@`` of a guest's address: nothing that an account can be called."""
    return _GUEST + name.translate(_IN_GUESTS)


def name_in_address(local: str) -> str:
    """Return what somebody is called, of what stands before the ``@`` of an address."""
    if not local.startswith(_GUEST):
        return local
    return local.removeprefix(_GUEST).replace("%40", "@").replace("%25", "%")


def is_guest(local: str) -> bool:
    """Tell whether what stands before the ``@`` of an address is from :func:`guest_in_address`."""
    name = name_in_address(local)
    return local == guest_in_address(name) and name == guest_name(name)


def room_group(room: str) -> GroupName:
    """Return the name of the group that a room is, which has the room's id in it, escaped.

    Other bytes than ``[a-z0-9.-]`` stand as ``_`` and two hexadecimal digits; capitals, too, as names of
    groups have no case.
    """
    data = room.encode(errors="surrogatepass")
    name = _ROOM + "".join(chr(byte) if byte in _PLAIN_IN_ROOMS else f"_{byte:02x}" for byte in data)
    if len(name) > _GROUP_CHARACTERS:
        digest = hashlib.sha256(data).hexdigest()
        name = _LONG_ROOM + digest[: _GROUP_CHARACTERS - len(_LONG_ROOM)]
    return GroupName.parse(name)


class OrderedCid(NamedTuple):
    """A client's command id of the form ``prefix:counter``, which a store can pack.

    A client that counts within a random prefix lets the store keep one row for many ids.
    """

    prefix: str
    counter: int


def parse_cid(text: str) -> OrderedCid | None:
    """Check a client's command id, and return its parts if it is an ordered one.

    :raises BadName: text is not 1 to 64 of ``[A-Za-z0-9._:-]``.
    """
    if _CID.fullmatch(text) is None:
        raise BadName("a cid has 1 to 64 of A-Z, a-z, 0-9, dot, underscore, colon and hyphen")
    prefix, _, counter = text.rpartition(":")
    if prefix and _COUNTER.fullmatch(counter) is not None:
        return OrderedCid(prefix, int(counter))
    return None


def is_sha256(text: str) -> bool:
    """Tell whether a text is the hash of a file, which names its bytes."""
    return _SHA256.fullmatch(text) is not None


def clean_file_name(text: str) -> str:
    """Return text as the name of a file, safe to create in a folder on any system; never empty.

    What stands before the last ``/`` or ``\\`` is no part of it. It does not begin as options of programs do.
    """
    last = text.replace("\\", "/").rpartition("/")[2]
    seen = "".join(character for character in last if unicodedata.category(character) not in _UNSEEN)
    name = unicodedata.normalize("NFC", seen).translate(_RESERVED).strip().lstrip(". ").rstrip(". ")
    if name.startswith("-"):
        name = f"_{name[1:]}"
    if _DEVICE.match(name):
        name = f"_{name}"
    return cut_file_name(name).rstrip(". ") or "file"


def cut_file_name(name: str, before_extension: str = "", most: int = FILE_NAME_BYTES) -> str:
    """Return a file's name, cut to so many bytes at a character, with something put before its extension."""
    stem, dot, extension = name.rpartition(".")
    end = f"{dot}{extension}" if stem and len(f".{extension}".encode()) <= _EXTENSION_BYTES else ""
    stem = name.removesuffix(end)
    end = before_extension + end
    return stem.encode()[: most - len(end.encode())].decode(errors="ignore") + end
