"""What an original server of an older system asks of another one, in the text dialect.

To whoever is none these commands do not exist, however they are written; so each has a form without meaning.
"""

from __future__ import annotations

from chatproto import events
from chatproto.commands.base import Command, Guard


class RecvRealm(Command, frozen=True, kw_only=True, tag="recvrealm"):
    """Hear by which name an original server calls the way between it and this realm (text dialect)."""

    realm: str | None = None
    host: str | None = None
    port: str | None = None

    forms = ("recvrealm realm host port *", "recvrealm *")
    guard = Guard.PEER
    json = False


class RecvRealmText(Command, frozen=True, kw_only=True, tag="recvrealmprivatemsg"):
    """Take a text for a user's realm box from an original server (text dialect)."""

    sender: str | None = None
    realm: str | None = None
    to: str | None = None
    text: str | None = None

    replies = (events.SentToRealm,)
    forms = ("recvrealmprivatemsg sender realm to text...", "recvrealmprivatemsg *")
    guard = Guard.PEER
    json = False


class RecvRealmGroupText(Command, frozen=True, kw_only=True, tag="recvrealmgroupmsg"):
    """Take a text for the realm boxes of several users, named with commas (text dialect)."""

    sender: str | None = None
    realm: str | None = None
    to: str | None = None
    text: str | None = None

    replies = (events.SentToGroupInRealm,)
    forms = ("recvrealmgroupmsg sender realm to text...", "recvrealmgroupmsg *")
    guard = Guard.PEER
    json = False


class RecvRealmFile(Command, frozen=True, kw_only=True, tag="recvfilerealm"):
    """Take a file for a user's realm box from an original server (text dialect)."""

    sender: str | None = None
    realm: str | None = None
    to: str | None = None
    path: str | None = None
    content: str | None = None

    replies = (events.FileReceivedInRealm,)
    forms = ("recvfilerealm sender realm to path content", "recvfilerealm *")
    guard = Guard.PEER
    json = False
    large = True


class RecvRealmGroupFile(Command, frozen=True, kw_only=True, tag="recvgroupfilerealm"):
    """Take a file for the realm boxes of several users, named with commas (text dialect)."""

    sender: str | None = None
    realm: str | None = None
    to: str | None = None
    path: str | None = None
    content: str | None = None

    replies = (events.SentToGroupInRealm,)
    forms = ("recvgroupfilerealm sender realm to path content", "recvgroupfilerealm *")
    guard = Guard.PEER
    json = False
    large = True


class GetRealmChat(Command, frozen=True, kw_only=True, tag="getrealmchat"):
    """Give what waits for a user of an original server and could not be brought there (text dialect)."""

    realm: str | None = None
    user: str | None = None

    replies = (events.RealmBoxTaken,)
    forms = ("getrealmchat realm user *", "getrealmchat *")
    guard = Guard.PEER
    json = False


class ServerSend(Command, frozen=True, kw_only=True, tag="server-send"):
    """Take a text for a user's inbox from an original server: ``server send`` (text dialect)."""

    what: str | None = None
    sender: str | None = None
    to: str | None = None
    text: str | None = None

    replies = (events.SentBack,)
    forms = ("server what sender to text...", "server what *", "server *")
    guard = Guard.PEER
    json = False
