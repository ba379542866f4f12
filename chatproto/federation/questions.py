"""Questions between two realms, which somebody waits for: who is there, and whether there is somebody."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import Any

from twisted.internet.defer import Deferred
from twisted.internet.interfaces import IDelayedCall
from twisted.logger import Logger
from twisted.python.failure import Failure

from chatproto.errors import Busy, ChatError, NoSuchUser, StoreError, Unavailable
from chatproto.faults import Discreet
from chatproto.federation.bounds import ANSWER_SECONDS, QUESTIONS
from chatproto.frames import Answer, Ask, Frame
from chatproto.realm.times import Clock


class Questions:
    """Those of one connection, in both directions."""

    _log = Logger()

    def __init__(
        self,
        clock: Clock,
        answer: Callable[[Ask], Awaitable[dict[str, Any]]],
        send: Callable[[Frame], bool],
        number: int = 0,
    ) -> None:
        """Questions are numbered from the one after ``number``."""
        self._clock = clock
        self._answer = answer
        self._send = send
        self._number = number
        self._asked: dict[int, tuple[Deferred[dict[str, Any]], IDelayedCall]] = {}
        self._answering = 0
        self._closed = False

    def ask(self, about: str, name: str = "", after: str = "") -> Deferred[dict[str, Any]]:
        """Ask the other realm, and fire with what it found.

        :raises Busy: too many questions are under way.
        :raises Unavailable: it does not answer.
        :raises NoSuchUser: the question was about one.
        """
        if len(self._asked) >= QUESTIONS:
            raise Busy
        self._number += 1
        number = self._number
        found: Deferred[dict[str, Any]] = Deferred(lambda _: self._drop(number))
        call = self._clock.callLater(ANSWER_SECONDS, self._fail, number)
        self._asked[number] = (found, call)
        self._send(Ask(number=number, about=about, name=str(name), after=after))
        return found

    def heard(self, frame: Ask | Answer) -> None:
        """Take what the other realm says."""
        if isinstance(frame, Ask):
            self.asked(frame)
        else:
            self.answered(frame)

    def answered(self, answer: Answer) -> None:
        """Hear an answer; it may come too late."""
        found = self._forget(answer.number)
        if found is None:
            return
        if not answer.code:
            found.callback(answer.found)
        elif answer.code == NoSuchUser.code:
            found.errback(NoSuchUser())
        else:
            found.errback(Unavailable())

    def _drop(self, number: int) -> None:
        self._forget(number)

    def _fail(self, number: int) -> None:
        found = self._forget(number)
        if found is not None:
            found.errback(Unavailable())

    def _forget(self, number: int) -> Deferred[dict[str, Any]] | None:
        if number not in self._asked:
            return None
        found, call = self._asked.pop(number)
        if call.active():
            call.cancel()
        return found

    def asked(self, ask: Ask) -> None:
        """Answer a question, as long as there are not too many."""
        if self._answering >= QUESTIONS:
            self._send(Answer(number=ask.number, code=Busy.code))
            return
        self._answering += 1
        done = Deferred.fromCoroutine(self._find(ask))
        done.addErrback(self._broken, ask)
        done.addCallback(self._tell)

    async def _find(self, ask: Ask) -> Answer:
        return Answer(number=ask.number, found=dict(await self._answer(ask)))

    def _broken(self, failure: Failure, ask: Ask) -> Answer:
        if isinstance(failure.value, ChatError):
            return Answer(number=ask.number, code=failure.value.code)
        if not failure.check(StoreError):
            self._log.failure("a question could not be answered", failure=Discreet(failure))
        return Answer(number=ask.number, code=Unavailable.code)

    def _tell(self, answer: Answer) -> None:
        self._answering -= 1
        if not self._closed:
            self._send(answer)

    def close(self) -> None:
        """End: nobody will answer."""
        self._closed = True
        for number in list(self._asked):
            self._fail(number)
