"""``chatproto spec``: the client protocol, printed."""

from __future__ import annotations

import click
import msgspec

from chatproto.specification import json_schema, rst_tables


@click.command()
@click.option("--rst", is_flag=True, help="Print the tables of docs/protocol.rst instead.")
def spec(rst: bool) -> None:
    """Print the client protocol as JSON Schema."""
    if rst:
        click.echo(rst_tables(), nl=False)
    else:
        click.echo(msgspec.json.format(msgspec.json.encode(json_schema())))
