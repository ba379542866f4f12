"""Lines that carry a file, as older clients send one: a few at a time, and only from users.

Such a line is in memory as a whole, so that not everybody can have one at once. Who finds no room is not read
until there is some. Nobody keeps others waiting for long: a line that takes its time is refused then.
"""

from __future__ import annotations

import enum
from typing import Protocol

from twisted.internet.defer import Deferred
from twisted.internet.interfaces import IDelayedCall
from twisted.python.failure import Failure

from chatproto.errors import Busy, ChatError, LineTooLong
from chatproto.events import Reply
from chatproto.limits import Limits
from chatproto.protocols.order import Pause
from chatproto.protocols.speaking import Speaker
from chatproto.realm.times import Clock
from chatproto.wire.dialect import Dialect
from chatproto.wire.text import TextDialect

#: Large lines in memory at a time, from their beginning to their reply: about 50 MiB as they come, and at
#: most three times as much while they are taken apart.
LARGE_LINES = 4
#: While others wait, a line has so long to come, at 200 kB a second with the default bounds; else it may take
#: as long as it likes.
_LINE_SECONDS = 60.0


class Stage(enum.Enum):
    """How far a connection is with a large line."""

    NONE = enum.auto()
    WAITING = enum.auto()  # there is no room for it yet
    COMING = enum.auto()
    HERE = enum.auto()  # all of it came, and it is being carried out


class Connection(Protocol):
    """A connection that may bring such lines."""

    session: Speaker

    def pause(self, why: Pause) -> None: ...  # noqa: D102
    def resume(self, why: Pause) -> None: ...  # noqa: D102

    def look_at_trust(self) -> None:
        """Lift the limits for strangers once the session is a user's."""
        ...

    def skip_line(self) -> None:
        """Refuse the line whose end has not come."""
        ...


class LargeLines:
    """The room for large lines, of all connections to one listener."""

    def __init__(self, clock: Clock, lines: int = LARGE_LINES) -> None:
        self._clock = clock
        self._room = lines
        #: Who has a part of the room since when, the longest first; and who waits for one, in their order.
        self._holding: dict[LargeLine, float] = {}
        self._waiting: dict[LargeLine, None] = {}
        self._call: IDelayedCall | None = None

    @property
    def load(self) -> dict[str, int]:
        """How many there are now, and how many wait for room."""
        return {"taken": len(self._holding), "waiting": len(self._waiting)}

    def take(self, line: LargeLine) -> bool:
        """Take room for a line; False if there is none, and it is called when there is."""
        if len(self._holding) < self._room:
            self._holding[line] = self._clock.seconds()
            return True
        self._waiting[line] = None
        self._hurry()
        return False

    def leave(self, line: LargeLine) -> None:
        """Give room back, or wait for it no longer."""
        self._waiting.pop(line, None)
        if self._holding.pop(line, None) is not None and self._waiting:
            # Whoever has many connections does not keep others waiting with all of them.
            owners = {each.owner for each in self._holding}
            others = (each for each in self._waiting if each.owner not in owners)
            following = next(others, next(iter(self._waiting)))
            del self._waiting[following]
            self._holding[following] = self._clock.seconds()
            following.begin()
        if self._call is not None and not self._waiting:
            self._call.cancel()
            self._call = None

    def _hurry(self) -> None:
        """See that no line comes for too long while another waits."""
        if self._call is None:
            coming = [since for line, since in self._holding.items() if line.stage is Stage.COMING]
            since = min(coming, default=self._clock.seconds())
            wait = max(since + _LINE_SECONDS - self._clock.seconds(), 0.0)
            self._call = self._clock.callLater(wait, self._look)

    def _look(self) -> None:
        self._call = None
        now = self._clock.seconds()
        for line, since in list(self._holding.items()):
            if since + _LINE_SECONDS <= now and line.stage is Stage.COMING and self._waiting:
                line.too_slow()
        if self._waiting:
            self._hurry()


class LargeLine:
    """What one connection may send in a line that is longer than others."""

    def __init__(self, connection: Connection, limits: Limits, lines: LargeLines) -> None:
        self._connection = connection
        self._limits = limits
        self._lines = lines
        self.stage = Stage.NONE
        #: Why the line is refused.
        self._refusal: ChatError = LineTooLong()
        self._asked = False  # whether the realm was asked about the token of a stranger's line

    @property
    def owner(self) -> str:
        """Who sends it, as far as is known before it is read: an account, or else an address."""
        return self._connection.session.owner

    def limit_of(self, dialect: Dialect, start: bytes) -> int | None:
        """See :meth:`LineFraming.limit_of`, of a line in a dialect that begins so."""
        text = dialect if isinstance(dialect, TextDialect) else None
        session = self._connection.session
        if not session.trusted and text is not None and text.is_of_peer(start):
            session.trusted = session.is_peer
        if not session.trusted:
            token = None if text is None or self._asked else text.token_of(start)
            if token is None:
                return self._limits.line_bytes_before_login
            self._ask(token)
            return None
        self._connection.look_at_trust()
        if text is None or not text.is_large(start):
            return self._limits.line_bytes
        if self.stage is Stage.NONE:
            self.stage = Stage.COMING if self._lines.take(self) else Stage.WAITING
        if self.stage is Stage.WAITING:
            self._connection.pause(Pause.LARGE)
            return None
        return max(self._limits.line_bytes, self._limits.sendfile_bytes * 3 // 2)

    def begin(self) -> None:
        """Hear that there is room for it now."""
        self.stage = Stage.COMING
        self._connection.resume(Pause.LARGE)

    def too_slow(self) -> None:
        """Refuse what came of the line: others wait."""
        self._refusal = Busy("the line took too long, and others wait", retry_after=1.0)
        self._connection.skip_line()

    def came(self) -> None:
        """Hear that the line is whole."""
        if self.stage is Stage.COMING:
            self.stage = Stage.HERE

    def refused(self) -> ChatError:
        """Hear that the line is skipped; return why. The next one is judged anew."""
        self.came()
        refusal, self._refusal, self._asked = self._refusal, LineTooLong(), False
        return refusal

    def answered(self) -> None:
        """Hear that everything that came is answered."""
        if self.stage is Stage.HERE:
            self.end()

    def end(self) -> None:
        """Give its room back: it is answered, or the connection is gone."""
        if self.stage is not Stage.NONE:
            self.stage = Stage.NONE
            self._lines.leave(self)

    def _ask(self, token: str) -> None:
        self._asked = True
        self._connection.pause(Pause.LARGE)
        finding = Deferred.fromCoroutine(self._connection.session.find_login(token))
        finding.addCallbacks(self._found, self._not_found)

    def _found(self, _: object) -> None:
        self._connection.session.trusted = True
        self._connection.look_at_trust()
        self._connection.resume(Pause.LARGE)

    def _not_found(self, failure: Failure) -> None:
        self._connection.session.failed(failure, self._refuse)
        self._connection.resume(Pause.LARGE)

    def _refuse(self, outcome: Reply | ChatError) -> None:
        assert isinstance(outcome, ChatError)
        self._refusal = outcome
