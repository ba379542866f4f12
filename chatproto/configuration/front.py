"""How a front is run: what the flags say, complete and checked."""

from __future__ import annotations

import re
from collections.abc import Mapping
from pathlib import Path

from msgspec.structs import replace

from chatproto.configuration.complete import limits_for, refuse_insecure
from chatproto.configuration.fronts import FRONT_NAME, make_trust
from chatproto.configuration.settings import Settings
from chatproto.endpoints import EndpointText
from chatproto.errors import ConfigError
from chatproto.federation.setting import parse_connect
from chatproto.federation.trust import Kind, Trust
from chatproto.listeners import CLIENT, METRICS, Listener, parse_endpoint

#: The environment variable that may hold the secret; a command line can be read by everybody.
SECRET = "CHATPROTO_FRONT_SECRET"  # noqa: S105 - a name, and no secret
#: Where a front listens unless it is told: where the older realm server did.
DEFAULT = "tcp:8000:interface=127.0.0.1"
_HOST_AND_PORT = re.compile(r"\[?(?P<host>[^\s=\[\]]+?)\]?:(?P<port>[0-9]+)")
_KINDS = ("tcp:", "tls:", "unix:")


def main_endpoint(text: str, *, insecure: bool) -> str:
    """Return the client endpoint string of a main server: HOST:PORT, or an endpoint as it is.

    :raises ConfigError: it is none, or leads beyond this machine in plain text.
    """
    found = _HOST_AND_PORT.fullmatch(text)
    if found is not None and not text.startswith(_KINDS):
        text = str(EndpointText("tcp", (found["host"], found["port"]), {}))
    try:
        return parse_connect(text, insecure=insecure)
    except ValueError as error:
        raise ConfigError(f"main: {error}") from None


def front_listeners(settings: Settings, *, insecure: bool) -> tuple[Listener, ...]:
    """Return where a front listens for clients, and where it shows its figures.

    :raises ConfigError: it is no endpoint for these, or passwords would cross the network in plain text.
    """
    listen = {CLIENT: DEFAULT, **settings.listen}
    others = listen.keys() - {CLIENT, METRICS}
    if others:
        raise ConfigError(
            f"listen.{min(others)}: a front listens for clients only; expected client=ENDPOINT, "
            "or metrics=ENDPOINT for its figures"
        )
    parsed = [
        parse_endpoint(name, each)
        for name, said in listen.items()
        for each in ([said] if isinstance(said, str) else said)
    ]
    if not insecure:
        refuse_insecure(parsed, lab=False)
    return tuple(replace(each, limits=limits_for(settings.limits, loopback=each.loopback)) for each in parsed)


def trust_in_main(secret_file: Path | None, pin: str | None, environ: Mapping[str, str]) -> Trust:
    """Return what the main server has to prove: a secret from a file or the environment, or its key.

    :raises ConfigError: what is given is malformed, or the file cannot be read.
    """
    secret = environ.get(SECRET) or None
    if secret_file is not None:
        try:
            secret = secret_file.read_text().strip()
        except (OSError, UnicodeDecodeError):
            raise ConfigError(f"secret-file: {secret_file} cannot be read") from None
    if secret is None and pin is None:
        return Trust(Kind.TOFU)
    return make_trust("main", secret, pin)


def check_name(name: str) -> str:
    """Return the name of a front.

    :raises ConfigError: it is none.
    """
    if FRONT_NAME.fullmatch(name) is None:
        raise ConfigError("name: expected 1 to 63 of a-z, 0-9, dot and hyphen")
    return name
