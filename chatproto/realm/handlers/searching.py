"""A text to a bare name that nobody has here: the neighbours are asked in their order, as in system D."""

from __future__ import annotations

from contextlib import suppress
from typing import TYPE_CHECKING

from msgspec.structs import replace
from twisted.internet.defer import TimeoutError

from chatproto import commands
from chatproto.errors import BadName, ChatError, NoSuchUser
from chatproto.names import Address, RealmName, UserName
from chatproto.realm.logins import Login
from chatproto.realm.sending import Answer

if TYPE_CHECKING:
    from chatproto.realm.realm import Realm
    from chatproto.realm.session import ClientSession

#: How long one neighbour may think about it: an older client shows nothing meanwhile.
_SECONDS = 2.0


async def search_and_send(
    session: ClientSession, login: Login, name: str, command: commands.Send, answer: Answer
) -> None:
    """Send to a user of this realm, or of the first neighbour that has one of the name.

    :raises NoSuchUser: none of those that answer has.
    """
    realm = session.realm
    try:
        await realm.sending.send_slowly(login, command, answer, session.gate)
        return
    except NoSuchUser as error:
        nobody = error
    try:
        UserName.parse(name)
    except BadName:
        raise nobody from None
    originals = {each for each, _ in realm.older.originals.neighbours()}
    for neighbour in realm.routes.remotes.realms():
        if neighbour in originals:
            address = await realm.older.originals.send(neighbour, login, name, command.text)
            if address is not None:
                await realm.sending.keep(login, address, command.text, answer)
                return
        else:
            found = await _ask(realm, neighbour, name)
            if found:
                await realm.sending.send_slowly(login, replace(command, to=found), answer, session.gate)
                return
    raise nobody


async def _ask(realm: Realm, neighbour: RealmName, name: str) -> str:
    """Return the address of a user of a neighbour, ``""`` if it does not say that there is one."""
    asked = realm.routes.remotes.ask(neighbour, "user", name)
    asked.addTimeout(_SECONDS, realm.clock)  # type: ignore[arg-type]  # it needs no more of a clock
    with suppress(ChatError, TimeoutError):
        address = Address.parse(str((await asked).get("user", "")), neighbour)
        if address.realm == neighbour:
            return str(address)
    return ""
