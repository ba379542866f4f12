"""Everything a client may ask, one frozen struct per command, by subject.

:mod:`chatproto.commands.base` says what a declaration means, and how to add one.
"""

from __future__ import annotations

from chatproto.commands import (
    administration,
    files,
    groups,
    links,
    messages,
    older,
    people,
    sessions,
    storage,
    tracing,
)
from chatproto.commands.administration import (
    GroupDelete,
    GroupKick,
    GroupList,
    GroupShow,
    GroupTransfer,
    InviteAdd,
    InviteList,
    InviteRevoke,
    SessionList,
    SessionRevoke,
    UserAdd,
    UserDelete,
    UserList,
    UserPasswd,
)
from chatproto.commands.base import HIDDEN, Command, Guard, Password, Request, Tag, Word
from chatproto.commands.files import About, Cancel, Chunk, Download, Finish, Upload, Uploads
from chatproto.commands.groups import (
    Configure,
    Create,
    DeleteGroup,
    Group,
    Groups,
    Invite,
    Join,
    Kick,
    Leave,
    Live,
    Members,
    SetRole,
    SetTopic,
    Transfer,
)
from chatproto.commands.links import (
    RealmAdd,
    RealmApprove,
    RealmBlock,
    RealmDeadLetters,
    RealmDrop,
    RealmKey,
    RealmList,
    RealmPark,
    RealmQueue,
    RealmRetry,
)
from chatproto.commands.messages import Ack, Conversations, History, Listen, Read, Send, SendGroup, Typing
from chatproto.commands.older import (
    EnterGroup,
    ExitGroup,
    Inbox,
    InboxGroup,
    Info,
    ReceiveFile,
    SendFile,
    SendGroupFile,
)
from chatproto.commands.people import Active, Block, Blocks, Unblock
from chatproto.commands.sessions import (
    DeleteAccount,
    Hello,
    Login,
    Logout,
    NewPassword,
    Register,
    Resume,
    Revoke,
    Sessions,
)
from chatproto.commands.storage import FilesExport, FilesGc, FilesList
from chatproto.commands.tracing import AuditPrune, Trace

__all__ = [
    "HIDDEN",
    "About",
    "Ack",
    "Active",
    "AuditPrune",
    "Block",
    "Blocks",
    "Cancel",
    "Chunk",
    "Command",
    "Configure",
    "Conversations",
    "Create",
    "DeleteAccount",
    "DeleteGroup",
    "Download",
    "EnterGroup",
    "ExitGroup",
    "FilesExport",
    "FilesGc",
    "FilesList",
    "Finish",
    "Group",
    "GroupDelete",
    "GroupKick",
    "GroupList",
    "GroupShow",
    "GroupTransfer",
    "Groups",
    "Guard",
    "Hello",
    "History",
    "Inbox",
    "InboxGroup",
    "Info",
    "Invite",
    "InviteAdd",
    "InviteList",
    "InviteRevoke",
    "Join",
    "Kick",
    "Leave",
    "Listen",
    "Live",
    "Login",
    "Logout",
    "Members",
    "NewPassword",
    "Password",
    "Read",
    "RealmAdd",
    "RealmApprove",
    "RealmBlock",
    "RealmDeadLetters",
    "RealmDrop",
    "RealmKey",
    "RealmList",
    "RealmPark",
    "RealmQueue",
    "RealmRetry",
    "ReceiveFile",
    "Register",
    "Request",
    "Resume",
    "Revoke",
    "Send",
    "SendFile",
    "SendGroup",
    "SendGroupFile",
    "SessionList",
    "SessionRevoke",
    "Sessions",
    "SetRole",
    "SetTopic",
    "Tag",
    "Trace",
    "Transfer",
    "Typing",
    "Unblock",
    "Upload",
    "Uploads",
    "UserAdd",
    "UserDelete",
    "UserList",
    "UserPasswd",
    "Word",
    "all_commands",
]

#: The modules of commands, in the order in which documents list them.
_SUBJECTS = (sessions, messages, files, groups, people, older, administration, storage, links, tracing)


def all_commands() -> tuple[type[Command], ...]:
    """Return every command, by subject."""
    return tuple(
        sorted(
            Command.__subclasses__(),
            key=lambda command: [subject.__name__ for subject in _SUBJECTS].index(command.__module__),
        )
    )
