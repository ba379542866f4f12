"""Live mode: where it is, how one comes in, and how one goes."""

from __future__ import annotations

import contextlib
from collections.abc import Sequence
from typing import TYPE_CHECKING

from msgspec import Struct
from twisted.internet.defer import Deferred

from chatproto import commands, events
from chatproto.errors import (
    AlreadyMember,
    BadToken,
    ChatError,
    GroupExists,
    NoSuchGroup,
    NotAllowed,
    NotMember,
    TooFewWords,
    Unavailable,
    UnknownCommand,
)
from chatproto.events import Reply
from chatproto.names import GroupName, RealmName, UserName, fold
from chatproto.realm.conversations import Group
from chatproto.realm.echo import Echo
from chatproto.realm.handlers.messages import new_listener
from chatproto.realm.live import Visit
from chatproto.realm.logins import Login, guest_of
from chatproto.realm.meetings import Decision
from chatproto.realm.relays import Relay, Relayed
from chatproto.realm.screens import Screen
from chatproto.realm.sending import Answer, check_text

if TYPE_CHECKING:
    from chatproto.realm.session import ClientSession


class Elsewhere(Struct, frozen=True):
    """A group of an original server, by address, and the user in it."""

    group: str
    relay: Relay


class Place(Struct, frozen=True):
    """A group of which the user is a member, and who is there as its home said, if that is another realm."""

    group: Group
    there: Sequence[str] = ()
    #: Whether it is one only since just now.
    is_new: bool = False


async def live(session: ClientSession, login: Login, command: commands.Live) -> Reply:
    """Let the connection be live in a group, or no longer."""
    realm = session.realm
    found = await realm.routes.any_group(command.group)
    number = found.row.conversation
    if command.on is not False:
        there = await _there(session, found)
        listener = session.listener
        if listener is None or listener.login is not login:
            raise NotAllowed("listen first: who is live hears what is said")
        # In both: as a member, also of the open batch, and as one who was told so.
        if fold(login.address) not in found.members or not realm.router.hears(login.account, number):
            raise NotMember
        visit = Visit(found, login, listener.hint)
        realm.live.enter(visit, session.visits.get(number), there)
        session.visits[number] = visit
    elif number in session.visits:
        realm.live.exit(session.visits.pop(number))
    return events.LiveMembers(group=found.row.shown_a, live=realm.live.members(found))


async def _there(session: ClientSession, group: Group) -> Sequence[str]:
    """Return who is live in a group, as its home says, if that is another realm and it is not known."""
    live = session.realm.live
    return await live.meetings.there(group) if group.settings.home and not live.members(group) else ()


async def enter_group(
    session: ClientSession, login: Login, command: commands.EnterGroup, answer: Answer
) -> None:
    """Make the user a member, and the connection one that hears the group and is live in it."""
    realm = session.realm
    if "@" in command.group:
        await _enter_place(session, login, await _at(session, login, command.group), answer)
        return
    name = GroupName.parse(command.group)
    decision = await realm.live.meetings.decide(command.group)
    try:  # it lasts until somebody is there, whom others then find
        await _enter_place(session, login, await _find(session, login, name, decision), answer)
    finally:
        realm.live.meetings.over(command.group)


async def _enter_place(
    session: ClientSession, login: Login, place: Place | Elsewhere, answer: Answer
) -> None:
    if isinstance(place, Place):
        await enter(session, login, place, answer)
    else:
        enter_elsewhere(session, login, place, answer)


