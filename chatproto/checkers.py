"""Who knows the passwords, as operators of Twisted servers say it: ``file:PATH``, or what plugins add.

Such a description may have passwords in it, as ``memory:`` does, so it is in no error and no ``repr``.
"""

from __future__ import annotations

from pathlib import Path

from twisted.cred.credentials import IUsernameHashedPassword, IUsernamePassword
from twisted.cred.strcred import InvalidAuthType, findCheckerFactories, makeChecker

from chatproto.errors import ConfigError
from chatproto.realm.authentication import CredAuthenticator

#: What a checker has to take one of.
CREDENTIALS = (IUsernamePassword, IUsernameHashedPassword)
#: The kind whose argument is a path.
_FILE = "file"


def parse_auth(text: str) -> CredAuthenticator:
    """Return the authenticator that a description means.

    :raises ConfigError: there is no such kind, it does not take the argument, or it takes no passwords.
    """
    kind, _, argument = text.partition(":")
    if kind == _FILE and argument and not Path(argument).is_file():
        raise ConfigError(f"auth: there is no file {argument}")
    try:
        return CredAuthenticator(makeChecker(text), f"outside of it ({kind}); ask its operator")
    except InvalidAuthType:
        raise ConfigError(f"auth: unknown kind {kind!r}; expected one of {', '.join(kinds())}") from None
    except Exception as error:  # checkers of plugins raise what they like
        reason = str(error)
        if argument and argument in reason:
            reason = type(error).__name__
        raise ConfigError(f"auth: {kind}: {reason}") from None


def kinds() -> list[str]:
    """Return the kinds of checkers that are installed and take passwords."""
    found = {
        factory.authType
        for factory in findCheckerFactories()
        if any(taken in CREDENTIALS for taken in factory.credentialInterfaces)
    }
    return sorted(found)


def auth_in_folder(text: str, folder: Path) -> str:
    """Return a description with the path in it, if there is one, meant from a folder."""
    kind, _, argument = text.partition(":")
    return f"{kind}:{folder / argument}" if kind == _FILE and argument else text


def shown_auth(text: str) -> str:
    """Return a description without what may be secret."""
    return f"{text.partition(':')[0]}:..."
