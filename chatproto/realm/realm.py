"""A realm: the rules and their parts, over one store.

Everything that happens in a realm goes through the methods of its parts, on the reactor's thread. It knows
neither sockets nor dialects: sessions call it, subscribers hear of it.
"""

from __future__ import annotations

import os
from collections.abc import Callable
from typing import Any, cast

from twisted.internet.defer import Deferred
from twisted.internet.interfaces import IReactorFromThreads
from twisted.python.failure import Failure

from chatproto.executors import ThreadExecutor
from chatproto.frames import Ask
from chatproto.interfaces import IAuthenticator, IFileStore, ILinks, IRemotes, IStore
from chatproto.limits import Limits
from chatproto.names import RealmName, fold
from chatproto.realm.accounts import Accounts, Names
from chatproto.realm.arrivals import Arrivals
from chatproto.realm.attempts import Attempts
from chatproto.realm.audit import Audit
from chatproto.realm.authentication import Bounded
from chatproto.realm.blocks import Blocks
from chatproto.realm.bounces import Bounces
from chatproto.realm.catalogue import Catalogue
from chatproto.realm.changes import Changes
from chatproto.realm.cids import Cids
from chatproto.realm.copies import Copies
from chatproto.realm.cursors import Cursors
from chatproto.realm.distant import Distant
from chatproto.realm.filebox import FileBox
from chatproto.realm.files import Files
from chatproto.realm.files.garbage import Garbage
from chatproto.realm.gate import Gate, Usage
from chatproto.realm.groups import Groups
from chatproto.realm.guests import Guests
from chatproto.realm.hints import Hints
from chatproto.realm.invites import Invites
from chatproto.realm.live import Live
from chatproto.realm.lives import Lives
from chatproto.realm.log import Log
from chatproto.realm.logins import Logins
from chatproto.realm.mail import Mail
from chatproto.realm.meters import Meters, counted
from chatproto.realm.moderation import Moderation
from chatproto.realm.offers import Offers
from chatproto.realm.older import Older
from chatproto.realm.others import Others, Progress
from chatproto.realm.outbound import Outbound
from chatproto.realm.passwords import PasswordHasher
from chatproto.realm.policy import PeerPolicy, Policy
from chatproto.realm.present import Present
from chatproto.realm.questions import Questions
from chatproto.realm.reading import Reading
from chatproto.realm.remotes import NoLinks, NoRemotes
from chatproto.realm.replicas import Replicas
from chatproto.realm.rooms import Rooms
from chatproto.realm.router import Router
from chatproto.realm.routes import Routes
from chatproto.realm.sending import Sending
from chatproto.realm.spelling import Spelling
from chatproto.realm.times import Clock
from chatproto.realm.tracing import Tracing
from chatproto.realm.upkeep import Upkeep
from chatproto.realm.waiters import Waiters
from chatproto.realm.welcome import Welcome
from chatproto.realm.writer import Writer
from chatproto.records import AccountRow, EpochRow, StoreState

#: Threads that hash passwords: one leaves the other processor of a small machine to the reactor.
_HASH_THREADS = 1


