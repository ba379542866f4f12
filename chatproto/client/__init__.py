"""The client for bots and programs: :class:`ChatClient`, and the values it is made of and gives.

It keeps a session through lost connections, sends each message once and hands each message out once. It knows
the JSON dialect only through :mod:`chatproto.protocols.client`, and nothing of stores and realms.
"""

from __future__ import annotations

from chatproto.client.account import Account
from chatproto.client.chat import ChatClient
from chatproto.client.files import Files
from chatproto.client.groups import Groups
from chatproto.client.inbox import Position
from chatproto.client.lasting import Progress, Stage
from chatproto.client.link import State
from chatproto.events import (
    FileChange,
    FileInfo,
    IsTyping,
    LiveChange,
    LiveMembers,
    Message,
    Receipt,
    Sent,
    SentEach,
)

__all__ = [
    "Account",
    "ChatClient",
    "FileChange",
    "FileInfo",
    "Files",
    "Groups",
    "IsTyping",
    "LiveChange",
    "LiveMembers",
    "Message",
    "Position",
    "Progress",
    "Receipt",
    "Sent",
    "SentEach",
    "Stage",
    "State",
]
