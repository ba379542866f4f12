"""The rules of a realm: accounts, sessions, conversations, groups, and who is told of what."""

from chatproto.realm.authentication import CredAuthenticator
from chatproto.realm.passwords import PasswordHasher
from chatproto.realm.policy import Policy, Registration
from chatproto.realm.realm import Realm
from chatproto.realm.session import ClientSession

__all__ = ["ClientSession", "CredAuthenticator", "PasswordHasher", "Policy", "Realm", "Registration"]
