"""The rules of a realm: accounts, sessions, conversations, groups, and who is told of what."""

from chatproto.realm.passwords import PasswordHasher
from chatproto.realm.policy import Policy, Registration
from chatproto.realm.realm import Realm
from chatproto.realm.session import ClientSession

__all__ = ["ClientSession", "PasswordHasher", "Policy", "Realm", "Registration"]
