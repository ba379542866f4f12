"""``chatproto certificate``: make a self-signed certificate, and show what one says."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import click
from cryptography.exceptions import UnsupportedAlgorithm

from chatproto.tls.certificates import BadCertificate, names_of, read_certificates
from chatproto.tls.fingerprints import Fingerprint
from chatproto.tls.making import DAYS, make_self_signed


@click.group()
def certificate() -> None:
    """Make a self-signed certificate for TLS, or show one."""


@certificate.command()
@click.argument("folder", type=click.Path(path_type=Path))
@click.option("--host", multiple=True, required=True, metavar="NAME", help="A name or address of the server.")
@click.option(
    "--days",
    type=click.IntRange(min=1, max=36_500),
    default=DAYS,
    show_default=True,
    help="How long it is valid.",
)
@click.option("--renew", is_flag=True, help="Replace FOLDER/cert.pem by a new one for the same key.")
def make(folder: Path, host: Sequence[str], days: int, renew: bool) -> None:
    """Make FOLDER/key.pem and FOLDER/cert.pem, and print the fingerprint that clients pin.

    A key that is there already is kept, and with it the fingerprint. Nothing is overwritten but the
    certificate, with --renew. The fingerprint is all that comes on standard output.
    """
    try:
        pair = make_self_signed(folder, host, days, renew=renew)
    except BadCertificate as error:
        raise click.ClickException(str(error)) from error
    click.echo(str(pair.fingerprint))


@certificate.command()
@click.argument("file", type=click.Path(path_type=Path))
def show(file: Path) -> None:
    """Show whom the certificate in FILE is for, until when, and the fingerprint that clients pin."""
    try:
        shown = read_certificates(file)[0]
        key = Fingerprint.of(shown.public_key())
    except BadCertificate as error:
        raise click.ClickException(str(error)) from error
    except (ValueError, UnsupportedAlgorithm) as error:
        raise click.ClickException(f"{file}: is for a key of an unknown kind") from error
    issuer = "itself" if shown.issuer == shown.subject else shown.issuer.rfc4514_string()
    click.echo(f"fingerprint  {key}")
    click.echo(f"names        {', '.join(names_of(shown)) or 'none'}")
    click.echo(f"issued by    {issuer}")
    click.echo(f"valid from   {shown.not_valid_before_utc:%Y-%m-%d %H:%M} UTC")
    click.echo(f"valid until  {shown.not_valid_after_utc:%Y-%m-%d %H:%M} UTC")
