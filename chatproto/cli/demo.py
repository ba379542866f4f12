"""``chatproto demo``: a realm, four people and a crash, printed as it happens.

Everything in it is real: a server process with its store on disk, clients over TCP, and a ``kill -9`` in the
middle. At the end it compares what was said with what everybody heard and what the realm has stored.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Sequence
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import click
from twisted.internet.posixbase import PosixReactorBase

from chatproto.cli.demo_people import Ledger, Lost, OlderClient, Person, connect_older
from chatproto.cli.demo_realm import RealmEnded, RealmProcess
from chatproto.cli.printing import printable_text
from chatproto.cli.running import run
from chatproto.client import Message, Sent, State
from chatproto.errors import ChatError

REALM = "alpha"
GROUP = "bola"


@click.command()
def demo() -> int:
    """Show a realm and some users at work.

    Starts a realm on this machine with a temporary store, lets four people talk, kills the realm in the
    middle and starts it again. The exit code is 0 only if every message arrived exactly once.
    """
    # https://no-color.org: any value that is not empty.
    narrator = Narrator(colours=sys.stdout.isatty() and not os.environ.get("NO_COLOR"))
    with TemporaryDirectory(prefix="chatproto-demo-") as folder:
        try:
            fine = run(lambda reactor: _play(reactor, Path(folder), narrator))
        except ChatError as error:
            raise click.ClickException(f"the demo failed: {error.code}: {error.text}") from error
        except (Lost, RealmEnded) as error:
            raise click.ClickException(f"the demo failed: {error}") from error
    return 0 if fine else 1


async def _play(reactor: PosixReactorBase, folder: Path, narrator: Narrator) -> bool:
    realm = RealmProcess(reactor, REALM, folder)
    reactor.addSystemEventTrigger("before", "shutdown", realm.kill)
    try:
        return await Story(reactor, realm, narrator).tell()
    except ChatError:
        if realm.told_to_end:  # an interrupt reaches everybody, and the story fails before it is given up
            raise click.Abort() from None
        raise
    finally:
        await realm.terminate()


class Narrator:
    """Prints what happens."""

    def __init__(self, *, colours: bool) -> None:
        self._colours = colours

    def chapter(self, title: str) -> None:
        """Begin a part of the story."""
        print(f"\n{self._style(title, bold=True)}", flush=True)

    def note(self, text: str) -> None:
        """Say what happens beside the talk."""
        print(f"  {self._style(text, dim=True)}", flush=True)

    def says(self, sender: str, to: str, text: str) -> None:
        """Show that somebody says something."""
        print(f"  {self._style(sender, bold=True, fg='cyan')} to {to}: {printable_text(text)}", flush=True)

    def follows(self, text: str) -> None:
        """Show what becomes of what was said."""
        print(f"      {self._style(text, fg='green')}", flush=True)

    def problem(self, text: str) -> None:
        """Show what is wrong."""
        print(f"  {self._style(text, fg='red')}", flush=True)

    def _style(self, text: str, **style: Any) -> str:
        return click.style(text, **style) if self._colours else text


class Story:
    """The talk. Every text in it is said once, so that texts tell messages apart."""

    def __init__(self, reactor: PosixReactorBase, realm: RealmProcess, narrator: Narrator) -> None:
        self._reactor = reactor
        self._realm = realm
        self._narrator = narrator
        self._ledger = Ledger()
        self._lost: set[str] = set()
        self._people: list[Person] = []
        self._amsal: OlderClient | None = None
        self._token = ""

    async def tell(self) -> bool:
        """Play it all; tell whether everything arrived exactly once.

        :raises Lost: something did not arrive at all.
        """
        await self._realm.start()
        self._narrator.chapter("The realm")
        self._narrator.note(f"{REALM} serves 127.0.0.1:{self._realm.port} and keeps {self._realm.store}")
        messi, henderson, lineker = self._people = [
            self._person(n) for n in ("messi", "henderson", "lineker")
        ]
        for person in self._people:
            await person.connect()
        self._narrator.note("messi, henderson and lineker are logged in and listen")
        await self._two(messi, henderson)
        await self._group(messi, henderson, lineker)
        await self._older_client(messi)
        await self._crash(messi, henderson, lineker)
        fine = await self._count(messi, henderson, lineker)
        for person in self._people:
            await person.leave()
        return fine

    async def _two(self, messi: Person, henderson: Person) -> None:
        self._narrator.chapter("Two people")
        await self._say(messi, "henderson", "Will you watch the match tonight?", henderson)
        await self._say(henderson, "messi", "Of course. Who else is coming?", messi)

    async def _group(self, messi: Person, henderson: Person, lineker: Person) -> None:
        self._narrator.chapter("A group")
        await messi.chat.groups.create(GROUP)
        for person in (henderson, lineker):
            await person.chat.groups.join(GROUP)
        self._narrator.note(f"messi made the group {GROUP}, henderson and lineker joined it")
        await self._say(messi, GROUP, "Kick-off is at eight.", henderson, lineker)
        await self._say(lineker, GROUP, "I will bring crisps.", messi, henderson)

    async def _older_client(self, messi: Person) -> None:
        self._narrator.chapter("A client of the older kind, on the same port")
        self._amsal = await connect_older(self._reactor, self._realm.port)
        reply = await self._amsal.ask("register amsal jakarta Amsal Indonesia")
        self._token = reply["tokenid"]
        self._narrator.note("amsal registered with the line: register amsal jakarta Amsal Indonesia")
        text = "Any room for one more?"
        self._narrator.says("amsal", "messi", text)
        self._ledger.said(text, "messi")
        reply = await self._amsal.ask(f"send {self._token} messi {text}")
        self._narrator.follows(f"the realm answers the older client: {reply['message']}")
        await messi.hears(text)

    async def _crash(self, messi: Person, henderson: Person, lineker: Person) -> None:
        narrator = self._narrator
        narrator.chapter("A crash, with messages waiting")
        await lineker.leave()
        narrator.note("lineker closes the client; amsal's only looks when asked to")
        await self._say(henderson, "lineker", "Bring two bags, we are four now.", away=["lineker"])
        await self._say(messi, "amsal", "Come at half past seven.", away=["amsal"])
        narrator.note("the realm is killed (kill -9)")
        await self._realm.kill()
        text = "The television is broken, come to my place!"
        self._ledger.said(text, "henderson", "lineker")
        sending = messi.chat.send(GROUP, text)
        narrator.says("messi", GROUP, text)
        narrator.note("there is no realm: it waits in messi's client")
        await self._realm.start()
        narrator.note("the realm is started again on the same store")
        self._told(await sending)
        await henderson.hears(text)
        narrator.note("lineker comes back, and hears what was missed")
        await lineker.come_back()
        await lineker.hears(text)
        await self._amsal_looks()

    async def _amsal_looks(self) -> None:
        """Let the older client take its inbox, with the token it had before the crash."""
        if self._amsal is not None:
            self._amsal.close()
        older = await connect_older(self._reactor, self._realm.port)
        self._narrator.note("amsal asks for the inbox, twice")
        for _ in range(2):
            reply = await older.ask(f"inbox {self._token}")
            for entries in reply["messages"].values():
                for entry in entries:
                    self._ledger.heard("amsal", entry["msg"])
                    self._narrator.follows(f"amsal finds, from {entry['msg_from']}: {entry['msg']}")
        older.close()

    async def _count(self, *people: Person) -> bool:
        """Compare what was said with what was heard and with what the realm has."""
        self._narrator.chapter("What the realm has on disk")
        stored: dict[int, Any] = {}
        for person in people:
            for conversation in (await person.chat.conversations()).conversations:
                page = await person.chat.history(conversation.with_, limit=200)
                stored |= {item.seq: item for item in page.messages}
        log = [stored[seq] for seq in sorted(stored)]
        for item in log:
            said = f": {item.text}" if item.kind == "text" else f" ({item.kind})"
            self._narrator.note(f"{item.seq:3} {_short(item.from_)} to {_short(item.to)}{said}")
        problems = self._ledger.problems([item.text for item in log if item.kind == "text"])
        self._narrator.chapter("In the end")
        for problem in problems:
            self._narrator.problem(problem)
        if not problems:
            counts = f"{self._ledger.messages} messages, {self._ledger.deliveries} deliveries"
            self._narrator.note(f"{counts}: everything arrived exactly once")
        return not problems

    # -- one message

    async def _say(
        self, sender: Person, to: str, text: str, *hearers: Person, away: Sequence[str] = ()
    ) -> None:
        """Let somebody say something, and wait until it is stored and heard by those who are there."""
        self._ledger.said(text, *away, *(person.name for person in hearers))
        self._narrator.says(sender.name, to, text)
        self._told(await sender.chat.send(to, text))
        for person in hearers:
            await person.hears(text)

    def _told(self, sent: Sent) -> None:
        self._narrator.follows(f"on disk: number {sent.seq}, {sent.mid}")

    # -- people

    def _person(self, name: str) -> Person:
        return Person(
            self._reactor,
            name,
            self._realm.port,
            self._ledger,
            on_heard=self._heard,
            on_state=self._state_changed,
        )

    def _heard(self, name: str, message: Message) -> None:
        sender, to = _short(message.from_), _short(message.to)
        if message.kind != "text":
            self._narrator.follows(f"{name} hears that {sender} {message.kind} {to}")
        else:
            group = "" if to == name else f" in {to}"
            self._narrator.follows(f"{name} hears {sender}{group}: {message.text}")

    def _state_changed(self, name: str, state: State) -> None:
        if state is State.WAITING and name not in self._lost:
            self._lost.add(name)
            self._narrator.note(f"{name}'s client lost the realm and tries again")
        elif state is State.ONLINE and name in self._lost:
            self._lost.discard(name)
            self._narrator.note(f"{name}'s client is back")


def _short(address: str) -> str:
    return address.partition("@")[0]
