"""Options that say who knows the passwords, as twistd has them."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, TypeVar

import click
from twisted.python.usage import UsageError

from chatproto.tap import Options

F = TypeVar("F", bound=Callable[..., Any])


def _help_auth(context: click.Context, option: click.Parameter, wanted: bool) -> None:
    if wanted:
        Options().opt_help_auth()  # which ends the program


def _help_auth_type(context: click.Context, option: click.Parameter, kind: str | None) -> None:
    if kind is None:
        return
    try:
        Options().opt_help_auth_type(kind)
    except UsageError as error:
        raise click.UsageError(f"{error}.") from error


_AUTH = (
    click.option(
        "--auth",
        metavar="TYPE[:ARGUMENT]",
        help="Who knows the passwords, instead of the store: a checker of twisted.cred.",
    ),
    click.option(
        "--help-auth", is_flag=True, is_eager=True, expose_value=False, callback=_help_auth, help="List them."
    ),
    click.option(
        "--help-auth-type",
        metavar="TYPE",
        is_eager=True,
        expose_value=False,
        callback=_help_auth_type,
        help="Explain one of them.",
    ),
)


def auth_options(function: F) -> F:
    """Add the options."""
    for option in reversed(_AUTH):
        function = option(function)
    return function
