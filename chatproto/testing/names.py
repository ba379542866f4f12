"""What all realms and users of a network have in common."""

from __future__ import annotations

#: The names of a realm's ports.
CLIENT = "client"
PEER = "peer"
#: Every user's password.
PASSWORD = "surabaya"  # noqa: S105 - nobody's
#: What realms share that are linked.
SECRET = "a secret that strangers do not know"  # noqa: S105 - nobody's
