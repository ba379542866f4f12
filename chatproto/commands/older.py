"""What only the older systems ask, in the text dialect."""

from __future__ import annotations

from chatproto import events
from chatproto.commands.base import Command, Guard, Word


class Inbox(Command, frozen=True, kw_only=True):
    """Take everything received since the last call, by sender (text dialect)."""

    replies = (events.InboxTaken,)
    forms = ("inbox [token] *",)
    json = False
    takes = True


class InboxGroup(Command, frozen=True, kw_only=True, tag="inboxgroup"):
    """Take what was said in one group since the last call, by sender (text dialect)."""

    group: Word

    replies = (events.InboxTaken,)
    forms = ("inboxgroup [token] group *",)
    json = False
    takes = True


class Info(Command, frozen=True, kw_only=True):
    """Tell who is logged in, with names and countries (text dialect)."""

    replies = (events.InfoTaken,)
    guard = Guard.ANYONE
    forms = ("info *",)
    json = False


class SendFile(Command, frozen=True, kw_only=True, tag="sendfile"):
    """Send a small file to a user or a group, with its content in base64 (text dialect).

    Of ``path``, the sender's own, only the last part is used. Without a content nothing can be sent.
    """

    to: Word
    path: str
    content: str | None = None

    replies = (events.FileSent,)
    forms = ("sendfile|senfile [token] to path content", "sendfile|senfile [token] to path *")
    json = False
    large = True


class SendGroupFile(Command, frozen=True, kw_only=True, tag="sendgroupfile"):
    """Send a small file to a group, or to the known users of a list with commas (text dialect)."""

    to: str
    path: str
    content: str

    replies = (events.FileSent,)
    forms = ("sendgroupfile [token] to path content",)
    json = False
    large = True


class ReceiveFile(Command, frozen=True, kw_only=True, tag="receivefile"):
    """Take the files received since the last call (text dialect)."""

    replies = (events.FilesTaken,)
    forms = ("receivefile [token] *",)
    json = False
    takes = True


class EnterGroup(Command, frozen=True, kw_only=True, tag="enter-group"):
    """Talk in a group in live mode, as its member; it is made if there is none (text dialect)."""

    group: Word

    replies = (events.EnteredGroup,)
    forms = ("group [token] group *",)
    json = False


class ExitGroup(Command, frozen=True, kw_only=True, tag="exit-group"):
    """End live mode; the membership stays (text dialect)."""

    replies = (events.ExitedGroup,)
    # It ends what this connection does, whatever became of the session.
    guard = Guard.ANYONE
    forms = ("exit *",)
    json = False
