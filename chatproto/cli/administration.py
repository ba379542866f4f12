"""Carrying out administrative commands: at the running realm, or in its store while nobody runs it.

Both ways run the same commands of :mod:`chatproto.commands` through a session of an administrator.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Coroutine
from pathlib import Path
from typing import Any, Protocol, TypeVar, overload

import click

from chatproto.cli.running import run
from chatproto.commands import Command, Hello
from chatproto.configuration import Place, Settings, locate
from chatproto.control import ControlConnection, NoServer
from chatproto.errors import CannotServe, ConfigError
from chatproto.events import Done, Greeting, Reply
from chatproto.store.urls import MEMORY, SQLITE

R = TypeVar("R", bound=Reply)
T = TypeVar("T")


class Administrator(Protocol):
    """Somebody who may ask a realm for everything."""

    async def ask(self, command: Command, expected: type[R]) -> R:
        """Return the reply to a command, or raise the ChatError that refused it."""


#: What is to be done, given somebody to ask.
Work = Callable[[Administrator], Coroutine[Any, Any, T]]


@overload
def carry_out(settings: Settings, command: Command, *, new: bool = False) -> Done: ...
@overload
def carry_out(settings: Settings, command: Command, expected: type[R], *, new: bool = False) -> R: ...
def carry_out(
    settings: Settings, command: Command, expected: type[Reply] = Done, *, new: bool = False
) -> Reply:
    """Carry out one command as :func:`administer` does, and return the reply."""

    async def work(realm: Administrator) -> Reply:
        return await realm.ask(command, expected)

    return administer(settings, work, new=new)


def administer(settings: Settings, work: Work[T], *, new: bool = False, files: bool = False) -> T:
    """Do ``work`` at the realm that settings speak of, whether it runs or not.

    With ``new`` a store in a file is made if there is none; otherwise its name must be a mistake. If it does
    not run, its files are opened only for work that has to do with ``files``.

    :raises ConfigError: the settings do not say which realm.
    :raises ClickException: it does not run and its store cannot be opened.
    """
    place = locate(settings)
    if place.control is None and place.store is None:
        raise ConfigError("realm: expected one of --realm, --store, --config and --control")
    if place.control is not None:
        try:
            with ControlConnection(place.control) as connection:
                _check_realm(connection, place)
                return _at_once(work(_Running(connection)))
        except NoServer:
            if place.store is None:
                raise click.ClickException(f"no realm answers at {place.control}") from None
        except OSError as error:
            raise click.ClickException(f"control: {place.control}: {error.strerror or error}") from error
    return _administer_alone(settings, place, work, new=new, files=files)


def _check_realm(connection: ControlConnection, place: Place) -> None:
    """Return if it is the realm that is meant: a user may have the same name in another."""
    if place.realm is not None:
        found = connection.ask(Hello(), Greeting).realm
        if found != place.realm:
            raise click.ClickException(f"at {place.control} is the realm {found}, not {place.realm}")


def _administer_alone(settings: Settings, place: Place, work: Work[T], *, new: bool, files: bool) -> T:
    if place.store == MEMORY:
        named = place.control is not None
        hint = "" if named else "; one that runs is asked where `control` in the file, or --control, says"
        raise click.ClickException(f"no realm answers, and a store in memory has nothing without one{hint}")
    path = (place.store or "").removeprefix(SQLITE)
    if path != place.store and not new and not Path(path).exists():
        raise click.ClickException(f"no realm answers, and there is no store at {path}")
    if place.realm is None:
        raise ConfigError("realm: expected --realm too, since no running realm answers that would tell it")
    from chatproto.cli.alone import work_alone  # noqa: PLC0415 - slow, and not needed to ask a running realm

    os.umask(0o077)  # what SQLite puts beside the store is the operator's alone
    try:
        return run(lambda reactor: work_alone(reactor, settings, work, files=files))
    except CannotServe as error:
        raise click.ClickException(str(error)) from error


def _at_once(work: Coroutine[Any, Any, T]) -> T:
    """Return the result of work that waits for nothing, as a control connection blocks: without a reactor."""
    try:
        work.send(None)
    except StopIteration as done:
        result: T = done.value
        return result
    raise AssertionError("the work waits for something")


class _Running:
    """Asks a realm that runs, over its control socket."""

    def __init__(self, connection: ControlConnection) -> None:
        self._connection = connection

    async def ask(self, command: Command, expected: type[R]) -> R:
        return self._connection.ask(command, expected)
