"""When the commands of one connection are carried out, and the places of their replies.

Most commands run alone: what comes behind one waits until it is answered. Those that are pipelined begin at
once, as many as may be under way, as long as the realm can hold what they store.
"""

from __future__ import annotations

from collections import deque
from functools import partial
from typing import TYPE_CHECKING, cast

from twisted.internet.defer import Deferred

from chatproto.commands import CheckGroup, Download, EnterGroup, ExitGroup, Listen, Request, SignIn
from chatproto.errors import ChatError
from chatproto.events import Reply
from chatproto.protocols.order import Pause, Slot, may_follow
from chatproto.protocols.raw import RawFraming
from chatproto.protocols.speaking import Speaker, carry_out
from chatproto.realm.meters import Traffic
from chatproto.realm.sending import Answer
from chatproto.realm.session import Waiting
from chatproto.wire.dialect import Dialect, TagValue

if TYPE_CHECKING:
    from chatproto.protocols.lines_factory import LinesFactory

#: Commands by which a connection is spoken to in another way.
_CHANGING = frozenset({EnterGroup, CheckGroup, ExitGroup, SignIn})


class CommandFraming(RawFraming):
    """Lines that are commands, which a session carries out in their order."""

    session: Speaker
    traffic: Traffic

    def __init__(self, factory: LinesFactory) -> None:
        super().__init__()
        self._factory = factory
        self._limits = factory.limits
        self._slots: deque[Slot] = deque()
        self._held: tuple[Dialect, Request] | None = None

    def reply(self) -> None:
        """Send the replies whose turn has come."""
        raise NotImplementedError

    def refused(self, error: ChatError) -> None:
        """Hear that a command was refused."""
        raise NotImplementedError

    def will_listen(self, dialect: Dialect) -> None:
        """Hear that events are to be told in a dialect from now on."""
        raise NotImplementedError

    def change_mode(self, slot: Slot, token: str | None, outcome: Reply | ChatError) -> None:
        """Begin or end live mode, and answer."""
        raise NotImplementedError

    def take(self, dialect: Dialect, request: Request) -> None:
        """Carry out a command now, or as soon as it may."""
        if self.session.room.full or not may_follow(request.command, self._slots):
            self._held = (dialect, request)
            self.pause(Pause.HELD)
            self._look_for_room()
        else:
            self._start(dialect, request)

    def _take_slot(self, dialect: Dialect, tag: TagValue) -> Slot:
        slot = Slot(self, dialect, tag)
        self._slots.append(slot)
        if len(self._slots) >= self._limits.pipeline:
            self.pause(Pause.PIPELINE)
        return slot

    def _look_for_room(self) -> None:
        """Ask to be told when the realm can hold more, if it is full."""
        room = self.session.room
        if room.full and not self._pause & Pause.WRITER:
            self.pause(Pause.WRITER)
            room.when_room(self._has_room)

    def _has_room(self) -> None:
        self.resume(Pause.WRITER)
        self._start_held()

    def _start_held(self) -> None:
        """Carry out the command that waits, if nothing is in its way any more."""
        self._look_for_room()
        if self._held is None or self._pause & Pause.WRITER:
            return
        dialect, request = self._held
        if may_follow(request.command, self._slots):
            self._held = None
            self._start(dialect, request)
            self.resume(Pause.HELD)

    def _start(self, dialect: Dialect, request: Request) -> None:
        slot = self._take_slot(dialect, request.id)
        answer: Answer = slot
        kind = type(request.command)
        if kind is Listen:
            self.will_listen(dialect)
        elif kind in _CHANGING:
            answer = partial(self.change_mode, slot, request.token)
        elif kind is Download:
            slot.owed = cast("Download", request.command).size
        waiting = carry_out(self.session, request, answer)
        if waiting is not None:
            self._wait(waiting, slot)

    def _wait(self, waiting: Waiting, slot: Slot) -> None:
        """Read no more until a command that runs alone has ended."""
        self.pause(Pause.COMMAND)
        self.ran_alone(self._factory.clock)
        done = Deferred.fromCoroutine(waiting)
        done.addErrback(self.session.failed, slot)
        done.addCallback(lambda _: self.resume(Pause.COMMAND))
