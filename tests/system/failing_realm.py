"""``chatproto serve`` with faults in it: commands that fail while they hold what nobody else may read.

``python -m tests.system.failing_realm`` takes the options of ``chatproto serve``.
"""

from __future__ import annotations

import sys
from typing import Any

from twisted.internet.defer import Deferred, fail
from twisted.logger import Logger

from chatproto import commands, events
from chatproto.cli import main
from chatproto.realm.accounts import Accounts
from chatproto.realm.handlers import DIRECT, REPLIES
from chatproto.realm.posting import Posting

_log = Logger()
#: Who logs in so makes the realm fail.
FAILING = "failing"


async def _fails(session: Any, login: Any, command: commands.Register) -> events.Reply:
    """Fail with a secret in a local, in the exception, and in the one that it came from."""
    secret = command.password
    try:
        raise KeyError(secret)
    except KeyError as error:
        raise ValueError(f"cannot register {command.user!r} with {secret!r}") from error


def _fails_at_once(session: Any, login: Any, command: commands.Ack, answer: Any) -> None:
    raise ValueError(session.logins[-1].row, str(session.realm.logins.__dict__))


def _is_forgotten(session: Any, login: Any, command: commands.Typing, answer: Any) -> None:
    """Leave a Deferred with an error that nobody handles."""
    fail(RuntimeError(f"nobody handles {command.to}"))
    answer(events.Done())


async def _tells_as_it_is(session: Any, login: Any, command: commands.History) -> events.Reply:
    """Log what a client sent, as no command does."""
    _log.warn("looking for {name}", name=command.with_)
    return events.HistoryPage(messages=[], complete=True)


_authenticate = Accounts.authenticate
_committed = Posting.committed


async def _authenticate_or_fail(self: Accounts, user: str, password: str) -> Any:
    if user == FAILING:
        hashed = await Deferred.fromCoroutine(_wait(self, password))
        raise RuntimeError(password, hashed)
    return await _authenticate(self, user, password)


async def _wait(accounts: Accounts, password: str) -> str:
    return password.upper()


def _committed_and_fail(self: Posting) -> None:
    _committed(self)
    raise RuntimeError(self.messages[0].text)


if __name__ == "__main__":
    REPLIES[commands.Register] = _fails
    REPLIES[commands.History] = _tells_as_it_is
    DIRECT[commands.Ack] = _fails_at_once
    DIRECT[commands.Typing] = _is_forgotten
    Accounts.authenticate = _authenticate_or_fail  # type: ignore[method-assign]
    Posting.committed = _committed_and_fail  # type: ignore[method-assign]
    main(["serve", *sys.argv[1:]])
