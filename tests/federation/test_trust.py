"""Keys, fingerprints, and what another realm has to prove."""

from __future__ import annotations

import pytest

from chatproto.federation.identity import Identity, fingerprint, is_signed, make_seed, parse_fingerprint
from chatproto.federation.trust import Kind, Trust
from chatproto.names import RealmName

ALPHA = Identity(RealmName("alpha"), b"a" * 32)
SECRET = "at least 16 characters"


def test_a_seed_is_a_key_for_good() -> None:
    assert Identity(RealmName("alpha"), b"a" * 32).key == ALPHA.key
    assert Identity(RealmName("alpha"), make_seed()).key != ALPHA.key
    assert make_seed(lambda count: b"x" * count) == b"x" * 32


def test_a_fingerprint_is_the_key() -> None:
    assert ALPHA.fingerprint == fingerprint(ALPHA.key) == "ed25519:" + ALPHA.key
    assert parse_fingerprint(ALPHA.fingerprint) == ALPHA.key
    assert parse_fingerprint(ALPHA.fingerprint.upper()) == ALPHA.key
    assert parse_fingerprint(ALPHA.key) == ALPHA.key


@pytest.mark.parametrize(
    "text", ["", "ed25519:", "sha256:" + "0" * 64, "ed25519:" + "0" * 63, "0" * 64 + "\n"]
)
def test_what_is_no_fingerprint_says_so(text: str) -> None:
    with pytest.raises(ValueError, match="expected ed25519: and 64 hexadecimal digits"):
        parse_fingerprint(text)


def test_only_the_key_signs() -> None:
    signature = ALPHA.sign(b"data")
    assert is_signed(ALPHA.key, signature, b"data")
    assert not is_signed(ALPHA.key, signature, b"other")
    assert not is_signed(Identity(RealmName("beta"), b"b" * 32).key, signature, b"data")
    for bad in ("", "0", "zz", signature[:-2], signature + "00"):
        assert not is_signed(ALPHA.key, bad, b"data")
        assert not is_signed(bad, signature, b"data")
    assert not is_signed("f" * 64, signature, b"data")  # no point of the curve


def test_a_pin_takes_one_key() -> None:
    trust = Trust.pin(ALPHA.key)
    assert trust.takes(ALPHA.key)
    assert not trust.takes("0" * 64)
    assert trust.proof(b"x") == ""
    assert trust.holds(ALPHA.key, ALPHA.sign(b"x"), "", b"x")
    assert not trust.holds(ALPHA.key, "", "", b"x")


def test_a_secret_takes_any_key_that_knows_it() -> None:
    trust = Trust(Kind.SECRET, secret=SECRET)
    assert trust.takes("0" * 64)
    mac = trust.proof(b"x")
    assert trust.holds(ALPHA.key, ALPHA.sign(b"x"), mac, b"x")
    assert not trust.holds(ALPHA.key, "", mac, b"x")
    for bad in ("", mac[:-1], trust.proof(b"y"), Trust(Kind.SECRET, secret=SECRET + "!").proof(b"x")):
        assert not trust.holds(ALPHA.key, ALPHA.sign(b"x"), bad, b"x")


def test_a_secret_may_be_tied_to_a_key() -> None:
    trust = Trust(Kind.SECRET, key=ALPHA.key, secret=SECRET)
    assert not trust.takes("0" * 64)
    assert not trust.holds(ALPHA.key, ALPHA.sign(b"x"), "", b"x")


def test_no_trust_is_empty_and_none_tells_its_secret() -> None:
    with pytest.raises(ValueError, match="a pin names a key"):
        Trust(Kind.PIN)
    with pytest.raises(ValueError, match="a secret is given"):
        Trust(Kind.SECRET)
    with pytest.raises(ValueError, match="a secret is given"):
        Trust(Kind.TOFU, secret=SECRET)
    assert SECRET not in repr(Trust(Kind.SECRET, secret=SECRET))
    assert "61" * 32 not in repr(vars(ALPHA))
