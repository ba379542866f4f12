"""What an operator has decided about a link to another realm."""

from __future__ import annotations

from pathlib import Path

from msgspec import Struct
from twisted.internet.interfaces import IHostnameResolver, IReactorPluggableNameResolver
from zope.interface import implementer

from chatproto.endpoints import EndpointText
from chatproto.federation.trust import Trust
from chatproto.names import RealmName
from chatproto.realm.policy import PeerPolicy
from chatproto.tls.connecting import client_endpoint

_EXAMPLE = "tcp:127.0.0.1:8890 or tls:chat.example.org:8890"


class RouteTable(Struct, frozen=True, kw_only=True):
    """By which realm others are reached that are not linked directly, and whether we are such a realm."""

    ways: dict[RealmName, RealmName] = {}
    #: By which all those go that have no endpoint; None: by none.
    default: RealmName | None = None
    #: Whether this realm passes on what is for others.
    relay: bool = False


class PeerSetting(Struct, frozen=True, kw_only=True):
    """One other realm: how to get there, how it is known, and what is taken from it."""

    realm: RealmName
    #: The client endpoint string to dial; ``""``: it is waited for.
    connect: str = ""
    #: What it has to prove; None: to have the key that was approved, if one was.
    trust: Trust | None = None
    #: Whether bare names are looked for there.
    neighbour: bool = False
    policy: PeerPolicy = PeerPolicy()
    #: Whether a realm that is not known is linked if this one tells its key and address.
    introduced: bool = False
    #: Whether others are told the key and the address of this one.
    introduce: bool = False
    #: Messages taken in a second; the rest waits over there. 0: no bound.
    messages: float = 0.0
    #: The linked realm by which it is reached, if it cannot be dialled.
    via: RealmName | None = None
    #: Whether, at a gateway, its items are passed on, and those for it.
    relay: bool = True
    #: Whether it is an original server of an older system, which proves nothing: its address is all there is.
    legacy: bool = False


def parse_connect(text: str, *, insecure: bool) -> str:
    """Return the endpoint string of a realm that is to be dialled, with absolute paths.

    :raises ValueError: it is no client endpoint, or leads beyond this machine in plain text.
    """
    try:
        parts = EndpointText.parse(text).in_folder(Path.cwd())
        client_endpoint(_NoReactor(), str(parts))
    except Exception as error:  # parsers of endpoint types raise what they like
        raise ValueError(f"expected a client endpoint such as {_EXAMPLE}, not {text!r} ({error})") from None
    if not parts.private and not insecure:
        raise ValueError(
            "messages would cross the network in plain text; "
            "expected an address of this machine or a tls endpoint, or add `insecure`"
        )
    return str(parts)


@implementer(IReactorPluggableNameResolver)
class _NoReactor:
    """Stands in for the reactor, to learn whether a string is an endpoint without connecting."""

    nameResolver = None

    def installNameResolver(self, resolver: IHostnameResolver) -> IHostnameResolver:
        """Leave it."""
        return resolver
