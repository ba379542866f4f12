"""What an operator says, in a TOML file and in flags, and what follows from it.

Defaults give way to the file, the file to the flags. Whatever cannot be done as said is a
:class:`~chatproto.errors.ConfigError` that names the key: a setting is never ignored. This package
opens no port and no store, and knows no command line: ``chatproto serve`` and ``twistd chatproto``
both turn their options into :class:`Settings`.
"""

from chatproto.configuration.complete import Config, configure
from chatproto.configuration.places import Place, locate
from chatproto.configuration.settings import (
    FrontTable,
    OlderTable,
    PeerTable,
    Settings,
    read_settings,
    settings_from_flags,
)
from chatproto.configuration.surroundings import in_surroundings

__all__ = [
    "Config",
    "FrontTable",
    "OlderTable",
    "PeerTable",
    "Place",
    "Settings",
    "configure",
    "in_surroundings",
    "locate",
    "read_settings",
    "settings_from_flags",
]
