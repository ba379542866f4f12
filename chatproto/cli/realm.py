"""``chatproto realm``: the links of a realm to others, whether it runs or not."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any, TypeVar

import click
from msgspec import Struct

from chatproto.cli.administration import Administrator, administer, carry_out
from chatproto.cli.listing import confirm, json_option, print_list, report, yes_option
from chatproto.cli.options import place_options, settings
from chatproto.commands import (
    Command,
    RealmAdd,
    RealmApprove,
    RealmBlock,
    RealmDeadLetters,
    RealmDrop,
    RealmKey,
    RealmList,
    RealmPark,
    RealmQueue,
    RealmRetry,
)
from chatproto.errors import NoSuchRealm
from chatproto.events import (
    DeadLetter,
    DeadLetterPage,
    Done,
    LinkAdded,
    LinkDropped,
    LinkPage,
    LinkState,
    QueuedItem,
    QueuePage,
)
from chatproto.events import RealmKey as Key

F = TypeVar("F", bound=Callable[..., Any])


class _Line(Struct, frozen=True):
    """One link, in words."""

    realm: str
    state: str
    waiting: int
    oldest: str
    applied: int
    refused: int
    received: int
    error: str
    via: str
    held: int
    introducer: str


class _Letter(Struct, frozen=True):
    """One message that waits or came back."""

    number: int
    at: str
    sender: str
    recipient: str
    what: str
    mid: str


@click.group()
def realm() -> None:
    """Links to other realms: key, add, list, approve, and the rest.

    Asks the running realm over its control socket; without one, opens the store itself.
    """


@realm.command()
@json_option
@place_options
def key(as_json: bool, config: Path | None, **place: Any) -> None:
    """Print the fingerprint of this realm's key, for the operators of other realms."""
    own = carry_out(settings(config, **place), RealmKey(), Key, new=True)
    print_list(("fingerprint",), [own], as_json=as_json)


@realm.command("list")
@json_option
@place_options
def list_(as_json: bool, config: Path | None, **place: Any) -> None:
    """Print the links: realm, state, messages that wait, age of the oldest, counts, the last error, routes.

    `applied` and `refused` are what the other realm made of ours, `received` is what came from there, all
    since the start. The last columns are by which realm it is reached, what is held here for it, and which
    realm introduced it.
    """
    links = administer(settings(config, **place), _all_links)
    if as_json:
        print_list((), links, as_json=True)
    else:
        print_list(_Line.__struct_fields__, [_line(link) for link in links], as_json=False)


def _line(link: LinkState) -> _Line:
    return _Line(
        realm=link.realm,
        state=link.state,
        waiting=link.items,
        oldest=_for_how_long(link.age) if link.items else "",
        applied=link.applied,
        refused=link.refused,
        received=link.received,
        error="" if link.state == "linked" else link.error,  # what is over only puzzles
        via=link.via,
        held=link.held,
        introducer=link.introducer,
    )


def _for_how_long(seconds: int) -> str:
    for unit, size in (("d", 86_400), ("h", 3600), ("m", 60)):
        if seconds >= size:
            return f"{seconds // size}{unit}"
    return f"{seconds}s"


async def _all_links(realm: Administrator) -> list[LinkState]:
    links: list[LinkState] = []
    while True:
        page = await realm.ask(RealmList(after=links[-1].realm if links else ""), LinkPage)
        links += page.links
        if page.complete or not page.links:
            return links


async def _find(realm: Administrator, name: str) -> LinkState:
    for link in await _all_links(realm):
        if link.realm == name:
            return link
    raise NoSuchRealm


@realm.command()
@click.argument("name")
@click.argument("endpoint")
@click.option("--pin", metavar="ed25519:DIGITS", help="Its key's fingerprint, from its operator.")
@place_options
def add(name: str, endpoint: str, pin: str | None, config: Path | None, **place: Any) -> None:
    """Add the realm NAME, dialled at ENDPOINT, such as tls:chat.example.org:8890.

    Prints its name and the fingerprint of its key. Compare that with what `chatproto realm key` prints there,
    then `approve` it: until then nothing is sent. With `--pin` it is linked with at once, if it has that key;
    if it shows another one the exit code is 1.
    """
    added = carry_out(
        settings(config, **place), RealmAdd(realm=name, connect=endpoint, pin=pin), LinkAdded, new=True
    )
    print(added.realm, added.fingerprint, sep="\t")
    if added.shown:
        raise click.ClickException(
            f"{added.realm} is added, but shows another key, {added.shown}: it is not linked with it; "
            f"`realm add` it with the right pin, or `realm approve` that key"
        )
    if added.error:
        report(f"{added.realm} does not show its key: {added.error}")
    if added.state == "pending":
        then = "compare the fingerprint" if added.fingerprint else "once it has shown its key, compare that"
        report(f"{added.realm} is pending; {then}, then `chatproto realm approve {added.realm}`")
    else:
        report(f"added {added.realm}")


