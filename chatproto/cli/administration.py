"""Carrying out administrative commands: at the running realm, or in its store while nobody runs it.

Both ways run the same commands of :mod:`chatproto.commands` through a session of an administrator.
"""

from __future__ import annotations

from collections.abc import Callable, Coroutine
from typing import Any, Protocol, TypeVar

import click
from msgspec import structs
from twisted.internet.posixbase import PosixReactorBase

from chatproto.cli.running import run
from chatproto.commands import Command, Request
from chatproto.configuration import Place, Settings, configure, locate
from chatproto.control import ControlConnection, NoServer
from chatproto.errors import ChatError, ConfigError
from chatproto.events import Event, Reply
from chatproto.realm import ClientSession, Realm
from chatproto.service import CannotServe, open_realm

R = TypeVar("R", bound=Reply)
T = TypeVar("T")


class Administrator(Protocol):
    """Somebody who may ask a realm for everything."""

    async def ask(self, command: Command, expected: type[R]) -> R:
        """Return the reply to a command, or raise the ChatError that refused it."""


#: What is to be done, given somebody to ask.
Work = Callable[[Administrator], Coroutine[Any, Any, T]]


def administer(settings: Settings, work: Work[T]) -> T:
    """Do ``work`` at the realm that settings speak of, whether it runs or not.

    :raises ConfigError: the settings do not say which realm.
    :raises ClickException: it does not run and its store cannot be opened.
    """
    place = locate(settings)
    if place.control is None and place.store is None:
        raise ConfigError("realm: expected one of --realm, --store, --config and --control")
    if place.control is not None:
        try:
            with ControlConnection(place.control) as connection:
                running = _Running(connection)
                return run(lambda _: work(running))
        except NoServer:
            if place.store is None:
                raise click.ClickException(f"no realm answers at {place.control}") from None
        except OSError as error:
            raise click.ClickException(f"control: {place.control}: {error.strerror or error}") from error
    return _administer_alone(settings, place, work)


def _administer_alone(settings: Settings, place: Place, work: Work[T]) -> T:
    if place.store == "memory:":
        raise click.ClickException("no realm answers, and a store in memory has nothing without one")
    if place.realm is None:
        raise ConfigError("realm: expected --realm too, since no running realm answers that would tell it")
    try:
        return run(lambda reactor: _alone(reactor, settings, work))
    except CannotServe as error:
        raise click.ClickException(str(error)) from error


async def _alone(reactor: PosixReactorBase, settings: Settings, work: Work[T]) -> T:
    # Nothing will listen here, so what is unsafe for a listener is no reason to refuse.
    realm = await open_realm(reactor, configure(structs.replace(settings, insecure=True)))
    try:
        return await work(_Session(realm))
    finally:
        await realm.close()


class _Running:
    """Asks a realm that runs, over its control socket."""

    def __init__(self, connection: ControlConnection) -> None:
        self._connection = connection

    async def ask(self, command: Command, expected: type[R]) -> R:
        return self._connection.ask(command, expected)


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
