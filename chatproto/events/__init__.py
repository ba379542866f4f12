"""Everything a server may tell: replies to commands, and pushes to those who listen.

One frozen struct each. A reply answers exactly one command; its fields are what an OK reply adds
to ``re`` and ``status``. A refusal is a :class:`~chatproto.errors.ChatError`, not an event. Fields
at their default are left out on the wire.
"""

from __future__ import annotations

from chatproto.events.administration import (
    AllGroups,
    GroupDetails,
    GroupSummary,
    InviteList,
    InviteMade,
    InviteState,
    UserPage,
    UserState,
)
from chatproto.events.base import Done, Refused, Reply
from chatproto.events.files import (
    AboutFile,
    FileChange,
    FileInfo,
    Piece,
    Uploading,
    UploadList,
    UploadState,
    Written,
)
from chatproto.events.groups import (
    ActivePage,
    BlockList,
    GroupChanged,
    GroupMembership,
    GroupPage,
    GroupState,
    LiveMembers,
    MemberPage,
)
from chatproto.events.links import (
    DeadLetter,
    DeadLetterPage,
    LinkAdded,
    LinkDropped,
    LinkPage,
    LinkState,
    QueuedItem,
    QueuePage,
    RealmKey,
)
from chatproto.events.messages import (
    PENDING,
    ConversationPage,
    ConversationState,
    HistoryItem,
    HistoryPage,
    Listening,
    Message,
    Result,
    Sent,
    SentEach,
)
from chatproto.events.older import (
    EnteredGroup,
    ExitedGroup,
    FileSent,
    FilesTaken,
    InboxEntry,
    InboxFile,
    InboxTaken,
    InfoTaken,
    UserInfo,
)
from chatproto.events.originals import FileReceivedInRealm, SentBack
from chatproto.events.pushes import Event, Goodbye, Hint, IsTyping, LiveChange, Receipt
from chatproto.events.realms import FileSentToRealm, RealmBoxTaken, SentToGroupInRealm, SentToRealm
from chatproto.events.rooms import EnteredRoom
from chatproto.events.sessions import Greeting, LoggedIn, SessionList, SessionState
from chatproto.events.storage import FileExported, FilesCollected, StoredFile, StoredFilePage
from chatproto.events.tipe import PickedMessage, PickedUp, as_mail
from chatproto.events.tracing import AuditPruned, Traced, TraceStep

__all__ = [
    "PENDING",
    "AboutFile",
    "ActivePage",
    "AllGroups",
    "AuditPruned",
    "BlockList",
    "ConversationPage",
    "ConversationState",
    "DeadLetter",
    "DeadLetterPage",
    "Done",
    "EnteredGroup",
    "EnteredRoom",
    "Event",
    "ExitedGroup",
    "FileChange",
    "FileExported",
    "FileInfo",
    "FileReceivedInRealm",
    "FileSent",
    "FileSentToRealm",
    "FilesCollected",
    "FilesTaken",
    "Goodbye",
    "Greeting",
    "GroupChanged",
    "GroupDetails",
    "GroupMembership",
    "GroupPage",
    "GroupState",
    "GroupSummary",
    "Hint",
    "HistoryItem",
    "HistoryPage",
    "InboxEntry",
    "InboxFile",
    "InboxTaken",
    "InfoTaken",
    "InviteList",
    "InviteMade",
    "InviteState",
    "IsTyping",
    "LinkAdded",
    "LinkDropped",
    "LinkPage",
    "LinkState",
    "Listening",
    "LiveChange",
    "LiveMembers",
    "LoggedIn",
    "MemberPage",
    "Message",
    "PickedMessage",
    "PickedUp",
    "Piece",
    "QueuePage",
    "QueuedItem",
    "RealmBoxTaken",
    "RealmKey",
    "Receipt",
    "Refused",
    "Reply",
    "Result",
    "Sent",
    "SentBack",
    "SentEach",
    "SentToGroupInRealm",
    "SentToRealm",
    "SessionList",
    "SessionState",
    "StoredFile",
    "StoredFilePage",
    "TraceStep",
    "Traced",
    "UploadList",
    "UploadState",
    "Uploading",
    "UserInfo",
    "UserPage",
    "UserState",
    "Written",
    "as_mail",
]
