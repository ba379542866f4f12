"""What each command of guests of rooms does."""

from __future__ import annotations

from typing import TYPE_CHECKING

from chatproto import commands, events
from chatproto.errors import AlreadyMember, ChatError, NoSuchGroup, Unavailable
from chatproto.realm.handlers.messages import new_listener
from chatproto.realm.live import Visit
from chatproto.realm.logins import Login
from chatproto.realm.sending import Answer

if TYPE_CHECKING:
    from chatproto.realm.session import ClientSession


async def enter_room(
    session: ClientSession, login: Login | None, command: commands.EnterRoom, answer: Answer
) -> None:
    """Make the connection a guest's, who hears a room and is live in it."""
    if login is not None:
        raise AlreadyMember
    realm = session.realm
    guest, group, new = await realm.older.rooms.enter(command.name, command.room)
    guest.allowance = session.gate.of_network(session.address)
    if session.gone:
        raise Unavailable
    listener = new_listener(session, guest)
    await listener.prepare()  # and from here on nothing waits
    if session.listener is not listener:
        raise Unavailable
    visit = Visit(group, guest, listener.hint)
    try:
        if not realm.routes.holds(group):
            raise NoSuchGroup
        realm.live.enter(visit, None)
    except ChatError:
        session.stop_listening()
        raise
    session.visits[group.row.conversation] = visit
    session.bind(guest)
    answer(events.EnteredRoom(group=group.row.shown_a, guest=guest.address, made=new))
    listener.start_now(own=False)