async def enter(session: ClientSession, login: Login, place: Place, answer: Answer) -> None:
    """Let the connection be live in a group."""
    realm, group = session.realm, place.group
    number = group.row.conversation
    if session.gone:
        raise Unavailable
    echo = Echo(session.sink, realm.clock) if group.settings.home else None
    listener = new_listener(session, login, echo)
    screen = await _screen(session, login, group)
    await listener.prepare()  # and from here on nothing waits
    if session.listener is not listener:
        raise Unavailable
    visit = Visit(group, login, listener.hint)
    try:
        if login.ended:
            raise BadToken
        if not login.is_in(group) or not realm.router.hears(login.account, number):
            raise NotMember
        realm.live.enter(visit, None, place.there)
    except ChatError:
        session.stop_listening()
        raise
    session.visits[number] = visit
    session.in_live_mode = True
    session.bind(login)  # if it was named by a token: when the session ends, the connection hears no more
    if screen is not None:
        screen.begin(realm.router.published, is_new=place.is_new)
    answer(events.EnteredGroup(group=group.row.shown_a, user=login.address))
    listener.start_now()
    session.watch_expiry()


async def _screen(session: ClientSession, login: Login, group: Group) -> Screen | None:
    """Let it be noted what the user is shown, if that is one who has an inbox."""
    if login.room is not None:
        return None
    listener = session.listener
    screen = await session.realm.older.screens.open(login, group)
    if session.listener is not listener:
        screen.close()
        raise Unavailable
    session.screen = screen
    return screen


async def _at(session: ClientSession, login: Login, address: str) -> Place | Elsewhere:
    """Join a group that is named by its address."""
    realm = session.realm
    if not realm.routes.is_far(address):
        return await _join(session, login, address)
    name, _, home = address.partition("@")
    endpoint = dict(realm.older.originals.neighbours()).get(RealmName(fold(home)))
    if endpoint is not None:
        user, group = login.address.partition("@")[0], str(GroupName.parse(name))
        relay = await realm.live.relays.open(endpoint, user, group)
        if relay is None:
            raise NoSuchGroup
        return Elsewhere(address, relay)
    place = await _join_far(session, login, address)
    return Place(place.group, await _there(session, place.group), place.is_new)


async def _find(
    session: ClientSession, login: Login, name: GroupName, decision: Decision
) -> Place | Elsewhere:
    """Join a group of this name where people are live: here, in a neighbour realm; or make one here.

    A neighbour that is away is passed over, unless the user is a member there.
    """
    realm = session.realm
    if await realm.accounts.ever(name) is not None:
        raise GroupExists
    own = await realm.routes.group_ever(name.folded)
    if own is not None and not own.settings.deleted and not realm.live.meetings.is_vacant(own):
        return await _join(session, login, str(name))
    found = await _find_near(session, login, name, decision, is_vacant=own is not None)
    return await _join(session, login, str(name)) if found is None else found


async def _find_near(
    session: ClientSession, login: Login, name: GroupName, decision: Decision, *, is_vacant: bool
) -> Place | Elsewhere | None:
    """Join a group of this name of a neighbour; one that is vacant only if there is none here."""
    realm, user = session.realm, login.address.partition("@")[0]
    neighbours = realm.routes.remotes.realms()
    originals = dict(realm.older.originals.neighbours())
    ours = [each for each in neighbours if each not in originals]
    found = await realm.live.meetings.near(decision, str(name), ours)
    for each in neighbours:
        if each in originals:
            relay = await realm.live.relays.open(originals[each], user, str(name))
            if relay is not None:
                return Elsewhere(f"{name}@{each}", relay)
        elif each in found and not found[each].vacant:
            place = await _join_far(session, login, found[each].address)
            return Place(place.group, found[each].users, place.is_new)
    for each in () if is_vacant else ours:
        if each in found:
            return await _join_far(session, login, found[each].address)
        copy = await _own_copy(session, login, f"{name}@{each}")
        if copy is not None:
            return Place(copy)
    return None


async def _join(session: ClientSession, login: Login, name: str) -> Place:
    """Join a group of this realm, or make it."""
    groups = session.realm.groups
    is_new = False
    with contextlib.suppress(AlreadyMember):
        try:
            await groups.join(login, name)
        except NoSuchGroup:
            await _make(session, login, name.partition("@")[0])
        is_new = True
    return Place(await session.realm.routes.group(name), is_new=is_new)