class Realm:
    """One realm. Made by :meth:`open`; its parts are its verbs."""

    def __init__(
        self,
        name: RealmName,
        store: IStore,
        clock: Clock,
        policy: Policy,
        hasher: PasswordHasher,
        state: StoreState,
        epochs: list[EpochRow],
        entropy: Callable[[int], bytes],
        authenticator: IAuthenticator | None = None,
        files: IFileStore | None = None,
    ) -> None:
        limits, size = policy.limits, policy.limits.cached_names
        self.name, self.policy, self.clock = name, policy, clock
        #: Whether the store certainly has everything that was ever committed there.
        self.vouched = state.vouched
        self.meters = Meters()
        self._store = store = counted(store, self.meters, clock)
        self.hasher, self.present = hasher, Present()
        self.attempts, self._usage = Attempts(clock, size), Usage(size)
        self._gates: dict[Limits, Gate] = {}
        self.writer = Writer(store, clock, state, limits, self.meters)
        self.audit = Audit(self.writer, clock)
        self.lives = Lives(epochs, self.writer, self.audit, clock)
        self.router = Router(state.seq)
        names = Names(store, self.writer, size)
        self._outside = Bounded(authenticator, clock, limits) if authenticator is not None else None
        self.accounts = Accounts(store, self.writer, clock, names, hasher, size, self._outside)
        self.blocks = Blocks(
            name, store, self.writer, clock, self.accounts, self.router, size, limits.blocks_per_account
        )
        self.logins = Logins(store, self.writer, clock, limits, name, entropy)
        self.routes = Routes(name, store, self.writer, self.accounts, self.blocks, self.router, size)
        self.others = Others(store, self.writer, size)
        progress = Progress(self.router, size)
        self.cursors = Cursors(store, self.writer, clock, size)
        log = Log(self.writer, self.router, clock, f"{name}/{entropy(8).hex()}")
        self.live = Live(name, self.routes, clock)
        self.copies = Copies(name, store, self.writer, clock, epochs, self.routes)
        changes = Changes(
            name, store, self.writer, self.routes, self.router, log, self.copies, size, self.live.account_left
        )
        self.outbound = Outbound(clock, progress, self.audit, self.writer)
        mail = Mail(self.routes, log, self.outbound)
        spelling = Spelling(name, self.accounts, self.others)
        self.groups = Groups(self.routes, names, spelling, changes, mail, store, limits)
        self.moderation = Moderation(self.routes, self.accounts, spelling, changes, self.groups, mail, store)
        self.catalogue = Catalogue(self.routes, changes, self.groups, spelling, self.live, store)
        self.reading = Reading(store, self.routes, self.blocks, self.cursors, self.others, progress)
        cids = Cids(store, self.writer, size)
        self.sending = Sending(self.routes, log, cids, self.writer, self.outbound)
        self.offers = Offers(store, clock, limits, keeps=files is not None)
        self.files = Files(
            name,
            files,
            store,
            self.writer,
            self.accounts,
            self.blocks,
            self.copies,
            log,
            cids,
            self.sending,
            self.offers,
        )
        self.garbage = Garbage(self.files, store, self.writer, clock, limits)
        self._upkeep = Upkeep(store, self.writer, clock, limits, self.garbage)
        box = FileBox(self.files, self.meters, clock, limits.sendfile_bytes)
        self.older = Older(
            name,
            store,
            self.writer,
            clock,
            self.routes,
            self.accounts,
            self.blocks,
            self.cursors,
            self.others,
            box,
            Rooms(self.routes, names, changes, self.accounts, store, self.writer, self.files, policy),
            policy,
        )
        self._guests = Guests(
            name,
            self.accounts,
            self.blocks,
            self.routes,
            self.router,
            changes,
            self.groups,
            self.moderation,
            spelling,
            mail,
            self.offers,
            limits,
        )
        self.arrivals = Arrivals(
            name,
            store,
            self.writer,
            self.accounts,
            self.blocks,
            self.routes,
            self.router,
            log,
            self.others,
            self._guests,
            self.offers,
            self.older.aliases,
            size,
        )
        self.bounces = Bounces(
            log, self.writer, self.router, self.routes, progress, self.audit, Waiters(clock)
        )
        self.distant = Distant(
            self.routes,
            self.writer,
            changes,
            self.groups,
            mail,
            self.bounces.waiters,
            Welcome(name, store, self.accounts, spelling, mail),
        )
        self.replicas = Replicas(
            name,
            store,
            self.writer,
            self.routes,
            changes,
            self.others,
            self.bounces.waiters,
            self.audit,
            self.offers,
            self.distant.welcome,
        )
        self.tracing = Tracing(name, store, self.writer, clock, self.audit, self.copies, self.routes)
        self._questions = Questions(
            name, self.accounts, self.routes, self.present, clock, self.tracing, self.live, self.older
        )
        self.hints = Hints(self.routes, self.router, self.blocks, clock)
        self.invites = Invites(store, self.writer, clock, entropy, size)
        #: What administrators ask about links; set by whoever runs them.
        self.links: ILinks = NoLinks()

    @classmethod
    async def open(
        cls,
        name: str,
        store: IStore,
        reactor: Clock,
        *,
        policy: Policy | None = None,
        hasher: PasswordHasher | None = None,
        authenticator: IAuthenticator | None = None,
        files: IFileStore | None = None,
        entropy: Callable[[int], bytes] = os.urandom,
    ) -> Realm:
        """Open a store and return the realm that it holds, or a new one.

        A new epoch of the log is on disk when this returns. With an ``authenticator`` that one, and not the
        store, knows the passwords. Without ``files`` it keeps none. ``entropy`` is replaced by tests.

        :raises BadName: the name is not a realm's.
        :raises StoreInUse: another process serves from this store.
        :raises StoreError: the store is another realm's, or newer than this version.
        """
        realm_name = RealmName.parse(name)
        policy = policy or Policy()
        state = await store.open(realm_name)
        try:
            if hasher is None:  # on virtual time one is given
                executor = ThreadExecutor(cast("IReactorFromThreads", reactor), "passwords", _HASH_THREADS)
                hasher = PasswordHasher(executor, waiting=policy.limits.waiting_hashes)
            epochs = await store.epochs()
            realm = cls(
                realm_name, store, reactor, policy, hasher, state, epochs, entropy, authenticator, files
            )
            await realm.files.open()
            await realm.copies.load()
            await realm.replicas.load()
            await realm.older.load()
            await realm.lives.begin(state, entropy)
            realm._upkeep.start()
        except BaseException:
            if files is not None:
                await files.close()
            await store.close()
            raise
        return realm

    def link(self, remotes: IRemotes, policy_of: Callable[[RealmName], PeerPolicy] | None = None) -> None:
        """Let messages go to other realms. Called once at most, before the realm serves anybody.

        ``policy_of`` tells what is taken from a realm: everything, if it is not given.
        """
        if not isinstance(self.outbound.remotes, NoRemotes):
            raise RuntimeError("the realm is linked already")
        self.outbound.remotes = self.routes.remotes = self.hints.remotes = self.tracing.remotes = remotes
        self.older.link(remotes)
        if policy_of is not None:
            self.arrivals.policy_of = self.tracing.policy_of = policy_of
            self.distant.welcome.policy_of = policy_of

    async def answer(self, peer: RealmName, ask: Ask) -> dict[str, Any]:
        """Answer another realm, which has proved who it is; see
        :class:`~chatproto.realm.questions.Questions`.

        :raises ChatError: with the code to answer instead.
        """
        return await self._questions.answer(peer, ask)

    async def display_name(self, address: str) -> str:
        """Return the name to show of somebody, for a message to another realm; perhaps ``""``."""
        name, _, realm = fold(address).partition("@")
        if realm != self.name:
            row = await self.others.find(fold(address))
            return "" if row is None else row.name
        account = await self.accounts.ever(name)
        return "" if account is None else account.display

    async def forget(self, realm: RealmName) -> None:
        """End what there is of groups with a realm that there is no link to any more.

        :raises Unavailable: not now; it can be called again.
        """
        await self._guests.drop(realm)
        await self.replicas.drop(realm)

    def gate(self, limits: Limits) -> Gate:
        """Return the rates of a listener with such limits; there are as many as listeners, or fewer."""
        gate = self._gates.get(limits)
        if gate is None:
            gate = self._gates[limits] = Gate(limits, self._usage, self.clock)
        return gate

    def when_failed(self) -> Deferred[Failure]:
        """Fire with what was wrong if the store fails; the process then has to end."""
        failed: Deferred[Failure] = Deferred()
        self.writer.on_fatal(failed.callback)
        return failed

    async def add_user(
        self, user: str, password: str, name: str | None = None, country: str | None = None
    ) -> AccountRow:
        """Make an account.

        :raises UserExists: the name is taken.
        :raises BadName: the name is malformed.
        """
        return await self.accounts.add(user, password, name, country)

    async def delete_account(self, account: AccountRow) -> None:
        """Delete an account: its sessions end, it leaves its groups, and its name stays taken.

        :raises Unavailable: it is not deleted, but its sessions are ended.
        """
        self.accounts.begin_to_delete(account)
        try:
            await self.logins.end_all(account.name)
            await self.moderation.delete_account(account)
            await self.files.forget(account.name)
        finally:
            self.accounts.end_to_delete(account)

    async def close(self) -> None:
        """Make everything durable that was appended, and close the store."""
        self._upkeep.stop()
        self.bounces.waiters.close()
        self.copies.close()
        self.live.close()
        self.older.undelivered.close()
        if self._outside is not None:
            self._outside.stop()
        self.cursors.close()
        await self.files.close()
        await self.writer.close()
        self.hasher.stop()
        await self._store.close()
