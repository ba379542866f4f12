"""What is said in the demo, and what it has to come to."""

from __future__ import annotations

from collections.abc import Sequence

from rich.filesize import decimal
from twisted.internet.defer import TimeoutError as DeferredTimeoutError
from twisted.internet.posixbase import PosixReactorBase

from chatproto.cli.conversations import SAID
from chatproto.cli.demo_narrator import Narrator
from chatproto.cli.demo_people import (
    ARRIVAL_SECONDS,
    Ledger,
    Lost,
    OlderClient,
    Person,
    connect_older,
    words,
)
from chatproto.cli.demo_realm import RealmProcess
from chatproto.client import Message, State
from chatproto.events import PENDING, HistoryItem, Receipt
from chatproto.opening import LAB_PASSWORD

GROUP = "bola@alpha"
#: So many bytes go through three realms.
_PHOTO_BYTES = 3_000_064
AMSAL = "amsal@beta"
_JAKARTA = "jakarta"


class Story:
    """The talk. Every text in it is said once, so that texts tell messages apart."""

    def __init__(
        self,
        reactor: PosixReactorBase,
        alpha: RealmProcess,
        gamma: RealmProcess,
        beta: RealmProcess,
        narrator: Narrator,
    ) -> None:
        self._reactor = reactor
        self._alpha = alpha
        self._gamma = gamma
        self._beta = beta
        self._narrator = narrator
        self._ledger = Ledger()
        self._lost: set[str] = set()
        self._amsal: OlderClient | None = None
        self._token = ""

    async def tell(self) -> bool:
        """Play it all; tell whether everything arrived exactly once.

        :raises Lost: something did not arrive at all.
        """
        narrator = self._narrator
        narrator.chapter("Two realms, and a gateway between them")
        await self._gamma.start()
        narrator.note("gamma has no users; it passes on what is signed by those who wrote it")
        for realm in (self._alpha, self._beta):
            await realm.start()
            narrator.note(f"{realm.name} serves 127.0.0.1:{realm.port} and keeps {realm.store}")
        narrator.note("alpha and beta know each other's keys, and dial only gamma")
        messi = self._person("messi", self._alpha)
        lineker = self._person("lineker", self._alpha)
        henderson = self._person("henderson", self._beta)
        people: tuple[Person, ...] = (messi, lineker, henderson)
        for person in people:
            await person.connect()
        narrator.note("messi and lineker of alpha, and henderson of beta, are logged in and listen")
        await self._across(messi, henderson)
        await self._older_client(messi)
        await self._many(messi, lineker, henderson)
        await self._file(messi, henderson)
        await self._group(messi, lineker, henderson)
        await self._in_vain(messi, lineker, henderson)
        await self._crash(messi, lineker, henderson)
        amsal = self._person("amsal", self._beta, password=_JAKARTA)
        await amsal.connect()
        people = (*people, amsal)
        fine = await self._count(people)
        for person in people:
            await person.leave()
        return fine

    async def _across(self, messi: Person, henderson: Person) -> None:
        self._narrator.chapter("From one realm to the other, by the gateway")
        seq = await self._say(messi, [henderson], "Will you watch the match tonight?")
        await messi.is_told(henderson.name, seq)
        await self._say(henderson, [messi], "Of course. Who else is coming?")

    async def _older_client(self, messi: Person) -> None:
        self._narrator.chapter("A client of the older kind, on the same port")
        self._amsal = await connect_older(self._reactor, self._beta.port)
        line = f"register amsal {_JAKARTA} Amsal Indonesia"
        self._token = (await self._amsal.ask(line))["tokenid"]
        self._narrator.note(f"amsal registered at beta with the line: {line}")
        text = "Any room for one more?"
        self._narrator.says(AMSAL, messi.name, text)
        self._ledger.said(text, messi.name, by=AMSAL)
        reply = await self._amsal.ask(f"send {self._token} {messi.name} {text}")
        self._narrator.follows(f"beta answers the older client: {reply['message']}")
        await messi.hears(text)

    async def _many(self, messi: Person, lineker: Person, henderson: Person) -> None:
        self._narrator.chapter("To many at once, here and there")
        text = "Kick-off is at eight."
        to = [lineker.name, henderson.name, AMSAL]
        self._narrator.says(messi.name, ", ".join(to), text)
        # One message for each of them, so each log has as many as it has of them.
        for name in to:
            self._ledger.said(text, name, by=messi.name)
        sent = await messi.chat.send_each(to, text)
        self._narrator.follows(f"on disk: {len(sent.results)} messages, of one command")
        await lineker.hears(text)
        await henderson.hears(text)

    async def _file(self, messi: Person, henderson: Person) -> None:
        narrator = self._narrator
        narrator.chapter("A file, through the gateway")
        folder = self._alpha.store.parent
        photo, album = folder / "team.jpg", folder / "album"
        data = bytes(range(256)) * (_PHOTO_BYTES // 256)
        photo.write_bytes(data)
        album.mkdir()
        text = f"[file] {photo.name}"
        self._ledger.said(text, henderson.name, by=messi.name)
        narrator.says(messi.name, henderson.name, f"{text}, {decimal(len(data))}")
        sent = await messi.chat.send_file(henderson.name, photo)
        narrator.follows(f"on disk, verified: number {sent.seq}, {sent.mid}")
        await henderson.hears(text)
        saving = henderson.chat.save(henderson.files[-1], album)
        try:
            saved = await saving.addTimeout(ARRIVAL_SECONDS, self._reactor)
        except DeferredTimeoutError:
            raise Lost(f"the bytes of {photo.name} did not come to beta") from None
        if saved.read_bytes() != data:
            raise Lost(f"{photo.name} has other bytes in beta")
        narrator.follows(f"{henderson.name} saves it, every byte as it was")

    async def _group(self, messi: Person, lineker: Person, henderson: Person) -> None:
        self._narrator.chapter("A group of both realms")
        await messi.chat.groups.create(GROUP.partition("@")[0])
        self._narrator.note(f"messi makes the group {GROUP}")
        for person in (lineker, henderson):
            await person.chat.groups.join(GROUP)
        await messi.sees("joined", henderson.name)
        await self._post(lineker, [messi, henderson], "I will bring crisps.")
        await self._post(henderson, [messi, lineker], "And I the drinks.")

    async def _in_vain(self, messi: Person, lineker: Person, henderson: Person) -> None:
        self._narrator.chapter("What does not arrive comes back")
        await self._say_in_vain(messi, "nobody@beta", "Are you coming too?")
        await henderson.chat.account.block(lineker.name)
        self._narrator.note("henderson blocks lineker")
        await self._say_in_vain(lineker, henderson.name, "What was the score again?")
        await henderson.chat.account.unblock(lineker.name)
        self._narrator.note("henderson thinks better of it")

    async def _crash(self, messi: Person, lineker: Person, henderson: Person) -> None:
        narrator = self._narrator
        narrator.chapter("Three crashes, with messages waiting")
        narrator.note("beta is killed (kill -9)")
        await self._beta.kill()
        first, last = "The television is broken, come to my place!", "And bring two bags, we are four now."
        await self._say(messi, [], first, to=henderson.name, away=[henderson.name])
        post = "Who wins tonight?"
        await self._post(lineker, [messi], post, away=[henderson.name])
        narrator.note("there is no beta: the message waits on gamma's disk, the post in alpha's log")
        narrator.note("gamma is killed too")
        await self._gamma.kill()
        # What henderson hears last was sent last: amsal's, which nobody is told of, has arrived then.
        for text, to in (("Come at half past seven.", AMSAL), (last, henderson.name)):
            await self._say(messi, [], text, to=to, away=[to])
        narrator.note("there is no way to beta: they wait in alpha")
        narrator.note("alpha is killed too")
        await self._alpha.kill()
        text = "I am on my way."
        self._ledger.said(text, messi.name, by=lineker.name)
        sending = lineker.chat.send(messi.name, text)
        narrator.says(lineker.name, messi.name, text)
        narrator.note("there is no alpha either: it waits in lineker's client")
        for realm in (self._gamma, self._alpha, self._beta):
            await realm.start()
            narrator.note(f"{realm.name} is started again on its store")
        narrator.follows(f"on disk: {(await sending).mid}")
        await messi.hears(text)
        for text in (first, last):
            await henderson.hears(text)
        await henderson.hears(post, GROUP)
        await self._amsal_looks()

    async def _amsal_looks(self) -> None:
        """Let the older client take its inbox, with the token it had before the crash."""
        if self._amsal is not None:
            self._amsal.close()
        older = await connect_older(self._reactor, self._beta.port)
        self._narrator.note("amsal asks for the inbox, twice")
        for _ in range(2):
            reply = await older.ask(f"inbox {self._token}")
            for entries in reply["messages"].values():
                for entry in entries:
                    self._ledger.heard(AMSAL, entry["msg"])
                    self._narrator.follows(f"amsal finds, from {entry['msg_from']}: {entry['msg']}")
        older.close()

    async def _count(self, people: Sequence[Person]) -> bool:
        """Compare what was said with what was heard and with what the realms have."""
        stored: dict[tuple[str, str], list[str]] = {}
        for realm in (self._alpha, self._beta):
            self._narrator.chapter(f"What {realm.name} has on disk")
            here = [person for person in people if person.name.endswith(f"@{realm.name}")]
            for item in await self._log(here):
                group = item.to if item.to == GROUP else ""
                stored.setdefault((realm.name, group), []).append(words(item))
        problems = self._ledger.problems(stored)
        self._narrator.chapter("In the end")
        for problem in problems:
            self._narrator.problem(problem)
        if not problems:
            counts = f"{self._ledger.messages} messages, {self._ledger.deliveries} deliveries"
            self._narrator.note(f"{counts}: everything arrived exactly once")
        return not problems

    async def _log(self, people: Sequence[Person]) -> list[HistoryItem]:
        """Return the texts and files in a realm's log, as its people can read them."""
        found: dict[int, HistoryItem] = {}
        for person in people:
            for conversation in (await person.chat.conversations()).conversations:
                page = await person.chat.history(conversation.with_, limit=200)
                found |= {item.seq: item for item in page.messages}
        log = [found[seq] for seq in sorted(found)]
        for item in log:
            said = f": {words(item)}" if item.kind in SAID else f" ({f'{item.kind} {item.text}'.rstrip()})"
            self._narrator.note(f"{item.seq:3} {item.from_} to {item.to}{said}")
        return [item for item in log if item.kind in SAID]

    # -- one message

    async def _say(
        self,
        sender: Person,
        hearers: Sequence[Person],
        text: str,
        *,
        to: str = "",
        away: Sequence[str] = (),
    ) -> int:
        """Let somebody say something, and wait until it is stored and heard by those who are there."""
        to = to or hearers[0].name
        self._ledger.said(text, *away, *(person.name for person in hearers), by=sender.name)
        self._narrator.says(sender.name, to, text)
        sent = await sender.chat.send(to, text)
        self._narrator.follows(f"on disk: number {sent.seq}, {sent.mid}")
        for person in hearers:
            await person.hears(text)
        return sent.seq or 0

    async def _post(
        self, sender: Person, hearers: Sequence[Person], text: str, *, away: Sequence[str] = ()
    ) -> None:
        """Let somebody say something in the group, which every member of it hears."""
        narrator = self._narrator
        names = [*away, *(person.name for person in hearers)]
        narrator.says(sender.name, GROUP, text)
        sent = await sender.chat.send(GROUP, text)
        if sent.state == PENDING:
            narrator.follows(f"on disk: {sent.mid}, pending until alpha has numbered it")
            hearers = [*hearers, sender]  # it comes back when it is
            names.append(sender.name)
        else:
            narrator.follows(f"on disk: number {sent.seq}, {sent.mid}")
        self._ledger.said(text, *names, by=sender.name, group=GROUP)
        for person in hearers:
            await person.hears(text, GROUP)

    async def _say_in_vain(self, sender: Person, to: str, text: str) -> None:
        self._ledger.said(text, by=sender.name)
        self._narrator.says(sender.name, to, text)
        sent = await sender.chat.send(to, text)
        await sender.gets_back(sent.mid)

    # -- people

    def _person(self, name: str, realm: RealmProcess, password: str = LAB_PASSWORD) -> Person:
        return Person(
            self._reactor,
            f"{name}@{realm.name}",
            password,
            realm.port,
            self._ledger,
            on_heard=self._heard,
            on_receipt=self._receipt,
            on_state=self._state_changed,
        )

    def _heard(self, name: str, message: Message) -> None:
        if message.kind == "bounce":
            self._narrator.follows(f"{name} gets it back: {message.text}")
        elif message.kind not in SAID:
            self._narrator.follows(f"{name} hears that {message.from_} {message.kind} {message.to}")
        else:
            group = "" if message.to == name else f" in {message.to}"
            self._narrator.follows(f"{name} hears {message.from_}{group}: {words(message)}")

    def _receipt(self, name: str, receipt: Receipt) -> None:
        self._narrator.follows(f"{name} is told that {receipt.by} has got it")

    def _state_changed(self, name: str, state: State) -> None:
        if state is State.WAITING and name not in self._lost:
            self._lost.add(name)
            self._narrator.note(f"{name}'s client lost the realm and tries again")
        elif state is State.ONLINE and name in self._lost:
            self._lost.discard(name)
            self._narrator.note(f"{name}'s client is back")
