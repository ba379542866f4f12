"""The URLs of stores, as far as they can be told apart without opening anything."""

from __future__ import annotations

import re

MEMORY = "memory:"
SQLITE = "sqlite:///"
POSTGRESQL = "postgresql://"

#: A scheme and a user, and what follows up to the last ``@``.
_USER = re.compile(r"([a-z0-9+]*:/+)?+([^:/?#@]*):.*@", re.IGNORECASE | re.DOTALL)
_PARAMETER = re.compile(r"([?&](?:ssl)?password=)[^&]*", re.IGNORECASE)


def is_postgresql(url: str) -> bool:
    """Tell whether a URL is that of a store in PostgreSQL."""
    return url.startswith(POSTGRESQL)


def shown(url: str) -> str:
    """Return a URL for messages and logs: without the password in it, also where it is malformed."""
    if url.startswith((MEMORY, SQLITE)):
        return url
    return _PARAMETER.sub(r"\1***", _USER.sub(r"\1\2:***@", url, count=1))
