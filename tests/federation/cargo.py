"""Files that are sent between the realms of a country, and what became of them in each."""

from __future__ import annotations

import random
from typing import Any

from twisted.internet.defer import Deferred

from chatproto.errors import ChatError
from chatproto.events import Reply, Sent
from chatproto.federation.link import PeerLink
from chatproto.names import RealmName
from chatproto.realm import Realm
from chatproto.realm.logins import Login
from chatproto.records import FileRow, LoginRow
from chatproto.testing.hosts import RealmHost
from tests.federation.country import Country

MIB = 1024 * 1024


def content(size: int, seed: int = 0) -> bytes:
    return random.Random(seed).randbytes(size)


def realm_of(host: RealmHost) -> Realm:
    assert host.realm is not None
    return host.realm


def send_file(country: Country, sender: str, to: Any, data: bytes, name: str = "goal.mp4") -> str:
    """Send a file as somebody, and return its mid when it is stored."""
    user, _, home = sender.partition("@")
    realm = realm_of(country.hosts[home])
    row = LoginRow(b"", 1, user, 1, None, 0, 0, 2**50, 0)
    limits = realm.policy.limits
    answers: list[Reply | ChatError] = []
    done = realm.files.store_small(
        Login(row, sender), to, name, data, answers.append, realm.gate(limits), limits, wait=False
    )
    country.network.wait(Deferred.fromCoroutine(done))
    country.network.until(lambda: bool(answers))
    (answer,) = answers
    if isinstance(answer, ChatError):
        raise answer
    assert isinstance(answer, Sent)
    return answer.mid


def row(country: Country, realm: str, mid: str) -> FileRow:
    (found,) = [each for each in country.rows(realm, FileRow) if each.mid == mid]
    return found


def state(country: Country, realm: str, mid: str) -> str:
    """Where the bytes of a file are, as a realm knows it; ``""`` if it knows nothing."""
    return next((each.state for each in country.rows(realm, FileRow) if each.mid == mid), "")


def kept(country: Country, realm: str, mid: str) -> bytes:
    """The bytes of a file on the disk of a realm."""
    return country.hosts[realm].files.contents[row(country, realm, mid).sha256].data


def link(country: Country, realm: str, other: str) -> PeerLink:
    links = country.hosts[realm].links
    assert links is not None
    return links.peers.links[RealmName(other)]


def came(country: Country, realm: str, other: str, size: int) -> int:
    """Let so many bytes of files come from one realm to another."""
    counts = link(country, realm, other).file_counts
    country.network.until(lambda: counts.came_bytes >= size, 600)
    return counts.came_bytes
