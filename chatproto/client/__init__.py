"""The client for bots and programs: :class:`ChatClient`, and the values it is made of and gives.

It keeps a session through lost connections, sends each message once and hands each message out once. It knows
the JSON dialect only through :mod:`chatproto.protocols.client`, and nothing of stores and realms.
"""

from __future__ import annotations

from chatproto.client.account import Account
from chatproto.client.chat import ChatClient
from chatproto.client.groups import Groups
from chatproto.client.inbox import Position
from chatproto.client.link import State
from chatproto.events import IsTyping, LiveChange, Message, Receipt, Sent, SentEach

__all__ = [
    "Account",
    "ChatClient",
    "Groups",
    "IsTyping",
    "LiveChange",
    "Message",
    "Position",
    "Receipt",
    "Sent",
    "SentEach",
    "State",
]
