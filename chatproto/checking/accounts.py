"""Passwords that anybody would try first."""

from __future__ import annotations

from collections.abc import Iterator

import argon2
from argon2.exceptions import InvalidHashError, VerificationError

from chatproto.checking.facts import Account, Facts
from chatproto.checking.findings import Finding, Setup, ok, warn

#: Tried for every account, beside its own name and the realm's. Few, as each try costs as much as a login.
COMMON = ("password", "123456", "surabaya")


def check_accounts(setup: Setup, facts: Facts) -> Iterator[Finding]:
    """Try a few passwords of a few accounts, the oldest, among which administrators are."""
    local = all(listener.loopback for listener in setup.config.listeners)
    if facts.cheap and not local:
        yield warn(
            "passwords",
            f"{facts.cheap} were stored by a lab, at a cost that guessing laughs at; let these users log in "
            "once, which stores them anew, or delete the accounts",
        )
    if not facts.sample:
        return
    weak = [account.name for account in facts.sample if _weak(account, setup.config.realm)]
    for name in weak:
        yield warn(
            "passwords",
            f"{name} has one that everybody tries first; `chatproto user passwd {name} --generate`",
        )
    if not weak:
        yield ok("passwords", f"no usual one among {len(facts.sample)} of {facts.accounts} accounts")


def _weak(account: Account, realm: str) -> bool:
    hasher = argon2.PasswordHasher()
    for password in (account.name, *COMMON, realm):
        try:
            if hasher.verify(account.hash, password):
                return True
        except VerificationError:
            continue
        except InvalidHashError:
            return False
    return False
