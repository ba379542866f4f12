"""What each command about messages does."""

from __future__ import annotations

from typing import TYPE_CHECKING

from twisted.logger import Logger

from chatproto import commands, events
from chatproto.events import Reply
from chatproto.realm.cursors import Key
from chatproto.realm.echo import Echo
from chatproto.realm.handlers.searching import search_and_send
from chatproto.realm.listening import Listener
from chatproto.realm.logins import Login
from chatproto.realm.sending import Answer

if TYPE_CHECKING:
    from chatproto.realm.session import ClientSession, Waiting

_log = Logger()


def send(session: ClientSession, login: Login, command: commands.Send, answer: Answer) -> Waiting | None:
    """Send at once if everything needed is in memory."""
    if session.echo is not None:
        answer = session.echo.noting(answer)
    if session.realm.sending.send(login, command, answer, session.gate):
        return None
    if command.search and isinstance(command.to, str) and "@" not in command.to and command.cid is None:
        return search_and_send(session, login, command.to, command, answer)
    return session.realm.sending.send_slowly(login, command, answer, session.gate)


def send_group(session: ClientSession, login: Login, command: commands.SendGroup, answer: Answer) -> Waiting:
    """Send to whom an older client's target stands for."""
    session.gate.message(login, command.to.count(",") + 1, command.text)
    return _send_to_known(session, login, command, answer)


async def _send_to_known(
    session: ClientSession, login: Login, command: commands.SendGroup, answer: Answer
) -> None:
    sending = session.realm.sending
    to = await sending.known_recipients(login, command.to)
    send = commands.Send(to=to, text=command.text, wait=True)
    await sending.send_slowly(login, send, answer, session.gate)


async def listen(session: ClientSession, login: Login, command: commands.Listen, answer: Answer) -> None:
    """Subscribe, answer, and only then begin to tell."""
    realm = session.realm
    listener = new_listener(session, login)
    device = await realm.cursors.load(_device_cursor(login))
    newest = await listener.prepare()
    after, reset = realm.lives.position(command.after, command.epoch, newest, device)
    if reset:
        _log.warn("{account} heard another life of the log than this store has", account=login.account)
    answer(events.Listening(seq=newest, after=after, epoch=realm.lives.epoch, reset=reset))
    listener.start(after, own=bool(command.own), receipts=bool(command.receipts), typing=bool(command.typing))
    session.watch_expiry()


def new_listener(session: ClientSession, login: Login, echo: Echo | None = None) -> Listener:
    """Put a listener in the place of the one that the connection had, if any."""
    realm = session.realm
    session.stop_listening()
    session.echo = echo
    session.listener = Listener(realm.router, realm.reading, realm.blocks, login, echo or session.sink)
    return session.listener


def _device_cursor(login: Login) -> Key:
    return (login.account, "device", login.device)


def ack(session: ClientSession, login: Login, command: commands.Ack, answer: Answer) -> Waiting | None:
    """Move the device's cursor."""
    if session.realm.cursors.known(_device_cursor(login)) is None:
        return _load_and_ack(session, login, command, answer)
    seq = min(command.seq, session.realm.router.published)
    session.realm.cursors.move(_device_cursor(login), seq)
    answer(events.Done())
    if session.listener is not None and session.listener.login is login:
        for with_, reached, mid in session.listener.acknowledged(seq):
            session.realm.hints.delivered(login, with_, reached, mid)
    return None


async def _load_and_ack(session: ClientSession, login: Login, command: commands.Ack, answer: Answer) -> None:
    await session.realm.cursors.load(_device_cursor(login))
    ack(session, login, command, answer)


async def history(session: ClientSession, login: Login, command: commands.History) -> Reply:
    """Give a page of a conversation."""
    return await session.realm.reading.history(login, command)


async def conversations(session: ClientSession, login: Login, command: commands.Conversations) -> Reply:
    """List the account's conversations."""
    return await session.realm.reading.conversations(login, command)


async def read(session: ClientSession, login: Login, command: commands.Read, answer: Answer) -> None:
    """Move the reading cursor of a conversation."""
    realm = session.realm
    found = await realm.reading.read_cursor(login, command.with_)
    if found is not None:
        key, with_ = found
        seq = min(command.seq, realm.router.published)
        if seq > (realm.cursors.known(key) or 0):
            realm.cursors.move(key, seq)
            far = realm.routes.is_far(with_)
            mid = await realm.reading.newest_from_afar(login, key[2], seq) if far else ""
            await realm.hints.read(login, with_, seq, mid, session.listener)
    answer(events.Done())


def typing(session: ClientSession, login: Login, command: commands.Typing, answer: Answer) -> Waiting | None:
    """Tell others that a text is being written to them; those in other realms are not told."""
    routes = session.realm.routes
    if routes.is_far(command.to) and routes.copy_in_memory(command.to) is None:
        answer(events.Done())
        return None
    route = routes.known(login, command.to)
    if route is None:
        return _find_and_type(session, login, command, answer)
    session.realm.hints.typing(login, route)
    answer(events.Done())
    return None


async def _find_and_type(
    session: ClientSession, login: Login, command: commands.Typing, answer: Answer
) -> None:
    route = await session.realm.routes.find(login, command.to)
    session.realm.hints.typing(login, route)
    answer(events.Done())