@realm.command()
@click.argument("name")
@click.argument("fingerprint", required=False)
@yes_option
@place_options
def approve(name: str, fingerprint: str | None, yes: bool, config: Path | None, **place: Any) -> None:
    """Take the key that the realm NAME showed as its own; FINGERPRINT says which, else it is asked.

    Also ends a block. What waits for NAME stays. A `pin` in the configuration is changed there.
    """

    async def work(realm: Administrator) -> str:
        key = fingerprint
        if key is None:
            link = await _find(realm, name)
            if link.state == "blocked" and (link.trust == "pin" or not link.shown):
                await realm.ask(RealmApprove(realm=name), Done)
                return f"{name} is blocked no more"
            if link.trust == "pin":
                raise click.ClickException(
                    f"the configuration pins {link.fingerprint}: change `pin` of [peers.{name}], restart, "
                    f"and `chatproto realm retry {name}`"
                )
            if not link.shown:
                dial = f"; `chatproto realm retry {name}` dials it" if link.connect else ""
                raise click.ClickException(f"{name} has shown no key that waits for approval{dial}")
            key = link.shown
            confirm(f"trusting whoever has the key {key} as {name}", yes=yes, lasting=False)
        await realm.ask(RealmApprove(realm=name, fingerprint=key), Done)
        return f"approved {name} with {key}"

    report(administer(settings(config, **place), work))


def _plain(make: Callable[..., Command], done: str) -> Callable[[F], click.Command]:
    """Return the command that asks for one thing about the realm NAME."""

    def decorate(function: F) -> click.Command:
        def command(name: str, config: Path | None, **place: Any) -> None:
            carry_out(settings(config, **place), make(realm=name))
            report(done.format(name))

        command.__doc__ = function.__doc__
        named = click.argument("name")(place_options(command))
        return realm.command(function.__name__)(named)

    return decorate


@_plain(RealmRetry, "{} is dialled without delay")
def retry() -> None:
    """Dial the realm NAME now; one that is parked is no longer."""


@_plain(RealmPark, "parked {}")
def park() -> None:
    """Dial the realm NAME no more, until `retry`. It may still dial; a connection that stands goes on."""


@_plain(RealmBlock, "blocked {}")
def block() -> None:
    """Let nobody send to the realm NAME and take nothing from it, until `approve`.

    What waits for it already is still sent.
    """


@realm.command()
@click.argument("name")
@yes_option
@place_options
def drop(name: str, yes: bool, config: Path | None, **place: Any) -> None:
    """End the link to the realm NAME, for ever or until it is added again.

    What waits for it comes back to its senders as outcome-unknown: what was sent may have arrived.
    """

    async def work(realm: Administrator) -> int:
        waiting = (await _find(realm, name)).items
        confirm(f"dropping {name} with the messages that wait for it ({waiting})", yes=yes)
        return (await realm.ask(RealmDrop(realm=name), LinkDropped)).bounced

    bounced = administer(settings(config, **place), work)
    report(f"dropped {name}; {bounced} messages came back to their senders")


@realm.command()
@click.argument("name")
@json_option
@place_options
def queue(name: str, as_json: bool, config: Path | None, **place: Any) -> None:
    """Print what waits for the realm NAME: number, time, sender, recipient, whether it was sent, mid."""

    async def work(realm: Administrator) -> list[QueuedItem]:
        items: list[QueuedItem] = []
        while True:
            page = await realm.ask(RealmQueue(realm=name, after=items[-1].number if items else 0), QueuePage)
            items += page.items
            if page.complete or not page.items:
                return items

    items = administer(settings(config, **place), work)
    if as_json:
        print_list((), items, as_json=True)
        return
    lines = [
        _Letter(each.number, each.at, each.from_, each.to, "sent" if each.sent else "waiting", each.mid)
        for each in items
    ]
    print_list(_Letter.__struct_fields__, lines, as_json=False)


@realm.command("dead-letters")
@click.argument("name", required=False)
@json_option
@place_options
def dead_letters(name: str | None, as_json: bool, config: Path | None, **place: Any) -> None:
    """Print what came back from the realm NAME, or from all: number, time, sender, recipient, why, mid."""

    async def work(realm: Administrator) -> list[DeadLetter]:
        letters: list[DeadLetter] = []
        while True:
            page = await realm.ask(
                RealmDeadLetters(realm=name, after=letters[-1].seq if letters else 0), DeadLetterPage
            )
            letters += page.letters
            if page.complete or not page.letters:
                return letters

    letters = administer(settings(config, **place), work)
    if as_json:
        print_list((), letters, as_json=True)
        return
    lines = [_Letter(each.seq, each.at, each.from_, each.to, each.code, each.mid) for each in letters]
    print_list(_Letter.__struct_fields__, lines, as_json=False)
