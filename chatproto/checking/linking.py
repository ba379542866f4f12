"""Links to other realms: our key, whether they are there and known to be who they are, and their clocks."""

from __future__ import annotations

import socket
from collections.abc import Iterator

from chatproto.checking.findings import Finding, Setup, fail, ok, warn
from chatproto.commands import RealmKey, RealmList
from chatproto.control import ControlConnection, NoServer
from chatproto.endpoints import EndpointText
from chatproto.errors import ChatError
from chatproto.events import LinkPage, LinkState
from chatproto.events import RealmKey as Key
from chatproto.federation.setting import PeerSetting

#: Who is there answers a connection sooner.
_SECONDS = 3.0
#: A clock that is further off makes messages late, or too late, that are not.
_TOLERATED = 60.0
#: Somebody should look why something waits for so long.
_LONG = 3600


def check_links(setup: Setup) -> Iterator[Finding]:
    """Ask the realm that runs how its links stand; of one that does not, try whether the others are there."""
    settings = {str(peer.realm): peer for peer in setup.config.peers}
    for name, peer in settings.items():
        yield from _in_the_clear(f"peer {name}", peer)
    running = _ask(setup) if setup.running is not None else None
    if running is None:
        for name, peer in settings.items():
            routes = setup.config.routes
            via = peer.via or routes.ways.get(peer.realm) or routes.default
            yield _reached(f"peer {name}", peer, "" if via == peer.realm else str(via or ""))
        return
    key, links = running
    if links:
        yield ok("key", f"{key.fingerprint}; the operators of other realms may pin it")
    for link in links:
        if link.state != "stranger":
            yield from _link(f"peer {link.realm}", link)


def _in_the_clear(what: str, peer: PeerSetting) -> Iterator[Finding]:
    if peer.connect and not EndpointText.parse(peer.connect).private:
        if peer.legacy:
            why = "an original server beyond this machine: everybody on the way reads along, and can be it"
        else:
            why = "plain TCP beyond this machine: everybody on the way reads along; use tls:HOST:PORT"
        yield warn(what, why)


def _ask(setup: Setup) -> tuple[Key, list[LinkState]] | None:
    assert setup.config.control is not None
    try:
        with ControlConnection(setup.config.control) as connection:
            key = connection.ask(RealmKey(), Key)
            links: list[LinkState] = []
            while True:
                page = connection.ask(
                    RealmList(after=links[-1].realm if links else "", clocks=True), LinkPage
                )
                links += page.links
                if page.complete or not page.links:
                    return key, links
    except (NoServer, OSError, ChatError):  # another check says so
        return None


def _link(what: str, link: LinkState) -> Iterator[Finding]:
    if link.state == "linked":
        yield ok(what, "is linked")
    elif link.state == "routed":
        yield ok(what, f"is reached by {link.via}")
    elif link.state == "pending":
        yield warn(what, f"its key waits for approval; `chatproto realm approve {link.realm}`")
    elif link.state in ("blocked", "dropped"):
        yield ok(what, f"is {link.state}")
    elif link.state == "parked" and link.error:
        shown = f" (it shows {link.shown})" if link.shown else ""
        how = "`chatproto realm approve` or `retry` when it is right"
        if link.trust == "pin":
            how = "`chatproto realm retry` when it is right; if its `pin` is not, change it and restart first"
        yield fail(what, f"is dialled no more: {link.error}{shown}; {how}")
    else:
        yield warn(what, f"is not linked ({link.state}; {link.error or 'nothing was heard of it'})")
    if link.items and link.age > _LONG:
        yield warn(what, f"{link.items} messages wait for it, the oldest for {link.age // _LONG} hours")
    if link.skew is not None and abs(link.skew) > _TOLERATED:
        which = "ahead of" if link.skew > 0 else "behind"
        yield fail(what, f"its clock is {abs(link.skew):.0f} s {which} ours; one of the two is wrong")


def _reached(what: str, peer: PeerSetting, via: str) -> Finding:
    """Try whether somebody answers; who it is only a link finds out."""
    parts = EndpointText.parse(peer.connect)
    host, port = parts.named.get("host", ""), parts.named.get("port", "")
    host, port = (*(parts.values or (host,)), port)[:2]
    if not peer.connect:
        return ok(what, f"will be reached by {via}" if via else "is waited for; it has to dial")
    if parts.kind not in ("tcp", "tls") or not port.isdecimal():
        return ok(what, f"cannot be tried, as {parts.kind} is not dialled by host and port")
    try:
        socket.create_connection((host, int(port)), _SECONDS).close()
    except OSError as error:
        return warn(what, f"does not answer at {peer.connect}: {error.strerror or error}")
    return ok(what, f"somebody answers at {peer.connect}")
