"""The order of replies on one connection, and the reasons not to read from it.

Replies are sent in the order of commands, whatever the order in which these are done. Each command holds a
:class:`Slot` in a queue, and its reply is sent when all before it are.
"""

from __future__ import annotations

import enum
from collections.abc import Collection
from typing import Protocol

from chatproto.commands import Command, Download
from chatproto.errors import ChatError
from chatproto.events import Reply
from chatproto.realm.meters import Traffic
from chatproto.wire.dialect import Dialect, TagValue


class Pause(enum.Flag):
    """Why a connection is not read."""

    NONE = 0
    COMMAND = enum.auto()  # a command that runs alone is being carried out
    HELD = enum.auto()  # a command that runs alone waits for those before it
    PIPELINE = enum.auto()  # as many commands as allowed are in flight
    OUTBOX = enum.auto()  # the client does not read its replies
    WRITER = enum.auto()  # the realm has as much to store as it may hold
    TURN = enum.auto()  # it had its share of this turn of the reactor
    LARGE = enum.auto()  # a line that carries a file waits for its turn, or for a look at its token
    HASTE = enum.auto()  # it went on asking although it was told to wait
    ENDING = enum.auto()  # nothing more will be read


#: Bytes of files that replies of one connection may hold before they are written: who asks for more waits.
_OWED_BYTES = 1024 * 1024


class Replying(Protocol):
    """The connection that a slot belongs to."""

    traffic: Traffic

    def pause(self, why: Pause) -> None:
        """Stop reading for a reason."""
        ...

    def reply(self) -> None:
        """Send the replies whose turn has come."""
        ...

    def refused(self, error: ChatError) -> None:
        """Hear that a command was refused."""
        ...


class Slot:
    """The place of one reply in the order of replies. Called with what becomes of the command, once."""

    __slots__ = ("_connection", "_tag", "data", "dialect", "owed")

    def __init__(self, connection: Replying, dialect: Dialect, tag: TagValue) -> None:
        self._connection = connection
        #: In which the reply is said.
        self.dialect = dialect
        self._tag = tag
        #: The reply as it is sent; None while there is none.
        self.data: bytes | None = None
        #: Bytes of a file that may come into it.
        self.owed = 0

    def __call__(self, outcome: Reply | ChatError) -> None:
        """Fill the place; an error that is fatal ends the connection after it."""
        if not isinstance(outcome, ChatError):
            self.data = self.dialect.encode_reply(outcome, self._tag)
            self._connection.traffic.replies += 1
        else:
            self._connection.traffic.refuse(outcome.code)
            self.data = self.dialect.encode_refusal(outcome, self._tag)
            if outcome.fatal:
                self._connection.pause(Pause.ENDING)
            else:
                self._connection.refused(outcome)
        self._connection.reply()


def may_follow(command: Command, slots: Collection[Slot]) -> bool:
    """Tell whether a command may be carried out while those before it are not answered."""
    if not slots or (command.pipelined and type(command) is not Download):
        return True
    if type(command) is not Download:
        return False
    return sum(slot.owed for slot in slots) + command.size <= _OWED_BYTES
