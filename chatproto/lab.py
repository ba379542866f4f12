"""What a lab tells those who run it: which older client connects where, and what everybody may do there.

A lab is a course set-up. This module has the words for it, and opens nothing.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from chatproto.configuration import Config
from chatproto.listeners import PEER
from chatproto.opening import LAB_USERS
from chatproto.service import Listening

#: Who connects to a listener, by its name.
_WHO = {
    "client": "systems B, C and D; chatproto chat, chatproto front, netcat; other realms, by addrealm too",
    PEER: "other realms",
    "tipe": "system A: the private and the group client",
    "tipe-main": "system A: the main server, which makes accounts",
    "talk": "system A: callers of the two-person talk program",
    "room": "system E: clients of a room",
}
_ALLOWED = (
    "everybody knows the password, anybody may register, and whoever has logged in may link this realm "
    "with others on this machine"
)


def guide(config: Config, where: Iterable[Listening]) -> Iterator[str]:
    """Yield a line for each thing to know about a lab that listens there, warnings last."""
    # The password is no secret, but what is said here may end in a log, where none belongs.
    yield f"lab: the users are {', '.join(LAB_USERS)}, with the password that the documents tell"
    for each in where:
        if each.name in _WHO:
            yield f"lab: {each.name} {each.host} {each.port}: {_WHO[each.name]}"
    yield f"lab: warning: {_ALLOWED}; never for real use"
    if not all(listener.loopback for listener in config.listeners):
        yield "lab: warning: other machines reach it, and all that is said crosses the network in plain text"
