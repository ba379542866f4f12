"""What a store keeps: one frozen struct per kind of row.

A store is a set of these rows and knows nothing of the rules that make them. Names that are keys
are folded; names that are shown are kept as registered. Times are milliseconds since 1970, UTC.
"""

from chatproto.records.accounts import (
    AccountRow,
    BlockRow,
    DeviceRow,
    InviteRow,
    LoginRow,
    NameRow,
    PasswordRow,
)
from chatproto.records.audit import AuditRow
from chatproto.records.base import Record
from chatproto.records.batches import Batch, Entry, EpochRow, StoreState
from chatproto.records.boxes import AliasRow, BoxRow
from chatproto.records.conversations import (
    NOTICES,
    NOWHERE,
    CidRow,
    ConversationRow,
    CursorRow,
    GroupRow,
    MemberRow,
    Membership,
    MessageRow,
    ReplayPage,
)
from chatproto.records.files import FILE, FileRow, FileState, Offer, UploadRow, offer_text, read_offer
from chatproto.records.groups import LifeRow, MemberList, Position, ReplicaRow, SubscriptionRow
from chatproto.records.links import (
    ARRIVED,
    ITEMS,
    AppliedRow,
    Arrived,
    DeadRow,
    DialRow,
    KeyRow,
    OutboxRow,
    Outcome,
    Outgoing,
    PeerRow,
    RefusalRow,
    RemoteRow,
    StreamRow,
    Waiting,
)
from chatproto.records.routes import HeldRow, Run, VerdictRow

__all__ = [
    "ARRIVED",
    "FILE",
    "ITEMS",
    "NOTICES",
    "NOWHERE",
    "AccountRow",
    "AliasRow",
    "AppliedRow",
    "Arrived",
    "AuditRow",
    "Batch",
    "BlockRow",
    "BoxRow",
    "CidRow",
    "ConversationRow",
    "CursorRow",
    "DeadRow",
    "DeviceRow",
    "DialRow",
    "Entry",
    "EpochRow",
    "FileRow",
    "FileState",
    "GroupRow",
    "HeldRow",
    "InviteRow",
    "KeyRow",
    "LifeRow",
    "LoginRow",
    "MemberList",
    "MemberRow",
    "Membership",
    "MessageRow",
    "NameRow",
    "Offer",
    "OutboxRow",
    "Outcome",
    "Outgoing",
    "PasswordRow",
    "PeerRow",
    "Position",
    "Record",
    "RefusalRow",
    "RemoteRow",
    "ReplayPage",
    "ReplicaRow",
    "Run",
    "StoreState",
    "StreamRow",
    "SubscriptionRow",
    "UploadRow",
    "VerdictRow",
    "Waiting",
    "offer_text",
    "read_offer",
]