async def _make(session: ClientSession, login: Login, name: str) -> None:
    realm = session.realm
    try:
        await realm.groups.create(login, commands.Create(group=name))
    except GroupExists as taken:
        try:  # somebody may have been faster
            await realm.groups.join(login, name)
        except NoSuchGroup:
            raise taken from None
    else:
        realm.live.meetings.made(await realm.routes.group(name))


async def _own_copy(session: ClientSession, login: Login, address: str) -> Group | None:
    """Return the copy of a group of another realm of which the user is a member."""
    copy = await session.realm.routes.group_ever(fold(address))
    if copy is None or copy.settings.deleted or fold(login.address) not in copy.members:
        return None
    return copy


async def _join_far(session: ClientSession, login: Login, address: str) -> Place:
    """Join a group of another realm, and return the copy of it that is here then."""
    copy = await _own_copy(session, login, address)
    is_new = copy is None
    if copy is None:
        await session.realm.distant.join(login, address, session.gate)
        copy = await _own_copy(session, login, address)
    if copy is None:
        raise Unavailable("the other realm has not said yet that this is done")
    return Place(copy, is_new=is_new)


async def exit_group(session: ClientSession, _: Login | None, command: commands.ExitGroup) -> Reply:
    """Let the connection be live no longer, and hear no more."""
    if not session.in_live_mode:
        raise UnknownCommand
    # What was said before this was answered, and is told to those who listen only after that.
    told: Deferred[None] = Deferred()
    session.realm.clock.callLater(0, told.callback, None)
    await told
    if session.echo is not None:
        await session.echo.quiet()
    if session.relayed is not None:
        await session.relayed.relay.leave()
    if session.screen is not None:
        session.screen.left(session.realm.router.published)
    guest = None if session.listener is None else session.listener.login
    session.stop_listening()
    if guest is not None and guest.room is not None:
        session.dismiss(guest)
    return events.ExitedGroup()


# -- groups of original servers, and their users in ours


def enter_elsewhere(session: ClientSession, login: Login, place: Elsewhere, answer: Answer) -> None:
    """Let the connection be live in a group of an original server."""
    relay, group = place.relay, place.group

    def show(text: str, kind: str = events.SHOWN) -> bool:
        return session.sink.push(
            events.Message(seq=0, mid="", from_=group, to=group, text=text, at="", kind=kind)
        )

    if session.gone or login.ended:
        relay.close()
        raise BadToken if login.ended else Unavailable
    session.stop_listening()
    session.relayed = Relayed(login, relay)
    session.in_live_mode = True
    session.bind(login)
    answer(events.EnteredGroup(group=group, user=login.address, relayed=True))
    relay.begin(show, lambda: show("", events.ENDED))
    session.watch_expiry()


async def say(session: ClientSession, login: Login, command: commands.Say) -> Reply:
    """Say something in a group of an original server."""
    if session.relayed is None:
        raise UnknownCommand
    session.gate.message(login, 1, command.text)
    check_text(command.text)
    session.relayed.relay.say(command.text)
    return events.Done()


async def check_group(
    session: ClientSession, _: Login | None, command: commands.CheckGroup, answer: Answer
) -> None:
    """Be live in a group here for a user of an original server, or say that it may make one."""
    if command.what != "group":
        raise UnknownCommand
    if command.user is None or command.group is None:
        raise TooFewWords
    realm, peer = session.realm, session.peer
    if peer is None:
        raise UnknownCommand
    user = UserName.parse(command.user)
    await realm.live.meetings.decided(command.group)
    try:
        group = await realm.routes.group(command.group)
    except ChatError:
        group = None
    if group is None or group.settings.access != "open" or realm.live.meetings.is_vacant(group):
        answer(events.NoGroup(group=command.group))
        return
    guest = guest_of(realm.writer, group, f"{user}@{peer}")
    await enter(session, guest, Place(group), answer)
