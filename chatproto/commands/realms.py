"""What older systems ask about other realms, in the text dialect.

``realm`` is a name that a link has, at both its ends, or the other realm's own.
"""

from __future__ import annotations

from chatproto import events
from chatproto.commands.base import Command, Word


class AddRealm(Command, frozen=True, kw_only=True, tag="addrealm"):
    """Link the realm that answers at a host and a port, and give the link a name (text dialect).

    Only in a lab, and only on this machine.
    """

    realm: Word
    host: Word
    port: Word

    forms = ("addrealm realm host port *",)
    json = False


class SendRealm(Command, frozen=True, kw_only=True, tag="sendprivaterealm"):
    """Send a text to a user of another realm, into the box of the link there (text dialect)."""

    realm: Word
    to: Word
    text: str

    replies = (events.SentToRealm,)
    forms = ("sendprivaterealm|sendrealm [token] realm to text...",)
    json = False


class SendGroupRealm(Command, frozen=True, kw_only=True, tag="sendgrouprealm"):
    """Send a text to a list of users of another realm, of whom none is unknown there (text dialect)."""

    realm: Word
    to: str
    text: str

    replies = (events.SentToGroupInRealm,)
    forms = ("sendgrouprealm [token] realm to text...",)
    json = False


class SendFileRealm(Command, frozen=True, kw_only=True, tag="sendfilerealm"):
    """Send a small file, with its content in base64, to a user of another realm (text dialect)."""

    realm: Word
    to: Word
    path: str
    content: str

    replies = (events.FileSentToRealm,)
    forms = ("sendfilerealm [token] realm to path content",)
    json = False
    large = True


class SendGroupFileRealm(Command, frozen=True, kw_only=True, tag="sendgroupfilerealm"):
    """Send a small file to a list of users of another realm, of whom none is unknown there (text dialect)."""

    realm: Word
    to: str
    path: str
    content: str

    replies = (events.SentToGroupInRealm,)
    forms = ("sendgroupfilerealm [token] realm to path content",)
    json = False
    large = True


class RealmInbox(Command, frozen=True, kw_only=True, tag="getrealminbox"):
    """Take what came into the box of a link since the last call (text dialect)."""

    realm: Word

    replies = (events.RealmBoxTaken,)
    forms = ("getrealminbox|realminbox [token] realm *",)
    json = False
    takes = True
