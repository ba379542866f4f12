"""Doing administrative work in the store of a realm that nobody serves.

A module of its own, since it needs all of a realm, which asking a running one does not.
"""

from __future__ import annotations

from collections.abc import Callable, Coroutine
from typing import Any, TypeVar

from msgspec import structs
from twisted.internet.posixbase import PosixReactorBase

from chatproto.commands import Command, Request
from chatproto.configuration import Settings, configure
from chatproto.errors import ChatError
from chatproto.events import Event, Reply
from chatproto.opening import open_realm
from chatproto.realm import ClientSession, Realm
from chatproto.realm.policy import Registration

R = TypeVar("R", bound=Reply)
T = TypeVar("T")


async def work_alone(
    reactor: PosixReactorBase,
    settings: Settings,
    work: Callable[[_Session], Coroutine[Any, Any, T]],
    *,
    files: bool,
) -> T:
    """Open the realm of settings, do ``work`` there, and close it; with its ``files``, or without.

    :raises CannotServe: it cannot be opened.
    """
    # Nothing will listen here, so what is unsafe for a listener is no reason to refuse. Who may register is
    # only known if it was said; an invitation may be meant for a realm that is served with a flag for it.
    config = configure(structs.replace(settings, insecure=True))
    config = structs.replace(config, insecure=bool(settings.insecure))  # which holds for who is dialled
    if not files:
        config = structs.replace(config, files=None)
    if settings.registration is None and config.authenticator is None:
        config = structs.replace(config, registration=Registration.INVITE)
    opened = await open_realm(reactor, config)
    try:
        return await work(_Session(opened.realm))
    finally:
        await opened.close()


class _Session:
    """Asks a realm that this process has opened for itself."""

    def __init__(self, realm: Realm) -> None:
        self._session = ClientSession(realm, _Nobody(), administrator=True)

    async def ask(self, command: Command, expected: type[R]) -> R:
        answers: list[Reply | ChatError] = []
        waiting = self._session.handle(Request(command), answers.append)
        if waiting is not None:
            await waiting
        [answer] = answers
        if isinstance(answer, ChatError):
            raise answer
        assert isinstance(answer, expected)
        return answer


class _Nobody:
    """The listener of a session that never listens."""

    def push(self, event: Event) -> bool:
        return True

    def goodbye(self, reason: str) -> None:
        pass
