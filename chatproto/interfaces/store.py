"""What a store promises to the rest."""

from __future__ import annotations

from collections.abc import Sequence

from twisted.internet.defer import Deferred
from zope.interface import Interface

from chatproto.names import RealmName
from chatproto.records import (
    AccountRow,
    AliasRow,
    AppliedRow,
    Arrived,
    AuditRow,
    Batch,
    BlockRow,
    CidRow,
    ConversationRow,
    DeadRow,
    DialRow,
    EpochRow,
    FileRow,
    GroupRow,
    HeldRow,
    InviteRow,
    KeyRow,
    LifeRow,
    LoginRow,
    MemberRow,
    Membership,
    MessageRow,
    NameRow,
    OutboxRow,
    Outgoing,
    PeerRow,
    RefusalRow,
    RemoteRow,
    ReplayPage,
    ReplicaRow,
    Run,
    StoreState,
    StreamRow,
    SubscriptionRow,
    UploadRow,
    VerdictRow,
    Waiting,
)


class IStore(Interface):
    """Durable memory of one realm, used by one process at a time.

    All methods but ``commit`` only read, and see every batch whose ``commit`` has fired. A reading method
    may run while a commit is under way, and may then see it or not. Keys are folded by the
    caller. Lists are ordered as said and bounded by the caller's limit, or by what one account owns.

    Every question may be answered with ``StoreRefused``, if the store is away for now, or ``StoreFailed``.
    """

    def open(realm: RealmName) -> Deferred[StoreState]:
        """Lock the store, bring its schema up to date and tell where it stands.

        :raises StoreInUse: another process has it.
        :raises StoreError: it belongs to another realm, or was written by a newer version.
        """

    def close() -> Deferred[None]:
        """Finish what is under way and unlock. Nothing is called after it."""

    def commit(batch: Batch) -> Deferred[Sequence[int]]:
        """Store a batch, durably, and fire with the indices of entries that broke a constraint.

        Called again only after the Deferred has fired. An entry that refers to a conversation that is not
        stored breaks a constraint too. What fired is on disk.

        :raises StoreRefused: for now nothing can be stored, and nothing of this batch was.
        :raises StoreFailed: the outcome is unknown; the store must not be used again.
        """

    def name(name: str) -> Deferred[NameRow | None]:
        """Tell what has a name."""

    def account(name: str) -> Deferred[AccountRow | None]:
        """Return an account, deleted or not."""

    def accounts(after: str, limit: int) -> Deferred[list[AccountRow]]:
        """Return accounts that are not deleted with a name above ``after``, by name."""

    def password(account: str) -> Deferred[str | None]:
        """Return the hash of an account's password."""

    def device(account: str, name: str) -> Deferred[int | None]:
        """Return the number of a named device."""

    def login(token_hash: bytes) -> Deferred[LoginRow | None]:
        """Return the session of a token, ended or not."""

    def logins(account: str) -> Deferred[list[LoginRow]]:
        """Return the sessions of an account that have ``ended`` 0, by number."""

    def old_logins(before: int, unused: int, limit: int) -> Deferred[list[LoginRow]]:
        """Return sessions that ended or expired before a time, or were not used since another, by number."""

    def invite(token_hash: bytes) -> Deferred[InviteRow | None]:
        """Return an invitation to register."""

    def invites() -> Deferred[list[InviteRow]]:
        """Return all invitations to register, by number."""

    def blocks(account: str) -> Deferred[list[BlockRow]]:
        """Return whom an account blocks, by address."""

    def group(name: str) -> Deferred[GroupRow | None]:
        """Return a group, deleted or not; one whose home is elsewhere by its address."""

    def groups(after: str, limit: int) -> Deferred[list[GroupRow]]:
        """Return groups whose home is here, not deleted, with a name above ``after``, by name."""

    def conversation(a: str, b: str) -> Deferred[ConversationRow | None]:
        """Return the conversation of these two addresses, or of the group ``a`` if ``b`` is empty."""

    def newest(conversation: int) -> Deferred[tuple[int, int]]:
        """Return the newest (seq, gseq) of a conversation, zeros if it has no message."""

    def member(conversation: int, member: str) -> Deferred[MemberRow | None]:
        """Return what an address may read of a conversation."""

    def members(conversation: int) -> Deferred[list[MemberRow]]:
        """Return all who are members now (``until`` 0), by name."""

    def memberships(member: str) -> Deferred[list[Membership]]:
        """Return every conversation that an address may read, by number."""

    def messages(
        conversation: int, after: int, before: int, limit: int, newest: bool, but: Sequence[str]
    ) -> Deferred[list[MessageRow]]:
        """Return messages with ``after < seq < before``, in order of seq, without void ones.

        The first ``limit`` of them, or with ``newest`` the last ``limit``; none from the senders in ``but``.
        """

    def replay(member: str, after: int, limit: int) -> Deferred[ReplayPage]:
        """Return the first messages past ``after`` that an address may read, without void ones.

        What was said before the last join of a group is history, and not among them.
        """

    def unread(conversation: int, after: int, until: int, but: Sequence[str], limit: int) -> Deferred[int]:
        """Count messages with ``after < seq`` that nobody in ``but`` sent, up to ``limit``.

        With ``until`` not 0 only those with ``seq <= until``; never void ones or notices.
        """

    def cursor(account: str, kind: str, scope: int) -> Deferred[int]:
        """Return a cursor, 0 if it was never moved."""

    def cursors(account: str, kind: str) -> Deferred[dict[int, int]]:
        """Return all cursors of a kind by scope."""

    def cid(account: str, prefix: str, counter: int, ordered: bool) -> Deferred[CidRow | None]:
        """Return the outcome of a command by its cid."""

    def newest_counter(account: str, prefix: str) -> Deferred[int | None]:
        """Return the greatest counter of the ordered cids of a prefix, None if there is none."""

    def epochs() -> Deferred[list[EpochRow]]:
        """Return every life of this store, oldest first."""

    def key(name: str) -> Deferred[KeyRow | None]:
        """Return a private key of this realm."""

    def peers() -> Deferred[list[PeerRow]]:
        """Return what was decided about other realms, by realm."""

    def dials() -> Deferred[list[DialRow]]:
        """Return how each realm was dialled, by realm."""

    def streams() -> Deferred[list[StreamRow]]:
        """Return the sender's side of every stream, by realm and stream."""

    def applied() -> Deferred[list[AppliedRow]]:
        """Return the receiver's side of every stream, by realm and stream."""

    def outbox(realm: str, after: int, before: int, limit: int, newest: bool) -> Deferred[list[OutboxRow]]:
        """Return rows with ``after < number < before``, in order of number.

        The first ``limit`` of them, or with ``newest`` the last ``limit``.
        """

    def outgoing(realm: str, after: int, limit: int, size: int) -> Deferred[list[Outgoing]]:
        """Return the items with a number above ``after``, in order, with their messages.

        At most ``limit``, and none that stands behind ``size`` bytes of text or more. Skipped numbers have no
        text.
        """

    def waiting(realm: str, after: int) -> Deferred[Waiting]:
        """Return how much waits for a realm above the number ``after``; skipped numbers do not count."""

    def arrived(mids: Sequence[str]) -> Deferred[list[Arrived]]:
        """Return the messages with these mids that came over a link, by seq."""

    def refusals(mids: Sequence[str]) -> Deferred[list[RefusalRow]]:
        """Return the refusals of items with these mids, by mid, recipient and realm."""

    def refused(realm: str, epoch: str, after: int, limit: int) -> Deferred[list[RefusalRow]]:
        """Return the refusals of items of a realm's epoch with a number above ``after``, by number.

        Only those with a code.
        """

    def old_refusals(before: int, limit: int) -> Deferred[list[RefusalRow]]:
        """Return refusals whose ``until`` is before a time, by it."""

    def dead_letters(realm: str, after: int, limit: int) -> Deferred[list[DeadRow]]:
        """Return bounced items for a realm, or ``""`` for all, whose ``seq`` is above ``after``, by it."""

    def remote(address: str) -> Deferred[RemoteRow | None]:
        """Return somebody of another realm who wrote to this one."""

    def audit(after: int, limit: int) -> Deferred[list[AuditRow]]:
        """Return rows of the audit log whose ``serial`` is above ``after``, by it."""

    def traced(mid: str, limit: int) -> Deferred[list[AuditRow]]:
        """Return rows of the audit log about a mid, by ``serial``.

        With each ``sent`` comes the first ``settled`` that covers it, if the stream is so far.
        """

    def entries(conversation: int, after: int, limit: int, size: int) -> Deferred[list[MessageRow]]:
        """Return the numbered messages of a group with a seq above ``after``, in order, void ones too.

        At most ``limit``, and none that stands behind ``size`` bytes of text or more.
        """

    def entry(conversation: int, number: int, before: int) -> Deferred[tuple[int, int]]:
        """Return (seq, gseq) of the newest one with at most this gseq and a seq below ``before``, or zeros.

        It may have to read all that follow.
        """

    def copied(conversation: int, mids: Sequence[str]) -> Deferred[list[MessageRow]]:
        """Return the messages of a conversation with these mids that came over a link, by seq."""

    def replicas() -> Deferred[list[ReplicaRow]]:
        """Return the copies of groups whose home is elsewhere, by group."""

    def lives(group: str) -> Deferred[list[LifeRow]]:
        """Return what a replica has of each life of its home's store, the newest first."""

    def subscriptions(conversation: int) -> Deferred[list[SubscriptionRow]]:
        """Return who has a copy of a group, or with 0 of any, by realm and conversation."""

    def runs() -> Deferred[list[Run]]:
        """Return what is held of every epoch of every stream that this realm passes on, by its key."""

    def relayed(
        hop: str, origin: str, realm: str, stream: str, since: int, after: int, limit: int, size: int
    ) -> Deferred[list[HeldRow]]:
        """Return what is held of an epoch with a number above ``after``, by it.

        At most ``limit``, and none that stands behind ``size`` bytes or more.
        """

    def verdicts() -> Deferred[list[VerdictRow]]:
        """Return the verdicts that are to be passed on, by origin, realm and stream."""

    def file(mid: str) -> Deferred[FileRow | None]:
        """Return what is known of a file."""

    def files(after: int, limit: int) -> Deferred[list[FileRow]]:
        """Return files with a seq above ``after``, by it."""

    def wanted(realm: str, after: int, limit: int) -> Deferred[list[FileRow]]:
        """Return the files to be fetched from a realm with a seq above ``after``, by it."""

    def references(sha256s: Sequence[str]) -> Deferred[dict[str, int]]:
        """Return of how many stored files each is the content; those of none are left out."""

    def sent_bytes(sender: str, since: int) -> Deferred[int]:
        """Return the sizes of the files, summed, that an address as shown sent here since a time."""

    def came_bytes(realm: str, since: int) -> Deferred[int]:
        """Return the sizes of the files, summed, that are wanted of a realm or came from it, since a time."""

    def upload(mid: str) -> Deferred[UploadRow | None]:
        """Return an upload that is not finished."""

    def uploads(account: str) -> Deferred[list[UploadRow]]:
        """Return the uploads of an account that are not finished, or with ``""`` all, oldest first."""

    def aliases() -> Deferred[list[AliasRow]]:
        """Return by which other names realms are known, by alias."""

    def box(account: str, name: str, after: int, limit: int) -> Deferred[ReplayPage]:
        """Return a page of a realm box: messages with a seq above ``after``, in order, at most ``limit``."""

    def boxed(account: str, after: int, last: int) -> Deferred[list[int]]:
        """Return the seqs of an account's messages in realm boxes, from above ``after`` to ``last``."""
