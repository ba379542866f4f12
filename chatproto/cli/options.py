"""Options that several commands share, and the settings they make."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any, TypeVar

import click

from chatproto.configuration import Settings, read_settings, settings_from_flags

F = TypeVar("F", bound=Callable[..., Any])

_PLACE = (
    click.option("--realm", metavar="NAME", help="Name of the realm."),
    click.option("--store", metavar="URL", help="sqlite:///PATH, postgresql://... or memory:"),
    click.option("--control", metavar="PATH", help="Control socket (default: beside the store)."),
    click.option("--config", type=click.Path(path_type=Path), metavar="FILE", help="Configuration (TOML)."),
)

files_option = click.option(
    "--files", metavar="FOLDER", help="Where files are that people send (default: beside the store)."
)


def place_options(function: F) -> F:
    """Add the options that say which realm is meant."""
    for option in reversed(_PLACE):
        function = option(function)
    return function


def settings(config: Path | None, **flags: Any) -> Settings:
    """Return what the flags say over what the file says.

    :raises ConfigError: a flag or the file is wrong.
    """
    said = settings_from_flags(**flags)
    return said if config is None else said.over(read_settings(config))
