"""The rules of a realm: accounts, sessions, conversations, groups, and who is told of what.

The names are imported when they are asked for: a configuration names a policy, and runs nothing.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from chatproto.lazily import importer

if TYPE_CHECKING:
    from chatproto.realm.authentication import CredAuthenticator
    from chatproto.realm.passwords import PasswordHasher
    from chatproto.realm.policy import Policy, Registration
    from chatproto.realm.realm import Realm
    from chatproto.realm.session import ClientSession

_HOMES = {
    "ClientSession": "session",
    "CredAuthenticator": "authentication",
    "PasswordHasher": "passwords",
    "Policy": "policy",
    "Realm": "realm",
    "Registration": "policy",
}

__all__ = ["ClientSession", "CredAuthenticator", "PasswordHasher", "Policy", "Realm", "Registration"]

__getattr__ = importer(__name__, _HOMES)
