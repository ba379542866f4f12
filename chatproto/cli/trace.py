"""``chatproto trace``: where a message between realms went, and when."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import click

from chatproto.cli.administration import carry_out
from chatproto.cli.listing import json_option, print_list
from chatproto.cli.options import place_options, settings
from chatproto.commands import Trace
from chatproto.events import Traced, TraceStep


@click.command()
@click.argument("mid")
@json_option
@place_options
def trace(mid: str, as_json: bool, config: Path | None, **place: Any) -> None:
    """Print where the message with the id MID went: realm, event, time, other realm, recipient, number, code.

    Realms on its way are asked over the links; `silent` is one that does not answer or tells nothing. Each
    time is by the clock of its realm. A message that stays in its realm leaves no trace.
    """
    found = carry_out(settings(config, **place), Trace(mid=mid), Traced)
    print_list(TraceStep.__struct_fields__, found.steps, as_json=as_json)
    if not any(step.event != "silent" for step in found.steps):
        raise click.ClickException("no realm that was asked knows of it")
